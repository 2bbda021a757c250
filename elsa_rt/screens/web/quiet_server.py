"""uvicorn's server without its ten looks a second at whether it should end."""

from __future__ import annotations

import asyncio
import contextlib

import uvicorn

TICK_S = 1.0
"""Time between two looks: the date of the replies is as old as that at most."""


class QuietServer(uvicorn.Server):
    """Wakes for its clients, once a second, and at once to `end`."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def end(self) -> None:
        """Stop serving; any thread may call it."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._ending.set)

    async def main_loop(self) -> None:
        """Serve until it should end."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._ending.wait(), TICK_S)
