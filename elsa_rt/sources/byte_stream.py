"""Bytes from a pipe, with a limit to how long one waits for them."""

from __future__ import annotations

import contextlib
import io
import os
import select
import time
from io import BufferedIOBase

POLL_S = 0.1


class ByteStream:
    """Reads what has arrived; a FIFO that nobody has opened for writing yet is waited for.

    Once it is in use, nothing else may read from ``stream``.
    """

    def __init__(self, stream: BufferedIOBase) -> None:
        self._stream = stream
        self._begun = False
        self.ended = False
        try:
            self._descriptor: int | None = stream.fileno()
        except (OSError, io.UnsupportedOperation):
            self._descriptor = None
        self._ahead = b""

    def read(self, most: int, timeout_s: float | None = None) -> bytes | None:
        """``most`` bytes or fewer that have arrived; b"" at the end, None after ``timeout_s``."""
        if self._ahead:
            taken, self._ahead = self._ahead[:most], self._ahead[most:]
            return taken
        if self._descriptor is None:
            got = self._stream.read1(most)
            self.ended = not got
            return got
        arrived: bytes | None
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = None if until is None else max(0.0, until - time.monotonic())
            ready, _, _ = select.select([self._descriptor], [], [], left)
            if not ready:
                return None
            arrived = None
            with contextlib.suppress(BlockingIOError):
                arrived = os.read(self._descriptor, most)
            if arrived:
                self._begun = True
                return arrived
            if arrived is not None and (self._begun or os.get_blocking(self._descriptor)):
                self.ended = True
                return b""
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(POLL_S)  # nobody writes to the FIFO yet

    def peek(self, count: int, timeout_s: float | None = None) -> bytes:
        """The next ``count`` bytes, fewer at the end or after ``timeout_s``; they stay."""
        got, self._ahead = self._ahead, b""
        while len(got) < count:
            arrived = self.read(count - len(got), timeout_s)
            if not arrived:
                break
            got += arrived
        self._ahead = got
        return got[:count]


class Rewindable(io.RawIOBase):
    """What libsndfile reads a compressed stream through: it may look back a little.

    The end is unknown: a seek to it leads nowhere, from where nothing is read.
    """

    KEPT = 1 << 22
    NOWHERE = 1 << 60

    def __init__(self, stream: ByteStream) -> None:
        super().__init__()
        self._stream = stream
        self._kept = bytearray()
        self._first = 0  # position of the first byte that is kept
        self._at = 0

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        wanted = len(buffer)
        while self._at < self.NOWHERE and self._first + len(self._kept) < self._at + wanted:
            arrived = self._stream.read(wanted)
            if not arrived:
                break
            self._kept += arrived
        if len(self._kept) > 2 * self.KEPT:
            drop = len(self._kept) - self.KEPT
            del self._kept[:drop]
            self._first += drop
        begin = self._at - self._first
        piece = bytes(self._kept[begin : begin + wanted]) if begin >= 0 else b""
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        buffer = bytearray(max(0, size))
        return bytes(buffer[: self.readinto(buffer)])

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self.NOWHERE)[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at
