"""Health: what a listener says of itself when sound stops, comes back or is faulty."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import AudioEncoder, Block, Hearing, Listener, ModelBundle, PromptBank
from elsa_rt.audio.block import SourceStatus
from elsa_rt.errors import DeviceError
from elsa_rt.outputs.jsonl import JsonLines

RATE = 16_000
Foa = NDArray[np.float32]


@pytest.fixture
def listener(bundle: Path) -> Listener:
    encoder = AudioEncoder(ModelBundle.load(bundle))
    bank = PromptBank.encode(encoder.bundle, ("a hum", "a hiss"))
    return Listener(bank, encoder=encoder, on_notice=lambda text: None)


def sounding(scene: Foa, start: int = 0, **status: object) -> Block:
    """The middle of a hum, as the block of a live source."""
    samples = scene[:, RATE : 2 * RATE].copy()
    return Block(samples, RATE, start, status=SourceStatus(**status))  # type: ignore[arg-type]


def silent(start: int, silent_s: float) -> Block:
    empty = np.empty((4, 0), np.float32)
    return Block(empty, RATE, start, status=SourceStatus(silent_s=silent_s, reason="unplugged"))


def test_a_listener_that_hears_is_healthy(listener: Listener, scene: Foa) -> None:
    hearings = listener.push(sounding(scene))
    assert {hearing.state for hearing in hearings} == {"HEALTHY"}
    assert listener.health.state == "HEALTHY"
    assert all(hearing.health is None for hearing in hearings)


def test_deaf_ends_alerts_once_and_the_return_is_told(listener: Listener, scene: Foa) -> None:
    begun = listener.push(sounding(scene))
    started = [a.id for h in begun for a in h.alerts if a.state == "start"]
    assert started
    assert listener.push(silent(RATE, 1.0)) == []
    (last,) = listener.push(silent(RATE, 3.5))
    assert [alert.id for alert in last.alerts if alert.state == "end"] == started
    assert last.state == "RECOVERING"
    assert last.health is not None
    assert (last.health.event, last.health.health.reasons) == ("deaf", ("unplugged",))
    assert listener.push(silent(RATE, 4.5)) == []
    assert listener.health.deaf
    again = listener.push(
        Block(
            scene[:, RATE : 2 * RATE].copy(), RATE, 6 * RATE, dropped=5 * RATE,
            status=SourceStatus(silent_s=5.0, resumed=True, restarts=1),
        )
    )  # fmt: skip
    events = [hearing.health for hearing in again if hearing.health]
    assert [event.event for event in events] == ["hearing"]
    assert again[0].time_s == pytest.approx(6 + listener.bundle.step_s)  # the gap counts as time
    assert again[0].dropped == 5 * RATE
    assert listener.health.restarts == 1
    new = [alert.id for hearing in again for alert in hearing.alerts if alert.state == "start"]
    assert new
    assert not set(new) & set(started)


def test_a_reopened_source_may_have_another_rate(listener: Listener, scene: Foa) -> None:
    listener.push(sounding(scene))
    samples = np.repeat(scene[:, RATE : 2 * RATE], 3, axis=1)
    block = Block(samples, 3 * RATE, 6 * RATE, 3 * RATE, status=SourceStatus(resumed=True))
    hearings = listener.push(block)
    assert hearings[0].time_s < 1.2  # the end of what was heard before
    assert hearings[1].time_s == pytest.approx(2 + listener.bundle.step_s)


def test_nothing_ever_comes(listener: Listener) -> None:
    assert listener.push(silent(0, 1.0)) == []
    (last,) = listener.push(silent(0, 3.0))
    assert last.health is not None
    assert last.health.event == "deaf"


def test_a_source_that_fails(listener: Listener, scene: Foa) -> None:
    class Failing:
        name, rate, channels, live = "mic", RATE, 4, True

        def __iter__(self):  # type: ignore[no-untyped-def]
            yield sounding(scene)
            raise DeviceError("gone")

        def __enter__(self):  # type: ignore[no-untyped-def]
            return self

        def __exit__(self, *_: object) -> None: ...

        def close(self) -> None: ...

    listener.source = Failing()
    heard: list[Hearing] = []
    with pytest.raises(DeviceError):
        heard.extend(listener)
    assert listener.health.state == "FAILED"
    assert heard[-1].state == "FAILED"
    assert [alert.state for alert in heard[-1].alerts][-1:] == ["end"]


def test_muted_is_said_as_what_it_is(listener: Listener) -> None:
    hearings = []
    for start in range(0, 8 * RATE, RATE):
        samples = np.zeros((4, RATE), np.float32)
        hearings += listener.push(Block(samples, RATE, start, status=SourceStatus()))
    (event,) = [hearing.health for hearing in hearings if hearing.health]
    assert event.event == "deaf"
    assert event.time_s <= 5.2
    assert "muted" in event.health.reasons[0]


def test_the_json_line_of_a_change(listener: Listener, scene: Foa) -> None:
    text = io.StringIO()
    lines = JsonLines(text)
    for block in (sounding(scene), silent(RATE, 3.5)):
        for hearing in listener.push(block):
            lines.show(hearing)
    rows = [json.loads(line) for line in text.getvalue().splitlines()]
    assert rows[0]["state"] == "HEALTHY"
    assert rows[-1]["type"] == "health"
    assert (rows[-1]["event"], rows[-1]["state"]) == ("deaf", "RECOVERING")
    assert rows[-1]["reasons"] == ["unplugged"]
