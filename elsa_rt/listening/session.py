"""A session: one source that is heard from its opening to its end or its close."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from elsa_rt.audio.block import Block
from elsa_rt.errors import SourceError
from elsa_rt.hearing import Hearing
from elsa_rt.sources.base import Source


class Stages(NamedTuple):
    """What a session needs of its listener."""

    push: Callable[[Block], list[Hearing]]
    finish: Callable[[], list[Hearing]]
    fail: Callable[[str], list[Hearing]]


class Session:
    """Yields the hearings of each block of ``source``, and at the end those that were held back.

    Whatever ends the iteration, `close` releases the source; a session that was closed yields the
    ends of its open alerts and nothing more.
    """

    def __init__(self, source: Source, stages: Stages) -> None:
        self.source = source
        self._stages = stages
        self._stopped = self._closed = False

    def __iter__(self) -> Iterator[list[Hearing]]:
        try:
            for block in self.source:
                yield self._stages.push(block)
                if self._stopped:
                    break
        except SourceError as error:
            yield self._stages.fail(str(error))
            raise
        yield self.finish()

    def finish(self) -> list[Hearing]:
        """End the stream of the listener: what was held back, and the ends of open alerts."""
        return self._stages.finish()

    def stop(self) -> None:
        """End the iteration after the block in progress; any thread may call it.

        A live source is closed at once, which wakes whoever waits for its next block.
        """
        self._stopped = True
        if self.source.live:
            self.close()

    def close(self) -> None:
        """Release the source; the thread that iterates calls it. Closing twice does nothing."""
        self._stopped = True
        if not self._closed:
            self._closed = True
            self.source.close()

    @property
    def closed(self) -> bool:
        """Whether the source was released."""
        return self._closed

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
