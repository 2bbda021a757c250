"""Load: cost of listening over the last seconds."""

from __future__ import annotations

import time
from collections import deque

STEPS = 50
"""Steps that the load is measured over."""


class LoadMeter:
    """Processor seconds of this process for each second of sound."""

    def __init__(self) -> None:
        self._spent: deque[tuple[float, float]] = deque(maxlen=STEPS)
        self.load: float | None = None

    def step(self, time_s: float) -> None:
        """Note that the stream has been heard up to ``time_s`` seconds."""
        if self._spent and time_s < self._spent[-1][1]:  # another stream
            self._spent.clear()
        self._spent.append((time.process_time(), time_s))
        (cpu_0, time_0), (cpu_1, time_1) = self._spent[0], self._spent[-1]
        if time_1 > time_0:
            self.load = (cpu_1 - cpu_0) / (time_1 - time_0)
