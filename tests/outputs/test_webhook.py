"""Webhooks against a real HTTP server, its answers as bad as they come."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from elsa_rt.errors import UsageError
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.webhook import WebhookOutput, WebhookSettings
from tests.support.broker import free_port
from tests.support.hearings import alert, hearing, until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(ThreadingHTTPServer):
    """Keeps what it gets; answers by ``answers``, then by 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.delay = threading.Event()
        self.delay.set()
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def stop(self) -> None:
        self.delay.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append((headers, body))
        self.server.delay.wait()
        code = self.server.answers.pop(0) if self.server.answers else 200
        self.send_response(code)
        if code in (301, 302, 307):
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(b"too long a story" if code >= 400 else b"")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elsa_rt.outputs.worker.FIRST_RETRY_S", 0.01)


def opened(notices: list[str], url: str, **settings: Any) -> WebhookOutput:
    return WebhookSettings(url=url, **settings).open(Surroundings(notices.append, version="1.0"))


def test_an_alert_is_posted_as_json_once(receiver: Receiver) -> None:
    notices: list[str] = []
    output = opened(notices, receiver.url)
    output.show(hearing(1.0, alert("a1")))
    output.show(hearing(2.0, alert("a1", "update"), alert("a1", "end")))
    output.close()
    ((headers, body),) = receiver.got
    assert json.loads(body)["id"] == "a1"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "elsa-rt/1.0"
    assert headers["webhook-id"] == headers["idempotency-key"] == "a1-start"
    assert "webhook-signature" not in headers
    assert notices == []


def test_it_is_tried_again_with_the_same_id_until_it_is_taken(receiver: Receiver) -> None:
    notices: list[str] = []
    receiver.answers = [500, 429, 503]
    output = opened(notices, receiver.url, when="both")
    output.show(hearing(1.0, alert("a1"), alert("a1", "end")))
    until(lambda: output.worker.sent == 2)
    output.close()
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert ids == ["a1-start"] * 4 + ["a1-end"]
    assert "the receiver answers 500" in notices[0]
    assert "it is tried again (2 messages waiting)" in notices[0]


@pytest.mark.parametrize(
    ("code", "cure"),
    [(400, "see url, format and body"), (401, "see authorization_env"), (404, "too long a story"),
     (302, "put the address where it leads into url")],
)  # fmt: skip
def test_what_will_never_be_taken_is_lost_counted_and_told(
    receiver: Receiver, code: int, cure: str
) -> None:
    notices: list[str] = []
    receiver.answers = [code]
    output = opened(notices, receiver.url)
    output.show(hearing(1.0, alert("a1")))
    output.show(hearing(2.0, alert("a2")))
    output.close()
    assert len(receiver.got) == 2
    assert (output.worker.sent, output.worker.lost) == (1, 1)
    assert f"answers {code}" in notices[0]
    assert cure in notices[0]
    assert "1 message lost" in notices[0]


def test_a_signature_that_another_implementation_verifies(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", SECRET)
    monkeypatch.setenv("BEARER", "Bearer abc")
    output = opened([], receiver.url, secret_env="HOOK", authorization_env="BEARER")
    output.show(hearing(1.0, alert("a1", prompt="Glas zerbricht — draußen")))
    output.close()
    ((headers, body),) = receiver.got
    assert headers["authorization"] == "Bearer abc"
    assert Webhook(SECRET).verify(body.decode(), headers)["prompt"] == "Glas zerbricht — draußen"
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(body.decode() + " ", headers)


def test_ready_templates_and_those_of_ones_own(receiver: Receiver) -> None:
    for settings in (
        {"format": "ntfy"},
        {"format": "slack"},
        {"format": "home-assistant"},
        {"format": "text", "body": "{rule} {score:.1f}", "title": "Hörst du?"},
        {"body": '{{"text": "{prompt} at {azimuth_deg:.0f}"}}'},
    ):
        output = opened([], receiver.url, **settings)
        output.show(hearing(1.0, alert("a1", prompt='a "glass"\nbreaking')))
        output.close()
    ntfy, slack, home, text, own = receiver.got
    assert ntfy[1] == b"behind, left, 150 degrees, score 0.90"
    assert (ntfy[0]["title"], ntfy[0]["priority"]) == ('a "glass" breaking', "high")
    assert json.loads(slack[1]) == {"text": 'a "glass"\nbreaking: behind, left (score 0.90)'}
    assert json.loads(home[1])["azimuth_deg"] == 150.0
    assert text[1] == b"glass-behind 0.9"
    assert text[0]["title"] == "H?rst du?"
    assert json.loads(own[1]) == {"text": 'a "glass"\nbreaking at 150'}


def test_a_slow_receiver_slows_nothing(receiver: Receiver) -> None:
    receiver.delay.clear()
    notices: list[str] = []
    output = opened(notices, receiver.url, timeout_s=0.5)
    for number in range(20):
        output.show(hearing(1.0, alert(f"a{number}")))
    until(lambda: notices)
    assert "the receiver does not answer in time" in notices[0]
    receiver.delay.set()
    until(lambda: output.worker.sent == 20)
    output.close()


def test_nobody_there_and_tls(tmp_path: Path) -> None:
    notices: list[str] = []
    output = opened(notices, f"http://127.0.0.1:{free_port()}/")
    output.show(hearing(1.0, alert("a1")))
    until(lambda: notices)
    assert "the receiver cannot be reached (Connection refused): see url" in notices[0]
    output.worker.close(0)
    assert "1 message lost" in notices[-1]

    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout",
         tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    notices.clear()
    output = opened(notices, url)
    output.show(hearing(1.0, alert("a1")))
    until(lambda: notices)
    assert "certificate is refused (self-signed certificate)" in notices[0]
    output.worker.close(0)
    output = opened([], url, ca_file=str(tmp_path / "cert.pem"))
    output.show(hearing(1.0, alert("a2")))
    until(lambda: output.worker.sent == 1)
    output.close()
    server.stop()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"body": "{prompt}"}, "which is no JSON"),
        ({"format": "slack", "body": '{{"text": {prompt}}}'}, "quotes around texts"),
        ({"secret_env": "NOT_SET"}, "export NOT_SET"),
        ({"secret_file": "/nowhere"}, "No such file"),
        ({"ca_file": "/nowhere"}, "name a PEM file"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        opened([], **{"url": "http://127.0.0.1:1/", **settings})
    assert message in str(refused.value)
