"""Webhook: an HTTP request for each alert, signed, with retries.

Every request carries the headers of Standard Webhooks (https://www.standardwebhooks.com): an id
that stays the same when the request is tried again, the time, and with a secret the signature
HMAC-SHA256 over id, time and body, so that a receiver can drop doubles and refuse strangers.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, Hearing
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.jsonl import utc_now
from elsa_rt.outputs.settings import read_secret, setting
from elsa_rt.outputs.templates import SAMPLE, Template, check_template, worded
from elsa_rt.outputs.worker import Refused, Unavailable, Worker

MAX_ANSWER = 2_000
"""Bytes of an answer that are read."""

STATES = ("start", "end", "both")

_TEMPLATES: dict[str, tuple[str, str | None, dict[str, str]]] = {
    # format: content type, body (None: the alert's JSON), headers
    "json": ("application/json", None, {}),
    "text": ("text/plain; charset=utf-8", "{prompt} ({words}){also}", {}),
    "ntfy": (
        "text/plain; charset=utf-8",
        "{words}, {azimuth_deg:.0f} degrees, score {score:.2f}{also}",
        {"Title": "{prompt}", "Priority": "high", "Tags": "ear"},
    ),
    "slack": ("application/json", '{{"text": "{prompt}: {words} (score {score:.2f}){also}"}}', {}),
    # Home Assistant's trigger has the whole alert in trigger.json
    "home-assistant": ("application/json", None, {}),
}

FORMATS = tuple(_TEMPLATES)


def _check_url(text: str) -> None:
    parts = urlsplit(text)
    try:
        port_is_right = parts.port is None or parts.port > 0
    except ValueError:
        port_is_right = False
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_right:
        raise UsageError(f"{text!r} is no address of a webhook: begin with https:// and a host")
    if parts.username or parts.password:
        raise UsageError("the address of a webhook holds a password: use authorization_env")


@dataclass(frozen=True)
class WebhookSettings:
    """An HTTP POST for each alert."""

    type: ClassVar[str] = "webhook"
    about: ClassVar[str] = "an HTTP request for each alert: phones, chats, programs of your own"
    needs: ClassVar[tuple[str, str] | None] = None

    url: str = setting("where to, https://...", check=_check_url)
    format: str = setting(
        "what the body is: the alert's JSON, a ready template, or text", "json", choices=FORMATS
    )
    body: str | None = setting(
        "a template of your own in place of the ready one, e.g. {prompt}: {words}",
        None,
        check=check_template,
    )
    title: str | None = setting("template of the Title header", None, check=check_template)
    when: str = setting("which alerts: their start, their end, or both", "start", choices=STATES)
    authorization_env: str | None = setting(
        "environment variable with the Authorization header, e.g. Bearer ...", None
    )
    secret_env: str | None = setting(
        "environment variable with the secret that signs requests", None
    )
    secret_file: str | None = setting("file with that secret", None, is_path=True)
    ca_file: str | None = setting(
        "certificate of the authority, PEM; the system's are used if left out", None, is_path=True
    )
    timeout_s: float = setting("seconds that an answer may take", 10.0, least=0.1, most=300)
    capacity: int = setting("alerts that wait at most", 1000, least=1, most=100_000)

    def __post_init__(self) -> None:
        kind, body, _ = self.template
        if kind.startswith("application/json") and body is not None:
            text = Template(body).fill(SAMPLE, in_json=True)
            try:
                json.loads(text)
            except ValueError as error:
                raise UsageError(
                    f"webhook: the body becomes {text[:60]!r}, which is no JSON ({error}): put "
                    "{{ and }} for braces, and quotes around texts; or format: text"
                ) from None

    @property
    def template(self) -> tuple[str, str | None, dict[str, str]]:
        """Content type, body (None: the alert's JSON), and headers with fields."""
        kind, body, headers = _TEMPLATES[self.format]
        if self.title is not None:
            headers = {**headers, "Title": self.title}
        return kind, body if self.body is None else self.body, headers

    def open(self, surroundings: Surroundings) -> WebhookOutput:
        return WebhookOutput(self, surroundings)


class _Request(NamedTuple):
    id: str
    body: bytes
    headers: Mapping[str, str]


class WebhookOutput:
    """Posts alerts, one after the other."""

    def __init__(self, settings: WebhookSettings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._kind, self._body, self._headers = settings.template
        self._device = socket.gethostname()
        self._key = _key(read_secret("webhook secret", settings.secret_env, settings.secret_file))
        self._authorization = read_secret("webhook authorization", settings.authorization_env, None)
        self._version = surroundings.version
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=_context(settings.ca_file)), _NoRedirect()
        )
        host = urlsplit(settings.url).netloc
        self.worker: Worker[_Request] = Worker(
            f"webhook {host}",
            self._post,
            surroundings.on_notice,
            capacity=settings.capacity,
        )

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            if alert.state == self._settings.when or (
                self._settings.when == "both" and alert.state != "update"
            ):
                self.worker.put(self._request(alert))

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self.worker.close()

    def _request(self, alert: Alert) -> _Request:
        fields = {**alert.as_dict(), "at": utc_now(), "device": self._device}
        if self._body is None:
            body = json.dumps(fields, allow_nan=False)
        else:
            in_json = self._kind.startswith("application/json")
            body = Template(self._body).fill(worded(alert, fields), in_json=in_json)
        headers = {name: _in_header(Template(text).fill(worded(alert, fields)))
                   for name, text in self._headers.items()}  # fmt: skip
        return _Request(f"{fields['id']}-{fields['state']}", body.encode(), headers)

    def _post(self, request: _Request) -> None:
        headers = {
            "Content-Type": self._kind,
            "User-Agent": f"elsa-rt/{self._version}",
            **request.headers,
            **signed(request.id, time.time(), request.body, self._key),
        }
        if self._authorization is not None:
            headers["Authorization"] = self._authorization
        asked = urllib.request.Request(self._settings.url, request.body, headers, method="POST")
        try:
            with self._opener.open(asked, timeout=self._settings.timeout_s) as answer:
                answer.read(MAX_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(MAX_ANSWER).decode("utf-8", "replace").strip()[:120]
            _judge(error.code, error.reason, said)
        except urllib.error.URLError as error:
            raise Unavailable(_explain(error.reason)) from None
        except (TimeoutError, HTTPException, OSError) as error:
            raise Unavailable(_explain(error)) from None


def signed(id: str, now_s: float, body: bytes, key: bytes | None) -> dict[str, str]:
    """The headers of Standard Webhooks for ``body``."""
    seconds = str(int(now_s))
    headers = {"webhook-id": id, "webhook-timestamp": seconds, "Idempotency-Key": id}
    if key is not None:
        text = b".".join((id.encode(), seconds.encode(), body))
        signature = base64.b64encode(hmac.digest(key, text, hashlib.sha256)).decode()
        headers["webhook-signature"] = f"v1,{signature}"
    return headers


def _key(secret: str | None) -> bytes | None:
    """The bytes of a secret: base64 after ``whsec_``, as its makers write it, else its text."""
    if secret is None:
        return None
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:
        raise UsageError("webhook secret: no base64 after whsec_: copy it again") from None


def _judge(code: int, reason: str, said: str) -> None:
    told = f"the receiver answers {code} {reason}" + (f" ({said})" if said else "")
    if code in (408, 425, 429) or code >= 500:
        raise Unavailable(f"{told}: it is tried again")
    if code in (401, 403):
        raise Refused(f"{told}: see authorization_env and secret_env")
    if 300 <= code < 400:
        raise Refused(f"{told}: put the address where it leads into url")
    raise Refused(f"{told}: see url, format and body")


def _explain(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the receiver's certificate is refused ({error.verify_message}): name the certificate "
            "of its authority in ca_file"
        )
    if isinstance(error, TimeoutError):
        return "the receiver does not answer in time: see whether it runs; it is tried again"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"the receiver cannot be reached ({reason}): see url and the network"


def _in_header(text: str) -> str:
    """``text`` on one line, in characters that every server takes in a header."""
    return " ".join(text.split()).encode("ascii", "replace").decode()


def _context(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"webhook: reading {ca_file}: {error.strerror or error}: name a PEM file"
        ) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected request would take secrets and body to another place."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
