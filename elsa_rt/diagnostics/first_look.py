"""Notices at the start of a stream: a doubtful format, a quiet microphone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.format_check import format_doubt, one_wave_rules
from elsa_rt.features.high_pass import HighPass

AFTER_S = 4.0  # of sound, as much as is looked at
LOUD_ENOUGH_DBFS = -60.0  # for the format to be judged
GIVE_UP_S = (
    60.0  # of sound from one direction: the format is as it was declared, as far as one knows
)
QUIET_AFTER_S = 10.0
QUIET_DBFS = -60.0  # of the loudest tenth of a second: 40 dB below what the model is used to
LEVEL_S = 0.1


class FirstLook:
    """Looks at the newest seconds of a stream until it has said what there is to say.

    Parameters
    ----------
    form : one of `FORMATS`
        As it was declared.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._format_is_known = False
        self._quiet_is_known = False
        self._levels: list[float] = []  # of the loudest channel, each `LEVEL_S`

    @property
    def done(self) -> bool:
        """Whether nothing is left to be said."""
        return self._format_is_known and self._quiet_is_known

    def step(self, history: NDArray[np.float32], rate: int, position_s: float) -> Iterator[str]:
        """Look at ``history`` (4, n), the newest seconds at ``position_s``; what is due."""
        if history.shape[1] < AFTER_S * rate * 0.99:
            return
        sound = HighPass(rate).step(history)
        levels = _levels_dbfs(sound, rate)
        if not self._format_is_known and np.median(levels.max(axis=0)) > LOUD_ENOUGH_DBFS:
            doubt = format_doubt(sound, rate, self._form)
            late = position_s >= GIVE_UP_S
            self._format_is_known = bool(doubt) or late or not one_wave_rules(sound, rate)
            if doubt:
                yield f"{doubt} (elsa-rt doctor says more)"
        if not self._quiet_is_known:
            self._levels += levels.max(axis=0).tolist()
            if position_s >= QUIET_AFTER_S:
                self._quiet_is_known = True
                yield from self._quiet()

    def _quiet(self) -> Iterator[str]:
        loud, floor = np.quantile(self._levels, [0.99, 0.1])
        self._levels.clear()
        if -199 < loud < QUIET_DBFS:
            yield (
                f"the microphone is quiet: the loudest of the first {QUIET_AFTER_S:.0f} s was "
                f"{loud:.0f} dBFS, its noise floor {floor:.0f} dBFS. Directions stay right; names "
                "of sounds get unsure below -60 dBFS and are lost below -80: turn the gain up, "
                "all four channels alike"
            )


def _levels_dbfs(sound: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Levels (4, frames) of ``sound`` (4, n), each `LEVEL_S` long."""
    size = max(1, round(LEVEL_S * rate))
    count = sound.shape[1] // size
    frames = sound[:, : count * size].reshape(len(sound), count, size)
    power = np.mean(np.square(frames, dtype=np.float64), axis=2)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-20)), np.float64)
