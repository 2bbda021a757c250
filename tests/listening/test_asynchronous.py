"""A listener in asyncio: the same hearings, beside other tasks, and nothing left open."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import ArraySource, AudioEncoder, Hearing, Listener, ModelBundle, UsageError
from elsa_rt.testing import FakeMicrophone

RATE = 16_000
LONG_S = 20.0

Foa = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


def listen(encoder: AudioEncoder, source: Any) -> Listener:
    return Listener(["a hum", "a hiss"], source, encoder=encoder, on_notice=lambda _: None)


async def collect(listener: Listener) -> list[Hearing]:
    return [hearing async for hearing in listener]


def test_the_same_hearings_as_in_a_loop(encoder: AudioEncoder, scene: Foa) -> None:
    source = ArraySource(scene, RATE)
    assert asyncio.run(collect(listen(encoder, source))) == list(listen(encoder, source))


def test_two_listeners_and_another_task_take_turns(encoder: AudioEncoder, scene: Foa) -> None:
    async def run() -> tuple[list[list[Hearing]], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0)
                ticks += 1

        ticking = asyncio.create_task(tick())
        both = [collect(listen(encoder, ArraySource(scene, RATE))) for _ in range(2)]
        found = await asyncio.gather(*both)
        ticking.cancel()
        return found, ticks

    (one, other), ticks = asyncio.run(run())
    assert one == other
    assert ticks > len(one)


def test_leaving_the_loop_closes_the_microphone(encoder: AudioEncoder, scene: Foa) -> None:
    microphone = FakeMicrophone()
    microphone.give(scene[:, :RATE].copy())

    async def run() -> float:
        async with aclosing(aiter(listen(encoder, microphone))) as hearings:  # type: ignore[type-var]
            async for hearing in hearings:
                return hearing.time_s
        return 0.0

    assert asyncio.run(run()) == 0.1
    assert microphone.closed == 1


def test_a_task_that_waits_for_sound_can_be_cancelled(encoder: AudioEncoder) -> None:
    microphone = FakeMicrophone()

    async def run() -> None:
        task = asyncio.create_task(collect(listen(encoder, microphone)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(run(), LONG_S))
    assert microphone.closed == 1


def test_errors_of_the_source_arrive(encoder: AudioEncoder, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot open"):
        asyncio.run(collect(listen(encoder, tmp_path / "missing.wav")))
