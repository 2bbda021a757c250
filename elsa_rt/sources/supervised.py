"""A microphone that is opened again whenever it is lost, by its name, for months."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import numpy as np

from elsa_rt.audio.block import Block, SourceStatus
from elsa_rt.errors import DeviceError
from elsa_rt.notices import OnNotice
from elsa_rt.sources.base import Source
from elsa_rt.sources.second_opening import SecondOpening

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
"""Seconds between two tries to open it: they double, up to the longest."""

HEARTBEAT_S = 0.5
"""So often a block without samples tells that no sound comes."""


class SupervisedSource(Source):
    """Yields the blocks of a source that ``open_device`` opens, again after every failure.

    Time goes on by the monotonic clock: samples of a gap count as lost, and the first block after
    it says that the source was ``resumed``. While nothing comes, blocks without samples say so.
    While nothing moves it is opened a second time, see `second_opening`.

    Parameters
    ----------
    open_device : callable
        Opens the source, by its name, or raises a DeviceError.
    on_notice : callable
    wait : bool
        The first opening is waited for, too; else its DeviceError is raised at once.

    Raises
    ------
    DeviceError
        The first opening fails, unless it is waited for.
    """

    live = True

    def __init__(
        self,
        open_device: Callable[[], Source],
        on_notice: OnNotice,
        *,
        wait: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._open_device, self._say = open_device, on_notice
        self._clock, self._sleep = clock, sleep
        self._closed = False
        self._restarts = 0
        self._second = SecondOpening(open_device, clock)
        self._source: Source | None = None
        try:
            self._source = open_device()
        except DeviceError as error:
            if not wait:
                raise
            self._say(f"{error}. Waiting for it")
        self.name = self._source.name if self._source else "microphone"
        self.rate = self._source.rate if self._source else 48_000
        self.channels = self._source.channels if self._source else 4

    def close(self) -> None:
        """Stop capturing; whoever iterates comes to the end."""
        self._closed = True
        self._second.close()
        if self._source is not None:
            self._source.close()

    def __iter__(self) -> Iterator[Block]:
        begun = self._clock()
        heard_s = 0.0  # stream time of the end of the last block
        reason = "the microphone is not there yet"
        while not self._closed:
            if self._source is None:
                yield from self._reopen(begun, heard_s, reason)
                if self._source is None:
                    return
            source, resumed = self._source, heard_s > 0 or self._restarts > 0
            offset: int | None = None
            try:
                for block in source:
                    if offset is None:
                        now_s = self._clock() - begun if resumed else 0.0
                        offset = (
                            max(round(heard_s * source.rate), round(now_s * source.rate))
                            - block.start
                        )
                        gap = max(0, block.start + offset - round(heard_s * source.rate))
                        block = self._moved(block, offset, gap if resumed else 0, resumed)
                    else:
                        block = self._moved(block, offset, 0, False)
                    heard_s = (block.start + block.samples.shape[1]) / source.rate
                    yield block
                    if (moving := self._second.look(block)) is not None:
                        self._change_to(moving)
                        break
                else:
                    if self._closed:
                        return
                    reason = f"microphone {source.name} ended"
                    self._lose(reason)
            except DeviceError as error:
                reason = str(error)
                self._lose(reason)

    def _moved(self, block: Block, offset: int, gap: int, resumed: bool) -> Block:
        """``block`` in the time of this source."""
        status = block.status or SourceStatus()
        return Block(
            block.samples,
            block.rate,
            block.start + offset,
            block.dropped + gap,
            block.captured_s,
            SourceStatus(status.silent_s, status.lag_s, resumed, self._restarts, status.reason),
        )

    def _change_to(self, moving: Source) -> None:
        """Listen to a second opening of the microphone, as nothing moved in the first."""
        assert self._source is not None
        self._source.close()
        self._take(moving)
        self._say(
            f"microphone {self.name} gave nothing but a constant until it was opened again: what "
            "it hears has gone and come back"
        )

    def _take(self, source: Source) -> None:
        self._source = source
        self._restarts += 1
        self.name, self.rate, self.channels = source.name, source.rate, source.channels

    def _lose(self, reason: str) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
        self._say(f"{reason}. It is opened again as soon as it is back")

    def _reopen(self, begun: float, heard_s: float, reason: str) -> Iterator[Block]:
        """Try until it opens, with heartbeats between the tries."""
        lost_at, wait = self._clock(), FIRST_WAIT_S
        while not self._closed:
            try:
                self._take(self._open_device())
            except DeviceError as error:
                reason = str(error).partition(";")[0]
            else:
                self._say(f"microphone {self.name} is heard again")
                return
            until = self._clock() + wait * random.uniform(0.8, 1.2)
            wait = min(2 * wait, LONGEST_WAIT_S)
            while not self._closed and self._clock() < until:
                silent = self._clock() - lost_at
                status = SourceStatus(silent, restarts=self._restarts, reason=reason)
                empty = np.empty((self.channels, 0), np.float32)
                start = round(heard_s * self.rate)
                yield Block(empty, self.rate, start, status=status)
                self._sleep(min(HEARTBEAT_S, max(0.0, until - self._clock())))
