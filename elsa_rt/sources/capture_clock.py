"""Detection of lost frames that the driver does not report: frame count against monotonic clock."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from elsa_rt.sources.ring import Chunk

WINDOW_S = 0.5
NOTABLE_S = 0.02
"""If the minimum lag grows by more than this between two windows, frames were lost."""

FLAGGED_S = 0.003
"""The same where the driver flagged an overflow; clocks alone drift by less than 0.1 ms."""


class CaptureClock:
    """Turns the chunks of a device into sample positions that count lost frames, too.

    A chunk that arrives late makes up for it, lost frames never return. So the least lag of the
    frames behind the clock in each window is compared with that of the window before: a jump is
    loss, and what creeps is the drift of the device's clock against the computer's. Where a whole
    window was late, what was taken for loss comes all the same, and positions run ahead of the
    clock; the next that is late or lost brings them back, so that they never run away.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.position = 0  # samples since the start, lost ones included
        self._base: float | None = None  # the least lag of frames in time, samples
        self._doubtful = 0.0  # counted as lost without a word of the driver: they may still come
        self._ahead = 0.0  # and those of them that came
        self._least = inf
        self._ends = -inf
        self._flags = (False, False)  # an overflow in the window before, and in this one

    def step(self, chunks: Iterable[Chunk]) -> int:
        """Count ``chunks`` in; how many frames have turned out to be lost."""
        lost = 0
        for chunk in chunks:
            missed = chunk.lost
            if chunk.arrived_s >= self._ends:
                missed += self._close_window(chunk.arrived_s)
            self.position += chunk.frames + missed
            lost += missed
            self._flags = (self._flags[0], self._flags[1] or chunk.overflowed)
            self._least = min(self._least, chunk.arrived_s * self.rate - self.position)
        return lost

    def captured(self, position: int) -> float:
        """Capture time of the sample at ``position``: monotonic clock, seconds."""
        lag = self._least if self._base is None else self._base - self._ahead
        return (position + lag) / self.rate

    def _close_window(self, now: float) -> int:
        """Begin the next window; the frames that the last one found missing."""
        lost = 0
        if self._least < inf:
            lost = 0 if self._base is None else self._missing(self._base)
            if self._base is None:
                self._base = self._least
        self._least = inf
        self._ends = now + WINDOW_S
        self._flags = (self._flags[1], False)
        return lost

    def _missing(self, base: float) -> int:
        """Compare the window with those before; the frames that never came, as far as is known."""
        flagged = any(self._flags)
        notable = (FLAGGED_S if flagged else NOTABLE_S) * self.rate
        growth = self._least - (base - self._ahead)
        lost = 0
        if growth > notable:
            caught_up = min(growth, self._ahead)
            self._ahead -= caught_up
            self._doubtful += caught_up  # late or lost: again it may come
            growth -= caught_up
            if growth > notable:
                lost = round(growth)
                growth -= lost
                self._doubtful += 0 if flagged else lost
        elif growth < -notable:
            came = min(-growth, self._doubtful)
            self._doubtful -= came
            self._ahead += came
            growth += came
        self._base = base + growth  # what creeps; or the start was late
        return lost
