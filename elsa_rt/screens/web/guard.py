"""Access control of the web server: token, Host, Origin and security headers.

On a loopback address every program of the computer may connect, but no web page of another site:
``Origin`` and ``Host`` must name this server (cross-site WebSocket hijacking, DNS rebinding). On
any other address a token is needed as well: in the link that is printed (``/?token=...``, turned
into a cookie at once), or as ``Authorization: Bearer``.
"""

from __future__ import annotations

import ipaddress
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from elsa_rt.errors import UsageError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "elsa_rt_token"

MIN_TOKEN = 16
"""Characters of a token, at least."""

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; media-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(), camera=(), geolocation=()",
}


def is_loopback(host: str) -> bool:
    """Whether ``host`` is an address or name that only this computer reaches."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_for(host: str, given: str | None) -> str | None:
    """The token that a server on ``host`` asks for; None where none is needed.

    Raises
    ------
    UsageError
        The given one is too short or has characters that no link carries.
    """
    if given is not None and (len(given) < MIN_TOKEN or not given.isascii() or " " in given):
        raise UsageError(
            f"the token has {len(given)} characters: {MIN_TOKEN} or more plain ones are needed, "
            "e.g. ELSA_RT_TOKEN=$(openssl rand -hex 16)"
        )
    if given is None and not is_loopback(host):
        return secrets.token_urlsafe(24)
    return given


class Guard:
    """ASGI middleware that refuses strangers and adds the security headers.

    Parameters
    ----------
    app : the application behind it
    host : str
        The address that the server listens on.
    token : str or None
        What every request must carry; None on loopback without one.
    """

    def __init__(self, app: ASGIApp, host: str, token: str | None) -> None:
        self._app, self._token = app, token
        self._local = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in
                   scope["headers"]}  # fmt: skip
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        refused = self._refusal(scope, headers, query)
        if refused is not None:
            await _refuse(scope, send, *refused)
        elif scope["type"] == "http" and "token" in query and self._token is not None:
            await self._keep_token(scope, query, send)
        elif scope["type"] == "http":
            await self._app(scope, receive, _with_headers(send))
        else:
            await self._app(scope, receive, send)

    def _refusal(
        self, scope: Scope, headers: dict[str, str], query: dict[str, list[str]]
    ) -> tuple[int, str] | None:
        host = headers.get("host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if self._local and not is_loopback(name):
            return 421, f"the host {name!r} is not this computer: open http://127.0.0.1 instead"
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope.get("method") not in ("GET", "HEAD")
        if origin is not None and changes and urlsplit(origin).netloc != host:
            return 403, f"the page of {origin} may not connect: open the page of elsa-rt itself"
        if self._token is None or any(self._is_token(given) for given in _tokens(headers, query)):
            return None
        return 401, "a token is needed: open the link that elsa-rt serve has printed"

    def _is_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), (self._token or "").encode())

    async def _keep_token(self, scope: Scope, query: dict[str, list[str]], send: Send) -> None:
        """Move the token from the link into a cookie, so that it stays out of the address bar."""
        rest = urlencode([(key, value) for key, values in query.items() if key != "token"
                          for value in values])  # fmt: skip
        path = "/" + scope["path"].lstrip("/")  # "//evil" would leave this server
        cookie = f"{COOKIE}={self._token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=31536000"
        await _respond(send, 303, "", {"location": path + ("?" + rest if rest else ""),
                                       "set-cookie": cookie})  # fmt: skip


def _tokens(headers: dict[str, str], query: dict[str, list[str]]) -> list[str]:
    given = list(query.get("token", ()))
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        given.append(value.strip())
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    return [*given, cookie.value] if cookie is not None else given


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4000 + status, "reason": why[:120]})
    else:
        await _respond(send, status, f"elsa-rt: {why}\n", {})


async def _respond(send: Send, status: int, text: str, more: dict[str, str]) -> None:
    headers = HEADERS | {"content-type": "text/plain; charset=utf-8"} | more
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": text.encode()})


def _with_headers(send: Send) -> Send:
    extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return sent
