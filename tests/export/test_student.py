"""The student: it streams exactly, takes the tagger's weights faithfully, and forgets boundedly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from elsa_rt.features.intensity import FeatureSettings
from export.data.tagger import pre_emphasis
from export.scenes.studio import UNTAUGHT, Scene, Truth
from export.settings import EMBEDDING, FEATURES, STEP_FRAMES, TAG_FEATURES, TAGS
from export.student.batches import augmented
from export.student.model import RunningLevel, Student
from export.student.semantic import BLOCKS, FEATURES_WIDTH, STEM, SemanticTower
from export.student.spatial import STEP, SpatialTower
from export.towers.losses import (
    TagHead,
    TargetSteps,
    multi_positive,
    place_losses,
    ranking_loss,
    tag_name_loss,
)
from export.towers.memory import GatedMemory, PastMean, recall
from export.towers.output import StudentOutput


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    torch.manual_seed(3)
    with torch.inference_mode():
        yield


def frames(steps: int, batch: int = 1) -> Tensor:
    mel = 0.3 * torch.randn(batch, steps * STEP_FRAMES, 8, FEATURES.mels)
    mel[:, :, 0] -= 6
    return mel


def tagger_weights() -> dict[str, NDArray[np.float32]]:
    """Random ones with the names and shapes of the tagger's ONNX file; axes (mel, time)."""
    rng = np.random.default_rng(1)
    shapes: dict[str, tuple[int, ...]] = {"f0_w": (STEM, 1, 3, 3), "f0_b": (STEM,)}
    for i, size in enumerate(BLOCKS, 1):
        wide = size.expanded
        if i > 1:
            shapes |= {f"f{i}e_w": (wide, size.inputs, 1, 1), f"f{i}e_b": (wide,)}
        shapes |= {f"f{i}d_w": (wide, 1, size.kernel, size.kernel), f"f{i}d_b": (wide,)}
        shapes |= {f"f{i}p_w": (size.outputs, wide, 1, 1), f"f{i}p_b": (size.outputs,)}
        if size.squeeze:
            shapes |= {f"f{i}s_w1": (size.squeeze, wide), f"f{i}s_b1": (size.squeeze,)}
            shapes |= {f"f{i}s_w2": (wide, size.squeeze), f"f{i}s_b2": (wide,)}
    shapes |= {"f16_w": (FEATURES_WIDTH, 64, 1, 1), "f16_b": (FEATURES_WIDTH,)}
    shapes |= {"c2w": (512, 384), "c2b": (512,), "c5w": (527, 512), "c5b": (527,)}
    return {
        name: rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def whole_clip(x: Tensor, weights: dict[str, NDArray[np.float32]]) -> Tensor:
    """The tagger as it was made: strides and pooling over the clip, which here goes round."""
    given = {name: torch.from_numpy(array) for name, array in weights.items()}

    def conv(x: Tensor, name: str, stride: int = 1, over: int = 1, groups: int = 1) -> Tensor:
        weight = given[f"{name}_w"]
        pad = weight.shape[2] // 2
        x = F.pad(x, (0, 0, pad, pad))  # mel: (batch, channel, mel, time)
        x = torch.cat([x[..., x.shape[3] - pad :], x, x[..., :pad]], dim=3)
        return F.conv2d(x, weight, given[f"{name}_b"], (stride, over), groups=groups)

    y = F.hardswish(conv(x.transpose(2, 3), "f0", 2, 2))
    for i, size in enumerate(BLOCKS, 1):
        act = F.hardswish if size.hard_swish else F.relu
        wide = y if i == 1 else act(conv(y, f"f{i}e"))
        time_stride = 2 if size.mel_stride == 2 else 1  # as published: equal in both axes
        wide = act(conv(wide, f"f{i}d", size.mel_stride, time_stride, size.expanded))
        if size.squeeze:
            pooled = wide.mean(dim=(2, 3))
            squeezed = F.relu(F.linear(pooled, given[f"f{i}s_w1"], given[f"f{i}s_b1"]))
            gate = F.linear(squeezed, given[f"f{i}s_w2"], given[f"f{i}s_b2"]).sigmoid()
            wide = wide * gate[:, :, None, None]
        after = conv(wide, f"f{i}p")
        y = after + y if after.shape == y.shape else after
    return F.hardswish(conv(y, "f16")).mean(dim=(2, 3))


def test_a_steady_sound_is_to_the_tower_what_it_was_to_the_tagger() -> None:
    weights = tagger_weights()
    tower = SemanticTower(FEATURES.mels)
    tower.start_from(weights)
    steady = torch.randn(1, 1, 1, FEATURES.mels).expand(1, 1, 1024, -1)
    wanted = whole_clip(steady, weights)
    # silence before the first frame is forgotten: the fading means need the longest
    features, _ = tower(steady.repeat(1, 1, 2, 1), tower.initial_state(1))
    torch.testing.assert_close(features[:, :, -1], wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("cuts", [(1,) * 12, (3, 1, 8), (12,)])
def test_any_split_into_steps_gives_the_same(cuts: tuple[int, ...]) -> None:
    student, mel = Student().eval(), frames(12, batch=2)
    whole, last = student(mel)
    state, parts = student.initial_state(2), []
    for count, end in zip(cuts, np.cumsum(cuts), strict=True):
        cut = mel[:, (end - count) * STEP_FRAMES : end * STEP_FRAMES]
        heard, state = student(cut, state)
        parts.append(heard)
    for name in whole._fields:
        joined = torch.cat([getattr(part, name) for part in parts], dim=1)
        torch.testing.assert_close(joined, getattr(whole, name), rtol=1e-4, atol=1e-5)
    for got, wanted in zip(state, last, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


def test_the_future_does_not_matter() -> None:
    student, mel = Student().eval(), frames(10)
    other = mel.clone()
    other[:, 6 * STEP_FRAMES :] += 1
    a, b = student(mel)[0], student(other)[0]
    assert torch.equal(a.embedding[:, :6], b.embedding[:, :6])
    assert not torch.allclose(a.embedding[:, 6:], b.embedding[:, 6:])


def test_past_mean_is_a_fading_mean() -> None:
    x = torch.randn(2, 3, 7)
    mean, _ = PastMean(4.0)(x, torch.zeros(2, 4))
    for t in range(7):
        weight = torch.exp(-(t - torch.arange(t + 1)) / 4.0)
        torch.testing.assert_close(mean[:, :, t], (x[:, :, : t + 1] * weight).sum(2) / weight.sum())


def test_gated_memory_is_its_recurrence_and_stays_in_range() -> None:
    memory, x = GatedMemory(5, 6, 3), torch.randn(2, 40, 5)
    h, last = memory(x, torch.zeros(2, 6))
    state = torch.zeros(2, 6)
    for t in range(40):
        z = memory.gate(x[:, t]).sigmoid().repeat_interleave(2, dim=1)
        state = (1 - z) * state + z * memory.candidate(x[:, t])
        torch.testing.assert_close(h[:, t], state, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(last, state, rtol=1e-4, atol=1e-6)
    assert h.abs().max() <= memory.candidate(x).abs().max()


def test_gates_that_are_wide_open_give_no_nan() -> None:
    candidate, past = torch.ones(1, 1, 3, 2), torch.zeros(1, 1, 1, 2)
    for gate in (-200.0, 200.0):
        open_or_shut = recall(candidate, torch.full((1, 1, 3), gate), past)
        assert open_or_shut.tolist() == [[[[float(gate > 0)] * 2] * 3]]


def test_level_is_taken_out_but_silence_stays_silent() -> None:
    level = RunningLevel(FEATURES)
    loud = torch.full((1, 1, 40, FEATURES.mels), -8.0) + torch.rand(1, 1, 40, FEATURES.mels)
    before = torch.zeros(1, 2)
    heard, quieter = level(loud, before)[0], level(loud - 2.0, before)[0]
    torch.testing.assert_close(heard, quieter, rtol=1e-2, atol=1e-2)
    silent = torch.full((1, 1, 40, FEATURES.mels), float(np.log(1e-10)))
    assert level(silent, before)[0].mean() < heard.mean() - 0.5


def test_pre_emphasis_is_that_of_the_tagger() -> None:
    settings = FeatureSettings()
    gain = pre_emphasis(settings)
    assert gain[0] == pytest.approx(2 * np.log(0.03), abs=1.0)  # 1 - 0.97 at the lowest band
    assert gain[-1] == pytest.approx(2 * np.log(1.97), abs=0.05)  # 1 + 0.97 at the highest
    assert (np.diff(gain) > 0).all()


def test_student_starts_as_the_taggers_mean_over_time() -> None:
    student = Student().eval()
    student.start_from(tagger_weights())
    mel = frames(6)
    level, _ = student.level(mel.transpose(1, 2)[:, :1], torch.zeros(1, 2))
    features, _ = student.semantic(level, student.semantic.initial_state(1))
    torch.testing.assert_close(
        student.sound.candidate(features.transpose(1, 2)), features.transpose(1, 2)
    )


def test_flow_points_where_all_intensity_points() -> None:
    tower = SpatialTower((8, 8, 8), 16).eval()
    x = torch.randn(1, 8, 3 * STEP, tower.bands)
    x[:, 1:4] = torch.tensor([0.6, -0.8, 0.0])[None, :, None, None] * 0.9
    place, _ = tower(x, tower.initial_state(1))
    torch.testing.assert_close(
        place.flow, torch.tensor([0.54, -0.72, 0.0]).expand(1, 3, 3), rtol=1e-3, atol=1e-3
    )


def test_tag_head_starts_as_the_taggers_classifier() -> None:
    weights, head = tagger_weights(), TagHead()
    head.start_from(weights)
    sound = torch.randn(4, TAG_FEATURES)
    hidden = nn.functional.hardswish(sound @ torch.from_numpy(weights["c2w"]).T
                                     + torch.from_numpy(weights["c2b"]))  # fmt: skip
    wanted = hidden @ torch.from_numpy(weights["c5w"]).T + torch.from_numpy(weights["c5b"])
    torch.testing.assert_close(head(sound), wanted, rtol=1e-4, atol=1e-4)


def test_tag_names_pull_a_sound_to_what_the_tagger_says() -> None:
    names = F.normalize(torch.randn(TAGS, 16), dim=1)
    logits = torch.full((1, TAGS), -9.0)
    logits[0, 7] = 4.0
    losses = [tag_name_loss(names[[i]], names, torch.tensor(20.0), logits) for i in (7, 8)]
    assert losses[0] < losses[1] - 5


def test_unknown_distances_train_nothing() -> None:
    ones, unknown = torch.ones(1, 2), torch.tensor([[2.0, torch.nan]])
    ahead = torch.tensor([[[[1.0, 0, 0]]] * 2])
    heard = StudentOutput(ones[..., None, None], ahead, ones[..., None],
                  torch.zeros(1, 2, 1), ones, ones)  # fmt: skip
    towards = torch.tensor([[[1.0, 0, 0]] * 2])
    truth = TargetSteps(ones > 0, ones, ones, towards, unknown, ones, ones, ones)
    losses = place_losses(heard, truth)
    assert float(losses["distance"]) == pytest.approx(np.log(2.0))
    assert float(losses["direction"]) == pytest.approx(0)
    nowhere = place_losses(heard, truth._replace(distance=unknown * torch.nan))
    assert float(nowhere["distance"]) == 0


def test_all_true_captions_are_positives() -> None:
    logits = torch.tensor([[4.0, 4.0, -4.0], [0.0, 0.0, 0.0]])
    true = torch.tensor([[True, True, False], [False, False, False]])
    # rows without a true caption count for nothing
    assert float(multi_positive(logits, true)) == pytest.approx(np.log(2), abs=1e-3)


def test_ranking_of_the_teacher_is_learnt_in_another_space() -> None:
    taught, read = (F.normalize(torch.randn(n, 24), dim=1) for n in (5, 9))
    turn = torch.linalg.qr(torch.randn(24, 24)).Q
    scale = torch.tensor(20.0)
    alike = ranking_loss(taught @ turn, read @ turn, scale, taught, read)
    other = ranking_loss(taught.flip(0) @ turn, read @ turn, scale, taught, read)
    entropy = torch.special.entr((20 * taught @ read.T).softmax(1)).sum(1).mean()
    assert float(alike) == pytest.approx(float(entropy), abs=1e-4)  # no loss can be lower
    assert other > alike + 0.5


def scene(direction: tuple[float, float, float], taught: bool) -> Scene:
    steps = 3
    mel = np.zeros((steps * STEP_FRAMES, 8, FEATURES.mels), np.float16)
    mel[:, 1:4] = np.array(direction)[None, :, None]
    truth = Truth(
        np.zeros(steps, np.int64), np.zeros(steps, np.int64),
        np.tile(np.array(direction, np.float32), (steps, 1)), *np.ones((3, steps), np.float32),
    )  # fmt: skip
    return Scene(mel, truth, np.ones(EMBEDDING, np.float32) if taught else UNTAUGHT)


def test_turned_features_still_point_where_the_truth_does() -> None:
    scenes = [scene((0.6, 0.0, 0.8), taught=False)] * 6
    mel, truth = augmented(scenes, np.random.default_rng(2))
    azimuths = torch.atan2(truth.direction[:, 0, 1], truth.direction[:, 0, 0])
    assert azimuths.std() > 0.3
    assert set(truth.direction[:, 0, 2].sign().tolist()) == {-1.0, 1.0}
    shown = mel[:, 0, 1:4, :].sum(2)
    torch.testing.assert_close(
        F.normalize(shown, dim=1), truth.direction[:, 0], rtol=1e-2, atol=1e-2
    )


def test_scenes_that_a_teacher_spoke_of_stay_where_they_are() -> None:
    _, truth = augmented([scene((0.6, 0.0, 0.8), taught=True)] * 4, np.random.default_rng(2))
    assert truth.direction[:, 0].tolist() == [pytest.approx([0.6, 0.0, 0.8])] * 4
    assert truth.taught.shape == (4, EMBEDDING)
