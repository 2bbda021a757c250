"""Routes of the page: static files, and one WebSocket for each viewer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from importlib.resources import files
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from elsa_rt.screens.web.clips import stereo
from elsa_rt.screens.web.commands import Commands
from elsa_rt.screens.web.guard import Guard
from elsa_rt.screens.web.hub import Hub, Viewer
from elsa_rt.screens.web.live import LivePage

STATIC = Path(str(files("elsa_rt.screens.web") / "static"))

SEND_S = 10.0
"""A viewer that takes nothing for so long is let go; its page connects again."""

PULSE_S = 2.0
"""A viewer that was told nothing for so long is told the health."""

LOOK_S = 1.0
"""Time between two looks at that."""

MAX_VIEWERS = 32

TOO_MANY = 4429
"""WebSocket close code of one viewer too many."""


LOST = (WebSocketDisconnect, RuntimeError, OSError)
"""How a connection ends: closed, or closed while something was being sent."""


def page_app(page: LivePage, hub: Hub, host: str, token: str | None) -> Guard:
    """The whole application, guarded (`elsa_rt.screens.web.guard`)."""
    commands = Commands(page)

    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-cache"})

    async def clip(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return Response("elsa-rt: clips are played by its own page alone\n", 403)
        path = page.clip_of(request.path_params["alert"])
        try:
            sound = None if path is None else await asyncio.to_thread(stereo, path)
        except OSError:  # it made room for a better one meanwhile
            sound = None
        if sound is None:
            return Response("elsa-rt: there is no clip of this alert\n", 404)
        return Response(sound, media_type="audio/wav", headers={"cache-control": "no-store"})

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        if len(hub.viewers) >= MAX_VIEWERS:
            await websocket.close(TOO_MANY, f"more than {MAX_VIEWERS} viewers")
            return
        viewer = Viewer()
        hub.viewers.add(viewer)
        try:
            await _first_to_end(
                _tell(websocket, viewer, page),
                _obey(websocket, viewer, commands),
                _watch(viewer, page),
            )
        finally:
            hub.viewers.discard(viewer)

    return Guard(
        Starlette(
            routes=[
                Route("/", index),
                WebSocketRoute("/live", socket),
                Route("/clips/{alert}.wav", clip),
                Mount("/", StaticFiles(directory=STATIC)),
            ]
        ),
        host,
        token,
    )


async def _tell(websocket: WebSocket, viewer: Viewer, page: LivePage) -> None:
    """Send the whole state, then what happens; the whole state again if a viewer falls behind."""
    await _send(websocket, viewer, page.hello())
    while True:
        for text in await viewer.get():
            await _send(websocket, viewer, text)
        if viewer.behind:
            viewer.behind = False
            await _send(websocket, viewer, page.hello())


async def _watch(viewer: Viewer, page: LivePage) -> None:
    """End where a viewer takes nothing; tell it how it is where nothing is heard at present.

    One look a second does for both: a timer around each message costs more than the message.
    """
    clock = asyncio.get_running_loop().time
    viewer.since_s = clock()
    while True:
        await asyncio.sleep(LOOK_S)
        for_s = clock() - viewer.since_s
        if viewer.sending and for_s > SEND_S:
            return
        if not viewer.sending and for_s > PULSE_S:
            viewer.put("health", page.pulse())


async def _obey(websocket: WebSocket, viewer: Viewer, commands: Commands) -> None:
    """Carry out what the page asks for, one after the other, off the event loop."""
    async for text in websocket.iter_text():
        viewer.put("reply", await asyncio.to_thread(commands.run, text))


async def _send(websocket: WebSocket, viewer: Viewer, text: str) -> None:
    clock = asyncio.get_running_loop().time
    viewer.sending, viewer.since_s = True, clock()
    await websocket.send_text(text)
    viewer.sending, viewer.since_s = False, clock()


async def _first_to_end(*parts: Coroutine[Any, Any, None]) -> None:
    """Run until one of ``parts`` ends, by a lost connection as a rule; cancel the others."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception) and not isinstance(ended, LOST):
                raise ended
