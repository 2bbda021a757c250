"""The delivery thread: order, retries, losses that are counted and told, and never a wait."""

from __future__ import annotations

import threading

import pytest

from elsa_rt.outputs import trouble
from elsa_rt.outputs.worker import Refused, Unavailable, Worker
from tests.support.hearings import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elsa_rt.outputs.worker.FIRST_RETRY_S", 0.005)
    monkeypatch.setattr("elsa_rt.outputs.worker.MAX_RETRY_S", 0.02)


def test_messages_arrive_in_their_order() -> None:
    got: list[int] = []
    notices: list[str] = []
    worker = Worker("x", got.append, notices.append)
    for number in range(100):
        worker.put(number)
    worker.close()
    assert got == list(range(100))
    assert (worker.sent, worker.lost, worker.waiting, notices) == (100, 0, 0, [])


def test_what_cannot_be_delivered_now_is_kept_and_tried_again_in_order() -> None:
    got: list[int] = []
    notices: list[str] = []
    away = threading.Event()
    away.set()

    def deliver(number: int) -> None:
        if away.is_set():
            raise Unavailable("nobody is there: start it")
        got.append(number)

    worker = Worker("x", deliver, notices.append)
    for number in range(10):
        worker.put(number)
    until(lambda: notices)
    assert notices[0].startswith("x: nobody is there: start it (")
    away.clear()
    until(lambda: len(got) == 10)
    worker.close()
    assert got == list(range(10))
    assert worker.lost == 0
    assert [notice.partition(" after")[0] for notice in notices[1:]] == ["x: works again"]


def test_put_never_waits_and_a_full_queue_loses_the_oldest_and_says_so() -> None:
    got: list[int] = []
    notices: list[str] = []
    go = threading.Event()

    def deliver(number: int) -> None:
        go.wait()
        got.append(number)

    worker = Worker("x", deliver, notices.append, capacity=5)
    worker.put(-1)
    until(lambda: worker.waiting == 1 and not worker._events)  # it is in delivery now
    for number in range(20):
        worker.put(number)  # while nothing can be delivered
    assert worker.lost == 16  # one in delivery and four in the queue stay
    assert notices == [
        "x: the queue is full, the oldest messages are lost (5 messages waiting, 1 message lost "
        "since the start)"
    ]
    go.set()
    worker.close()
    assert got == [-1, 16, 17, 18, 19]
    assert notices[1:] == ["x: closed with 0 messages undelivered, 16 messages lost in all"]


def test_states_replace_what_waits_and_are_no_loss() -> None:
    got: list[str] = []
    go = threading.Event()

    def deliver(text: str) -> None:
        go.wait()
        got.append(text)

    worker = Worker("x", deliver, pytest.fail)
    worker.put("event 1")
    until(lambda: not worker._events)
    for number in range(10):
        worker.put(f"level {number}", key="level")
    worker.put("event 2")
    go.set()
    worker.close()
    assert got == ["event 1", "event 2", "level 9"]
    assert worker.lost == 0


def test_a_refused_message_is_lost_counted_and_told_and_the_next_one_goes() -> None:
    got: list[int] = []
    notices: list[str] = []

    def deliver(number: int) -> None:
        if number == 1:
            raise Refused("no thanks: see the settings")
        if number == 2:
            raise KeyError("a fault of the output")
        got.append(number)

    worker = Worker("x", deliver, notices.append)
    for number in range(4):
        worker.put(number)
    worker.close()
    assert got == [0, 3]
    assert worker.lost == 2
    assert notices[0] == (
        "x: no thanks: see the settings (2 messages waiting, 1 message lost since the start)"
    )
    assert "2 messages lost" in notices[-1]


def test_closing_does_not_wait_for_ever_and_tells_what_is_lost() -> None:
    notices: list[str] = []

    def deliver(number: int) -> None:
        raise OSError(111, "Connection refused")

    worker = Worker("x", deliver, notices.append)
    for number in range(3):
        worker.put(number)
    until(lambda: notices)
    worker.close(0.2)  # though nothing will ever be delivered
    assert worker.lost == 3
    assert notices[0].startswith("x: Connection refused (")
    assert notices[-1] == "x: closed with 3 messages undelivered, 3 messages lost in all"


def test_a_flapping_counterpart_does_not_flood() -> None:
    notices: list[str] = []
    fail = iter([True, False] * 500)

    def deliver(number: int) -> None:
        if next(fail):
            raise Unavailable("it flaps")

    worker = Worker("x", deliver, notices.append)
    for number in range(50):
        worker.put(number)
        worker.retry_now()
    until(lambda: worker.sent == 50)
    worker.close()
    assert len([notice for notice in notices if "it flaps" in notice]) == 1
    assert trouble.QUIET_S > 1  # the time that makes it so


def test_trouble_that_lasts_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[str] = []
    now = [0.0]
    monkeypatch.setattr("elsa_rt.outputs.trouble.time.monotonic", lambda: now[0])
    found = trouble.Trouble("x", notices.append)
    for now[0] in (0.0, 30.0, trouble.REPEAT_S - 1, trouble.REPEAT_S):
        found.failed("away", 2, 0)
    found.ended(0, 1)
    assert notices == [
        "x: away (2 messages waiting)",
        "x: away (2 messages waiting)",
        f"x: works again after {trouble.REPEAT_S:.0f} s (1 message lost since the start)",
    ]
