"""The API for robots, asked by real HTTP and WebSocket clients."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Angles
from elsa_rt.outputs.api import ApiSettings
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.controls import Controls
from elsa_rt.screens.web.api import ApiOutput
from tests.support.broker import free_port
from tests.support.hearings import BANG, GLASS, Rules, alert, hearing, track, until


class Opened:
    """An API, what it stands on, and a client."""

    def __init__(self, **settings: Any) -> None:
        self.notices: list[str] = []
        self.rules = Rules(GLASS, BANG)
        self.controls = Controls(self.rules)
        around = Surroundings(
            self.notices.append, self.controls, is_speech=lambda hearing: hearing.words == "speech"
        )
        self.output = ApiOutput(ApiSettings(**{"port": free_port()} | settings), around)
        until(lambda: self.output.port)

    def ask(
        self, path: str, value: object = None, method: str = "GET", **headers: str
    ) -> tuple[int, Any]:
        body = None if method == "GET" else json.dumps(value).encode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.output.port}{path}", body, headers, method=method
        )
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            return error.code, json.loads(text) if text.startswith("{") else text


@pytest.fixture
def api() -> Iterator[Opened]:
    opened = Opened()
    yield opened
    opened.output.close()


def test_the_direction_now(api: Opened) -> None:
    assert api.ask("/v1/direction")[0] == 503
    api.output.show(hearing(1.0, tracks=(track("t1"),), world=Angles(10.0, 0.0)))
    status, told = api.ask("/v1/direction")
    assert status == 200
    assert (told["azimuth_deg"], told["activity"], told["voice"]) == (90.0, 0.8, False)
    assert told["tracks"][0]["id"] == "t1"
    assert told["world_azimuth_deg"] == 10.0
    assert told["state"] == "HEALTHY"
    api.output.show(hearing(2.0, words="speech"))
    assert api.ask("/v1/direction")[1]["voice"] is True
    assert api.ask("/v1/hearing")[1]["scores"][0]["score"] == 0.7


def test_server_sent_events(api: Opened) -> None:
    got: list[str] = []

    def read() -> None:
        url = f"http://127.0.0.1:{api.output.port}/v1/hearings"
        with urllib.request.urlopen(url, timeout=5) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer:
                got.append(line.decode().strip())
                if '"state": "end"' in got[-1]:
                    return

    reader = threading.Thread(target=read)
    reader.start()
    until(lambda: got)
    api.output.show(hearing(1.0, alert("a1")))
    until(lambda: "event: hearing" in got)
    api.output.show(hearing(2.0, alert("a1", "end")))
    reader.join(5)
    assert got.index("event: alert") < got.index("event: hearing")
    told = [json.loads(line.removeprefix("data: ")) for line in got if line.startswith("data:")]
    assert [one["id"] for one in told if one["type"] == "alert"] == ["a1", "a1"]

    def is_gone() -> bool:
        api.output.show(hearing())  # what is written to a reader that has left is noticed
        return not api.output._hub.viewers

    until(is_gone)


def test_commands_change_the_listener(api: Opened) -> None:
    assert api.ask("/v1/rules/bang/alerts", False, "PUT") == (200, {"ok": True})
    assert [rule["alerts"] for rule in api.ask("/v1/rules")[1]] == [True, False]
    assert api.ask("/v1/orientation", [0, 0, 0.6, 0.8], "PUT")[0] == 200
    assert api.rules.orientations == [(0, 0, 0.6, 0.8)]
    assert api.ask("/v1/alerts/a1/mark", "false", "POST")[0] == 200
    assert api.ask("/v1/alerts/a1/mark?rule=bang", "right", "POST")[0] == 200
    assert api.rules.marks == [("a1", "false"), ("a1", "right")]
    assert api.rules.meant == [None, "bang"]
    assert api.ask("/v1/prompts", ["a dog barking"], "PUT")[0] == 200
    assert api.rules.config.rules[0].prompts == ("a dog barking",)


@pytest.mark.parametrize(
    ("path", "value", "method", "status", "message"),
    [
        ("/v1/prompts", "a dog", "PUT", 400, "a list of texts"),
        ("/v1/prompts", [1], "PUT", 400, "a list of texts"),
        ("/v1/orientation", [1, 2], "PUT", 400, "[x, y, z, w]"),
        ("/v1/orientation", [True, 0, 0, 1], "PUT", 400, "[x, y, z, w]"),
        ("/v1/rules/cat/alerts", True, "PUT", 400, "there is no rule 'cat'"),
        ("/v1/rules/bang/alerts", "off", "PUT", 400, "true or false"),
        ("/v1/alerts/a1/mark", "wrong", "POST", 400, '"false" or "right"'),
        ("/v1/prompts", ["x" * 70_000], "PUT", 413, "ask for less"),
    ],
)
def test_commands_that_cannot_be(
    api: Opened, path: str, value: object, method: str, status: int, message: str
) -> None:
    code, told = api.ask(path, value, method)
    assert code == status
    assert message in told["error"]


def test_a_websocket_tells_and_obeys(api: Opened) -> None:
    with connect(f"ws://127.0.0.1:{api.output.port}/v1/live") as client:
        until(lambda: api.output._hub.viewers)
        api.output.show(hearing(1.0, alert("a1")))
        assert json.loads(client.recv(5))["id"] == "a1"
        assert json.loads(client.recv(5))["type"] == "hearing"
        for text, told in (
            ('{"mark": ["a1", "false"]}', {"type": "done", "done": "mark"}),
            ('{"mark": ["a1", "false", "bang"]}', {"type": "done", "done": "mark"}),
            ('{"alerts": ["bang", false]}', {"type": "done", "done": "alerts"}),
            ('{"prompts": ["a cat"]}', {"type": "done", "done": "prompts"}),
        ):
            client.send(text)
            assert json.loads(client.recv(5)) == told
        for text, message in (
            ("hello", "a line of JSON"),
            ("[]", "one key"),
            ('{"dance": 1}', "there are prompts, orientation, mark, alerts"),
            ('{"mark": "a1"}', "two values"),
        ):
            client.send(text)
            assert message in json.loads(client.recv(5))["error"]
    until(lambda: not api.output._hub.viewers)
    assert not api.controls.is_on("bang")


def test_a_reader_that_reads_nothing_slows_nothing_and_gets_the_latest(api: Opened) -> None:
    with connect(f"ws://127.0.0.1:{api.output.port}/v1/live", max_queue=1) as client:
        until(lambda: api.output._hub.viewers)
        for number in range(3_000):
            api.output.show(hearing(float(number)))
        times: list[float] = []
        while not times or times[-1] < 2_999:
            times.append(json.loads(client.recv(5))["time_s"])
    assert times == sorted(times)
    assert len(times) <= 3_000


def test_strangers_are_refused(api: Opened) -> None:
    api.output.show(hearing())
    assert api.ask("/v1/direction", Host="evil.example")[0] == 421
    assert api.ask("/v1/prompts", [], "PUT", Origin="http://evil.example")[0] == 403
    with pytest.raises(InvalidStatus):
        connect(f"ws://127.0.0.1:{api.output.port}/v1/live", origin=Origin("http://evil.example"))


def test_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "0123456789abcdef")
    with pytest.raises(UsageError, match="a token is needed"):
        ApiOutput(ApiSettings(host="0.0.0.0"), Surroundings(pytest.fail))
    opened = Opened(host="0.0.0.0", token_env="TOKEN")
    opened.output.show(hearing())
    assert opened.ask("/v1/direction")[0] == 401
    assert opened.ask("/v1/direction", Authorization="Bearer wrong-wrong-wrong")[0] == 401
    assert opened.ask("/v1/direction", Authorization="Bearer 0123456789abcdef")[0] == 200
    opened.output.close()


def test_a_port_in_use_is_told_and_taken_when_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elsa_rt.screens.web.api.RETRY_S", 0.05)
    notices: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = ApiOutput(ApiSettings(port=port), Surroundings(notices.append))
        until(lambda: notices)
        assert "Address already in use: give another port, e.g. port: " in notices[0]
    until(lambda: output.port)
    assert "works again" in notices[1]
    output.close()
