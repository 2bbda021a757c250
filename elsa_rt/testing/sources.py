"""Sound that the tiny bundle understands, in memory or as a microphone that a test feeds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.audio.block import Block
from elsa_rt.sources.array import ArraySource, as_samples
from elsa_rt.sources.base import Source

RATE = 16_000
SPLIT_HZ = 1_200.0
LOWEST_HZ, HIGHEST_HZ = 60.0, 7_000.0
NOISE = 1e-4  # standard deviation of the background of a scene


@dataclass(frozen=True)
class SoundAt:
    """A sound of a `scene`."""

    kind: Literal["hum", "hiss"]
    start_s: float
    end_s: float
    azimuth_deg: float = 0.0  # -180..180, left positive
    elevation_deg: float = 0.0  # -90..90, up positive
    level: float = 0.1  # standard deviation; full scale is 1


def sound(
    kind: str,
    seconds: float,
    azimuth_deg: float,
    elevation_deg: float = 0.0,
    rate: int = RATE,
    level: float = 0.1,
) -> NDArray[np.float32]:
    """AmbiX (4, n) plane wave of a "hum" (noise below `SPLIT_HZ`) or a "hiss" (above)."""
    count = round(seconds * rate)
    spectrum = np.fft.rfft(np.random.default_rng(3).normal(size=count))
    hertz = np.fft.rfftfreq(count, 1 / rate)
    low = (hertz < SPLIT_HZ) & (hertz > LOWEST_HZ)
    high = (hertz > SPLIT_HZ) & (hertz < HIGHEST_HZ)
    mono = np.fft.irfft(spectrum * (low if kind == "hum" else high), count)
    mono *= level / mono.std()
    gains = plane_wave(direction_from_angles(azimuth_deg, elevation_deg))
    return (gains[:, None] * mono).astype(np.float32)


def scene(*sounds: SoundAt, seconds: float, rate: int = RATE) -> ArraySource:
    """A source of ``seconds`` with ``sounds`` in front of a faint noise, the same each time."""
    noise = np.random.default_rng(5).normal(0, NOISE, (4, round(seconds * rate)))
    samples = noise.astype(np.float32)
    for one in sounds:
        start, end = round(one.start_s * rate), round(one.end_s * rate)
        length_s = (end - start) / rate
        heard = sound(one.kind, length_s, one.azimuth_deg, one.elevation_deg, rate, one.level)
        samples[:, start:end] += heard[:, : samples.shape[1] - start]
    return ArraySource(samples, rate, name="a scene")


class FakeMicrophone(Source):
    """A live source whose blocks a test gives: reading waits for them, `close` ends the reading.

    Attributes
    ----------
    closed : int
        How often it was closed.
    """

    name, live = "a fake microphone", True

    def __init__(self, rate: int = RATE, channels: int = 4) -> None:
        self.rate, self.channels, self.closed = rate, channels, 0
        self._waiting: deque[Block | Exception | None] = deque()
        self._changed = threading.Condition()
        self._start = 0

    def give(self, samples: ArrayLike) -> None:
        """Let it hear float ``samples`` (channels, n) next."""
        block = Block(as_samples(samples, self.name).astype(np.float32), self.rate, self._start)
        self._start += block.samples.shape[1]
        self._put(block)

    def fail(self, error: Exception) -> None:
        """Let reading raise ``error`` next, e.g. a DeviceError."""
        self._put(error)

    def end(self) -> None:
        """Let the sound end next."""
        self._put(None)

    def close(self) -> None:
        """Wake whoever reads: nothing more comes."""
        with self._changed:
            self.closed += 1
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Block]:
        while (block := self._next()) is not None:
            yield block

    def _next(self) -> Block | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.closed)
            found = self._waiting.popleft() if self._waiting else None
        if isinstance(found, Exception):
            raise found
        return found

    def _put(self, what: Block | Exception | None) -> None:
        with self._changed:
            self._waiting.append(what)
            self._changed.notify_all()
