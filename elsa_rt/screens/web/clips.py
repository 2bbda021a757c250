"""Clips of alerts (`elsa_rt.outputs.clips`) for the page: found by alert, and heard as stereo.

Only what the output ``clips`` of the rules file has written is given out, by the guard of the page
and to the page alone: other sites can neither play nor read it.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

PEAK = 0.7
"""Of full scale: how loud a clip is played."""

MOST_GAIN = 30.0
"""A faint sound is made this many times louder at most."""


def stereo(path: Path) -> bytes:
    """A clip as two cardioids to the left and to the right, WAV of 16 bits.

    Raises
    ------
    OSError
        It cannot be read.
    """
    import soundfile

    with path.open("rb") as opened:
        try:
            foa, rate = soundfile.read(opened, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{path.name}: {error}") from None
    w, y = foa[:, 0], foa[:, 1]
    sides = np.stack([w + y, w - y], axis=1) / 2
    loudest = float(np.abs(sides).max(initial=0.0))
    gain = min(PEAK / loudest, MOST_GAIN) if loudest else 1.0
    found = io.BytesIO()
    soundfile.write(found, gain * sides, rate, format="WAV", subtype="PCM_16")
    return found.getvalue()
