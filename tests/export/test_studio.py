"""Scenes: what is heard in them is what their truth says, from the seed alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from elsa_rt.features.intensity import IntensityFeatures
from export.acoustics.noise import DIFFUSE, DiffuseNoise, Hiss, diffuse_noise
from export.scenes import studio as scenes
from export.scenes.casting import INTERFERER_DB, Casting, CastSound, Clips
from export.scenes.places import MEASURED, Places
from export.scenes.studio import SCENE_S, SILENT, Rendered, Studio
from export.settings import FEATURES, STEP_FRAMES, STEP_S
from tests.support.tiny_studio import LABELS, RATE, make_work, places

STEPS = int(SCENE_S / STEP_S)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_work(tmp_path_factory.mktemp("still") / "work")


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_work(tmp_path_factory.mktemp("moving") / "work", moving=True)


def only(kind: str, monkeypatch: pytest.MonkeyPatch, clean: bool = True) -> None:
    """Make scenes of one kind, with no more noise than their microphone's."""
    monkeypatch.setattr(scenes, "KINDS", {kind: 1.0})
    monkeypatch.setattr(scenes, "CLEAN", 1.0 if clean else 0.0)
    monkeypatch.setattr(scenes, "CLIPPED", 0.0)


def rendered(work: Path, count: int, seed: int = 0) -> list[Rendered]:
    studio = Studio(work, validation=False)
    return [studio.render(np.random.default_rng([seed, i])) for i in range(count)]


def flow(foa: NDArray[np.float32]) -> NDArray[np.float64]:
    """Unit active intensity (steps, 3) of a scene, as the device measures it."""
    intensity = IntensityFeatures(FEATURES).step(foa).intensity.astype(float)
    summed = intensity.reshape(-1, STEP_FRAMES, 3).sum(axis=1)
    return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-30)


def angles(scene: Rendered) -> NDArray[np.float64]:
    """Degrees between flow and truth in the steps that follow one of the same sound."""
    label, before = scene.truth.clip, np.roll(scene.truth.clip, 1)
    steps = np.flatnonzero((label != SILENT) & (label == before) & (np.arange(STEPS) > 0))
    cosine = (flow(scene.foa)[steps] * scene.truth.direction[steps]).sum(axis=1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def test_a_sound_comes_from_where_its_truth_says(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("one", monkeypatch)
    heard = rendered(work, 12)
    wrong = np.concatenate([angles(scene) for scene in heard])
    assert wrong.size > 60
    assert np.median(wrong) < 1
    for scene in heard:
        on = scene.truth.label != SILENT
        assert scene.foa.shape == (4, int(SCENE_S * RATE))
        assert scene.foa.dtype == np.float32
        assert np.linalg.norm(scene.truth.direction[on], axis=1) == pytest.approx(1, abs=1e-5)
        assert set(scene.truth.distance[on]) <= {1, 2, 3}
        assert (scene.truth.t30[on] == np.float32(0.5)).all()
        assert (scene.truth.floor[on] == 20).all()
        assert np.isnan(scene.truth.distance[~on]).all()
        assert not scene.truth.direction[~on].any()
        assert 10 ** (-93 / 20) < np.abs(scene.foa).max() < 10 ** (-2.5 / 20)
    peaks = [20 * np.log10(np.abs(scene.foa).max()) for scene in heard]
    assert min(peaks) < -55 < max(peaks)  # some microphones are turned down


def test_steps_are_active_where_the_sound_is(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("one", monkeypatch)
    for scene in rendered(work, 10, seed=1):
        level = np.sqrt((scene.foa[0].reshape(STEPS, -1) ** 2).mean(axis=1))
        if (scene.truth.label == SILENT).all():  # its sound was over before
            assert level.max() < 2e-3
            continue
        loud = level > 0.5 * level.max()
        assert (loud == (scene.truth.label != SILENT)).mean() > 0.9


def test_scenes_begin_in_the_middle_of_sounds(work: Path) -> None:
    casting = Casting(Clips(work, False, RATE), Places(work, False), int(SCENE_S * RATE))
    rng = np.random.default_rng(2)
    onsets = [casting.sounds("one", rng)[0].onset for _ in range(100)]
    assert 15 < sum(onset < 0 for onset in onsets) < 60
    assert min(onsets) >= -Places(work, False).memory


def test_a_moving_source_is_where_its_truth_says(
    moving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("one", monkeypatch)
    monkeypatch.setattr(scenes, "TILT_DEG", 0.0)
    turned = []
    for scene in rendered(moving, 16):
        on = np.flatnonzero(scene.truth.label != SILENT)
        if on.size < 4:
            continue
        assert np.median(angles(scene)) < 3
        first, last = scene.truth.direction[on[0]], scene.truth.direction[on[-1]]
        turned.append(np.degrees(np.arccos(np.clip(first @ last, -1, 1))))
        assert 1 <= np.nanmin(scene.truth.distance) <= np.nanmax(scene.truth.distance) <= 2
        path = scene.truth.direction[on]
        steps = np.degrees(np.arccos(np.clip((path[1:] * path[:-1]).sum(axis=1), -1, 1)))
        assert steps.max() < 40  # it does not jump
    assert np.median(turned) > 60


def test_of_two_sounds_at_once_the_louder_is_the_truth(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    casting = Casting(Clips(work, False, RATE), Places(work, False), int(SCENE_S * RATE))
    rng = np.random.default_rng(3)
    for _ in range(30):
        first, second = casting.sounds("at once", rng)
        weaker = -20 * np.log10(second.level / first.level)
        assert INTERFERER_DB[0] <= weaker <= INTERFERER_DB[1]
    only("at once", monkeypatch)
    nearer = []
    for scene in rendered(work, 24, seed=4):
        clips = [clip for clip in set(scene.truth.clip.tolist()) if clip != SILENT]
        if len(clips) < 2:
            continue
        steps = [np.flatnonzero(scene.truth.clip == clip) for clip in clips]
        ways = [scene.truth.direction[one[0]] for one in steps]
        if ways[0] @ ways[1] > 0.5:
            continue
        heard = flow(scene.foa)
        for one, mine, other in zip(steps, ways, ways[::-1], strict=True):
            nearer += list(heard[one] @ mine > heard[one] @ other)
    assert len(nearer) > 30
    assert np.mean(nearer) > 0.85


def test_background_alone_is_silent_in_truth(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only("background", monkeypatch, clean=False)
    for scene in rendered(work, 5):
        assert (scene.truth.label == SILENT).all()
        assert (scene.truth.clip == SILENT).all()
        power = (scene.foa.astype(float) ** 2).mean(axis=1)
        assert power[1:] / power[0] == pytest.approx([1 / 3] * 3, rel=0.4)


def test_silence_is_digital_or_the_microphones_own(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("silence", monkeypatch)
    peaks = [np.abs(scene.foa).max() for scene in rendered(work, 20)]
    assert any(peak == 0 for peak in peaks)
    assert any(peak > 0 for peak in peaks)
    assert max(peaks) < 0.02
    assert all((scene.truth.label == SILENT).all() for scene in rendered(work, 5))


def test_faint_sounds_are_masked_by_the_background(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only("one", monkeypatch, clean=False)
    active = []
    for snr_db in (20.0, -20.0):
        monkeypatch.setattr(scenes, "SNR_DB", (snr_db - 1, snr_db, snr_db + 1))
        active.append(sum((s.truth.label != SILENT).sum() for s in rendered(work, 8)))
    assert active[0] > 50
    assert active[1] == 0


def test_a_scene_depends_on_its_seed_alone(work: Path) -> None:
    first, again = rendered(work, 6), rendered(work, 6)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.foa, other.foa)
        for mine, theirs in zip(one.truth, other.truth, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    assert not np.array_equal(first[0].foa, rendered(work, 1, seed=9)[0].foa)


def test_features_are_the_devices_own(work: Path) -> None:
    studio = Studio(work, validation=False)
    studio.scene(np.random.default_rng(1))
    scene = studio.scene(np.random.default_rng(5))
    foa = studio.render(np.random.default_rng(5)).foa
    mel = IntensityFeatures(FEATURES).step(foa).mel
    assert np.array_equal(scene.mel, mel.astype(np.float16))
    assert scene.mel.shape == (STEPS * STEP_FRAMES, 8, FEATURES.mels)


def test_clips_of_the_other_split_and_of_unseen_labels_stay_out(work: Path) -> None:
    train, held = Studio(work, validation=False), Studio(work, validation=True)
    assert train.clips.members.tolist() == [0, 1, 2, 3, 4, 5]
    assert held.clips.members.tolist() == [7]
    assert train.labels == LABELS
    heard = {int(c) for s in rendered(work, 16, seed=6) for c in s.truth.clip}
    assert heard <= {SILENT, 0, 1, 2, 3, 4, 5}
    assert len(heard) > 3


def test_measured_places_are_used_in_their_share(work: Path, tmp_path: Path) -> None:
    both = make_work(tmp_path / "both")
    np.savez(both / "responses.npz", **{**places(), "validation": np.zeros(4, bool)})
    still, mixed = Places(work, False), Places(both, False)
    assert (len(still), len(mixed)) == (3, 7)
    rng = np.random.default_rng(0)
    drawn = np.array([mixed.draw(rng) for _ in range(600)])
    assert (drawn >= 3).mean() == pytest.approx(MEASURED, abs=0.06)
    assert {still.draw(rng) for _ in range(60)} == {0, 1, 2}
    assert len(Places(both, True)) == 1  # none of them is for validation


def test_recorded_backgrounds_stand_in_for_noise(tmp_path: Path) -> None:
    work = make_work(tmp_path / "work")
    hum = np.int16(8_000 * np.sin(2 * np.pi * 100 * np.arange(5 * RATE) / RATE))
    np.savez(work / "backgrounds.npz", samples=np.stack([hum, hum // 2, 0 * hum, 0 * hum]),
             bounds=np.array([0, hum.size]), validation=np.array([False]))  # fmt: skip
    background, rng = DiffuseNoise(work, False, 4 * RATE), np.random.default_rng(0)
    hums = 0
    for _ in range(20):
        foa = background.draw(rng)
        assert np.sqrt((foa[0] ** 2).mean()) == pytest.approx(1, rel=1e-3)
        level = np.abs(np.fft.rfft(foa[0]))
        recorded = level.argmax() == 400 and level[400] > 0.99 * np.linalg.norm(level)
        hums += recorded
        if recorded:  # turned about the vertical
            assert np.linalg.norm(foa[[1, 3]]) == pytest.approx(
                np.linalg.norm(foa[0]) / 2, rel=0.01
            )
    assert 4 < hums < 16


def test_diffuse_noise_comes_from_everywhere() -> None:
    noise = diffuse_noise(8 * RATE, RATE, np.random.default_rng(2)).astype(float)
    assert (noise[0] ** 2).mean() == pytest.approx(1, abs=1e-3)
    assert (noise**2).mean(axis=1) == pytest.approx(DIFFUSE**2, rel=0.15)
    frames = IntensityFeatures(FEATURES).step((0.1 * noise).astype(np.float32))
    assert np.linalg.norm(frames.intensity.sum(0)) < 0.1 * frames.energy.sum()


def test_hiss_is_that_of_capsules() -> None:
    hiss = Hiss(RATE).draw(np.random.default_rng(0))
    assert (hiss.astype(float) ** 2).mean(axis=1) == pytest.approx([1, 3, 3, 3], rel=0.05)


@pytest.mark.parametrize(
    ("seconds", "onset_s"), [(0.5, 0), (0.5, -0.2), (0.5, 3.8), (4, 0), (4.1, -0.1), (4.05, -0.05)]
)
def test_a_scene_holds_the_whole_convolution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, onset_s: float
) -> None:
    rng = np.random.default_rng(8)
    work, onset = make_work(tmp_path / "work"), int(onset_s * RATE)
    rooms = places()
    rooms["responses"] = rng.normal(0, 0.1, rooms["responses"].shape).astype(np.float16)
    np.savez(work / "rooms.npz", **rooms)
    mono = rng.normal(0, 0.1, int(seconds * RATE)).astype(np.float32)
    sound = CastSound(0, mono, 0, onset, 1.0)
    monkeypatch.setattr(Casting, "sounds", lambda *_: [sound])
    monkeypatch.setattr(scenes, "colour", lambda size, *_: np.ones(size // 2 + 1, np.float32))
    monkeypatch.setattr(scenes, "HISS_DB", (-200.0, -200.0))
    only("one", monkeypatch)
    w = rendered(work, 1)[0].foa[0].astype(float)
    convolved = fftconvolve(mono.astype(float), rooms["responses"][0, 0].astype(float))
    wanted = np.zeros(w.size)
    begin = max(0, onset)
    part = convolved[begin - onset :][: w.size - begin]
    wanted[begin : begin + part.size] = part
    assert w / np.linalg.norm(w) == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-6)
