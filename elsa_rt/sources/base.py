"""`Source`, the protocol of all sources: an iterable of blocks that is closed when done."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol

from elsa_rt.audio.block import Block

BLOCK_S = 0.1
"""Length of the blocks of files and arrays, and the longest of live sources."""

MIN_BLOCK_S = 0.01
"""Live sources gather at least this much: shorter blocks cost more than they gain."""


class Source(Protocol):
    """An open source: iterate over its blocks, close it when done."""

    name: str  # for people
    rate: int  # Hz
    channels: int
    live: bool  # sound is lost if nobody reads

    def __iter__(self) -> Iterator[Block]: ...

    def close(self) -> None: ...

    def __enter__(self) -> Source: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Closing:
    """Makes a context manager of whatever has ``close()``."""

    def close(self) -> None:
        """Let go of the file or device; closing twice does nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
