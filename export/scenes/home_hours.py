"""What a bundle hears in hours of `export.scenes.home`: made once, kept, and resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import AUDIO_ENCODER, ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.files import replacing
from export.scenes.home import RATE, HomeEvent, HomeStream, World

TOGETHER = 4
"""Streams that step together: on one core twice as fast as one by one."""

BACKGROUND, TARGETS = "background", "targets"


class HomeRecording(NamedTuple):
    """What came of a stream of n steps, the most active slot of each, and what sounded."""

    embedding: NDArray[np.float16]  # (n, D)
    direction: NDArray[np.float32]  # (n, 3)
    activity: NDArray[np.float32]  # (n,)
    distance: NDArray[np.float32]  # (n,) metres
    events: list[HomeEvent]


class BundleListener:
    """A bundle that hears several streams at once, each from a fresh start."""

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        encoder = AudioEncoder(bundle, Config(threads=1))
        self._features = IntensityFeatures(bundle.features)
        self._many = encoder.streams(TOGETHER)
        self._stream = encoder.streams().lanes[0]

    def hear(self, streams: Sequence[HomeStream]) -> list[HomeRecording]:
        """Hear ``streams``, `TOGETHER` at most."""
        if len(streams) != TOGETHER or len({s.foa.shape for s in streams}) > 1:
            return [_heard(self._alone(stream.foa), stream.events) for stream in streams]
        frames = []
        for stream, lane in zip(streams, self._many.lanes, strict=True):
            lane.reset()
            self._features.reset()
            frames.append(self._features.step(self._resampled(stream.foa)))
        heard = self._many.step(frames, np.empty((4, 0), np.float32))
        return [_heard(s, stream.events) for s, stream in zip(heard, streams, strict=True)]

    def _alone(self, foa: NDArray[np.float32]) -> list[EncoderOutput]:
        foa = self._resampled(foa)
        self._features.reset()
        self._stream.reset()
        return self._stream.step(self._features.step(foa), foa)

    def _resampled(self, foa: NDArray[np.float32]) -> NDArray[np.float32]:
        rate = self.bundle.features.rate
        if rate == RATE:
            return foa
        return np.ascontiguousarray(soxr.resample(foa.T, RATE, rate).T)


def ears_of(bundle: ModelBundle) -> str:
    """What tells its features and audio encoder from others, as the name of a file."""
    gain = bundle.features.mel_gain_db
    return bundle.files[AUDIO_ENCODER][:12] + (f"-{gain:g}dB" if gain else "")


def hear_world(
    bundle: ModelBundle, world: World, what: str, count: int, cache: Path | None, snr_db: float = 20
) -> Iterator[HomeRecording]:
    """What ``bundle`` hears in the first ``count`` streams of background, or in single targets.

    With ``cache``, a directory, each stream is kept there and not heard again.
    """
    side = f"{world.side}-{what}"
    side += "-taught" * bool(world.taught.size)
    folder = None if cache is None else cache / ears_of(bundle)
    ears: BundleListener | None = None
    for first in tqdm(range(0, count, TOGETHER), desc=side, unit="x4"):
        numbers = range(first, min(first + TOGETHER, count))
        kept = [_read(folder, f"{side}-{number:04d}") for number in numbers]
        if all(one is not None for one in kept):
            yield from (one for one in kept if one is not None)
            continue
        ears = ears or BundleListener(bundle)
        made = [world.stream(n) if what == BACKGROUND else world.target(n, snr_db) for n in numbers]
        for number, heard in zip(numbers, ears.hear(made), strict=True):
            _keep(folder, f"{side}-{number:04d}", heard)
            yield heard


def _heard(sounds: Sequence[EncoderOutput], events: list[HomeEvent]) -> HomeRecording:
    slot = [int(sound.activity.argmax()) for sound in sounds]
    embedding, direction, activity, distance = (
        np.stack([values[k] for values, k in zip(column, slot, strict=True)])
        for column in zip(*sounds, strict=True)
    )
    return HomeRecording(embedding.astype(np.float16), direction, activity, distance, events)


def _read(folder: Path | None, name: str) -> HomeRecording | None:
    if folder is None or not (folder / f"{name}.npz").is_file():
        return None
    try:
        with np.load(folder / f"{name}.npz") as stored:
            events = [
                HomeEvent(a, b, int(c), int(d), e, f) for a, b, c, d, e, f in stored["events"]
            ]
            return HomeRecording(
                stored["embedding"],
                stored["direction"],
                stored["activity"],
                stored["distance"],
                events,
            )
    except Exception as error:  # zip, pickle, key and value errors alike mean a bad file
        raise UsageError(f"reading {folder}/{name}.npz: {error}: remove it") from None


def _keep(folder: Path | None, name: str, heard: HomeRecording) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    events = np.array(heard.events, float).reshape(-1, len(HomeEvent._fields))
    with replacing(folder / f"{name}.npz") as part, part.open("wb") as file:
        np.savez(file, **{**heard._asdict(), "events": events})
