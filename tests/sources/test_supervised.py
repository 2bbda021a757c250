"""SupervisedSource: what is lost is counted, told and opened again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from elsa_rt.audio.block import Block
from elsa_rt.errors import DeviceError
from elsa_rt.sources.base import Source
from elsa_rt.sources.ring import Ring
from elsa_rt.sources.supervised import FIRST_WAIT_S, LONGEST_WAIT_S, SupervisedSource

RATE = 16_000


class Clock:
    """Time that passes by sleeping alone."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class Device(Source):
    """Gives ``count`` blocks of a tenth of a second, then is unplugged."""

    live = True
    name = "zylia"

    def __init__(self, clock: Clock, count: int, rate: int = RATE, channels: int = 4) -> None:
        self._clock, self._count = clock, count
        self.rate, self.channels = rate, channels
        self.closed = False

    def __iter__(self) -> Iterator[Block]:
        size = self.rate // 10
        for number in range(self._count):
            self._clock.sleep(0.1)
            samples = np.zeros((self.channels, size), np.float32)
            yield Block(samples, self.rate, number * size)
        raise DeviceError("microphone zylia went silent")

    def close(self) -> None:
        self.closed = True


def supervised(clock: Clock, tries: list[Source | str], *, wait: bool = False) -> SupervisedSource:
    def open_device() -> Source:
        if not tries:
            source.close()
            raise DeviceError("no more")
        found = tries.pop(0)
        if isinstance(found, str):
            raise DeviceError(found)
        return found

    source = SupervisedSource.__new__(SupervisedSource)
    source.__init__(open_device, said.append, wait=wait, clock=clock, sleep=clock.sleep)  # type: ignore[misc]
    return source


said: list[str] = []


def test_a_gap_counts_as_lost_and_is_told() -> None:
    said.clear()
    clock = Clock()
    first = Device(clock, 10)
    source = supervised(clock, [first, "gone", "gone", Device(clock, 5)])
    blocks = list(source)
    assert first.closed
    sound = [block for block in blocks if block.samples.size]
    silent = [block for block in blocks if not block.samples.size]
    assert len(sound) == 15
    assert silent
    back = sound[10]
    assert back.status is not None
    assert (back.status.resumed, back.status.restarts) == (True, 1)
    gap_s = (back.start - 10 * RATE // 10) / RATE
    assert back.dropped == back.start - RATE
    assert 0.5 * FIRST_WAIT_S < gap_s < LONGEST_WAIT_S
    assert [b.dropped for b in sound[11:]] == [0] * 4
    assert "went silent" in said[0]
    assert any("is heard again" in text for text in said)
    assert [b.status.silent_s for b in silent if b.status] == sorted(
        b.status.silent_s for b in silent if b.status
    )


def test_another_rate_and_channel_count() -> None:
    clock = Clock()
    source = supervised(clock, [Device(clock, 10), Device(clock, 3, 48_000, 6)])
    sound = [block for block in source if block.samples.size]
    assert {(b.rate, len(b.samples)) for b in sound} == {(RATE, 4), (48_000, 6)}
    back = sound[10]
    assert back.start / 48_000 == pytest.approx(clock.now_s - 100 - 0.3, abs=0.15)


def test_a_device_that_is_missing_at_first() -> None:
    clock = Clock()
    with pytest.raises(DeviceError, match="not there"):
        supervised(clock, ["not there"])
    source = supervised(clock, ["not there", "still not", Device(clock, 4)], wait=True)
    blocks = list(source)
    assert sum(bool(block.samples.size) for block in blocks) == 4
    assert not blocks[0].samples.size


def test_tries_get_rarer_but_never_stop() -> None:
    clock = Clock()
    source = supervised(clock, [Device(clock, 1), *["gone"] * 30, Device(clock, 1)])
    sound = [block for block in source if block.samples.size]
    assert sound[1].start / RATE > 200
    assert sound[1].start / RATE < 30 * 1.2 * LONGEST_WAIT_S


def test_what_waits_too_long_is_skipped_and_counted() -> None:
    ring = Ring(4, 4 * RATE)
    for _ in range(300):  # three seconds
        ring.write(np.zeros((160, 4), np.float32), 0.0, False)
    assert ring.waiting == 3 * RATE
    gone = ring.skip(round(2.8 * RATE))
    assert gone == round(2.8 * RATE)
    arrived = ring.read(160, 1_600, 0.1)
    assert arrived is not None
    samples, chunks = arrived
    assert chunks[0].lost == gone
    assert ring.waiting == 3 * RATE - gone - samples.shape[1]
