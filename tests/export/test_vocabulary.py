"""The words of the vocabulary, and the layers that look a sentence up."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml
from onnx import helper, numpy_helper

from elsa_rt.encoder.bundle import ModelBundle
from export.bundles.training_homes import EVERY, HEARD_S, LINGERS_S, HomeSteps, steps_of
from export.bundles.training_sounds import VIEWS, hear_training
from export.bundles.vocabulary_fit import (
    PlaceWords,
    detector_vectors,
    label_vectors,
    place_words,
    tag_vectors,
)
from export.bundles.vocabulary_graph import (
    CALLED,
    CALLED_LEAD,
    LABELS_LAG,
    LEARNT,
    LEARNT_SHARE,
    NEAREST,
    PLACE_SHARE,
    SENTENCE,
    SHARPNESS,
    Names,
    base_of,
    with_vocabulary,
)
from export.captions.grammar import ANY
from export.data import clips
from export.data.clips import UNSEEN, kept_out
from export.data.vocabulary import entries, label_captions, tag_captions, tag_wordings
from export.scenes.home import HomeEvent
from export.scenes.home_hours import HomeRecording
from tests.support.tiny_bundle import free_streams, make_bundle
from tests.support.tiny_studio import make_work

DATA = Path(clips.__file__).parent
WIDTH, SPACE = 6, 8
NAMED, PART = [4, 0, 1, 7, 2, 3], [1, 6, 0, 2, 8, 1]  # call the first label, and half the second


def plain(text: str) -> str:
    return " ".join(re.findall("[a-z]+", text.lower()))


def paraphrases() -> dict[str, list[str]]:
    return dict(yaml.safe_load((DATA / "paraphrases.yaml").read_text("utf-8")))


def test_every_class_has_wordings_of_its_own() -> None:
    wordings = tag_wordings()
    assert len(wordings) == 527
    assert all(ways and all(isinstance(way, str) for way in ways) for ways in wordings.values())
    assert sum(map(len, wordings.values())) > 1500


def test_what_is_kept_out_and_has_no_class_is_in_no_wording() -> None:
    strange = [label for label, tag in kept_out()["second"].items() if tag is None]
    assert len(strange) == 6
    assert len(kept_out()["second"]) == 12
    said = " / ".join(plain(way) for ways in tag_wordings().values() for way in ways)
    for label in strange:
        for phrase in label_captions(label):
            assert f" {plain(phrase)} " not in f" {said} ", phrase
    named = [tag for labels in kept_out().values() for tag in labels.values() if tag]
    assert set(named) <= set(tag_wordings())


def test_paraphrases_are_no_phrase_that_the_model_could_know() -> None:
    known = {plain(way) for ways in tag_wordings().values() for way in ways}
    known |= {plain(tag) for tag in tag_wordings()}
    known |= {plain(way) for label in clips.vocabulary() for way in label_captions(label)}
    said = [text for texts in paraphrases().values() for text in texts]
    assert len(said) >= 200
    assert len(set(said)) == len(said)
    assert not [text for text in said if plain(text) in known]
    assert {label for label in UNSEEN} <= paraphrases().keys()


def test_entries_are_labels_and_then_classes() -> None:
    found = entries(["dog"], ["Bark", "Vehicle horn, car horn, honking"])
    assert [(entry.name, entry.kind) for entry in found] == [
        ("dog", "label"), ("Bark", "tag"), ("Vehicle horn, car horn, honking", "tag"),
    ]  # fmt: skip
    assert {"dog", "a dog barking", "a dog barks"} <= set(found[0].wordings)
    assert found[2].wordings[0] == "vehicle horn or car horn or honking"
    assert tag_captions("Dishes, pots, and pans")[0] == "dishes or pots or pans"


def sounds_of_two_labels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sounds of two labels along two axes, about a middle, and logits of one tag for each."""
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1], 40)
    embedding = 0.05 * rng.normal(size=(80, SPACE))
    embedding[:, 0] += 1
    embedding[np.arange(80), 1 + label] += 0.5
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    logits = np.stack([label == 0, label == 1], 1) * 4.0 + 0.1 * rng.normal(size=(80, 2))
    return embedding.astype(np.float32), logits.astype(np.float32), label


def test_vectors_point_at_their_sounds_and_across_the_middle() -> None:
    embedding, logits, label = sounds_of_two_labels()
    alone = np.eye(3, dtype=bool)
    for found in (
        label_vectors(embedding, label, alone)[:2],
        tag_vectors(embedding, logits, label),
    ):
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
        assert found @ embedding.mean(0) == pytest.approx(0, abs=1e-5)
        likeness = embedding @ found.T
        assert (likeness.argmax(1) == label).mean() == 1
    assert not label_vectors(embedding, label, alone)[2].any()


def test_a_kind_of_a_label_counts_as_that_label() -> None:
    embedding, _, label = sounds_of_two_labels()
    rng = np.random.default_rng(4)
    other = np.eye(1, SPACE, 3) * 0.5 + np.eye(1, SPACE, 0) + 0.05 * rng.normal(size=(40, SPACE))
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    sounds = np.concatenate([embedding, other]).astype(np.float32)
    label = np.concatenate([label, np.full(40, 2)])
    kinds = np.array([[True, False, False], [True, True, False], [False, False, True]])
    likeness = sounds @ label_vectors(sounds, label, kinds)[0]
    assert likeness[label < 2].min() > likeness[label == 2].max()


def some_homes(embedding: np.ndarray) -> HomeSteps:
    """Steps of a home: the first label, faint and clear, and a sound that is much like it."""
    rng = np.random.default_rng(5)
    like = np.eye(1, SPACE, 0) + 0.4 * np.eye(1, SPACE, 1) + 0.5 * np.eye(1, SPACE, 4)
    like = like + 0.05 * rng.normal(size=(300, SPACE))
    faint = np.eye(1, SPACE, 0) + 0.05 * rng.normal(size=(300, SPACE))
    steps = np.concatenate([like, faint, embedding[:40]])
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    true = np.zeros((640, 3), bool)
    true[300:, 0] = True
    return HomeSteps(steps.astype(np.float32), true, np.zeros_like(true))


def test_training_sounds_are_heard_in_two_rooms_each_and_kept(tmp_path: Path) -> None:
    bundle = ModelBundle.load(free_streams(make_bundle(tmp_path / "tiny")))
    work = make_work(tmp_path / "work")
    sounds = hear_training(bundle, work)
    assert np.linalg.norm(sounds.embedding, axis=1) == pytest.approx(1, abs=1e-5)
    first = sounds.first()
    assert sorted(first.clip.tolist()) == sorted([*range(6)] * 2)  # a second of each, and all of it
    assert sounds.clip.tolist() == first.clip.tolist() * VIEWS
    assert sounds.view.tolist() == [0] * 12 + [1] * 12
    for kept, heard in zip(hear_training(bundle, work), sounds, strict=True):
        np.testing.assert_array_equal(kept, heard)


def test_a_detector_tells_a_label_from_what_is_like_it_in_homes() -> None:
    embedding, _, label = sounds_of_two_labels()
    alone, homes = np.eye(3, dtype=bool), some_homes(embedding)
    apart = []
    for found in (
        label_vectors(embedding, label, alone),
        detector_vectors(embedding, label, alone, homes),
    ):
        likeness = homes.embedding @ found[0]
        apart.append(np.median(likeness[600:]) - np.quantile(likeness[:300], 0.99))
        assert np.linalg.norm(found[:2], axis=1) == pytest.approx(1, abs=1e-5)
        assert found @ embedding.mean(0) == pytest.approx(0, abs=1e-5)
        assert (embedding @ found[:2].T).argmax(1).tolist() == label.tolist()
        assert not found[2].any()
    assert apart[0] < 0.1 < apart[1]


def test_what_is_unsure_in_homes_counts_for_neither_side() -> None:
    embedding, _, label = sounds_of_two_labels()
    alone, homes = np.eye(3, dtype=bool), some_homes(embedding)
    unsure = homes.unsure.copy()
    unsure[:300] = True
    found = detector_vectors(embedding, label, alone, homes._replace(unsure=unsure))
    likeness = homes.embedding @ found[0]
    assert np.median(likeness[600:]) - np.quantile(likeness[:300], 0.99) < 0.1


def test_steps_of_homes_are_what_sounds_and_unsure_about_its_ends() -> None:
    step_s, n = 0.5, 40
    events = [HomeEvent(3.0, 8.0, 1, 0, 0.0, 0.0), HomeEvent(15.0, 16.0, -1, -1, 0.0, 0.0)]
    activity = np.ones(n, np.float32)
    activity[-8:] = 0.2
    embedding = np.arange(n, dtype=np.float16)[:, None]
    heard = HomeRecording(embedding, np.zeros((n, 3), np.float32), activity, activity, events)
    kind_of = np.array([[True, False, False], [True, True, False], [False, False, True]])
    found = [steps_of(heard, first, step_s, kind_of) for first in range(EVERY)]
    step = np.concatenate([part.embedding[:, 0] for part in found])
    order = step.argsort()
    at = (step[order] + 1) * step_s
    true, unsure = (np.concatenate([p[i] for p in found])[order] for i in (1, 2))
    assert step[order].tolist() == list(range(n - 8))
    sounds = (at > 3 + HEARD_S) & (at <= 8)
    np.testing.assert_array_equal(true, np.stack([sounds, sounds, 0 * sounds], 1))
    about = (at > 3) & (at <= 8 + LINGERS_S) & ~sounds
    np.testing.assert_array_equal(unsure, np.stack([about, about, 0 * about], 1))


def test_place_words_are_what_captions_of_places_add() -> None:
    rng = np.random.default_rng(2)
    rows = [(label, place) for label in range(4) for place in (ANY, ANY, 0, 2)] * 5
    claims = np.full((len(rows), 6), ANY)
    claims[:, :2] = rows
    words = np.zeros((len(rows), WIDTH), np.float32)
    words[np.arange(len(rows)), claims[:, 0]] = 1  # the sound on the first four axes
    words[claims[:, 1] == 0, 4] = 0.5
    words[claims[:, 1] == 2, 5] = 0.5
    words += 0.01 * rng.normal(size=words.shape).astype(np.float32)
    found = place_words(claims, words, words, words[claims[:, 1] == ANY])
    assert np.abs(found.words[:2, :4]).max() < 0.05
    odds = words @ found.gate + found.gate_bias
    assert ((odds > 0) == (claims[:, 1] != ANY)).all()


def base_model() -> onnx.ModelProto:
    """A text encoder that takes token ids for the sentence vector itself, one a dimension."""
    weight = np.eye(WIDTH, SPACE, dtype=np.float32)
    nodes = [
        helper.make_node("Cast", ["input_ids"], ["floats"], to=1),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=1),
        helper.make_node("Mul", ["floats", "mask"], ["long"]),
        helper.make_node("ReduceL2", ["long", "axis"], ["length"], keepdims=1),
        helper.make_node("Div", ["long", "length"], ["unit"]),
        helper.make_node("MatMul", ["unit", "projection.linear.weight_T"], ["embedding"]),
    ]
    takes = [
        helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["n", WIDTH])
        for name in ("input_ids", "attention_mask")
    ]
    gives = [helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, ["n", SPACE])]
    constants = [
        numpy_helper.from_array(weight, "projection.linear.weight_T"),
        numpy_helper.from_array(np.array([-1]), "axis"),
    ]
    graph = helper.make_graph(nodes, "text", takes, gives, constants)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])


def some_names() -> tuple[Names, PlaceWords]:
    rng = np.random.default_rng(3)
    wordings = rng.normal(size=(9, WIDTH)).astype(np.float32)
    wordings /= np.linalg.norm(wordings, axis=1, keepdims=True)
    vectors = rng.normal(size=(5, SPACE)).astype(np.float16).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    detectors = rng.normal(size=(2, SPACE)).astype(np.float32)
    names = Names(wordings, np.array([0, 0, 1, 2, 2, 2, 3, 3, 4]), vectors, detectors)
    words, _ = np.linalg.qr(rng.normal(size=(WIDTH, 2)))
    learnt, _ = np.linalg.qr(rng.normal(size=(SPACE, 3)))
    middle = 0.1 * rng.normal(size=SPACE), 0.1 * rng.normal(size=WIDTH)
    parts = (middle[0], learnt.T, middle[1], words.T, 3 * rng.normal(size=WIDTH))
    a, b, c, d, e = (part.astype(np.float32) for part in parts)
    places = PlaceWords(a, b, c, d, e, 0.3)
    wordings[0] = placeless(NAMED, places)
    half = placeless(PART, places)
    aside = wordings[2] - half * (half @ wordings[2])
    cosine = sum(CALLED) / 2
    wordings[2] = cosine * half + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)
    return names, places


def placeless(tokens: list[int], places: PlaceWords) -> np.ndarray:
    """The unit vector of a sentence without what speaks of a place."""
    sentence = np.array(tokens) / np.linalg.norm(tokens)
    query = sentence - (sentence - places.words_middle) @ places.words.T @ places.words
    return np.asarray(query / np.linalg.norm(query))


def by_hand(tokens: list[int], names: Names, places: PlaceWords) -> tuple[np.ndarray, ...]:
    """What the layers should make of one sentence."""
    sentence = np.array(tokens) / np.linalg.norm(tokens)
    likeness = names.wordings @ placeless(tokens, places)
    count = len(names.vectors)
    vocabulary = np.array([likeness[names.of == name].max() for name in range(count)])
    is_label = np.arange(count) < names.labels
    called = np.clip((vocabulary - CALLED[0]) / (CALLED[1] - CALLED[0]), 0, 1) * is_label
    weighed = vocabulary - LABELS_LAG * is_label
    place = 1 / (1 + np.exp(-(sentence @ places.gate + places.gate_bias)))
    learnt = np.eye(WIDTH, SPACE).T @ sentence
    where = (learnt - places.learnt_middle) @ places.learnt.T @ places.learnt
    detecting = names.vectors.copy()
    detecting[: names.labels] += called[is_label, None] * (names.detectors - detecting[is_label])
    found = []
    for likeness, among in ((weighed, names.vectors), (weighed + CALLED_LEAD * called, detecting)):
        nearest = np.argsort(-likeness)[:NEAREST]
        share = np.exp(SHARPNESS * (likeness[nearest] - likeness.max()))
        sound = share @ among[nearest]
        sound /= np.linalg.norm(sound)
        whole = sound + PLACE_SHARE * place * where + LEARNT_SHARE * learnt
        found.append(whole / np.linalg.norm(whole))
    return *found, vocabulary, place


def test_a_sentence_that_calls_a_label_has_its_detector() -> None:
    names, places = some_names()
    *_, vocabulary, _ = by_hand(NAMED, names, places)
    assert vocabulary[0] == pytest.approx(1)
    *_, vocabulary, _ = by_hand(PART, names, places)
    assert vocabulary[1] == pytest.approx(sum(CALLED) / 2)
    other = names._replace(detectors=-names.detectors)
    for tokens, changes in (([1, 9, 4, 0, 0, 2], False), (PART, True), (NAMED, True)):
        one, two = by_hand(tokens, names, places), by_hand(tokens, other, places)
        np.testing.assert_array_equal(one[0], two[0])
        assert (np.abs(one[1] - two[1]).max() > 0.1) == changes


@pytest.mark.parametrize("again", [False, True])
def test_the_layers_do_what_is_written(again: bool) -> None:
    names, places = some_names()
    model = with_vocabulary(base_of(base_model()), names, places)
    if again:
        model = with_vocabulary(base_of(model), names, places)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for tokens in ([3, 1, 0, 2, 5, 1], [1, 9, 4, 0, 0, 2], PART, NAMED):
        taken = np.array([tokens], np.int64)
        given = {"input_ids": taken, "attention_mask": np.ones_like(taken)}
        found = session.run(["embedding", "detector", "vocabulary", "place"], given)
        wanted = by_hand(tokens, names, places)
        # wordings are kept in eight bits, the names' vectors in sixteen
        for got, right, off in zip(found, wanted, (0.05, 0.05, 0.01, 1e-5), strict=True):
            assert got[0] == pytest.approx(right, abs=off)


def test_the_base_keeps_what_training_gave_it() -> None:
    base = base_of(base_model())
    assert [output.name for output in base.graph.output] == [SENTENCE, LEARNT]
    session = onnxruntime.InferenceSession(base.SerializeToString())
    taken = np.array([[3, 1, 0, 2, 5, 1]], np.int64)
    sentence, learnt = session.run(
        None, {"input_ids": taken, "attention_mask": np.ones_like(taken)}
    )
    assert sentence[0] == pytest.approx(taken[0] / np.linalg.norm(taken))
    assert learnt[0, :WIDTH] == pytest.approx(sentence[0])


def test_the_csv_of_classes_is_what_the_wordings_are_of(tmp_path: Path) -> None:
    path = tmp_path / "tags.csv"
    with path.open("w", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(["index", "mid", "display_name"])
        rows.writerows([i, "/m/x", name] for i, name in enumerate(tag_wordings()))
    from export.captions.spatial import read_tags

    assert read_tags(path) == list(tag_wordings())
