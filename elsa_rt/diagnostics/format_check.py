"""Whether four channels are in the ambisonic format that was declared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.cross_spectra import cross_spectra, frequency_band, mean_coherence

LOW_HZ, HIGH_HZ = 200.0, 1_000.0  # capsules are nearly in one point here
ALIKE = 0.45  # mean coherence of A-format is 0.67 in a diffuse field, of B-format 0
APART = 0.3
EVEN_DB = 2.5  # capsules are as loud as each other within this


def format_doubt(samples: NDArray[np.floating], rate: int, form: str) -> str | None:
    """Why ``samples`` (4, n) of everyday noise are not in format ``form``, or None.

    Capsules are about as loud as each other and alike. Of B-format the powers of X, Y and Z make
    that of W in AmbiX and twice that in FuMa, in any sound field that is not mostly one standing
    wave.
    """
    spectra = cross_spectra(samples)
    band = frequency_band(rate, LOW_HZ, HIGH_HZ)
    diagonal = np.einsum("fcc->fc", spectra).real[band]
    power = np.mean(diagonal / (diagonal.sum(axis=1, keepdims=True) + 1e-30), axis=0)
    if not (power > 1e-6).all():
        return None  # a dead channel, which is said elsewhere
    level = 10 * np.log10(power)
    coherence = np.abs(mean_coherence(spectra, band))
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
