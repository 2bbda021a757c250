"""A listener on a thread: what it calls, how it stops, and what it does with errors."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import Alert, ArraySource, AudioEncoder, Block, Hearing, Listener, ModelBundle
from elsa_rt.errors import DeviceError, UsageError
from elsa_rt.listening.background import Listening
from elsa_rt.testing import FakeMicrophone

RATE = 16_000
LONG_S = 20.0

Foa = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


def listen(encoder: AudioEncoder, source: Any) -> Listener:
    return Listener(["a hum", "a hiss"], source, encoder=encoder, on_notice=lambda _: None)


def test_a_thread_calls_back_what_iterating_yields(encoder: AudioEncoder, scene: Foa) -> None:
    want = list(listen(encoder, ArraySource(scene, RATE)))
    hearings: list[Hearing] = []
    alerts: list[Alert] = []
    listener = listen(encoder, ArraySource(scene, RATE))
    handle = listener.start(hearings.append, alerts.append)
    assert handle.join(LONG_S)
    assert hearings == want
    assert alerts == [alert for hearing in want for alert in hearing.alerts]
    assert [alert.state for alert in alerts] == ["start", "end", "start", "end"]
    assert repr(handle) == "<Listening ended, array>"


def test_stopping_wakes_a_silent_microphone_and_ends_its_alerts(
    encoder: AudioEncoder, scene: Foa
) -> None:
    microphone = FakeMicrophone()
    states: list[str] = []
    started = threading.Event()

    def take(alert: Alert) -> None:
        states.append(alert.state)
        started.set()

    handle = listen(encoder, microphone).start(on_alert=take)
    microphone.give(scene[:, : 2 * RATE].copy())  # the hum goes on, and no more sound comes
    assert started.wait(LONG_S)
    assert handle.running
    handle.stop()
    assert handle.join(LONG_S)
    assert states == ["start", "end"]
    assert microphone.closed == 1


def test_a_callback_may_stop_but_not_join(encoder: AudioEncoder, scene: Foa) -> None:
    handles: list[Listening] = []
    ready = threading.Event()
    heard: list[float] = []

    def take(hearing: Hearing) -> None:
        ready.wait(LONG_S)
        if not heard:
            handles[0].stop()
            with pytest.raises(UsageError, match="call stop"):
                handles[0].join()
        heard.append(hearing.time_s)

    handles.append(listen(encoder, ArraySource(scene, RATE)).start(take))
    ready.set()
    assert handles[0].join(LONG_S)
    assert len(heard) <= 2  # of the block in progress, and what finishing completes


def test_the_source_is_opened_before_start_returns(encoder: AudioEncoder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot open"):
        listen(encoder, tmp_path / "missing.wav").start()


@pytest.mark.parametrize("takes_errors", [False, True])
def test_an_error_of_the_source_is_told_after_the_ends_of_alerts(
    encoder: AudioEncoder, scene: Foa, takes_errors: bool, caplog: pytest.LogCaptureFixture
) -> None:
    microphone = FakeMicrophone()
    microphone.give(scene[:, : 2 * RATE].copy())
    microphone.fail(DeviceError("it was unplugged"))
    told: list[object] = []
    handle = listen(encoder, microphone).start(
        on_alert=lambda alert: told.append(alert.state),
        on_error=told.append if takes_errors else None,
    )
    if takes_errors:
        assert handle.join(LONG_S)
    else:
        with pytest.raises(DeviceError, match="unplugged"):
            handle.join(LONG_S)
        assert "a fake microphone ended: it was unplugged" in caplog.text
        told.append(handle.error)
    assert told == ["start", "end", handle.error]
    assert microphone.closed == 1
    assert repr(handle) == "<Listening failed, a fake microphone>"


def test_an_error_of_a_callback_ends_the_listening(encoder: AudioEncoder, scene: Foa) -> None:
    def fail(_: Hearing) -> None:
        raise ZeroDivisionError("of the user")

    errors: list[Exception] = []
    microphone = FakeMicrophone()
    microphone.give(scene)
    assert listen(encoder, microphone).start(fail, on_error=errors.append).join(LONG_S)
    assert [str(error) for error in errors] == ["of the user"]
    assert microphone.closed == 1


def test_a_listener_on_a_thread_refuses_a_second_hearing(encoder: AudioEncoder, scene: Foa) -> None:
    microphone = FakeMicrophone()
    listener = listen(encoder, microphone)
    with listener.start():
        for refused in (
            lambda: listener.push(Block(scene, RATE)),
            listener.finish,
            listener.reset,
            listener.start,
            lambda: list(listener),
        ):
            with pytest.raises(UsageError, match="stop\\(\\) and join\\(\\) the handle"):
                refused()
    assert listener.push(Block(scene[:, :RATE].copy(), RATE))


def test_close_ends_the_thread(encoder: AudioEncoder) -> None:
    microphone = FakeMicrophone()
    listener = listen(encoder, microphone)
    handle = listener.start()
    listener.close()
    assert not handle.running
    assert microphone.closed == 1
    listener.close()
    assert microphone.closed == 1


def test_leaving_a_with_releases_what_an_iterator_holds(encoder: AudioEncoder, scene: Foa) -> None:
    microphone = FakeMicrophone()
    microphone.give(scene[:, : 2 * RATE].copy())
    with listen(encoder, microphone) as listener:
        kept = iter(listener)
        next(kept)
    assert microphone.closed == 1
    rest = list(kept)  # what the block still held, and the end of its alert
    assert [alert.state for hearing in rest for alert in hearing.alerts] == ["start", "end"]


def test_a_second_loop_closes_what_the_first_left_open(encoder: AudioEncoder, scene: Foa) -> None:
    first, second = ArraySource(scene, RATE), ArraySource(scene, RATE)
    closed: list[str] = []
    first.close = lambda: closed.append("first")  # type: ignore[method-assign]
    listener = listen(encoder, first)
    kept = iter(listener)
    next(kept)
    listener.source = second
    assert len(list(listener)) == 61
    assert closed == ["first"]
