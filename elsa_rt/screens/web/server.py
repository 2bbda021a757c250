"""The web server on a thread of its own: uvicorn with the websockets library."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from elsa_rt.errors import UsageError
from elsa_rt.screens.web.hub import Hub

if TYPE_CHECKING:
    from elsa_rt.screens.web.guard import Guard

MAX_MESSAGE = 64 * 1024
"""Bytes of the longest message that a page may send."""

PING_S = 20.0
"""A viewer that answers no ping for so long is gone."""

START_S = 10.0
STOP_S = 5.0


class WebServer:
    """Serves an application while it is entered; the port is bound when it is made.

    Parameters
    ----------
    host, port : where to listen; port 0 takes a free one
    hub : Hub
        Gets the event loop to deliver on.

    Raises
    ------
    UsageError
        The port is taken, or the address is not one of this computer.
    """

    def __init__(self, host: str, port: int, hub: Hub) -> None:
        self.host, self._hub = host, hub
        self._socket = _bound(host, port)
        self.port = int(self._socket.getsockname()[1])
        self._thread: threading.Thread | None = None

    def start(self, app: Guard) -> None:
        """Serve ``app`` from now on."""
        import uvicorn

        from elsa_rt.screens.web.quiet_server import QuietServer

        config = uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=MAX_MESSAGE,
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = QuietServer(config)
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="web", daemon=True)
        self._thread.start()
        ready.wait(START_S)

    def __enter__(self) -> WebServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._hub.stop()
        if self._thread is not None:
            self._server.end()
            self._thread.join(STOP_S)
        self._socket.close()

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            self._hub.start(asyncio.get_running_loop())
            ready.set()
            await self._server.serve([self._socket])

        asyncio.run(serve())


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--host {host}: {error}: give an address of this computer, e.g. --host 127.0.0.1"
        ) from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(64)
    except OSError as error:
        bound.close()
        raise UsageError(
            f"serving on {host}:{port}: {error.strerror}: give another port, e.g. "
            f"--port {port + 1 if port < 65535 else 8765}"
        ) from None
    bound.set_inheritable(False)
    return bound
