"""Faults of the four channels of a recording: dead, clipped, copied, dependent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.signal_health import CLIP_RUN, DEPENDENT, FULL_SCALE

DEAD_DBFS = -110.0
WEAK_DB = 15.0  # below the middle one of the others
ALIKE = 0.9999  # correlation that no two capsules have
ALIKE_HZ = 1_000.0  # above it: deep tones are nearly alike in good microphones, too
MIX_ENTRY = 0.1  # of a mix that cancels: less is chance


class Fault(NamedTuple):
    """Something wrong; the text says which channels, and the cure."""

    kind: str  # "dead", "weak", "clip", "same" or "mixed"
    text: str

    @property
    def fatal(self) -> bool:
        """Whether nothing can be measured with it."""
        return self.kind in ("dead", "same", "mixed")


def levels_dbfs(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """Root mean square of each channel (4,), in dB of full scale; digital silence is -200."""
    power = np.mean(np.square(samples, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-20)), np.float64)


def find_faults(
    samples: NDArray[np.floating], rate: int, numbers: Sequence[int], silent: Sequence[int] = ()
) -> list[Fault]:
    """Faults of ``samples`` (4, n), a sentence each with its cure; best none.

    Parameters
    ----------
    numbers : as the device counts the four channels
    silent : those of them that carry nothing by design
    """
    levels = levels_dbfs(samples)
    used = np.array([number not in silent for number in numbers])
    dead = used & (levels < DEAD_DBFS)
    found = []
    if dead[used].all():
        mute = "no channel has any signal: is the microphone muted, or another device meant?"
        return [Fault("dead", mute)]
    usual = float(np.median(levels[used & ~dead]))
    for at in np.flatnonzero(dead).tolist():
        found.append(
            Fault(
                "dead",
                f"channel {numbers[at]} is dead: see to its cable and plug, to phantom power, and "
                "that the device is opened with all its channels",
            )
        )
    for at in np.flatnonzero(used & ~dead & (levels < usual - WEAK_DB)).tolist():
        found.append(
            Fault(
                "weak",
                f"channel {numbers[at]} is {usual - levels[at]:.0f} dB weaker than the others: set "
                "the same gain for all four",
            )
        )
    for at in np.flatnonzero(clipped(samples)).tolist():
        found.append(Fault("clip", f"channel {numbers[at]} clips: turn the gain of all four down"))
    return found + _dependent(_treble(samples, rate), numbers, used & ~dead)


def clipped(samples: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which channels (4,) stand at full scale for some samples in a row."""
    full = np.abs(samples) >= FULL_SCALE
    run = full[:, CLIP_RUN - 1 :]
    for back in range(1, CLIP_RUN):
        run = run & full[:, CLIP_RUN - 1 - back : full.shape[1] - back]
    return np.asarray(run.any(axis=1))


def _dependent(
    samples: NDArray[np.float64], numbers: Sequence[int], alive: NDArray[np.bool_]
) -> list[Fault]:
    """Channels that carry what others carry."""
    which = np.flatnonzero(alive)
    if len(which) < 2:
        return []
    correlation = np.asarray(np.corrcoef(samples[which]), np.float64)
    found = []
    for row in range(len(which)):
        for column in range(row + 1, len(which)):
            a, b = numbers[which[row]], numbers[which[column]]
            if abs(correlation[row, column]) > ALIKE:
                how = "the same as" if correlation[row, column] > 0 else "the same, inverted, as"
                found.append(
                    Fault(
                        "same",
                        f"channel {b} is {how} channel {a}: a cable is split, or a sound server or "
                        "mixer copies it: use a hw: device, and the recorder's separate tracks",
                    )
                )
    shares, mixes = np.linalg.eigh(correlation)
    if not found and shares[0] < DEPENDENT:
        mixed = which[np.abs(mixes[:, 0]) > MIX_ENTRY]
        names = ", ".join(str(numbers[at]) for at in mixed)
        found.append(
            Fault(
                "mixed",
                f"channels {names} are remixed, each is a sum of the others: a sound server does "
                "that (prefer a hw: device)",
            )
        )
    return found


def _treble(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """``samples`` without what is below `ALIKE_HZ`, by a difference of first order."""
    keep = float(np.exp(-2 * np.pi * min(ALIKE_HZ, rate / 4) / rate))
    exact = samples.astype(np.float64)
    return np.asarray(exact[:, 1:] - keep * exact[:, :-1], np.float64)
