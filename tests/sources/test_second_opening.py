"""A microphone that gives nothing but a constant is opened a second time, and heard if it moves."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from elsa_rt.audio.block import Block
from elsa_rt.errors import DeviceError
from elsa_rt.sources.base import Source
from elsa_rt.sources.second_opening import STILL_S, THREAD, SecondOpening, is_still
from elsa_rt.sources.supervised import SupervisedSource
from tests.support.hearings import until

RATE, SIZE = 16_000, 1_600
LIMIT_S = 10


class Clock:
    """Time that passes by listening to the first source alone."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Microphone(Source):
    """Gives one value for ever, or noise."""

    live = True
    name = "zylia"
    rate, channels = RATE, 4

    def __init__(self, value: float | None, clock: Clock | None = None) -> None:
        self._value, self._clock = value, clock
        self.closed = False

    def __iter__(self) -> Iterator[Block]:
        generator = np.random.default_rng(1)
        number = 0
        while not self.closed:
            if self._clock is not None:
                self._clock.now_s += SIZE / RATE
            samples = np.full((4, SIZE), self._value or 0, np.float32)
            if self._value is None:
                samples += generator.normal(0, 0.01, samples.shape).astype(np.float32)
            yield Block(samples, RATE, number * SIZE)
            number += 1

    def close(self) -> None:
        self.closed = True


def wait_for_threads() -> None:
    """Wait until no try goes on; threads of others may."""
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(LIMIT_S)
            assert not thread.is_alive()


def still(start: int = 0) -> Block:
    return Block(np.zeros((4, SIZE), np.float32), RATE, start)


def test_what_moves_elsewhere_is_heard_and_the_first_is_closed() -> None:
    clock, said = Clock(), list[str]()
    first, second = Microphone(0.0, clock), Microphone(None)
    there: list[Source] = [first, second]
    source = SupervisedSource(lambda: there.pop(0), said.append, clock=clock)
    before = 0
    for block in source:
        if block.samples.any():
            break
        before += 1
        assert before < 1000
        wait_for_threads()
    source.close()
    assert (first.closed, second.closed) == (True, True)
    assert before * SIZE / RATE == pytest.approx(STILL_S, abs=0.3)
    assert block.status is not None
    assert (block.status.resumed, block.status.restarts) == (True, 1)
    assert block.start == before * SIZE
    assert block.dropped == 0
    assert said == [
        "microphone zylia gave nothing but a constant until it was opened again: what it hears "
        "has gone and come back"
    ]


@pytest.mark.parametrize("value", [0.0, 0.02])
def test_a_microphone_that_is_muted_stays_open(value: float) -> None:
    clock, opened = Clock(), list[Microphone]()

    def open_device() -> Source:
        opened.append(Microphone(value))
        return opened[-1]

    second = SecondOpening(open_device, clock)
    for _ in range(120):
        assert second.look(Block(np.full((4, SIZE), value, np.float32), RATE, 0)) is None
        clock.now_s += 1
        until(lambda: not second.trying)
    assert len(opened) == len([STILL_S, 15, 35, 65, 95])  # pauses of 10, 20 and then 30 s
    assert all(one.closed for one in opened)


def test_a_device_that_takes_no_second_program_stays_open() -> None:
    clock, tries = Clock(), list[int]()

    def open_device() -> Source:
        tries.append(1)
        raise DeviceError("cannot open microphone: device busy")

    second = SecondOpening(open_device, clock)
    for _ in range(20):
        assert second.look(still()) is None
        clock.now_s += 1
        until(lambda: not second.trying)
    assert len(tries) == 2


def test_sound_ends_the_waiting_and_what_was_found_is_closed() -> None:
    clock = Clock()
    found = Microphone(None)
    second = SecondOpening(lambda: found, clock)
    second.look(still())
    clock.now_s += STILL_S
    second.look(still())
    wait_for_threads()
    assert not found.closed
    noise = np.random.default_rng(2).normal(0, 0.1, (4, SIZE)).astype(np.float32)
    assert second.look(Block(noise, RATE, 0)) is None
    assert found.closed


def test_closing_closes_what_is_still_being_opened() -> None:
    clock, goes_on = Clock(), threading.Event()
    late = Microphone(None)

    def open_device() -> Source:
        goes_on.wait(LIMIT_S)
        return late

    second = SecondOpening(open_device, clock)
    second.look(still())
    clock.now_s += STILL_S
    second.look(still())
    second.close()
    goes_on.set()
    wait_for_threads()
    assert late.closed


def test_one_channel_that_moves_is_enough() -> None:
    samples = np.zeros((4, SIZE), np.float32)
    assert is_still(Block(samples, RATE, 0))
    samples[2, 7] = 2**-15
    assert not is_still(Block(samples, RATE, 0))
    assert not is_still(Block(samples[:, :0], RATE, 0))
