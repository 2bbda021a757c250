"""Figures of the evaluation: small cases with answers known by hand, then the command itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import yaml
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import SourceError, UsageError
from export.clips import kinds
from export.evaluate import __main__ as command
from export.evaluate import cost, figures, labels, material, measure, pairs, report, sentences
from export.evaluate import teacher as teaching
from export.evaluate.direction import direction_values, step_errors_deg
from export.evaluate.plots import by_sector, most_confused
from export.evaluate.trials import LEAD_S, RATE, About, Ear, Trial, stage, step_levels
from export.evaluate.tsne import tsne
from tests.tiny_bundle import make_bundle, sound

DIMENSIONS = 512
STEP_S = 0.1
LABELS = ["dog", "rain", "cat", "thunder", "sneezing", "crow"]


def about(
    label: int = 0, azimuth: float = 0.0, clip: int = 0, snr: float = 20.0, metres: float = 1.5
) -> About:
    nan = float("nan")
    return About(clip, label, snr, direction_from_angles(azimuth, 0), metres, nan, nan)


def trial(
    of: About,
    embedding: NDArray[np.floating],
    direction: NDArray[np.float64] | None = None,
    active: Sequence[bool] | None = None,
) -> Trial:
    steps = len(embedding)
    heard = np.tile(of.direction, (steps, 1)) if direction is None else direction
    is_active = np.ones(steps, np.bool_) if active is None else np.array(active)
    return Trial(
        of, STEP_S, np.asarray(embedding, np.float32), heard, heard[:, ::-1].copy(),
        np.full(steps, 1.0), is_active.astype(float), is_active,
    )  # fmt: skip


class Memory:
    """An orthogonal embedding for every new text."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += [text for text in texts if text not in self.texts]
        return np.eye(DIMENSIONS, dtype=np.float32)[[self.texts.index(text) for text in texts]]


# directions


def test_direction_of_a_clip_is_that_of_its_active_steps() -> None:
    said = direction_from_angles([0, 20, 180], [0, 0, 0])
    one = trial(about(), np.ones((3, 4)), said, [True, True, False])
    values = direction_values([one])
    assert values["direction_deg"][0] == pytest.approx(10)
    assert values["four_way"][0] == 1
    assert step_errors_deg([one])[0] == pytest.approx([0, 20])
    assert values["distance_bias_m"][0] == pytest.approx(-0.5)
    assert np.isnan(values["near_far"][0])  # 1.5 m is neither


def test_heights_count_where_there_are_any() -> None:
    above = about()._replace(direction=direction_from_angles(0, 60))
    right = trial(above, np.ones((1, 4)), direction_from_angles([0], [50]))
    wrong = trial(above, np.ones((1, 4)), direction_from_angles([0], [-50]))
    level = trial(about(), np.ones((1, 4)), direction_from_angles([0], [50]))
    values = direction_values([right, wrong, level])
    assert values["up_down"] == pytest.approx([1, 0, np.nan], nan_ok=True)
    assert values["raised_wrongly"] == pytest.approx([np.nan, np.nan, 1], nan_ok=True)


# labels


def test_ranks_count_what_is_better() -> None:
    similarity = np.array([[0.3, 0.9, 0.5], [0.3, 0.9, 0.5]])
    assert labels.rank_of(similarity, np.array([1, 0])).tolist() == [0, 2]


def test_time_to_the_first_right_label_counts_from_the_onset() -> None:
    prompts = np.eye(3, dtype=np.float32)
    # before the onset the right label is said too, which must not count
    said = np.eye(3)[[1, 2, 0, 1, 2]]
    one = trial(about(label=1), said, active=[False, True, False, True, True])
    assert labels.first_right_s(one, prompts, 1) == pytest.approx(0.3)
    never = trial(about(label=1), np.eye(3)[[0, 2]])
    assert labels.first_right_s(never, prompts, 1) == np.inf
    values = labels.label_values([one, never], prompts, [0, 1, 2])
    assert values["right_within_0.5_s"].tolist() == [1, 0]
    among = labels.label_values([one, never], prompts, [0, 2])
    assert np.isnan(among["rank"]).all()  # the right label is not to be chosen


def test_answers_with_time_are_those_of_the_sound_so_far() -> None:
    prompts = np.eye(2, dtype=np.float32)
    one = trial(about(label=1), np.array([[1, 0], [0, 3]]))
    assert labels.answers_with_time([one], prompts, 0.4).tolist() == [[False, True, True, True]]


# sentences


def binding_of(wrong: int | None, azimuth: float = 90.0) -> dict[str, NDArray[np.float64]]:
    """Binding of a dog on the left, heard as the right caption and, louder, as another of eight."""
    memory, of = Memory(), about(azimuth=azimuth, clip=3)
    word = round(azimuth / 90) * 2
    asked = memory(sentences.eight_captions(of, word, LABELS, kinds(LABELS)))
    heard = asked[0] + (1.5 * asked[wrong] if wrong is not None else 0)
    return sentences.binding_values(heard[None], [of], sentences.Texts(memory), LABELS)


@pytest.mark.parametrize(
    ("wrong", "bound", "place", "sound"), [(None, 1, 1, 1), (2, 0, 0, 1), (6, 0, 1, 0)]
)
def test_binding_asks_for_the_sound_and_its_place(
    wrong: int | None, bound: float, place: float, sound: float
) -> None:
    values = binding_of(wrong)
    assert values["binding"].tolist() == [bound]
    assert (values["place"][0], values["sound"][0]) == (place, sound)


def test_binding_offers_eight_captions_of_which_one_is_true() -> None:
    asked = sentences.eight_captions(about(clip=3), 2, LABELS, kinds(LABELS))
    assert len(set(asked)) == 8
    assert all("dog" in text or "puppy" in text for text in asked[:4])
    assert not any("dog" in text or "puppy" in text for text in asked[4:])
    assert "left" in asked[0]
    assert not any("left" in text for text in asked[1:4])


def test_binding_leaves_out_what_two_words_name() -> None:
    values = binding_of(None, azimuth=45.0)
    assert np.isnan(values["binding"]).all()
    assert not np.isnan(values["binding_eight"]).any()


def test_a_model_that_hears_nothing_binds_nothing() -> None:
    texts = sentences.Texts(lambda texts: np.ones((len(texts), DIMENSIONS), np.float32))
    values = sentences.binding_values(np.ones((1, DIMENSIONS)), [about()], texts, LABELS)  # type: ignore[arg-type]
    assert values["binding"].tolist() == [0]


def test_the_rank_of_the_first_true_item() -> None:
    similarity = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.9, 0.5, 0.1]])
    true = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1]], np.bool_)
    assert sentences.best_rank(similarity, true).tolist() == [0, 1, 2]


def test_retrieval_takes_any_true_caption_of_its_own_pool() -> None:
    memory = Memory()
    abouts = [about(0, 90, clip=0), about(0, 90, clip=1), about(1, 0, clip=2)]
    abouts += [a._replace(snr_db=10.0) for a in abouts]
    texts = sentences.Texts(memory)
    sentences.retrieval_values(np.zeros((6, DIMENSIONS), np.float32), abouts, texts, LABELS)
    own = memory(memory.texts)
    assert len(own) >= 4
    # each sound is heard as the first trial's caption of its pool: true for two of three
    claimed = {snr: None for snr in (20.0, 10.0)}
    heard = np.zeros((6, DIMENSIONS), np.float32)
    for i, a in enumerate(abouts):
        if claimed[a.snr_db] is None:
            claimed[a.snr_db] = i  # type: ignore[assignment]
        heard[i] = caption_of(claimed[a.snr_db], abouts, texts)  # type: ignore[arg-type]
    values = sentences.retrieval_values(heard, abouts, texts, LABELS)
    assert values["caption_rank"].tolist() == [0, 0, 1, 0, 0, 1]
    assert values["sound_rank"].tolist() == [0, 0, 0, 0, 0, 0]
