"""The server of the page: who may connect, what is told, what is carried out. No browser here."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from elsa_rt.audio.block import Block
from elsa_rt.cli import main
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import FeatureSettings, IntensityFeatures
from elsa_rt.health import HEALTH_STATES
from elsa_rt.listener import Listener
from elsa_rt.outputs.clip_shelf import ClipShelf
from elsa_rt.outputs.clips import ClipsSettings
from elsa_rt.rules.region import Region
from elsa_rt.screens.rule_book import RuleBook
from elsa_rt.screens.web import live
from elsa_rt.screens.web.app import page_app
from elsa_rt.screens.web.commands import Commands
from elsa_rt.screens.web.expectation import place_of
from elsa_rt.screens.web.guard import is_loopback, token_for
from elsa_rt.screens.web.hub import KEPT_MESSAGES, Hub, Viewer
from elsa_rt.screens.web.live import LivePage
from elsa_rt.screens.web.server import WebServer
from elsa_rt.screens.web.spectrum import DirectionSpectrum
from elsa_rt.testing import sound

RATE = 16_000
TOKEN = "a-token-of-this-test"


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


class Served:
    """A listener with its page, served on a free port."""

    def __init__(self, bundle: Path, server: WebServer, hub: Hub, token: str | None) -> None:
        encoder = AudioEncoder(ModelBundle.load(bundle))
        self.listener = Listener(
            ["hum", "hiss on the left"], encoder=encoder, known_sounds=2, on_notice=lambda _: None
        )
        self.hub, self.port = hub, server.port
        about = {"source": "a test", "model": "tiny"}
        self.page = LivePage(self.listener, RuleBook(self.listener), hub, about)
        server.start(page_app(self.page, hub, server.host, token))
        self.start = 0

    def hear(self, seconds: float, azimuth_deg: float = 90.0) -> None:
        samples = sound("hum", seconds, azimuth_deg, 0, RATE).astype(np.float32)
        for hearing in self.listener.push(Block(samples, RATE, self.start)):
            self.page.show(hearing)
        self.start += samples.shape[1]

    def get(self, path: str, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
        finally:
            connection.close()

    def watch(self, query: str = "", **more: Any) -> ClientConnection:
        # a full queue would hold up the closing for ten seconds
        more = {"open_timeout": 5, "max_queue": None, **more}
        return connect(f"ws://127.0.0.1:{self.port}/live{query}", **more)


@pytest.fixture
def served(bundle: Path) -> Iterator[Served]:
    hub = Hub()
    with WebServer("127.0.0.1", 0, hub) as server:
        yield Served(bundle, server, hub, None)


@pytest.fixture
def secured(bundle: Path) -> Iterator[Served]:
    hub = Hub()
    with WebServer("0.0.0.0", 0, hub) as server:
        yield Served(bundle, server, hub, TOKEN)


def take(viewer: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of ``kind``."""
    for _ in range(200):
        message: dict[str, Any] = json.loads(viewer.recv(timeout=5))
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind} came")


def ask(viewer: ClientConnection, **what: Any) -> dict[str, Any]:
    viewer.send(json.dumps(what))
    return take(viewer, "reply")


def test_the_page_and_its_files_come_with_a_strict_policy(served: Served) -> None:
    kinds = {"/": "text/html", "/main.js": "text/javascript", "/style.css": "text/css",
             "/icon.svg": "image/svg"}  # fmt: skip
    for path, kind in kinds.items():
        answer = served.get(path)
        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert served.get("/../app.py").status == 404
    assert served.get("/%2e%2e/app.py").status == 404
    page = served.get("/").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_pages_of_other_sites_are_refused(served: Served) -> None:
    with pytest.raises(InvalidStatus) as refused:
        served.watch(origin="https://evil.example")
    assert refused.value.response.status_code == 403
    assert served.get("/", Host="evil.example").status == 421  # a name that was rebound to us
    with served.watch(origin=f"http://127.0.0.1:{served.port}") as viewer:
        assert take(viewer, "hello")["source"] == "a test"


def test_elsewhere_a_token_is_needed(secured: Served) -> None:
    assert secured.get("/").status == 401
    assert secured.get("/?token=a-wrong-token-here").status == 401
    with pytest.raises(InvalidStatus):
        secured.watch()
    answer = secured.get(f"/?token={TOKEN}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    kept = cookie.split(";")[0]
    assert secured.get("/", Cookie=kept).status == 200
    assert secured.get("/", Authorization=f"Bearer {TOKEN}").status == 200
    with secured.watch(additional_headers={"Cookie": kept}) as viewer:
        assert take(viewer, "hello")["type"] == "hello"
    assert secured.get(f"//evil.example/?token={TOKEN}").headers["location"] == "/evil.example/"


def test_tokens_are_made_where_they_are_needed() -> None:
    assert token_for("127.0.0.1", None) is None
    assert token_for("::1", None) is None
    made = token_for("0.0.0.0", None)
    assert made is not None
    assert len(made) >= 32
    assert token_for("0.0.0.0", TOKEN) == TOKEN
    with pytest.raises(UsageError, match="16 or more"):
        token_for("0.0.0.0", "short")
    assert [is_loopback(h) for h in ("localhost", "127.3.2.1", "[::1]", "10.0.0.1", "x")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_a_taken_port_is_said_with_the_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=r"serving on .*: give another port"):
            WebServer("127.0.0.1", taken.getsockname()[1], Hub())
    with pytest.raises(UsageError, match="an address of this computer"):
        WebServer("no.such.host.invalid", 0, Hub())


def test_a_viewer_is_told_everything_that_is_heard(served: Served) -> None:
    with served.watch() as viewer:
        hello = take(viewer, "hello")
        assert [rule["label"] for rule in hello["rules"]] == ["hum", "hiss on the left"]
        assert hello["rules"][1]["sectors"] == [[35.0, 145.0]]
        served.hear(1.5)
        hearing = take(viewer, "hearing")
        assert {"labels", "tracks", "reasons", "column", "azimuth_deg"} <= hearing.keys()
        assert hearing["scores"].keys() == {"hum", "hiss-on-the-left"}
    with served.watch() as later:  # what happened before is in the greeting
        hello = take(later, "hello")
        assert [alert["prompt"] for alert in hello["alerts"]] == ["hum"]
        assert len(hello["columns"]) == 15
        assert hello["health"]["state"] in HEALTH_STATES


def test_prompts_are_added_changed_muted_explained_and_removed(served: Served) -> None:
    with served.watch() as viewer:
        assert ask(viewer, do="add", call=1, prompt="hiss behind me")["rule"] == "hiss-behind-me"
        served.hear(0.5)
        told = take(viewer, "rules")["rules"]
        assert told[2]["place"] == "behind"
        assert told[2]["start"] is not None  # it is listened by
        found = ask(viewer, do="explain", call=2, rule="hum", changes={"prompts": ["hiss"]})
        expected = found["expected"]
        assert expected["what"] == ["hiss"]
        scores = [score for score in expected["score"] if score is not None]
        assert scores == sorted(scores, reverse=True)  # the more false alarms, the lower
        changes = {"region": [{"azimuth_deg": [30, 60]}], "false_alarms_per_hour": 0.1}
        assert ask(viewer, do="change", call=3, rule="hum", changes=changes)["ok"]
        assert ask(viewer, do="mute", call=4, rule="hum", muted=True)["ok"]
        assert ask(viewer, do="remove", call=5, rule="hiss-behind-me")["ok"]
        served.hear(0.5)
        hum, hiss = take(viewer, "rules")["rules"]
        assert (hum["muted"], hum["region"]) == (True, [[30.0, 60.0]])
        assert hiss["id"] == "hiss-on-the-left"


def test_who_changes_a_rule_has_it_before_the_reply(served: Served) -> None:
    with served.watch() as viewer:
        changes = {"region": [{"azimuth_deg": [-60, -30]}]}
        viewer.send(json.dumps({"do": "change", "call": 1, "rule": "hum", "changes": changes}))
        told: dict[str, dict[str, Any]] = {}
        while "reply" not in told:
            message = json.loads(viewer.recv(10))
            told[message["type"]] = message
        assert told["reply"]["ok"]
        assert told["rules"]["rules"][0]["region"] == [[-60.0, -30.0]]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("no json", 'a JSON object with "do"'),
        ("[" * 60_000, 'a JSON object with "do"'),
        ('{"do": "format"}', "'format' is unknown"),
        ('{"do": "add"}', "prompt is None"),
        ('{"do": "add", "prompt": ""}', "a prompt is empty"),
        ('{"do": "remove", "rule": "nobody"}', "there is no rule"),
        ('{"do": "change", "rule": "hum", "changes": [1]}', "an object is needed"),
        ('{"do": "judge", "alert": "x", "verdict": "maybe"}', "false, right, undo"),
        ('{"do": "save", "path": "../evil.yaml"}', "a plain file name"),
        ('{"do": "save", "path": "/etc/x.yaml"}', "a plain file name"),
    ],
)
def test_wrong_messages_are_answered_with_one_sentence(
    served: Served, sent: str, said: str
) -> None:
    reply = json.loads(Commands(served.page).run(sent))
    assert reply["ok"] is False
    assert said in reply["error"]


def test_a_message_that_is_too_long_ends_that_viewer_alone(served: Served) -> None:
    with served.watch() as other:
        take(other, "hello")
        with served.watch() as flooding:
            take(flooding, "hello")
            flooding.send("x" * 1_000_000)
            with pytest.raises(ConnectionClosed):
                take(flooding, "nothing")
        served.hear(0.5)
        take(other, "hearing")


def test_a_viewer_that_reads_nothing_slows_nobody(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as stuck:
        stuck.sendall(
            b"GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        with served.watch() as viewer:
            take(viewer, "hello")
            served.hear(0.5)
            started = time.process_time()
            for _ in range(40):
                served.page.notice("x" * 10_000)  # far more than any socket holds
            assert time.process_time() - started < 5
            served.hear(0.5)
            assert take(viewer, "hearing")["type"] == "hearing"


def test_a_viewer_that_falls_behind_gets_a_fresh_start() -> None:
    async def scenario() -> tuple[list[str], bool, int]:
        viewer = Viewer()
        for number in range(3):
            viewer.put("hearing", f"hearing {number}")
        for number in range(KEPT_MESSAGES + 1):
            viewer.put("alert", f"alert {number}")
        return await viewer.get(), viewer.behind, viewer.skipped

    found, behind, skipped = asyncio.run(scenario())
    assert found == ["hearing 2"]
    assert behind
    assert skipped == 2


def test_without_viewers_no_message_is_made(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def make(*what: Any) -> dict[str, Any]:
        made.append(what)
        return {}

    monkeypatch.setattr(live, "moment", make)
    served.hear(0.3)
    assert not made


def columns(
    foa: NDArray[np.float32], sizes: tuple[int, ...], mel_gain_db: float = 0.0
) -> list[bytes]:
    settings = FeatureSettings(mel_gain_db=mel_gain_db)
    features, spectrum = IntensityFeatures(settings), DirectionSpectrum(settings, 10)
    found, start, turn = list[bytes](), 0, 0
    while start < foa.shape[1]:
        part = foa[:, start : start + sizes[turn % len(sizes)]]
        found += spectrum.step(features.step(part))
        start, turn = start + part.shape[1], turn + 1
    return found


def test_columns_say_level_azimuth_and_directness() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.1, 8_000).astype(np.float32)
    left = np.stack([noise, noise, 0 * noise, 0 * noise])  # AmbiX W, Y, Z, X from +90 degrees
    around = rng.normal(0, 0.1, (4, 8_000)).astype(np.float32)
    for foa, directed in ((left, True), (around, False)):
        whole = columns(foa, (8_000,))
        assert len(whole) == 5
        assert columns(foa, (1, 63, 481)) == whole  # any split is the same
        raised = columns(foa, (8_000,), mel_gain_db=40.0)  # levels stay those of the microphone
        off = [np.frombuffer(x, np.uint8).astype(int) for x in (*raised, *whole)]
        assert max(np.abs(a - b).max() for a, b in zip(off[:5], off[5:], strict=True)) <= 1
        data = np.frombuffer(whole[2], np.uint8).reshape(-1, 3)[5:]
        azimuth = data[:, 1] / 255 * 360 - 180
        if directed:
            assert np.abs(azimuth - 90).max() < 3
            assert data[:, 2].min() > 200
        else:
            assert data[:, 2].mean() < 160
    silent = columns(np.zeros((4, 1_600), np.float32), (1_600,))
    assert np.frombuffer(silent[0], np.uint8).reshape(-1, 3)[:, 0].max() < 15


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--demo", "--port", "99999"], "--port 99999: 0..65535 is needed"),
        (["--demo", "x.wav", "--port", "0"], "--demo brings its own sound"),
        (["no-such-file.wav", "--port", "0"], "no-such-file.wav"),
        (["--demo", "--host", "no.such.host.invalid"], "an address of this computer"),
        (["--demo", "--host", "0.0.0.0", "--port", "0"], "16 or more"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    argv: list[str],
    said: str,
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ELSA_RT_TOKEN", "short" if "0.0.0.0" in argv else "long-enough-a-token")
    assert main(["serve", *argv, "--bundle", str(bundle)]) == 2
    told = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in told
    assert told.startswith("elsa-rt: ")


def test_without_what_the_page_needs_the_cure_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", "--demo"]) == 2
    assert "pip install 'elsa-rt[web]'" in capsys.readouterr().err


def test_clips_are_played_by_the_page_alone(served: Served, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    served.page._clips = ClipShelf([ClipsSettings(str(folder))])
    served.hear(2.0)
    silence = np.zeros((4, 2 * RATE), np.float32)
    for hearing in served.listener.push(Block(silence, RATE, served.start)):
        served.page.show(hearing)
    (alert,) = served.page.alerts
    assert served.get(f"/clips/{alert}.wav").status == 404
    (folder / "hum").mkdir(parents=True)
    foa = 0.01 * np.array([1, 1, 0, 0], np.float32) * np.ones((800, 1), np.float32)  # from the left
    soundfile.write(folder / "hum" / f"{alert}.flac", foa, RATE, subtype="PCM_24")
    served.page._health_due = 0.0
    with served.watch() as viewer:
        take(viewer, "hello")
        served.hear(0.1)
        assert take(viewer, "alert")["clip"] is True
    path = f"/clips/{alert}.wav"
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=5)
    connection.request("GET", path, headers={"sec-fetch-site": "same-origin"})
    answer = connection.getresponse()
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    sides, rate = soundfile.read(io.BytesIO(answer.read()))
    connection.close()
    assert (rate, len(sides)) == (RATE, 800)
    np.testing.assert_allclose(sides[0], [0.3, 0], atol=1e-3)  # at most 30 times as loud
    assert served.get(path, **{"sec-fetch-site": "cross-site"}).status == 403
    assert served.get("/clips/..%2f..%2fetc%2fpasswd.wav").status == 404


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", ".hidden"])
def test_no_path_leaves_the_directory_of_clips(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.flac").touch()
    shelf = ClipShelf([ClipsSettings(str(tmp_path / "clips"))])
    assert shelf.find(name, "x") is None
    assert shelf.find("hum", name) is None


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Region(), "anywhere"),
        (Region(azimuth_deg=(125, -125)), "behind"),
        (Region(azimuth_deg=(-145, -35), distance_m=(0, 1)), "right, from 0 to 1 m"),
        (Region(azimuth_deg=(-30, 20)), "−30° to 20°"),
        (Region(elevation_deg=(40, 90)), "elevation from 40° to 90°"),
        (Region.union(Region(azimuth_deg=one) for one in ((35, 145), (-55, 55))), "left or front"),
    ],
)  # fmt: skip
def test_a_region_is_told_in_few_words(region: Region, words: str) -> None:
    assert place_of(region) == words
