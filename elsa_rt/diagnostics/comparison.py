"""Faults that take seconds to see: repetition, other gains, less bandwidth than the neighbours."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from elsa_rt.diagnostics.channel_tally import FRAME_S, ChannelTally
from elsa_rt.diagnostics.delays import LEAST, PAIRS, Delay, look
from elsa_rt.diagnostics.neighbours import BANDS, HUM_BANDS, band_spectra, gain_errors, lacking
from elsa_rt.diagnostics.still import repeated

WINDOW_S = 1.0  # over which channels are judged
HISTORY_S = 4.0  # that repetition, gains and bandwidth are judged by
TURNS = 3  # in which all pairs of channels are looked at for delayed copies
SURE = 2  # windows in a row that must show another gain or bandwidth

Told = Iterator[tuple[str, str]]  # kinds of faults, and their text
Pieces = Iterator[tuple[str, str] | None]  # the same, and a None behind each piece of the work


class Comparison:
    """Compares the four channels ``numbers`` of a stream with each other and with their past.

    Attributes
    ----------
    reads : bool
        Whether what `step` was given will still be read.
    """

    def __init__(self, numbers: Sequence[int], rate: int, *, capsules: bool) -> None:
        self._numbers, self._rate, self._capsules = numbers, rate, capsules
        self._tally = ChannelTally(rate, round(HISTORY_S / FRAME_S))
        self._spectra = deque[NDArray[np.complex128]](maxlen=round(HISTORY_S / WINDOW_S))
        self._seen = {"gain": 0, "narrow": 0, "hum": 0}  # windows in a row
        self._turn = 0
        self._copies: list[list[Delay]] = [[] for _ in range(TURNS)]
        self.reads = False

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take finite samples (4, n)."""
        self._tally.add(samples)

    def covariance(self) -> NDArray[np.float64]:
        """Covariance (4, 4) of the samples since this was last asked for."""
        return self._tally.covariance()

    def step(self, history: NDArray[np.float32], window: int, used: NDArray[np.bool_]) -> Pieces:
        """Faults of the newest samples ``history`` (4, n) of the channels that are ``used``.

        The last ``window`` of them have not been compared yet. ``history`` must stay as it is
        while it is `reads`: for three pieces at most.
        """
        self.reads = True
        return self._pieces(history, window, used)

    def _pieces(self, history: NDArray[np.float32], window: int, used: NDArray[np.bool_]) -> Pieces:
        steps = self._tally.steps()
        seconds = history.shape[1] / self._rate
        compared = used.any() and seconds >= 2 * WINDOW_S
        repeating = list(self._repeating(history, used)) if compared else []
        yield from repeating
        yield None
        self._spectra.append(band_spectra(history[:, -window:]))
        if not compared or repeating:
            return
        if seconds >= 3 * WINDOW_S:
            yield from self._compared(steps, used)
        yield from self._delayed(history[:, -max(window, LEAST) :], used)

    def _repeating(self, history: NDArray[np.float32], used: NDArray[np.bool_]) -> Told:
        found = repeated(history, self._rate, used)
        if found is None:
            return
        again = (
            f"the same {1000 * found.period / self._rate:.1f} ms ({found.period:,} samples) come "
            "again and again"
        )
        if found.channels[used].all():
            yield (
                "repeat",
                f"{again}: the driver or sound server hangs and repeats a buffer (plug the "
                "microphone in again), or this is a loop",
            )
            return
        yield (
            dead_kind(found.channels, capsules=self._capsules),
            f"{again} on {named(self._numbers, found.channels)} while others go on: a converter "
            "hangs: plug the microphone in again",
        )

    def _delayed(self, newest: NDArray[np.float32], used: NDArray[np.bool_]) -> Pieces:
        """A third of the pairs of channels is looked at each time, so that it costs little."""
        self._turn = (self._turn + 1) % TURNS
        found = list[Delay]()
        yield None
        for copy in look(newest, used, PAIRS[self._turn :: TURNS]):
            self.reads = False
            if copy is None:
                yield None
            else:
                found.append(copy)
        self._copies[self._turn] = found
        copies = [copy for some in self._copies for copy in some]
        if copies:
            which = "; ".join(copy.told(self._numbers, self._rate) for copy in copies)
            yield (
                "same",
                f"{which}, as no microphone's is: a driver mixes up its buffers, or a mixer delays "
                "a copy: plug the microphone in again, and prefer a hw: device",
            )

    def _compared(self, steps: NDArray[np.float64], used: NDArray[np.bool_]) -> Told:
        lost = lacking(self._spectra, used)
        if self._sure("narrow", bool(lost.narrow.any())):
            yield (
                "narrow",
                "the upper half of the band that others have is missing on "
                f"{named(self._numbers, lost.narrow)}: another sampling rate or a codec in the "
                "way? Record all four alike",
            )
        if self._sure("hum", bool(lost.hum.any())):
            yield (
                dead_kind(lost.hum, capsules=self._capsules),
                f"nothing above {HUM_BANDS * self._rate / 2 / BANDS:,.0f} Hz on "
                f"{named(self._numbers, lost.hum)} while others have sound: hum alone is what an "
                "open cable or a capsule without power gives",
            )
        whole = used & ~lost.narrow & ~lost.hum
        off = gain_errors(steps, whole, capsules=self._capsules)
        if self._sure("gain", bool(off.any())):
            loud = ", ".join(
                f"channel {number} is {abs(value):.0f} dB {'louder' if value > 0 else 'weaker'}"
                for number, value in zip(self._numbers, off.tolist(), strict=True)
                if value
            )
            yield "gain", f"{loud} than its neighbours: set the same gain for all four"

    def _sure(self, kind: str, seen: bool) -> bool:
        self._seen[kind] = self._seen[kind] + 1 if seen else 0
        return self._seen[kind] >= SURE


def dead_kind(which: NDArray[np.bool_], *, capsules: bool) -> str:
    """Kind of a fault that leaves the channels ``which`` (4,) without sound.

    Of B-format W is what the names of sounds and the intensity come from.
    """
    return "deaf" if which[0] and not capsules else "dead"


def named(numbers: Sequence[int], which: NDArray[np.bool_]) -> str:
    """What the channels ``which`` (4,) of ``numbers`` are called together."""
    names = [str(number) for number, yes in zip(numbers, which, strict=True) if yes]
    return f"channel{'s' if len(names) > 1 else ''} {', '.join(names)}"
