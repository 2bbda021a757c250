"""Reverberation time of an impulse response."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

BAND_HZ = (354.0, 1414.0)  # the octaves of 500 and 1000 Hz, as ISO 3382 takes them for speech
FROM_DB, TO_DB = -5.0, -35.0


def reverberation_time(response: NDArray[np.floating], rate: int) -> float:
    """T30 in seconds of the omnidirectional ``response`` (n,): the decay from -5 to -35 dB.

    Schroeder's backward integral in the middle octaves, fitted by a line (ISO 3382); NaN where
    the response does not fall so far, or at once.
    """
    band = butter(3, BAND_HZ, "bandpass", fs=rate, output="sos")
    energy = np.cumsum(np.asarray(sosfilt(band, response))[::-1] ** 2)[::-1]
    if energy.size == 0 or energy[0] <= 0:
        return float("nan")
    level = 10 * np.log10(np.maximum(energy / energy[0], 1e-12))
    first, last = int(np.argmax(level < FROM_DB)), int(np.argmax(level < TO_DB))
    if last - first < 2:
        return float("nan")
    slope = np.polyfit(np.arange(first, last) / rate, level[first:last], 1)[0]
    return float(-60 / slope)
