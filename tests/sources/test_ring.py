"""The ring and the capture clock."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from elsa_rt.sources.capture_clock import CaptureClock
from elsa_rt.sources.ring import Chunk, Ring
from tests.support.contract import ODD_SIZES


@pytest.mark.parametrize("size", ODD_SIZES)
def test_what_goes_in_comes_out(size: int) -> None:
    ring = Ring(2, 1000)
    sent = np.arange(2 * 20 * size, dtype=np.float32).reshape(-1, 2)
    got = []
    for at in range(0, len(sent), size):
        piece = sent[at : at + size].copy()
        ring.write(piece, 0.0, False)
        piece[:] = np.nan
        if (arrived := ring.read(64, 480, 0.0)) is not None:
            got.append(arrived[0])
    while (arrived := ring.read(1, 480, 0.0)) is not None:
        got.append(arrived[0])
    np.testing.assert_array_equal(np.concatenate(got, axis=1), sent.T)


def test_a_full_ring_loses_whole_chunks_and_counts_them() -> None:
    ring = Ring(1, 100)
    for value in range(5):  # 3 fit, 2 are lost
        ring.write(np.full((30, 1), value, np.float32), value, False)
    first = ring.read(1, 1000, 0.0)
    ring.write(np.full((30, 1), 5, np.float32), 5.0, True)
    second = ring.read(1, 1000, 0.0)
    assert first is not None
    assert second is not None
    assert np.unique(first[0]).tolist() == [0, 1, 2]
    assert [chunk.lost for chunk in first[1]] == [0, 0, 0]
    assert np.unique(second[0]).tolist() == [5]
    assert second[1] == [Chunk(30, 60, 5.0, True)]


def test_a_read_never_crosses_a_loss() -> None:
    ring = Ring(1, 100)
    ring.write(np.zeros((60, 1), np.float32), 0.0, False)
    ring.write(np.zeros((60, 1), np.float32), 0.0, False)
    ring.write(np.zeros((40, 1), np.float32), 0.0, False)
    sizes = [arrived[0].shape[1] for _ in range(2) if (arrived := ring.read(1, 999, 0.0))]
    assert sizes == [60, 40]


def test_close_wakes_the_reader() -> None:
    ring = Ring(1, 100)
    results: list[object] = []
    reader = threading.Thread(target=lambda: results.append(ring.read(1, 1, 30.0)))
    reader.start()
    ring.close()
    reader.join(10)
    assert results == [None]


def test_two_threads_never_tear() -> None:
    ring = Ring(4, 700)
    chunks = 3000

    def produce() -> None:
        for value in range(chunks):
            ring.write(np.full((64, 4), value, np.float32), float(value), False)
            if value % 8 == 0:
                time.sleep(0.0002)

    producer = threading.Thread(target=produce)
    producer.start()
    expected = 0
    while expected < chunks:
        arrived = ring.read(1, 480, 2.0)
        if arrived is None:
            break
        samples, got = arrived
        at = 0
        for chunk in got:
            expected += chunk.lost // 64
            assert (samples[:, at : at + 64] == expected).all()
            expected += 1
            at += chunk.frames
    producer.join()
    assert expected > chunks // 2


RATE = 48_000


def clock_after(arrivals: list[tuple[float, int, bool]]) -> tuple[CaptureClock, int]:
    clock = CaptureClock(RATE)
    lost = clock.step(Chunk(frames, 0, at, flag) for at, frames, flag in arrivals)
    return clock, lost


def steady(count: int, start: float = 0.0) -> list[tuple[float, int, bool]]:
    jitter = np.random.default_rng(0).exponential(0.001, count)
    return [(start + 0.01 * (k + 1) + jitter[k], 480, False) for k in range(count)]


def test_a_steady_device_loses_nothing() -> None:
    clock, lost = clock_after(steady(1000))
    assert lost == 0
    assert clock.position == 480_000
    assert clock.captured(48_000) == pytest.approx(1.0, abs=0.002)


def test_a_drifting_device_loses_nothing() -> None:
    _, lost = clock_after([(at * 1.0005, frames, flag) for at, frames, flag in steady(6000)])
    assert lost == 0


def test_a_stall_that_is_made_up_for_loses_nothing() -> None:
    chunks = steady(1000)
    stalled = [(max(at, 5.7) if at > 5.0 else at, frames, flag) for at, frames, flag in chunks]
    assert clock_after(stalled)[1] == 0


@pytest.mark.parametrize(("gap_s", "flag"), [(0.2, False), (0.05, False), (0.01, True)])
def test_a_gap_is_counted(gap_s: float, flag: bool) -> None:
    later = steady(300, 3.0 + gap_s)
    later[0] = (*later[0][:2], flag)
    clock, lost = clock_after([*steady(300), *later])
    assert lost == pytest.approx(gap_s * RATE, abs=0.002 * RATE)
    assert clock.position == 288_000 + lost


def late_again_and_again(seconds: int) -> list[tuple[float, int, bool]]:
    """Of every five seconds one arrives 0.3 s late; then all that was due comes at once."""
    late = [(at + 0.3 if at % 5 > 3.8 else at, frames, flag)
            for at, frames, flag in steady(100 * seconds)]  # fmt: skip
    return [(max(at for at, *_ in late[max(0, k - 40) : k + 1]), frames, flag)
            for k, (_, frames, flag) in enumerate(late)]  # fmt: skip


def test_a_device_that_is_late_again_and_again_does_not_run_away() -> None:
    clock, lost = clock_after(late_again_and_again(60))
    assert lost == pytest.approx(0.3 * RATE, abs=0.01 * RATE), "it looked lost once"
    assert clock.position == 60 * RATE + lost


def test_a_true_gap_brings_a_position_that_ran_ahead_back_to_the_clock() -> None:
    chunks = [*late_again_and_again(20), *steady(300, 20.5)]
    clock, _ = clock_after(chunks)
    assert clock.position == pytest.approx(23.5 * RATE, abs=0.01 * RATE)
    assert clock.captured(clock.position) == pytest.approx(23.5, abs=0.01)


def test_what_the_ring_lost_is_not_counted_twice() -> None:
    clock = CaptureClock(RATE)
    chunks = [Chunk(frames, 0, at, flag) for at, frames, flag in steady(600)]
    kept = [*chunks[:200], chunks[300]._replace(lost=48_000), *chunks[301:]]
    assert clock.step(kept) == 48_000
    assert clock.position == 288_000
