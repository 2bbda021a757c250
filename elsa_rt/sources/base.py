"""`Source`, the protocol of all sources: an iterable of blocks that is closed when done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from elsa_rt.audio.block import Block

if TYPE_CHECKING:
    from typing_extensions import Self

BLOCK_S = 0.1
"""Length of the blocks of files and arrays, and the longest of live sources."""

MIN_BLOCK_S = 0.01
"""Live sources gather at least this much: shorter blocks cost more than they gain."""


@runtime_checkable
class Source(Protocol):
    """An open source of sound; derive from it to bring your own.

    A source of your own sets ``rate`` and ``channels`` and yields `Block`s of them. It is iterated
    by one thread, once. Where it is ``live``, ``close()`` may come from another thread and ends
    the iteration; elsewhere the thread that iterates calls it.

    Attributes
    ----------
    name : str
        For people.
    rate : int, Hz
    channels : int
    live : bool
        Sound is lost if nobody reads, and reading waits for it.

    Examples
    --------
    >>> class Silence(Source):
    ...     rate, channels = 48_000, 4
    ...     def __iter__(self):
    ...         yield Block(np.zeros((4, 4800), np.float32), self.rate)
    """

    name: str = "source"
    rate: int
    channels: int
    live: bool = False

    def __iter__(self) -> Iterator[Block]: ...

    def close(self) -> None:
        """Release the file or device; closing twice does nothing."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
