"""The ambisonic format that a file or stream declares: used, or contradicted aloud."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import Format, decode_matrix
from elsa_rt.config import Config
from elsa_rt.notices import OnNotice

HEARD_SO = "it is heard as that"
"""Ends the notice that tells of nothing wrong."""

NAMES: dict[str, Format] = {"ambix": "ambix", "fuma": "fuma", "n3d": "n3d"}


class Declared:
    """Turns samples of a declared format to AmbiX, unless the settings say what they are.

    Parameters
    ----------
    form : str
        What the header declares, or "".
    """

    def __init__(self, form: str, config: Config, name: str, on_notice: OnNotice) -> None:
        self._matrix: NDArray[np.float32] | None = None
        if form not in NAMES:
            return
        given = config.format
        if given is None and config.microphone is None:
            if form != "ambix":
                self._matrix = decode_matrix(NAMES[form]).astype(np.float32)
                on_notice(f"{name} declares {form}: {HEARD_SO}")
        elif given is not None and given != form:
            on_notice(
                f"{name} declares {form}, and --format {given} is given: heard as {given}; leave "
                "out --format to hear it as it declares"
            )

    def to_ambix(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples (channels, n) whose first four are AmbiX."""
        if self._matrix is None or len(samples) < 4:
            return samples
        out = np.zeros((4, samples.shape[1]), np.float32)
        for row, gains in zip(out, self._matrix, strict=True):
            for gain, channel in zip(gains, samples[:4], strict=True):
                if gain:
                    row += gain * channel
        return np.concatenate([out, samples[4:]])
