"""Notices at the start of a stream: a doubtful format, a quiet microphone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.format_check import doubt_of, one_wave_rules, spectra_for
from elsa_rt.features.high_pass import HighPass
from elsa_rt.quantiles import median, quantile

AFTER_S = 4.0  # of sound, as much as is looked at
LOUD_ENOUGH_DBFS = -60.0  # for the format to be judged
GIVE_UP_S = (
    60.0  # of sound from one direction: the format is as it was declared, as far as one knows
)
QUIET_AFTER_S = 10.0
QUIET_DBFS = -60.0  # of the loudest tenth of a second: 40 dB below what the model is used to
LEVEL_S = 0.1
LEVEL_PIECES, FORMAT_PIECES = 10, 15
PIECES = LEVEL_PIECES + FORMAT_PIECES  # of one look


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

    def step(
        self, history: NDArray[np.float32], rate: int, position_s: float
    ) -> Iterator[str | None]:
        """Look at ``history`` (4, n), the newest seconds at ``position_s``, piece by piece.

        After each of `PIECES` pieces of about the same work comes a None, so that no step of the
        stream has to wait for all of it; behind them comes what is due. It is over before the
        next look begins, and ``history`` is read in the first half.
        """
        if history.shape[1] < AFTER_S * rate * 0.99:
            return
        level = max(1, round(LEVEL_S * rate))
        high_pass, sound, levels = HighPass(rate), np.empty_like(history), []
        for part, filtered in zip(
            *(_parts(whole, LEVEL_PIECES, level) for whole in (history, sound)), strict=True
        ):
            filtered[:] = high_pass.step(part)
            levels.append(_levels_dbfs(filtered, level))
            yield None
        loudest = np.concatenate(levels, axis=1).max(axis=0)
        if not self._format_is_known and median(loudest) > LOUD_ENOUGH_DBFS:
            spectra = spectra_for(rate)
            for part in _parts(sound, FORMAT_PIECES):
                spectra.add(part)
                yield None
            doubt = doubt_of(spectra.mean, self._form)
            late = position_s >= GIVE_UP_S
            self._format_is_known = bool(doubt) or late or not one_wave_rules(spectra.mean)
            if doubt:
                yield f"{doubt} (elsa-rt doctor says more)"
        if not self._quiet_is_known:
            self._levels += loudest.tolist()
            if position_s >= QUIET_AFTER_S:
                self._quiet_is_known = True
                yield from self._quiet()

    def _quiet(self) -> Iterator[str]:
        levels = np.array(self._levels)
        loud, floor = quantile(levels, 0.99), quantile(levels, 0.1)
        self._levels.clear()
        if -199 < loud < QUIET_DBFS:
            yield (
                f"the microphone is quiet: the loudest of the first {QUIET_AFTER_S:.0f} s was "
                f"{loud:.0f} dBFS, its noise floor {floor:.0f} dBFS. Directions stay right; names "
                "of sounds get unsure below -60 dBFS and are lost below -80: turn the gain up, "
                "all four channels alike"
            )


def _parts(sound: NDArray[np.float32], count: int, unit: int = 1) -> Iterator[NDArray[np.float32]]:
    """``sound`` (4, n) in ``count`` parts at most, each but the last of whole ``unit`` samples."""
    size = -(-sound.shape[1] // (count * unit)) * unit
    for begin in range(0, sound.shape[1], size):
        yield sound[:, begin : begin + size]


def _levels_dbfs(sound: NDArray[np.float32], size: int) -> NDArray[np.float64]:
    """Levels (4, frames) of ``sound`` (4, n), of each ``size`` samples."""
    count = sound.shape[1] // size
    frames = sound[:, : count * size].reshape(len(sound), count, size)
    power = np.mean(np.square(frames, dtype=np.float64), axis=2)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-20)), np.float64)
