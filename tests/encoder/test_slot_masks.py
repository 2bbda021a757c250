"""Slot masks: what the network sees, and what the masks of the shipped bundle say."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import DEFAULT, SLOT_MASKS, ModelBundle
from elsa_rt.encoder.compiled.model import RUN
from elsa_rt.encoder.slot_masks import (
    DEEPEST,
    MaskModel,
    RunningLevel,
    SlotMasks,
    mixture_of,
    planes,
)
from elsa_rt.encoder.two_sounds import Beam
from elsa_rt.errors import BundleError
from elsa_rt.features.intensity import IntensityFeatures
from export.bundles.manifest import rehash

pytestmark = pytest.mark.skipif(
    not RUN.is_ready, reason="no machine code is shipped for this processor: elsa-rt warmup"
)

Floats = NDArray[np.float32]
TOWARDS = np.stack([direction_from_angles(80, 0), direction_from_angles(-60, 10)])
LOW, HIGH = (200, 600), (1200, 2400)  # Hz, of the sounds at both


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.load()


def wave(towards: NDArray[np.float64], band: tuple[float, float], seed: int) -> Floats:
    """A second of noise in a band, from one direction."""
    noise = np.random.default_rng(seed).normal(size=32_000)
    mono = sosfilt(butter(6, band, "bandpass", fs=32_000, output="sos"), noise)
    x, y, z = towards
    return (0.1 * np.stack([mono, y * mono, z * mono, x * mono])).astype(np.float32)


def two(shipped: ModelBundle) -> tuple[Floats, Floats]:
    """Frames of a low and a high sound at once, and the log power of the beams at them."""
    foa = wave(TOWARDS[0], LOW, 1) + wave(TOWARDS[1], HIGH, 2)
    foa += np.random.default_rng(3).normal(0, 1e-4, foa.shape).astype(np.float32)
    size = 96 * shipped.features.hop
    mel, beams = IntensityFeatures(shipped.features).step(foa[:, :size]).mel, []
    for towards, away in ((TOWARDS[0], TOWARDS[1]), (TOWARDS[1], TOWARDS[0])):
        beam = Beam(shipped)
        beam.begin(towards, away)
        beams.append(beam.step(mel, foa[:, :size], towards, away).mel[:, 0])
    return mel, np.stack(beams)


def gains(masks: SlotMasks, mel: Floats, beams: Floats, step: int) -> Floats:
    """Gains (2, frames, mels), step by step."""
    return np.concatenate(
        [masks.step(mel[i : i + step], beams[:, i : i + step], TOWARDS)
         for i in range(0, len(mel), step)], axis=1,
    )  # fmt: skip


def test_the_running_level_is_the_same_for_any_split() -> None:
    power = np.random.default_rng(1).normal(-5, 2, (40, 16)).astype(np.float32)
    whole, parts = RunningLevel(), RunningLevel()
    several = np.concatenate([parts.step(part) for part in np.split(power, [8, 9, 30])])
    np.testing.assert_allclose(several, whole.step(power), rtol=1e-6)
    np.testing.assert_allclose(several[0, 0], np.log(np.exp(power[0]).mean()), rtol=1e-5)


def test_a_wave_from_one_direction_is_sent_from_there_alone() -> None:
    mel = np.zeros((8, 8, 4), np.float32)
    mel[:, 1:4] = TOWARDS[0].astype(np.float32)[None, :, None]
    mixture, nothing = mixture_of(mel), np.zeros((2, 8, 4), np.float32)
    seen = planes(mixture, nothing, np.zeros((8, 1), np.float32), TOWARDS)
    np.testing.assert_allclose(seen[0, 1], 1, atol=1e-6)
    np.testing.assert_allclose(seen[0, 2], 0, atol=1e-6)
    np.testing.assert_array_equal(seen[0, [1, 2, 4, 5]], seen[1, [2, 1, 5, 4]])


def test_opposite_directions_are_parted_as_well() -> None:
    behind = np.stack([TOWARDS[0], -TOWARDS[0]])
    mixture = np.ones((5, 8, 4), np.float32)
    seen = planes(mixture, np.zeros((2, 8, 4), np.float32), np.zeros((8, 1), np.float32), behind)
    assert np.isfinite(seen).all()


def test_each_slot_gets_its_own_bands(shipped: ModelBundle) -> None:
    model = MaskModel.load(shipped)
    assert model is not None
    mel, beams = two(shipped)
    gain = gains(SlotMasks(model), mel, beams, shipped.step_frames)[:, 32:]
    assert gain.min() > DEEPEST - 1e-3
    assert gain.max() <= 1e-5
    loud = mel[32:, 0].mean(0)
    low, high = (np.flatnonzero(loud[part] > loud.max() - 4) + part.start
                 for part in (slice(0, 40), slice(40, 128)))  # fmt: skip
    mean = [[float(slot[:, bands].mean()) for bands in (low, high)] for slot in gain]
    assert mean[0][0] > -0.7 > -1.4 > mean[1][0]  # natural logarithm of the power
    assert mean[1][1] > -0.7 > -1.4 > mean[0][1]


def test_after_a_reset_masks_are_new(shipped: ModelBundle) -> None:
    model = MaskModel.load(shipped)
    assert model is not None
    masks, (mel, beams) = SlotMasks(model), two(shipped)
    first = gains(masks, mel, beams, shipped.step_frames)
    assert not np.array_equal(gains(masks, mel, beams, shipped.step_frames)[:, :8], first[:, :8])
    masks.reset()
    np.testing.assert_array_equal(gains(masks, mel, beams, shipped.step_frames), first)


def test_any_split_of_two_sounds_gives_the_same(shipped: ModelBundle) -> None:
    foa = wave(TOWARDS[0], LOW, 1) + wave(TOWARDS[1], HIGH, 2)
    stream = AudioEncoder(shipped, Config(sounds=2)).streams().lanes[0]
    heard = []
    for cuts in ([], [700, 9_999, 10_001, 25_000]):
        features = IntensityFeatures(shipped.features)
        stream.reset()
        heard.append(
            [output for part in np.split(foa, cuts, axis=1)
             for output in stream.step(features.step(part), part)]
        )  # fmt: skip
    whole, parts = heard
    assert (whole[-1].activity > 0).all()  # two are told
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-3)
        np.testing.assert_allclose(one.direction, other.direction, atol=1e-3)


def test_a_bundle_may_have_none(bundle: Path, tmp_path: Path) -> None:
    assert MaskModel.load(ModelBundle.load(bundle)) is None
    AudioEncoder(ModelBundle.load(bundle), Config(sounds=2))


def test_a_file_that_is_no_such_network_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(DEFAULT, other)
    shutil.copy(other / "audio_encoder.onnx", other / SLOT_MASKS)
    rehash(other)
    with pytest.raises(BundleError, match=r"slot_masks\.onnx: it makes None of .*export masks"):
        AudioEncoder(ModelBundle.load(other), Config(sounds=2))
