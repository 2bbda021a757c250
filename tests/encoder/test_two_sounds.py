"""Further streams while two directions are alive: beams, directions, and the stream's life."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from elsa_rt.audio.ambisonics import angle_deg, direction_from_angles
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.encoder.two_sounds import WITH_BEAMS, Beam, TwoSoundStream, pattern
from elsa_rt.features.intensity import Frames, IntensityFeatures
from elsa_rt.features.two_directions import DirectionMixture, MixtureFit

Floats = NDArray[np.float32]
LEFT, RIGHT = direction_from_angles(80, 0), direction_from_angles(-70, 10)


class Level:
    """An encoder whose embedding is the mean spectrum, and whose direction that of its bands."""

    def __init__(self, block: int) -> None:
        self.block = self.latency = block
        self.reset()

    def reset(self) -> None:
        self.steps = 0

    def step(self, frames: Frames, foa: Floats) -> list[EncoderOutput]:
        assert len(frames.mel) == self.block
        self.steps += 1
        spectrum = frames.mel[:, 0].mean(0) - frames.mel[:, 0].mean()
        towards = frames.mel[:, 1:4].mean((0, 2))
        unit = [x / max(float(np.linalg.norm(x)), 1e-9) for x in (spectrum, towards)]
        one = np.float32(1)
        return [EncoderOutput(unit[0][None], unit[1][None], np.array([one]), np.array([one]))]


@pytest.fixture(scope="module")
def loaded(bundle: Path) -> ModelBundle:
    return ModelBundle.load(bundle)


def stream_of(loaded: ModelBundle) -> TwoSoundStream:
    streams = [Level(loaded.step_frames) for _ in range(3)]
    return TwoSoundStream(loaded, streams[0], streams[1:])


def wave(loaded: ModelBundle, towards: NDArray[np.float64], band: tuple[float, float],
         seconds: float, seed: int) -> Floats:  # fmt: skip
    """A plane wave (4, n) of noise in a band."""
    rate = loaded.features.rate
    noise = np.random.default_rng(seed).normal(size=int(seconds * rate))
    mono = sosfilt(butter(4, band, "bandpass", fs=rate, output="sos"), noise)
    x, y, z = towards
    return (0.1 * np.stack([mono, y * mono, z * mono, x * mono])).astype(np.float32)


def two_waves(loaded: ModelBundle, seconds: float = 1.6) -> Floats:
    low = wave(loaded, LEFT, (250, 700), seconds, 1)
    return low + wave(loaded, RIGHT, (1100, 2200), seconds, 2)


def hear(loaded: ModelBundle, foa: Floats, cuts: list[int] | None = None) -> list[EncoderOutput]:
    stream, features = stream_of(loaded), IntensityFeatures(loaded.features)
    edges = [0, *(cuts or []), foa.shape[1]]
    heard: list[EncoderOutput] = []
    for first, last in pairwise(edges):
        part = foa[:, first:last].copy()
        heard += stream.step(features.step(part), part)
        part[:] = np.nan  # nobody keeps the caller's memory
    return heard


def test_a_pattern_hears_one_direction_and_not_the_other() -> None:
    for away in (RIGHT, -LEFT, direction_from_angles(10, 60)):
        w, y, z, x = pattern(LEFT, away)
        assert w + np.dot([x, y, z], LEFT) == pytest.approx(1, abs=1e-5)
        assert w + np.dot([x, y, z], away) == pytest.approx(0, abs=1e-5)


def test_of_all_patterns_it_hears_least_from_everywhere() -> None:
    w, y, z, x = pattern(LEFT, RIGHT)
    diffuse = w**2 + (x**2 + y**2 + z**2) / 3
    level = np.cross(LEFT, RIGHT)
    for step in (-0.1, 0.1):  # other patterns of the same gains at both
        other = np.array([x, y, z]) + step * level
        assert w**2 + (other**2).sum() / 3 > diffuse
    assert pattern(LEFT, -LEFT)[0] == pytest.approx(0.5)  # a cardioid


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_a_mixture_finds_both_directions(share: float) -> None:
    rng = np.random.default_rng(5)
    count = np.array([1 - share, share]) * 400
    noise = [0.2 * rng.normal(size=(int(n), 3)) for n in count]
    points = np.concatenate([LEFT + noise[0], RIGHT + noise[1], rng.normal(size=(60, 3))])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    weight = np.full(len(points), 1 / len(points), np.float32)
    found = MixtureFit().directions(
        points.astype(np.float32), weight, np.array([[1.0, 0, 0], [-1.0, 0, 0]])
    )
    assert angle_deg(found.direction[0], LEFT) < 6
    assert angle_deg(found.direction[1], RIGHT) < 6
    assert found.share[1] == pytest.approx(share * 400 / 460, abs=0.08)


def test_the_mixture_of_one_wave_has_one_direction(loaded: ModelBundle) -> None:
    foa = wave(loaded, LEFT, (250, 2200), 1.0, 3)
    mel = IntensityFeatures(loaded.features).step(foa).mel
    mixture, size = DirectionMixture(loaded.features, loaded.step_frames), loaded.step_frames
    found = [mixture.step(mel[i : i + size]) for i in range(0, len(mel) - size + 1, size)][-1]
    assert angle_deg(found.direction[0], LEFT) < 5
    assert found.share[1] < 0.1 or found.apart_deg < 45


def test_a_beam_takes_the_other_away(loaded: ModelBundle) -> None:
    foa = wave(loaded, RIGHT, (400, 2000), 1.0, 4)
    mel, beam = IntensityFeatures(loaded.features).step(foa).mel, Beam(loaded)
    size, samples = loaded.step_frames, loaded.step_samples
    levels = []
    for towards, away in ((RIGHT, LEFT), (LEFT, RIGHT)):
        beam.begin(towards, away)
        frames = beam.step(mel[:size], foa[:, :samples], towards, away).mel
        levels.append(float(np.log(np.exp(frames[:, 0]).sum(1).mean())))
        assert np.abs(frames[:, 7] + np.linalg.norm(frames[:, 1:4], axis=1) - 1).max() < 1e-5
    assert levels[0] - levels[1] > 6  # natural logarithm of the power: 26 dB


def test_two_sounds_are_heard_where_they_are(loaded: ModelBundle) -> None:
    heard = hear(loaded, two_waves(loaded))
    last = heard[-1]
    assert (last.activity > 0).all()
    order = np.argsort([angle_deg(towards, LEFT) for towards in last.direction])
    assert angle_deg(last.direction[order[0]], LEFT) < 15
    assert angle_deg(last.direction[order[1]], RIGHT) < 15
    edges = np.linspace(0, 1, last.embedding.shape[1])
    low = last.embedding[order[0]] @ edges < last.embedding[order[1]] @ edges
    assert low  # the sound on the left is the lower one


def test_one_sound_stays_one_and_is_what_the_encoder_says(loaded: ModelBundle) -> None:
    foa = wave(loaded, LEFT, (250, 2200), 1.6, 6)
    alone, features = Level(loaded.step_frames), IntensityFeatures(loaded.features)
    mel, size = features.step(foa).mel, loaded.step_frames
    for index, output in enumerate(hear(loaded, foa)):
        nothing = np.zeros(size, np.float32)
        frames = Frames(mel[index * size : (index + 1) * size], *4 * [nothing])
        (wanted,) = alone.step(frames, foa)
        assert output.activity.tolist() == [1, 0]
        np.testing.assert_array_equal(output.embedding[0], wanted.embedding[0])
        np.testing.assert_array_equal(output.direction[0], wanted.direction[0])


def test_the_second_ends_soon_after_its_sound(loaded: ModelBundle) -> None:
    second = 1.6
    alone = wave(loaded, LEFT, (250, 700), second, 7)
    heard = hear(loaded, np.concatenate([two_waves(loaded, second), alone], axis=1))
    active = [bool(output.activity[1] > 0) for output in heard]
    half = len(active) // 2
    assert any(active[:half])
    last = max(index for index, two in enumerate(active) if two)
    assert last < half + WITH_BEAMS.end_steps + round(0.4 / loaded.step_s) + 2


@pytest.mark.parametrize("cuts", [[1], [63, 64, 65, 481], list(range(500, 25_000, 777))])
def test_any_split_gives_the_same(loaded: ModelBundle, cuts: list[int]) -> None:
    foa = two_waves(loaded)
    whole, parts = hear(loaded, foa), hear(loaded, foa, cuts)
    assert len(whole) == len(parts)
    for one, other in zip(whole, parts, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4)


def test_after_a_reset_all_is_new(loaded: ModelBundle) -> None:
    stream, features = stream_of(loaded), IntensityFeatures(loaded.features)
    foa = two_waves(loaded)
    first = stream.step(features.step(foa), foa)
    stream.reset()
    features.reset()
    for one, other in zip(first, stream.step(features.step(foa), foa), strict=True):
        np.testing.assert_array_equal(one.embedding, other.embedding)
