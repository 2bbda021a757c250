"""Values and figures of the evaluation: small cases with answers known by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from elsa_rt.audio.ambisonics import direction_from_angles
from export.bundles import tables
from export.data.clips import kinds
from export.evaluate import cost, figures, labels, measure, report, sentences
from export.evaluate import teacher as teaching
from export.evaluate.direction import direction_values, step_errors_deg
from export.evaluate.plots import by_sector, most_confused
from export.evaluate.tsne import tsne
from export.scenes.trials import About, Trial

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
    abouts = [about(0, 90, clip=0), about(0, 90, clip=1), about(1, 0, clip=2)]
    abouts += [a._replace(snr_db=10.0) for a in abouts]
    texts = sentences.Texts(Memory())
    captions = texts(sentences.full_captions(abouts, LABELS))
    # all three of a pool are heard as what is said of the first: true of two of them
    heard = captions[[0, 0, 0, 3, 3, 3]]
    values = sentences.retrieval_values(heard, abouts, texts, LABELS)
    assert values["caption_rank"].tolist() == [0, 0, 1, 0, 0, 1]
    assert values["sound_rank"].tolist() == [0, 0, 0, 0, 0, 0]


# figures


def coin(clips: int, copies: int) -> figures.Figure:
    """Every other clip right, each heard ``copies`` times."""
    abouts = [about(clip=i // copies) for i in range(clips * copies)]
    values = [np.array([float(a.clip % 2)]) for a in abouts]
    return figures.Figure("coin", abouts, values, figures.mean, main=True)


@pytest.mark.parametrize("copies", [1, 4])
def test_an_interval_is_of_clips_however_often_they_are_heard(copies: int) -> None:
    low, high = figures.interval(coin(200, copies))
    expected = 1.96 * np.sqrt(0.25 / 200)
    assert 0.5 - low == pytest.approx(expected, abs=0.02)
    assert high - 0.5 == pytest.approx(expected, abs=0.02)


def test_an_interval_of_one_value_is_that_value() -> None:
    same = figures.Figure("same", [about(clip=i) for i in range(9)], [np.full(1, 3.0)] * 9,
                          figures.median, main=True)  # fmt: skip
    assert figures.interval(same) == (3.0, 3.0)


def test_figures_are_of_the_trials_of_their_condition() -> None:
    abouts = [about(snr=20, metres=0.5), about(snr=10, metres=3), about(snr=10, metres=2)]
    values = {"x": np.array([1.0, 2.0, np.nan])}
    found = figures.of_trials(abouts, values, {"x_mean": ("x", figures.mean)})
    assert figures.summarise(found) == {"x_mean": 1.5}
    assert figures.summarise(found, 10.0) == {"x_mean": 2.0}
    table = figures.by_distance(found, ["x_mean"])
    assert [(name, row["trials"]) for name, row in table.items()] == [
        ("below 1 m", 1), ("1 to 2 m", 1), ("beyond 2 m", 1),
    ]  # fmt: skip
    assert np.isnan(table["1 to 2 m"]["x_mean"])


def test_a_mean_over_labels_weighs_them_alike() -> None:
    abouts = [about(0), about(0), about(0), about(1), about(2)]
    rank = [np.array([x]) for x in (0.0, 0.0, 0.0, 4.0, np.nan)]
    one = figures.Figure("f", abouts, rank, figures.within(1), by_label=True)
    assert figures.value(one, [True] * 5) == 0.5


def test_times_that_never_end_have_a_median_and_a_p90() -> None:
    times = np.array([0.1, 0.2, 0.3, np.inf, np.inf])
    assert figures.median(times) == 0.3
    assert figures.p90(times) == np.inf
    assert figures.p90(np.arange(11.0)) == pytest.approx(9)


# cost


def graph(nodes: list[onnx.NodeProto], out: tuple[int, ...]) -> onnx.ModelProto:
    weights = {"kernel": (8, 2, 3), "matrix": (8, 5), "turned": (3, 5)}
    constants = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name)
        for name, shape in weights.items()
    ]
    constants.append(numpy_helper.from_array(np.array([10, 8]), "shape"))
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 4, 10))
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, out)
    return helper.make_model(helper.make_graph(nodes, "g", [x], [y], constants))


def test_products_are_counted() -> None:
    model = graph(
        [
            helper.make_node("Conv", ["x", "kernel"], ["a"], group=2, pads=[1, 1]),  # (1, 8, 10)
            helper.make_node("Reshape", ["a", "shape"], ["b"]),
            helper.make_node("MatMul", ["b", "matrix"], ["c"]),  # (10, 5)
            helper.make_node("Relu", ["c"], ["d"]),
            helper.make_node("Gemm", ["d", "turned"], ["y"], transB=1),
        ],
        (10, 3),
    )
    assert cost.macs(model) == 8 * 10 * 2 * 3 + 10 * 5 * 8 + 10 * 3 * 5
    assert cost.parameters(model) == 8 * 2 * 3 + 8 * 5 + 3 * 5


def test_what_cannot_be_counted_is_refused() -> None:
    model = graph([helper.make_node("Einsum", ["x", "x"], ["y"], equation="abc,abc->a")], (1,))
    with pytest.raises(ValueError, match="Einsum"):
        cost.macs(model)


def test_agreement_with_the_teacher() -> None:
    own = np.array([[1.0, 0], [1, 1]], np.float32)
    taught = np.array([[1.0, 0], [0, 1]], np.float32)
    found = figures.summarise(teaching.agreement(own, taught, [about(), about(clip=1)]))
    assert found["teacher_cosine"] == pytest.approx((1 + 0.5**0.5) / 2)
    row = {"sound_to_caption_r1": 0.2, "caption_to_sound_r1": 0.4,
           "teacher_sound_to_caption_r1": 0.5, "teacher_caption_to_sound_r1": 0.3}  # fmt: skip
    assert teaching.kept(row, [1]) == {"retrieval_kept_r1": pytest.approx(0.75)}


# report and pictures


def test_reports_have_neither_nan_nor_infinity() -> None:
    measured = measure.Measured(
        {"both": {"a": float("nan"), "b": 0.25}}, {"b": (0.125, float("inf"))}, {}, {}
    )
    whole = report.report_of({"simulated": measured}, {"macs": 1e6}, {"command": "this"})
    json.dumps(whole, allow_nan=False)
    text = tables.markdown(whole)
    assert "| a | – |" in text
    assert "| b | 0.25 (0.125 to never) |" in text
    assert "| macs | 1,000,000 |" in text
    both = report.side_by_side({"old": whole, "new": whole})
    assert "simulated, both: old" in both
    assert "simulated, both: new" in both


def test_the_picture_of_confusions_takes_those_that_are_confused() -> None:
    right = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    said = np.array([1, 1, 1, 0, 2, 2, 3, 3])
    assert sorted(most_confused(right, said, 2).tolist()) == [0, 1]


def test_errors_by_sector_meet_behind() -> None:
    centres, medians = by_sector(np.array([179.0, -179.0, 1.0]), np.array([4.0, 6.0, 1.0]))
    assert medians[[0, -1]].tolist() == [5, 5]
    assert medians[centres == 0] == [1]


def test_a_map_keeps_groups_apart() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([centre + 0.1 * rng.normal(size=(20, 8)) for centre in np.eye(8)[:3]])
    place = tsne(points)
    group = np.repeat(np.arange(3), 20)
    apart = np.linalg.norm(place[:, None] - place, axis=2) + np.diag(np.full(60, np.inf))
    assert (group[apart.argmin(1)] == group).all()
