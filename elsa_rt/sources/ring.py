"""The one thread boundary: a ring between the audio callback and whoever listens."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Chunk(NamedTuple):
    """Samples of one PortAudio callback."""

    frames: int
    lost: int  # frames that found the ring full just before it
    arrived_s: float  # seconds, monotonic clock
    overflowed: bool  # the driver says that it lost some before it


class Ring:
    """Frames (n, channels) in the order they were written, in memory taken once.

    A plain lock guards it: without one, two Python threads do tear what they read.
    """

    def __init__(self, channels: int, capacity: int) -> None:
        self._frames = np.zeros((capacity, channels), np.float32)
        self._chunks: deque[Chunk] = deque()
        self._changed = threading.Condition(threading.Lock())
        self._written = 0  # frames since the beginning, never wraps
        self._read = 0
        self._lost = 0
        self._skipped = 0
        self._closed = False

    def write(self, frames: NDArray[np.float32], arrived_s: float, overflowed: bool) -> None:
        """Copy ``frames`` in; if they do not fit, count them as lost."""
        with self._changed:
            capacity = len(self._frames)
            if len(frames) > capacity - (self._written - self._read):
                self._lost += len(frames)
                return
            at = self._written % capacity
            first = min(len(frames), capacity - at)
            self._frames[at : at + first] = frames[:first]
            self._frames[: len(frames) - first] = frames[first:]
            self._written += len(frames)
            self._chunks.append(Chunk(len(frames), self._lost, arrived_s, overflowed))
            self._lost = 0
            self._changed.notify()

    def read(
        self, least: int, most: int, timeout: float
    ) -> tuple[NDArray[np.float32], list[Chunk]] | None:
        """Take whole chunks, oldest first: frames (channels, n) and the chunks they came in.

        Waits until ``least`` frames are there; gives about ``most``, at least one chunk, and
        never across a loss. None after ``timeout`` seconds without ``least`` or a `close`.
        """
        with self._changed:
            ready = self._changed.wait_for(lambda: self._closed or self._ready(least), timeout)
            if not ready or self._closed:
                return None
            chunks = [self._chunks.popleft()]
            count = chunks[0].frames
            while self._chunks and not self._chunks[0].lost:
                if count + self._chunks[0].frames > most:
                    break
                chunks.append(self._chunks.popleft())
                count += chunks[-1].frames
            at = np.arange(self._read, self._read + count) % len(self._frames)
            samples = np.ascontiguousarray(self._frames[at].T)
            self._read += count
            return samples, chunks

    @property
    def waiting(self) -> int:
        """Frames that nobody has read yet."""
        with self._changed:
            return self._written - self._read

    @property
    def closed(self) -> bool:
        """Whether it was closed, or the driver ended."""
        return self._closed

    def skip(self, frames: int) -> int:
        """Drop the oldest whole chunks of about ``frames``; they count as lost. How many."""
        with self._changed:
            gone = 0
            while self._chunks and gone + self._chunks[0].frames <= frames:
                chunk = self._chunks.popleft()
                gone += chunk.frames
                self._read += chunk.frames
                self._skipped += chunk.frames + chunk.lost
            if self._chunks and self._skipped:
                first = self._chunks[0]
                self._chunks[0] = first._replace(lost=first.lost + self._skipped)
                self._skipped = 0
            return gone

    def close(self) -> None:
        """Wake whoever waits; every later `read` gives None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _ready(self, least: int) -> bool:
        # after a loss the ring was full: never wait for more than it holds
        return self._written - self._read >= min(least, len(self._frames) // 2)
