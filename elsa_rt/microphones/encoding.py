"""From the channels of a microphone to AmbiX: a matrix, or FIR filters where one is not enough.

The filters of a tetrahedron come from its geometry. At each frequency the capsules' responses to
plane waves from everywhere are fitted to those of ideal AmbiX, which is the radial equalisation of
each order. Where four capsules are too few for that, what aliases is turned out of the active
intensity, so that directions stay right for longer, and each output keeps the power that it would
have in a diffuse field.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import (
    decode_matrix,
    mount_rotation,
    plane_wave,
    rotate_foa,
    rotation,
)
from elsa_rt.errors import UsageError
from elsa_rt.files import load_arrays
from elsa_rt.memo import Memo
from elsa_rt.microphones.capsules import Capsules, sphere_grid
from elsa_rt.microphones.profile import Profile

Reals = NDArray[np.floating[Any]]
"""Any NumPy float array."""

DIRECTIONS = 240  # that the fit looks at
SPECTRUM = 1024  # points of the transform that filters are designed with
LENGTHS = (32, 64, 96, 128)  # taps; the shortest that does, or the last
PRECISION = 0.01  # largest error of a filter in the band, relative to the gain there
MIN_HZ, MAX_RATE_SHARE = 150.0, 0.42  # the band: from here, to this share of the rate
OUT_OF_BAND_WEIGHT = 1e-4  # weight of what lies outside the band
MAX_GAIN = 10.0  # of an output for the capsules' own noise: deep tones are not boosted further
MIN_CAPTURED_POWER = 0.05  # an output that the capsules give less of its power stays silent
MAX_PHASE_RAD = 0.8  # radians between W and the rest: beyond it more would be lost than gained


_DESIGNED = Memo(64)


@dataclass(frozen=True)
class Encoding:
    """Encoding of four channels to AmbiX: a matrix or FIR filters.

    Attributes
    ----------
    taps : float32 (4, 4, t)
        From the channels to W, Y, Z, X; one tap is a plain matrix.
    delay : int, samples
        That they bring.
    """

    taps: NDArray[np.float32]
    delay: int = 0

    @property
    def is_matrix(self) -> bool:
        """Whether it mixes without filtering."""
        return self.taps.shape[2] == 1

    def mix(self, hz: float, rate: int) -> NDArray[np.complex128]:
        """Frequency response at ``hz`` for a rate of ``rate`` Hz: complex128 (4, 4)."""
        time_s = (np.arange(self.taps.shape[2]) - self.delay) / rate
        return self.taps @ np.exp(-2j * np.pi * hz * time_s)


def encoding(profile: Profile, rate: int) -> Encoding:
    """Encoding of a resolved ``profile`` at ``rate`` Hz: its filters, its mount and rotation.

    Filters take tenths of a second to design, and are kept for the next listener.
    """
    return _DESIGNED.get((*_key(profile), rate), lambda: _design(profile, rate))


def _key(profile: Profile) -> tuple[Hashable, ...]:
    """What tells a profile from others: its fields, and the time of its file of filters."""
    parts = tuple(getattr(profile, one.name) for one in fields(profile) if one.name != "sources")
    if profile.filters is None or not profile.filters.exists():
        return parts
    return (*parts, profile.filters.stat().st_mtime_ns)


def _design(profile: Profile, rate: int) -> Encoding:
    turn = rotate_foa(
        rotation(*profile.turn_deg)
        @ rotation(profile.yaw_deg, 0, 0)
        @ mount_rotation(profile.mount)
    )
    sized = profile.format == "a-format" and profile.radius_mm
    if not (sized or profile.filters or any(profile.delays_us)):
        matrix = turn @ (coincident_matrix(profile) * _corrections(profile))
        return Encoding(matrix[:, :, None].astype(np.float32))
    return to_taps(turn @ encoding_spectra(profile, np.fft.rfftfreq(SPECTRUM, 1 / rate)), rate)


def encoding_spectra(profile: Profile, frequencies: Reals) -> NDArray[np.complex128]:
    """From the four channels to AmbiX in the microphone's own axes: (f, 4, 4)."""
    late = np.array(profile.delays_us) * 1e-6
    early = np.exp(2j * np.pi * frequencies[:, None, None] * late)
    spectra: NDArray[np.complex128] = _spectra(profile, frequencies) * _corrections(profile) * early
    return spectra


def encode_capsules(capsules: Capsules, rate: int) -> Encoding:
    """Encoding of ideal ``capsules`` at ``rate`` Hz, in their own axes."""
    return to_taps(_by_geometry(capsules, np.fft.rfftfreq(SPECTRUM, 1 / rate)), rate)


def coincident_matrix(profile: Profile) -> NDArray[np.float64]:
    """Matrix (4, 4) from the channels to AmbiX as if all capsules were in one point."""
    if profile.format != "a-format":
        return decode_matrix(profile.format)
    capsules = profile.capsules
    a = capsules.directivity
    heard = plane_wave(capsules.directions) * [a, 1 - a, 1 - a, 1 - a]  # (capsule, WYZX)
    if np.linalg.cond(heard) > 100:
        raise UsageError(
            f"microphone {profile.title}: capsules of directivity {a:g} in one point give no "
            "direction: its profile must state capsules.radius_mm"
        )
    return np.asarray(np.linalg.inv(heard), np.float64)


def fit_encoding(
    responses: NDArray[np.complex128],
    directions: NDArray[np.float64],
    diffuse: NDArray[np.float64] | None = None,
) -> NDArray[np.complex128]:
    """The mix of four channels that comes nearest to AmbiX at each frequency.

    Regularised least squares, after Moreau, Daniel and Bertet (AES 120, 2006), with diffuse-field
    equalisation as in Politis and Gamper (WASPAA 2017).

    Parameters
    ----------
    responses : complex128 (f, d, 4)
        Of the channels to plane waves.
    directions : float64 (d, 3), unit vectors, evenly spread
    diffuse : float64 (f,), 0..1
        How much of the power of a diffuse field that the fit leaves out is given back.

    Returns
    -------
    complex128 (f, 4, 4)
        From the channels to W, Y, Z, X.
    """
    wanted = plane_wave(directions)  # (d, 4)
    count = len(directions)
    adjoint = responses.conj().swapaxes(1, 2)
    covariance = responses.swapaxes(1, 2) @ adjoint.swapaxes(1, 2) / count  # (f, 4, 4)
    cross = wanted.T @ adjoint.swapaxes(1, 2) / count
    noise = np.eye(4) / (12 * MAX_GAIN**2)  # an output of power 1/3 is boosted by MOST_GAIN
    mix = np.linalg.solve((covariance + noise).swapaxes(1, 2), cross.swapaxes(1, 2))
    mix = mix.swapaxes(1, 2)
    power = np.einsum("foi,fij,foj->fo", mix, covariance, mix.conj()).real
    share = power / (wanted**2).mean(axis=0)
    mix[:, (share < MIN_CAPTURED_POWER).all(axis=0)] = 0
    mix[:, 1:] *= np.exp(1j * _alias_turn(responses, mix, directions))[:, None, None]
    if diffuse is not None:
        boost = np.minimum(
            1 / np.sqrt(np.maximum(share, MIN_CAPTURED_POWER)),
            MAX_GAIN / np.maximum(np.linalg.norm(mix, axis=2), 1e-9),
        )
        mix = mix * (1 + diffuse[:, None] * (np.maximum(boost, 1) - 1))[:, :, None]
    return mix


def _alias_turn(
    responses: NDArray[np.complex128],
    mix: NDArray[np.complex128],
    directions: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Phase (f,) for Y, Z, X against W that makes the active intensity point right.

    With a phase p the intensity is ``cos p (A - tan p B)``, A active and B reactive. What higher
    orders add to A and to B is the same but for its phase, so a least-squares ``tan p`` leaves in
    A what follows the direction.
    """
    foa = np.einsum("fdi,foi->fdo", responses, mix)
    flow = foa[:, :, :1].conj() * foa[:, :, [3, 1, 2]]  # (f, d, 3) in x, y, z
    active, reactive = flow.real, flow.imag
    scale = np.mean(active * directions, axis=(1, 2)) / np.mean(directions**2)
    excess = active - scale[:, None, None] * directions
    tangent = np.sum(excess * reactive, axis=(1, 2)) / (np.sum(reactive**2, axis=(1, 2)) + 1e-9)
    return np.clip(np.arctan(tangent), -MAX_PHASE_RAD, MAX_PHASE_RAD)


def to_taps(spectra: NDArray[np.complex128], rate: int) -> Encoding:
    """The shortest filters that follow ``spectra`` (f, 4, 4) in the band that matters.

    Weighted least squares, outside the band with almost no weight; errors count relative to the
    gain that an output has at the frequency.
    """
    frequencies = np.fft.rfftfreq(2 * (len(spectra) - 1), 1 / rate)
    gains = np.linalg.norm(spectra, axis=2).T  # (output, f)
    gains = np.maximum(gains, 1e-3 * gains.max())
    band = (frequencies >= MIN_HZ) & (frequencies <= MAX_RATE_SHARE * rate)
    weights = np.where(band, 1, OUT_OF_BAND_WEIGHT) / gains**2
    for length in LENGTHS:
        half = length // 2
        turns = np.exp(-2j * np.pi * frequencies[:, None] / rate * (np.arange(length) - half))
        taps = np.stack(
            [
                np.linalg.solve(
                    (turns.conj().T @ (w[:, None] * turns)).real + 1e-9 * w.sum() * np.eye(length),
                    (turns.conj().T @ (w[:, None] * wanted)).real,
                ).T
                for w, wanted in zip(weights, spectra.swapaxes(0, 1), strict=True)
            ]
        )  # (output, input, t)
        error = np.linalg.norm(np.tensordot(turns, taps, (1, 2)) - spectra, axis=2).T / gains
        if error[:, band].max() <= PRECISION:
            break
    return Encoding(taps.astype(np.float32), half)


def _corrections(profile: Profile) -> NDArray[np.float64]:
    """Signed factors (4,) that undo what the channels are off by."""
    return np.array(profile.signs) / 10 ** (np.array(profile.gains_db) / 20)


def _spectra(profile: Profile, frequencies: Reals) -> NDArray[np.complex128]:
    """From the channels to AmbiX (f, 4, 4), gains and delays of single channels aside."""
    measured = None if profile.filters is None else _measured(profile, profile.filters, frequencies)
    if measured is not None and measured.ndim == 3:
        return measured
    capsules = profile.capsules
    if profile.format == "a-format" and capsules.radius_m:
        mix = _by_geometry(capsules, frequencies)
    else:
        mix = np.broadcast_to(coincident_matrix(profile).astype(complex), (len(frequencies), 4, 4))
    return mix if measured is None else mix * measured[:, None, :]


def _by_geometry(capsules: Capsules, frequencies: Reals) -> NDArray[np.complex128]:
    directions = sphere_grid(DIRECTIONS)
    responses = capsules.responses(directions, frequencies)
    # the fit alone up to half the limit, diffuse-field power from the limit on
    octaves = np.log2(np.maximum(frequencies, 1) / capsules.coincidence_hz)
    return fit_encoding(responses, directions, np.clip(octaves + 1, 0, 1))


def _measured(profile: Profile, filters: Path, frequencies: Reals) -> NDArray[np.complex128]:
    """Spectra of measured filters: (f, 4) for single channels, (f, 4, 4) to AmbiX."""
    try:
        file = load_arrays(filters, most_bytes=16_000_000)
        taps, rate, delay = file["taps"], float(file["rate"]), float(file["delay"])
        if taps.dtype.kind not in "iuf" or not 1_000 <= rate <= 1e6 or not abs(delay) < 1e6:
            raise ValueError(f"taps of {taps.dtype}, rate {rate:g}, delay {delay:g}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"microphone {profile.title}: filters {filters} cannot be read ({error}): "
            "an npz with taps (4, t) or (4, 4, t), rate and delay is needed"
        ) from None
    if (
        taps.ndim not in (2, 3)
        or set(taps.shape[:-1]) != {4}
        or not taps.size
        or not np.isfinite(taps).all()
    ):
        raise UsageError(
            f"microphone {profile.title}: filters of shape {taps.shape} in {filters}: "
            "finite taps (4, t) or (4, 4, t) are needed"
        )
    known = np.minimum(frequencies, rate / 2)
    turns = np.exp(-2j * np.pi * known[:, None] / rate * (np.arange(taps.shape[-1]) - delay))
    return np.tensordot(turns, taps, (1, taps.ndim - 1))
