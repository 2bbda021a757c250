"""A calibration: from recordings to a profile, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angle_deg, mount_rotation, rotation
from elsa_rt.calibrate.claps import direct_sound, find_claps, transform_size
from elsa_rt.calibrate.diffuse import expected_db, polarity, powers_db
from elsa_rt.calibrate.directions import Announced
from elsa_rt.calibrate.solve import ClapSpectra, Solution, solve
from elsa_rt.errors import SourceError
from elsa_rt.microphones.encoding import encoding_spectra
from elsa_rt.microphones.profile import Profile
from elsa_rt.wording import counted

NOISE_GAIN_ERROR_DB = 0.5  # no noise in a room comes quite evenly from everywhere
CLAP_GAIN_ERROR_DB = 0.2  # no capsule is quite its model
DISAGREE_DB = 2.0
ODD_DB = 4.0  # a clap whose channels differ so from those of its direction is another sound
LOOK_HZ = 300.0, 3_000.0  # the residual angle is taken here, and below the limit

LEVEL = 0.3  # horizontal part of a direction that a flat microphone can be judged by

GOOD_DEG, USABLE_DEG = 6.0, 15.0


@dataclass(frozen=True)
class Angle:
    """Error of one announced direction, before and after calibration."""

    name: str
    claps: int
    before_deg: float  # with the profile that it began with
    after_deg: float  # with the new one


@dataclass(frozen=True)
class Calibration:
    """Result of a calibration."""

    profile: Profile
    solution: Solution
    angles: tuple[Angle, ...]
    doubts: tuple[str, ...]

    @property
    def residual_deg(self) -> float:
        """Root mean square of what is left."""
        return float(np.sqrt(np.mean([angle.after_deg**2 for angle in self.angles])))

    @property
    def verdict(self) -> str:
        """In words: good, usable, or not to be trusted."""
        if self.residual_deg <= GOOD_DEG:
            return "good"
        return "usable" if self.residual_deg <= USABLE_DEG else "not to be trusted"


@dataclass(frozen=True)
class Take:
    """The claps from one direction: samples (4, n), and where in them each begins."""

    at: Announced
    samples: NDArray[np.float32]
    onsets: tuple[int, ...]


def split_claps(
    samples: NDArray[np.float32], rate: int, directions: Sequence[Announced]
) -> list[Take]:
    """Takes of one recording (4, n) in which the claps come in the order of ``directions``.

    Raises
    ------
    SourceError
        Their number is no multiple of that of the directions.
    """
    onsets = find_claps(samples, rate)
    each, over = divmod(len(onsets), len(directions))
    if not each or over:
        times = ", ".join(f"{onset / rate:.1f}" for onset in onsets) or "none"
        raise SourceError(
            f"{counted(len(onsets), 'clap')} found (at {times} s), "
            f"{counted(len(directions), 'direction')} announced: as many claps from "
            "each are needed, 0.5 s apart and louder than the room"
        )
    return [
        Take(at, samples, tuple(onsets[number * each : (number + 1) * each]))
        for number, at in enumerate(directions)
    ]


def calibrate(
    takes: Sequence[Take],
    noise: NDArray[np.float32] | None,
    base: Profile,
    rate: int,
    numbers: Sequence[int],
    said: str,
) -> Calibration:
    """Find what the claps, and the noise if there is any, tell of the microphone.

    Parameters
    ----------
    takes : of four channels
    noise : float32 (4, n), from everywhere
    base : Profile
        What is known of it: its format, and its capsules.
    numbers : how the device counts the four channels
    said : how and with what it was done, for the profile's sources
    """
    kept = [_agreeing(take, rate) for take in takes]
    heard = [
        ClapSpectra(take.at.towards, direct_sound(take.samples, onset, rate))
        for take in kept
        for onset in take.onsets
    ]
    # a channel that is silent by design has no gain to be told
    noise_db = None if noise is None or base.silent else powers_db(noise, rate)
    capsules = base.format == "a-format"
    solution = solve(heard, base, rate, noise_db if capsules else None)
    doubts = [
        f"{len(take.onsets) - len(good.onsets)} of {len(take.onsets)} sounds from "
        f"{take.at.name} were unlike the others and left out"
        for take, good in zip(takes, kept, strict=True)
        if len(good.onsets) < len(take.onsets)
    ]
    gains, told = _gains(solution, noise_db, base, rate, numbers)
    doubts += told
    if noise is not None and capsules:
        doubts += _polarity_doubt(polarity(noise, rate), solution, numbers)
    profile = _profile(base, solution, gains, numbers, said)
    plain = replace(base, channels=tuple(numbers))  # as it is used without a calibration
    flat = hears_no_height(base)
    angles = tuple(
        Angle(
            take.at.name,
            len(take.onsets),
            _off(take, plain, rate, numbers, flat),
            _off(take, profile, rate, numbers, flat),
        )
        for take in kept
        if not flat or np.linalg.norm(take.at.towards[:2]) > LEVEL
    )
    found = Calibration(profile, solution, angles, tuple(doubts))
    return replace(found, profile=replace(profile, residual_deg=round(found.residual_deg, 1)))


def _agreeing(take: Take, rate: int) -> Take:
    """``take`` without the sounds whose channels are unlike those of the others."""
    if len(take.onsets) < 3:
        return take
    levels = []
    for onset in take.onsets:
        spectrum = direct_sound(take.samples, onset, rate).spectrum
        power = 10 * np.log10((np.abs(spectrum) ** 2).sum(axis=0) + 1e-30)
        levels.append(power - power.mean())
    off = np.abs(np.array(levels) - np.median(levels, axis=0)).max(axis=1)
    good = tuple(onset for onset, far in zip(take.onsets, off, strict=True) if far < ODD_DB)
    return replace(take, onsets=good or take.onsets)


def _gains(
    solution: Solution,
    noise_db: NDArray[np.float64] | None,
    base: Profile,
    rate: int,
    numbers: Sequence[int],
) -> tuple[NDArray[np.float64], list[str]]:
    """Gains (4,) of the channels from claps and noise, by how sure each is; and doubts."""
    claps_db = np.array(solution.gains_db)
    if noise_db is None:
        return claps_db, []
    sized = replace(base, radius_mm=solution.radius_mm or base.radius_mm)
    diffuse_db = noise_db - expected_db(sized, rate)[list(solution.order)]
    diffuse_db -= diffuse_db.mean()
    doubts = [
        f"channel {numbers[at]}: noise and claps disagree by {abs(gap):.1f} dB on its gain: was "
        "the noise all around, and is the capsule free?"
        for at, gap in enumerate(diffuse_db - claps_db)
        if abs(gap) > DISAGREE_DB
    ]
    sure = 1 / (solution.gain_error_db**2 + CLAP_GAIN_ERROR_DB**2)
    other = 1 / NOISE_GAIN_ERROR_DB**2
    return (sure * claps_db + other * diffuse_db) / (sure + other), doubts


def _polarity_doubt(
    signs: NDArray[np.float64], solution: Solution, numbers: Sequence[int]
) -> list[str]:
    wrong = np.flatnonzero(signs != solution.signs)
    if not wrong.size or wrong.size == 4:
        return []
    names = ", ".join(str(numbers[at]) for at in wrong.tolist())
    return [f"noise and claps disagree on which channels are inverted ({names}): repeat it"]


def _profile(
    base: Profile,
    solution: Solution,
    gains_db: NDArray[np.float64],
    numbers: Sequence[int],
    said: str,
) -> Profile:
    """``base`` with what was found, its channels in the order of the capsules."""
    channel_of = np.argsort(solution.order)
    known = {key: text for key, text in base.sources.items() if key not in ("channels", "device")}
    found = ["channels", "signs", "gains_db", "delays_us", "yaw_deg"]
    radius = base.radius_mm if solution.radius_mm is None else round(solution.radius_mm, 1)
    if solution.radius_mm is not None:
        found.append("capsules.radius_mm")
    order = base.order or ("type-i" if base.format == "a-format" else None)
    if order and not base.order:
        known["capsules.order"] = "taken as the frame in which the channels were found"
    return replace(
        base,
        channels=tuple(int(numbers[at]) for at in channel_of),
        signs=tuple(float(solution.signs[at]) for at in channel_of),
        gains_db=tuple(round(float(gains_db[at]), 2) for at in channel_of),
        delays_us=tuple(round(float(solution.delays_us[at]), 2) for at in channel_of),
        yaw_deg=round(solution.yaw_deg, 1),
        radius_mm=radius,
        order=order,
        filters=None,  # they were of channels as they were before
        warning=base.warning if hears_no_height(base) else None,
        sources=known | dict.fromkeys(found, f"{said}, {date.today().isoformat()}"),
    )


def hears_no_height(profile: Profile) -> bool:
    """Whether its capsules lie in a plane, or its Z is silent."""
    flat = profile.format == "a-format" and bool(
        np.linalg.svd(profile.capsules.directions, compute_uv=False)[2] < 0.01
    )
    return flat or bool(profile.silent)


def _off(take: Take, profile: Profile, rate: int, numbers: Sequence[int], flat: bool) -> float:
    """Angle in degrees between where ``take`` came from and where ``profile`` hears it.

    Only the horizontal one if the microphone is ``flat``.
    """
    hz = np.fft.rfftfreq(transform_size(rate), 1 / rate)
    limit = min(LOOK_HZ[1], profile.coincidence_hz or LOOK_HZ[1])
    band = (hz >= LOOK_HZ[0]) & (hz <= max(limit, 2 * LOOK_HZ[0]))
    mix = encoding_spectra(profile, hz[band])  # (f, 4, 4)
    chosen = [list(numbers).index(number) for number in profile.channels or numbers]
    flow = np.zeros(3)
    for onset in take.onsets:
        spectrum = direct_sound(take.samples, onset, rate).spectrum[band][:, chosen]
        foa = (mix @ spectrum[:, :, None])[:, :, 0]
        flow += (foa[:, :1].conj() * foa[:, [3, 1, 2]]).real.sum(axis=0)
    flow = rotation(profile.yaw_deg, 0, 0) @ mount_rotation(profile.mount) @ flow
    towards = take.at.towards * [1, 1, 0] if flat else take.at.towards
    flow = flow * [1, 1, 0] if flat else flow
    return float(angle_deg(flow, towards))
