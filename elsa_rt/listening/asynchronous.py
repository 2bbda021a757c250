"""A session for asyncio: its blocks are heard on a thread, its hearings are awaited one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

from elsa_rt.hearing import Hearing
from elsa_rt.listening.session import Session


async def hear(
    opened: Callable[[], Session], over: Callable[[], None] = lambda: None
) -> AsyncIterator[Hearing]:
    """Yield the hearings of the session that ``opened`` opens; leaving the loop closes it.

    ``over`` is called on the thread of the session once it is closed.

    The next block is read when the hearings of the last one are taken: whoever takes them too
    slowly holds up the source, not the memory.
    """
    import asyncio  # whoever awaits has it; other programs start without

    def leave(session: Session) -> None:
        session.close()
        over()

    loop = asyncio.get_running_loop()
    thread = ThreadPoolExecutor(1, "elsa-rt listener")
    try:
        session = await loop.run_in_executor(thread, opened)
        try:
            batches = iter(session)
            while (batch := await loop.run_in_executor(thread, next, batches, None)) is not None:
                for hearing in batch:
                    yield hearing
        finally:
            session.stop()
            await asyncio.shield(loop.run_in_executor(thread, leave, session))
    finally:
        thread.shutdown(wait=False)
