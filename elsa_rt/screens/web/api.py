"""The API for robots: what is heard over HTTP, server-sent events and WebSocket, and commands.

    GET  /v1/direction          the loudest sound now: direction, activity, whether it is a voice
    GET  /v1/hearing            the whole latest step, as in JSON lines
    GET  /v1/hearings           server-sent events: hearing, alert, health
    GET  /v1/rules              the rules, whether their alerts are told, and their statistics
    PUT  /v1/prompts            ["a dog barking", ...] in place of all rules
    PUT  /v1/rules/{id}/alerts  true | false: whether alerts of the rule are told
    PUT  /v1/orientation        [x, y, z, w] of the microphone in the world
    POST /v1/alerts/{id}/mark   "false" | "right"
    WS   /v1/live               the same events; takes {"prompts": [..]}, {"orientation": [..]},
                                {"mark": [id, verdict, rule?]}, {"alerts": [rule, on]}

Every step is told, 12.5 times a second with the bundled model. A reader that is slow gets the
latest step, never a queue of old ones. Access is that of the page: 127.0.0.1 or a token.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.hearing import Hearing
from elsa_rt.outputs.api import ApiSettings
from elsa_rt.outputs.base import Surroundings, need
from elsa_rt.outputs.settings import read_secret
from elsa_rt.outputs.trouble import Trouble
from elsa_rt.screens.web.guard import Guard, token_for
from elsa_rt.screens.web.hub import LATEST, Hub, Viewer
from elsa_rt.screens.web.server import WebServer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

TYPE = '{"type": "'
"""How every message begins."""

RETRY_S = 10.0
"""A port that is in use is tried again after this time."""

MAX_READERS = 32

MAX_BODY = 64 * 1024
"""Bytes that a command may have."""

SEND_S = 10.0
"""A reader that takes nothing for so long is let go."""

BEAT_S = 5.0
"""A stream that has nothing to tell sends an empty comment, so that dead readers are noticed."""


class ApiOutput:
    """Serves the API while it is open.

    Parameters
    ----------
    settings : ApiSettings
    surroundings : Surroundings

    Raises
    ------
    UsageError
        The packages of the extra ``web`` or the token are missing.
    """

    def __init__(self, settings: ApiSettings, surroundings: Surroundings) -> None:
        need("uvicorn", "web")
        need("starlette", "web")
        token = read_secret("api token", settings.token_env, settings.token_file)
        self._settings, self._token = settings, token_for(settings.host, token)
        if self._token is not None and token is None:
            raise UsageError(
                f"api: on {settings.host} a token is needed: export "
                "ELSA_RT_TOKEN=$(openssl rand -hex 16) and write token_env: ELSA_RT_TOKEN"
            )
        self._hub = Hub()
        self._api = Api(self._hub, surroundings)
        self._trouble = Trouble(f"api {settings.host}:{settings.port}", surroundings.on_notice)
        self._closing = threading.Event()
        self.port: int | None = None  # once it listens
        self._thread = threading.Thread(target=self._serve, name="output api", daemon=True)
        self._thread.start()

    def show(self, hearing: Hearing) -> None:
        self._api.latest = hearing
        if self._hub.watched:
            for kind, text in self._api.events(hearing):
                self._hub.publish(kind, text)

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self._closing.set()
        self._thread.join(10.0)

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                server = WebServer(self._settings.host, self._settings.port, self._hub)
            except UsageError as error:
                reason = str(error).replace("--port ", "port: ").replace("--host ", "host: ")
                self._trouble.failed(reason, 0, 0)
                self._closing.wait(RETRY_S)
                continue
            self._trouble.ended(0, 0)
            with server:
                server.start(Guard(self._api.application(), self._settings.host, self._token))
                self.port = server.port
                self._closing.wait()


class Api:
    """The routes, and what they tell."""

    def __init__(self, hub: Hub, surroundings: Surroundings) -> None:
        self._hub, self._surroundings = hub, surroundings
        self._controls = surroundings.controls
        self.latest: Hearing | None = None

    def application(self) -> Any:
        """The ASGI application, without its guard."""
        from starlette.applications import Starlette
        from starlette.routing import Route, WebSocketRoute

        return Starlette(
            routes=[
                Route("/v1/direction", self._direction),
                Route("/v1/hearing", self._hearing),
                Route("/v1/hearings", self._hearings),
                Route("/v1/rules", self._rules),
                Route("/v1/prompts", self._put_prompts, methods=["PUT"]),
                Route("/v1/rules/{rule}/alerts", self._put_alerts, methods=["PUT"]),
                Route("/v1/orientation", self._put_orientation, methods=["PUT"]),
                Route("/v1/alerts/{alert}/mark", self._post_mark, methods=["POST"]),
                WebSocketRoute("/v1/live", self._live),
            ]
        )

    def events(self, hearing: Hearing) -> list[tuple[str, str]]:
        """Kind and JSON of all that a step tells: its alerts, its health, and itself."""
        found = [("alert", _text(alert.as_dict())) for alert in hearing.alerts]
        if hearing.health is not None:
            found.append(("health", _text(hearing.health.as_dict())))
        return [*found, (LATEST, _text(hearing.as_dict() | {"voice": self._voice(hearing)}))]

    def _voice(self, hearing: Hearing) -> bool | None:
        """Whether the sound is a voice; None where the model cannot tell."""
        is_speech = self._surroundings.is_speech
        return None if is_speech is None else hearing.activity > 0.5 and is_speech(hearing)

    async def _direction(self, request: Request) -> Response:
        hearing = self.latest
        if hearing is None:
            return _answer({"error": "nothing was heard yet: is the microphone open?"}, 503)
        whole = hearing.as_dict()
        names = ("time_s", "azimuth_deg", "elevation_deg", "distance_m", "activity", "words",
                 "level_dbfs", "state", "tracks")  # fmt: skip
        worlds = [name for name in whole if name.startswith("world_")]
        told = {name: whole[name] for name in (*names, *worlds) if name in whole}
        return _answer(told | {"voice": self._voice(hearing)})

    async def _hearing(self, request: Request) -> Response:
        if self.latest is None:
            return _answer({"error": "nothing was heard yet: is the microphone open?"}, 503)
        return _answer(self.latest.as_dict())

    async def _rules(self, request: Request) -> Response:
        controls = self._controls
        counted = {one.rule: one.as_dict() for one in controls.statistics()}
        return _answer([
            {"id": rule.id, "prompts": list(rule.prompts), "alerts": controls.is_on(rule.id),
             "statistics": counted.get(rule.id)}
            for rule in controls.rules
        ])  # fmt: skip

    async def _hearings(self, request: Request) -> Response:
        from starlette.responses import StreamingResponse

        if len(self._hub.viewers) >= MAX_READERS:
            return _answer({"error": f"more than {MAX_READERS} readers: close one"}, 429)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self) -> AsyncIterator[str]:
        viewer = Viewer()
        self._hub.viewers.add(viewer)
        try:
            yield ": elsa-rt\n\n"
            while True:  # the response ends this when its reader is gone
                try:
                    told = await asyncio.wait_for(viewer.get(), BEAT_S)
                except asyncio.TimeoutError:
                    yield ":\n\n"
                    continue
                for text in told:
                    type = text[len(TYPE) : text.index('"', len(TYPE))]
                    yield f"event: {type}\ndata: {text}\n\n"
        finally:
            self._hub.viewers.discard(viewer)

    async def _live(self, websocket: WebSocket) -> None:
        from starlette.websockets import WebSocketDisconnect

        await websocket.accept()
        if len(self._hub.viewers) >= MAX_READERS:
            await websocket.close(4429, f"more than {MAX_READERS} readers")
            return
        viewer = Viewer()
        self._hub.viewers.add(viewer)

        async def tell() -> None:
            while True:
                for text in await viewer.get():
                    await asyncio.wait_for(websocket.send_text(text), SEND_S)

        async def obey() -> None:
            async for text in websocket.iter_text():
                viewer.put("reply", await asyncio.to_thread(self._obey, text))

        tasks = [asyncio.create_task(part) for part in (tell(), obey())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.viewers.discard(viewer)
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                lost = (WebSocketDisconnect, asyncio.TimeoutError, RuntimeError, OSError)
                if isinstance(ended, Exception) and not isinstance(ended, lost):
                    raise ended

    def _obey(self, text: str) -> str:
        """Carry out one command of a WebSocket; the answer as JSON."""
        try:
            asked = json.loads(text)
            if not isinstance(asked, dict) or len(asked) != 1:
                raise UsageError("a command is an object of one key: " + ", ".join(self._commands))
            ((name, value),) = asked.items()
            if name not in self._commands:
                raise UsageError(f"{name!r} is unknown: there are {', '.join(self._commands)}")
            self._commands[name](value)
        except ValueError:
            return _text({"type": "error", "error": "a command is a line of JSON"})
        except ElsaError as error:
            return _text({"type": "error", "error": str(error)})
        return _text({"type": "done", "done": name})

    @property
    def _commands(self) -> dict[str, Callable[[Any], None]]:
        return {
            "prompts": self._set_prompts,
            "orientation": self._set_orientation,
            "mark": lambda value: self._mark(*_several(value, "mark", (2, 3))),
            "alerts": lambda value: self._switch(*_several(value, "alerts", (2,))),
        }

    async def _put_prompts(self, request: Request) -> Response:
        return await self._do(request, self._set_prompts)

    async def _put_orientation(self, request: Request) -> Response:
        return await self._do(request, self._set_orientation)

    async def _put_alerts(self, request: Request) -> Response:
        rule = request.path_params["rule"]
        return await self._do(request, lambda value: self._switch(rule, value))

    async def _post_mark(self, request: Request) -> Response:
        alert = request.path_params["alert"]
        rule = request.query_params.get("rule")
        return await self._do(request, lambda value: self._mark(alert, value, rule))

    async def _do(self, request: Request, command: Callable[[Any], None]) -> Response:
        """Carry out a command whose value is the body, off the event loop."""
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                return _answer({"error": f"more than {MAX_BODY} bytes: ask for less"}, 413)
        try:
            value = json.loads(body)
        except ValueError:
            return _answer({"error": "the body is no JSON"}, 400)
        try:
            await asyncio.to_thread(command, value)
        except UsageError as error:
            return _answer({"error": str(error)}, 400)
        except ElsaError as error:
            return _answer({"error": str(error)}, 500)
        return _answer({"ok": True})

    def _set_prompts(self, value: Any) -> None:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise UsageError('prompts are a list of texts: ["a dog barking"]')
        self._controls.set_prompts(value)

    def _set_orientation(self, value: Any) -> None:
        if not isinstance(value, list) or len(value) != 4 or not all(map(_is_number, value)):
            raise UsageError("an orientation is [x, y, z, w], a quaternion of unit length")
        x, y, z, w = value
        self._controls.set_orientation((x, y, z, w))

    def _mark(self, alert: Any, verdict: Any, rule: Any = None) -> None:
        if not isinstance(alert, str) or verdict not in ("false", "right"):
            raise UsageError('an alert is marked "false" or "right"')
        if not isinstance(rule, str | None):
            raise UsageError("the rule of a grouped alert is named by its id")
        self._controls.mark(alert, verdict, rule)

    def _switch(self, rule: Any, on: Any) -> None:
        if not isinstance(rule, str) or not isinstance(on, bool):
            raise UsageError("alerts of a rule are switched by true or false")
        self._controls.switch(on, rule)


def _several(value: Any, name: str, counts: tuple[int, ...]) -> list[Any]:
    """The values of a command that takes a list of so many."""
    if not isinstance(value, list) or len(value) not in counts:
        example = '{"mark": [id, "false"]}' if name == "mark" else '{"alerts": [rule, true]}'
        raise UsageError(f"two values are needed: {example}")
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(found: Any) -> str:
    return json.dumps(found, allow_nan=False)


def _answer(found: Any, status: int = 200) -> Response:
    from starlette.responses import Response

    headers = {"cache-control": "no-store"}
    return Response(_text(found) + "\n", status, headers, media_type="application/json")
