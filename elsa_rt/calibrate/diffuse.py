"""What noise from everywhere tells of a microphone: gains, polarity, and what it cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.capsules import sphere_grid
from elsa_rt.audio.profiles import Profile
from elsa_rt.calibrate.solve import model

WINDOW = 1024
LOW_HZ, HIGH_HZ = 200.0, 1_000.0  # capsules are nearly in one point here
POLARITY_HZ = 100.0, 600.0
GAIN_HZ = 300.0, 3_000.0
ALIKE = 0.45  # mean coherence of A-format is 0.67 in a diffuse field, of B-format 0
APART = 0.3
EVEN_DB = 2.5  # capsules are as loud as each other within this


def cross_spectra(samples: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Mean cross-spectra (f, 4, 4) of ``samples`` (4, n), windows of `WINDOW` that overlap."""
    count = max(0, (samples.shape[1] - WINDOW) // (WINDOW // 2) + 1)
    window = np.hanning(WINDOW)
    total = np.zeros((WINDOW // 2 + 1, 4, 4), complex)
    for start in range(0, count * (WINDOW // 2), WINDOW // 2):
        spectrum = np.fft.rfft(samples[:, start : start + WINDOW] * window).T  # (f, 4)
        total += spectrum[:, :, None] * spectrum[:, None, :].conj()
    return total / max(1, count)


def powers_db(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Power of each channel (4,) in the band for gains, dB."""
    diagonal = np.einsum("fcc->fc", cross_spectra(samples)).real
    band = _band(rate, *GAIN_HZ)
    shape = diagonal.mean(axis=1, keepdims=True) + 1e-30  # every frequency counts the same
    return np.asarray(10 * np.log10(np.mean((diagonal / shape)[band], axis=0) + 1e-30), np.float64)


def expected_db(profile: Profile, rate: int) -> NDArray[np.float64]:
    """What `powers_db` gives for a diffuse field and the faultless microphone of ``profile``."""
    hz = np.fft.rfftfreq(WINDOW, 1 / rate)
    heard = model(profile)(sphere_grid(240), hz, 0.0, profile.radius_mm or 0.0)
    power = np.mean(np.abs(heard) ** 2, axis=1)[_band(rate, *GAIN_HZ)]
    power /= power.mean(axis=1, keepdims=True)
    return np.asarray(10 * np.log10(power.mean(axis=0)), np.float64)


def polarity(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """Signs (4,) of the capsules of A-format: deep sound moves all of them the same way."""
    coherence = _coherence(cross_spectra(samples), _band(rate, *POLARITY_HZ)).real
    _, vectors = np.linalg.eigh(coherence)
    signs = np.sign(vectors[:, -1])
    return np.asarray(signs * (1 if signs.sum() >= 0 else -1), np.float64)


def format_doubt(samples: NDArray[np.floating], rate: int, form: str) -> str | None:
    """Why ``samples`` (4, n) of everyday noise are not in format ``form``, or None.

    Capsules are about as loud as each other and alike. Of B-format the powers of X, Y and Z make
    that of W in AmbiX and twice that in FuMa, in any sound field that is not mostly one standing
    wave.
    """
    spectra = cross_spectra(samples)
    band = _band(rate, LOW_HZ, HIGH_HZ)
    diagonal = np.einsum("fcc->fc", spectra).real[band]
    power = np.mean(diagonal / (diagonal.sum(axis=1, keepdims=True) + 1e-30), axis=0)
    if not (power > 1e-6).all():
        return None  # a dead channel, which is said elsewhere
    level = 10 * np.log10(power)
    coherence = np.abs(_coherence(spectra, band))
    alike = float((coherence.sum() - 4) / 12)
    if form != "a-format":
        return _doubt_of_b_format(level, power, alike, form)
    loudest = int(level.argmax())
    if alike < APART and level[loudest] - np.delete(level, loudest).max() > EVEN_DB:
        return (
            f"declared a-format, but the channels have little in common (coherence {alike:.2f}, "
            f"capsules have about 0.67) and channel {loudest + 1} is the loudest, as W is: it "
            "looks like B-format, try --format ambix or --format fuma"
        )
    return None


def _doubt_of_b_format(
    level: NDArray[np.float64], power: NDArray[np.float64], alike: float, form: str
) -> str | None:
    if alike > ALIKE and np.ptp(level) < EVEN_DB + 1:
        return (
            f"declared {form}, but all four channels are alike (coherence {alike:.2f}) and as "
            "loud as each other, as capsules are: it looks like A-format, try --format a-format "
            "or --microphone"
        )
    loudest = int(level.argmax())
    if loudest != 0 and level[loudest] - level[0] > 1.5:
        return (
            f"declared {form}, whose first channel is W and the loudest, but channel "
            f"{loudest + 1} of the four is {level[loudest] - level[0]:.1f} dB louder: see to the "
            "order of --channels" + (", or is it A-format?" if alike > ALIKE else "")
        )
    ratio_db = 10 * np.log10(power[0] / power[1:].sum())
    other = {"ambix": ("fuma", -3.0), "fuma": ("ambix", 0.0)}[form]
    wanted = 0.0 if form == "ambix" else -3.0
    if abs(ratio_db - other[1]) < 1.0 < abs(ratio_db - wanted):
        return (
            f"declared {form}, but W is {ratio_db:+.1f} dB against X, Y and Z together, "
            f"{wanted:+.0f} dB is expected and {other[1]:+.0f} dB in {other[0]}: try "
            f"--format {other[0]}"
        )
    return None


def _band(rate: int, low_hz: float, high_hz: float) -> NDArray[np.bool_]:
    hz = np.fft.rfftfreq(WINDOW, 1 / rate)
    return np.asarray((hz >= low_hz) & (hz <= high_hz))


def _coherence(
    spectra: NDArray[np.complex128], band: NDArray[np.bool_]
) -> NDArray[np.complexfloating[Any]]:
    """Coherence (4, 4) over ``band``, every frequency with the same weight."""
    part = spectra[band]
    diagonal = np.sqrt(np.einsum("fcc->fc", part).real + 1e-30)
    return np.asarray(np.mean(part / (diagonal[:, :, None] * diagonal[:, None, :]), axis=0))
