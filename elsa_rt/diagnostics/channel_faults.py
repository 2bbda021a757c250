"""Faults of the four channels of a recording: dead, clipped, copied, dependent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.channel_tally import steps_of
from elsa_rt.diagnostics.comparison import HISTORY_S, named
from elsa_rt.diagnostics.delays import LEAST, delayed
from elsa_rt.diagnostics.neighbours import (
    BANDS,
    HUM_BANDS,
    SPECTRUM,
    band_spectra,
    gain_errors,
    lacking,
    mixed,
)
from elsa_rt.diagnostics.rails import rail_counts
from elsa_rt.diagnostics.still import repeated, still

DEAD_DBFS = -110.0
WEAK_DB = 15.0  # below the middle one of the others
DC = 0.01  # of full scale, and stronger than the sound: an offset that is worth a word
ALIKE_HZ = 1_000.0  # above it: deep tones are nearly alike in good microphones, too


class Fault(NamedTuple):
    """Something wrong; the text says which channels, and the cure."""

    kind: str  # "dead", "weak", "clip", "same", "mixed", "repeat", "narrow" or "dc"
    text: str

    @property
    def fatal(self) -> bool:
        """Whether nothing can be measured with it."""
        return self.kind in ("dead", "same", "mixed", "repeat")


def levels_dbfs(samples: NDArray[np.floating]) -> NDArray[np.float64]:
    """Level of each channel (4,) without its DC, in dB of full scale; silence is -200."""
    power = np.var(samples, axis=1, dtype=np.float64)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-20)), np.float64)


def find_faults(
    samples: NDArray[np.floating],
    rate: int,
    numbers: Sequence[int],
    silent: Sequence[int] = (),
    *,
    capsules: bool = False,
) -> list[Fault]:
    """Faults of ``samples`` (4, n), a sentence each with its cure; best none.

    Parameters
    ----------
    numbers : as the device counts the four channels
    silent : those of them that carry nothing by design
    capsules : whether they are alike by design, and not B-format
    """
    levels = levels_dbfs(samples)
    used = np.array([number not in silent for number in numbers])
    stuck = still(samples)
    dead = used & (stuck | (levels < DEAD_DBFS))
    if dead[used].all():
        return [Fault("dead", _all_dead(samples))]
    names = _Names(numbers)
    found = [
        Fault(
            "dead",
            f"{names.of(at)} is dead{names.stands(samples[at])}: see to its cable and plug, to "
            "phantom power, and that the device is opened with all its channels",
        )
        for at in np.flatnonzero(dead).tolist()
    ]
    clips = (rail_counts(samples) > 0) & ~stuck
    found += _levels(samples, rate, names, used & ~dead, levels, clips, capsules=capsules)
    for at in np.flatnonzero(clips).tolist():
        found.append(Fault("clip", f"{names.of(at)} clips: turn the gain of all four down"))
    return found + _dependent(samples, rate, names, used & ~dead) + _offset(samples, names)


class _Names:
    """What channels are called."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self.numbers = numbers

    def of(self, at: int) -> str:
        return f"channel {self.numbers[at]}"

    def those(self, which: NDArray[np.bool_]) -> str:
        return named(self.numbers, which)

    @staticmethod
    def stands(row: NDArray[np.floating]) -> str:
        return f", it stands at {row[-1]:.4g} of full scale" if row.any() else ""


def _all_dead(samples: NDArray[np.floating]) -> str:
    if not samples.any():
        return "no channel has any signal: is the microphone muted, or another device meant?"
    at = ", ".join(f"{value:.4g}" for value in samples[:, -1].tolist())
    return (
        f"no channel moves, they stand at {at} of full scale: a data line is unplugged or held, "
        "or the converter hangs: see to the cable, then plug the microphone in again"
    )


def _levels(
    samples: NDArray[np.floating],
    rate: int,
    names: _Names,
    alive: NDArray[np.bool_],
    levels: NDArray[np.float64],
    clips: NDArray[np.bool_],
    *,
    capsules: bool,
) -> list[Fault]:
    """Channels of another gain, unless they clip, of half the bandwidth, and of hum alone."""
    newest = samples[:, -round(HISTORY_S * rate) :]
    lost = lacking(_seconds(newest, rate), alive)
    whole = alive & ~lost.narrow & ~lost.hum
    found = [
        Fault(
            "narrow",
            f"{names.of(at)} lacks the upper half of the band that the others have: record "
            "all four at one sampling rate, without a codec",
        )
        for at in np.flatnonzero(lost.narrow).tolist()
    ]
    found += [
        Fault(
            "dead",
            f"{names.of(at)} has nothing above {HUM_BANDS * rate / 2 / BANDS:,.0f} Hz while the "
            "others have sound: hum alone is what an open cable or a capsule without power gives",
        )
        for at in np.flatnonzero(lost.hum).tolist()
    ]
    usual = float(np.median(levels[whole])) if whole.any() else 0.0
    off = gain_errors(steps_of(newest, rate), whole, capsules=capsules)
    for at in np.flatnonzero(whole).tolist():
        below = usual - levels[at]
        if below > WEAK_DB:
            told = f"{below:.0f} dB weaker"
        elif off[at] and not clips[at]:
            told = f"{abs(off[at]):.0f} dB {'louder' if off[at] > 0 else 'weaker'}"
        else:
            continue
        cure = "set the same gain for all four"
        found.append(Fault("weak", f"{names.of(at)} is {told} than the others: {cure}"))
    return found


def _seconds(samples: NDArray[np.floating], rate: int) -> list[NDArray[np.complex128]]:
    """`band_spectra` of each second of ``samples``, the newest whole ones."""
    count = max(1, samples.shape[1] // rate)
    if samples.shape[1] < 4 * SPECTRUM:
        return []
    length = min(rate, samples.shape[1])
    newest = samples[:, -count * length :]
    return [band_spectra(newest[:, at * length : (at + 1) * length]) for at in range(count)]


def _offset(samples: NDArray[np.floating], names: _Names) -> list[Fault]:
    mean = samples.mean(axis=1, dtype=np.float64)
    large = (np.abs(mean) > DC) & ~still(samples)
    return [
        Fault(
            "dc",
            f"{names.of(at)} has a DC offset of {mean[at]:+.3f} of full scale: listening takes it "
            "away, but it costs headroom: switch on the high-pass of the preamplifier or "
            "interface",
        )
        for at in np.flatnonzero(large).tolist()
    ]


def _dependent(
    samples: NDArray[np.floating], rate: int, names: _Names, alive: NDArray[np.bool_]
) -> list[Fault]:
    """Channels that carry what others carry, and streams that repeat a buffer."""
    again = repeated(samples[:, -round(HISTORY_S * rate) :], rate, alive)
    if again is not None:
        same = f"the same {1000 * again.period / rate:.1f} ms come again and again"
        hangs = "the driver or sound server hangs and repeats a buffer"
        if not again.channels[alive].all():
            same += f" on {names.those(again.channels)} while others go on"
            hangs = "a converter hangs"
        return [
            Fault("repeat", f"{same}: {hangs} (plug the microphone in again), or this is a loop")
        ]
    treble = _treble(samples, rate)
    treble[~alive] = 0
    mix = mixed(treble @ treble.T / max(1, treble.shape[1]))
    found = []
    for one, other, correlation in mix.copies:
        how = "the same as" if correlation > 0 else "the same, inverted, as"
        found.append(
            Fault(
                "same",
                f"{names.of(other)} is {how} {names.of(one)}: a cable is split, or a sound server "
                "or mixer copies it: use a hw: device, and the recorder's separate tracks",
            )
        )
    if found:
        return found
    found = [
        Fault(
            "same",
            f"{copy.told(names.numbers, rate)}: a driver mixes up its buffers, or a mixer delays a "
            "copy: plug the microphone in again, use a hw: device",
        )
        for copy in delayed(samples[:, -max(rate, LEAST) :], alive)
    ]
    if not found and mix.channels.any():
        found.append(
            Fault(
                "mixed",
                f"{names.those(mix.channels)} are remixed, each is a sum of the others: a sound "
                "server does that (prefer a hw: device)",
            )
        )
    return found


def _treble(samples: NDArray[np.floating], rate: int) -> NDArray[np.float64]:
    """``samples`` without what is below `ALIKE_HZ`, by a difference of first order."""
    keep = float(np.exp(-2 * np.pi * min(ALIKE_HZ, rate / 4) / rate))
    exact = samples.astype(np.float64)
    return np.asarray(exact[:, 1:] - keep * exact[:, :-1], np.float64)
