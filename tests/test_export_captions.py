"""Captions: their grammar, what they claim, and how they are drawn for training."""

from __future__ import annotations

import re
from dataclasses import astuple
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.features.intensity import IntensityFeatures
from export.caption_bank import CaptionBank
from export.captions import (
    CENTRES_DEG,
    Attributes,
    Caption,
    claims_known,
    claims_of,
    claims_true,
    full_caption,
    full_claims,
    read_tags,
    regions,
    tag_captions,
    words_true,
    write_captions,
)
from export.clips import kinds, vocabulary, wording
from export.grammar import ANY, anything, definite, say
from export.prepare import gather_captions, main
from export.synthesis import LABELS as SYNTHESISED

RATE = 16_000
NAN = float("nan")
LABELS = ["dog", "man speaking", "rain", "smoke alarm", "speech"]
NAMES = ("front", "front left", "left", "back left", "behind", "back right", "right", "front right")

FRONT = r"front|ahead|before me|between (ten and eleven|one and two) o'clock|twelve|at 45 degrees"
BACK = (
    r"behind|back|rear|six o'clock|between (seven and eight|four and five) o'clock"
    r"|at (135|180) degrees"
)
LEFT = r"left|nine o'clock|between (ten and eleven|seven and eight) o'clock"
RIGHT = r"right|three o'clock|between (one and two|four and five) o'clock"
SIDES = (FRONT, LEFT, BACK, RIGHT)
OTHERS = (
    (r"above|overhead|\bup\b|over my head", r"below|beneath|under|\blow\b|\bdown\b"),
    (
        r"close (by|to)|nearby|\bnear\b|very close|\bclose\b|next to me|reach|less than a metre",
        r"\bfar\b|distance|distant|long way|more than two metres|some way off|afar",
    ),
    (r"\bdry\b|dead|muffled|damped|without any echo|hardly any echo|not echo|no reverb",
     r"echoing|reverberant|echoey|resonant|lot of echo|strong reverb|that echoes|long echo"),
    (r"\bsmall\b|little|tiny|cramped|chamber", r"\blarge\b|\bbig\b|spacious|vast|\bhall\b"),
)  # fmt: skip


def sounds(**known: object) -> Attributes:
    """Sounds of label 0 of which only the given attributes are known."""
    arrays = {name: np.atleast_1d(np.asarray(values, float)) for name, values in known.items()}
    n = max(values.size for values in arrays.values())
    fields = [arrays.get(name, np.full(n, NAN)) for name in Attributes._fields[1:]]
    return Attributes(np.zeros(n, np.int64), *fields)


def without_sound(text: str, caption: Caption) -> str:
    """What of a caption is not about the sound itself: some of those have a direction in them."""
    words = anything() if caption.label == ANY else wording(LABELS[caption.label])
    parts = [part for clause in words.does for part in clause.split(" | ")]
    for part in sorted([*words.say, *words.also, *parts], key=len, reverse=True):
        text = re.sub(rf"\b{re.escape(part)}\b", "", text)
    return text


def said_words(text: str) -> tuple[frozenset[int], ...]:
    """Sides, and words of every other attribute, by lists that owe nothing to the grammar."""
    sides = frozenset(i for i, side in enumerate(SIDES) if re.search(side, text))
    others = [frozenset(i for i, w in enumerate(ways) if re.search(w, text)) for ways in OTHERS]
    return (sides, *others)


@pytest.fixture(scope="module")
def captions() -> list[Caption]:
    return write_captions(LABELS, 1)


def test_captions_claim_what_they_say_and_nothing_else(captions: list[Caption]) -> None:
    # FRONT, LEFT, BACK, RIGHT of each azimuth word; "between left and behind" is both
    sides = [{0}, {0, 1}, {1}, {1, 2}, {2}, {2, 3}, {3}, {0, 3}]
    for caption in captions:
        said, *others = said_words(without_sound(caption.text, caption))
        assert said == (set() if caption.azimuth == ANY else sides[caption.azimuth]), caption
        for word, claim in zip(others, astuple(caption)[3:], strict=True):
            assert word == (set() if claim == ANY else {claim}), caption


def test_captions_name_their_sound_and_no_rule_is_left_over(captions: list[Caption]) -> None:
    for caption in captions:
        assert not re.search(r"[{}|]|  | [,?:]|\ba [aeiou]|\ban [^aeiou]", caption.text), caption
        if caption.label != ANY:
            words = wording(LABELS[caption.label])
            stems = [w for way in (*words.say, *words.also) for w in (way, definite(way))]
            parts = [clause.split(" | ") for clause in words.does]
            assert any(way in caption.text for way in stems) or any(
                subject in caption.text and (verb in caption.text or doing in caption.text)
                for subject, verb, doing in parts
            ), caption


def test_every_place_is_said_in_several_ways(captions: list[Caption]) -> None:
    texts: dict[tuple[int, tuple[int, ...]], set[str]] = {}
    for caption in captions:
        _, label, *place = astuple(caption)
        texts.setdefault((label, tuple(place)), set()).add(caption.text)
    alone = (ANY,) * 5
    for label, (place, ways) in product((ANY, *range(len(LABELS))), regions()):
        assert len(texts[label, place]) >= max(1, ways - 2), (label, place)
    assert all(len(texts[label, alone]) >= 12 for label in range(len(LABELS)))


def test_a_label_costs_few_enough_captions_and_draws_them_by_its_name_alone(
    captions: list[Caption],
) -> None:
    assert len(captions) / (len(LABELS) + 1) < 45_000 / 131
    assert captions == write_captions(LABELS, 1)
    alone = [c.text for c in write_captions(["rain"], 1) if c.label == 0]
    assert alone == [c.text for c in captions if c.label == LABELS.index("rain")]
    assert alone != [c.text for c in write_captions(["rain"], 2) if c.label == 0]


@pytest.mark.parametrize("label", sorted({*vocabulary(), *SYNTHESISED}))
def test_every_label_can_be_spoken_of(label: str) -> None:
    words = wording(label)
    assert len(words.say) >= 3
    assert words.does
    for clause in words.does:
        subject, verb, doing = clause.split(" | ")
        assert doing.split()[0].endswith("ing"), clause
        # "is" and "are" are told apart by the verb's -s: it must agree with its subject
        singular = re.match(r"(an?|the|some\w+) ", f"{subject} ") and subject != "a bunch"
        assert not singular or verb.split()[0].endswith("s"), clause
    directional = (
        r"\b(front|left|behind|right|above|below|overhead|near|far|small|large|big|dry|up|down)\b"
    )
    for way in (*words.say, *words.also, *words.does):
        assert not re.search(directional, way), way


def test_labels_of_other_data_sets_are_called_by_their_name() -> None:
    texts = [c.text for c in write_captions(["accordion"], 1) if c.label == 0]
    assert all("accordion" in text for text in texts)
    assert "accordion" in texts


def test_numbers_agree_in_sentences() -> None:
    texts = " | ".join(c.text for c in write_captions(["birds", "dog", "rain"], 3))
    assert "birds are chirping" in texts
    assert "a dog is barking" in texts
    assert "is a dog barking" in texts
    assert "rain is falling" in texts
    assert not re.search(r"birds (is|chirps)|is birds|dog are|there is birds", texts)


@pytest.mark.parametrize(
    ("thing", "known"),
    [("an owl", "the owl"), ("rain falling", "the rain falling"), ("someone", "someone"),
     ("a man's voice", "the man's voice"), ("the caw of a crow", "the caw of a crow")],
)  # fmt: skip
def test_definite(thing: str, known: str) -> None:
    assert definite(thing) == known


@pytest.mark.parametrize(
    ("azimuth", "elevation", "words"),
    [(0, 0, ("front",)), (90, 0, ("left",)), (180, 0, ("behind",)), (-90, 0, ("right",)),
     (45, 0, ("front", "front left", "left")), (-135, 0, ("behind", "back right", "right")),
     (90, 60, ("left", "above")), (-90, -60, ("right", "below"))],
)  # fmt: skip
def test_handedness_from_plane_wave_to_caption(
    azimuth: float, elevation: float, words: tuple[str, ...]
) -> None:
    """Sound from +Y is on the left, from +Z above, in the features and in the true captions."""
    noise = np.random.default_rng(0).normal(0, 0.1, RATE)
    foa = plane_wave(direction_from_angles(azimuth, elevation))[:, None] * noise
    flow = IntensityFeatures().step(foa.astype(np.float32)).intensity.sum(0)
    heard = sounds(
        azimuth_deg=np.degrees(np.arctan2(flow[1], flow[0])),
        elevation_deg=np.degrees(np.arctan2(flow[2], np.hypot(flow[0], flow[1]))),
    )
    captions = [
        *(Caption(f"a dog {name}", 0, azimuth=i) for i, name in enumerate(NAMES)),
        *(Caption(f"a dog {name}", 0, elevation=i) for i, name in enumerate(("above", "below"))),
    ]
    true = claims_true(heard, claims_of(captions), np.eye(1, dtype=bool))[0]
    said = {c.text.removeprefix("a dog ") for c, holds in zip(captions, true, strict=True) if holds}
    assert said == set(words)
    written = write_captions(["dog"], 1)
    true = claims_true(heard, claims_of(written), np.eye(1, dtype=bool))[0]
    texts = [c.text for c, holds in zip(written, true, strict=True) if holds]
    if "left" not in " ".join(words):
        assert not any(re.search(LEFT, text) for text in texts)
    if "right" not in " ".join(words):
        assert not any(re.search(RIGHT, text) for text in texts)
    assert any(re.search(dict(zip(NAMES[::2], SIDES, strict=True))[words[0]], t) for t in texts)


@pytest.mark.parametrize(
    ("azimuth", "words"),
    [(14.9, "front"), (15.1, "front, front left"), (34.9, "front, front left"),
     (35.1, "front, front left, left"), (54.9, "front, front left, left"),
     (55.1, "front left, left"), (74.9, "front left, left"), (75.1, "left"),
     (104.9, "left"), (105.1, "left, back left"), (124.9, "left, back left"),
     (125.1, "left, back left, behind"), (145.1, "back left, behind"), (165.1, "behind"),
     (179.9, "behind"), (-179.9, "behind"), (180.0, "behind"), (-180.0, "behind"),
     (-164.9, "behind, back right"), (-35.1, "right, front right, front"),
     (-34.9, "front right, front"), (-14.9, "front")],
)  # fmt: skip
def test_borders_of_azimuth_words(azimuth: float, words: str) -> None:
    found = words_true(sounds(azimuth_deg=azimuth, elevation_deg=0))[0][0]
    assert {NAMES[i] for i in np.flatnonzero(found)} == set(words.split(", "))


def test_no_azimuth_word_where_it_means_nothing() -> None:
    for elevation, holds in ((74.9, True), (75.1, False), (-75.1, False)):
        found = words_true(sounds(azimuth_deg=90, elevation_deg=elevation))[0]
        assert found.any() == holds


@pytest.mark.parametrize(
    ("attribute", "column", "border", "first", "second"),
    [("elevation_deg", 1, 40.0, False, True), ("elevation_deg", 1, -40.0, True, False),
     ("distance_m", 2, 1.0, True, False), ("distance_m", 2, 2.0, False, True),
     ("t30_s", 3, 0.2, True, False), ("t30_s", 3, 1.0, False, True),
     ("floor_m2", 4, 50.0, True, False), ("floor_m2", 4, 100.0, False, True)],
)  # fmt: skip
def test_borders_of_other_words(
    attribute: str, column: int, border: float, first: bool, second: bool
) -> None:
    """One side of each border has one word, the other none, and so has the border itself."""
    values = [border - 0.01, border + 0.01, border, NAN]
    words = words_true(sounds(**{attribute: values}))[column]
    one_sided = words.any(1).tolist()
    outward = first if attribute != "elevation_deg" else second
    assert one_sided == ([True, False] if first else [False, True]) + [False, False]
    which = words[0 if first else 1].argmax()
    assert which == (0 if outward else 1)


def test_what_is_unknown_is_neither_so_nor_known() -> None:
    about = ({"azimuth": 0}, {"distance": 0}, {"distance": 1}, {"reverberation": 1}, {"size": 0})
    claims = claims_of([*(Caption("", **claim) for claim in about), Caption("")])
    unknown = sounds(azimuth_deg=0.0, elevation_deg=0.0)
    true = claims_true(unknown, claims, np.eye(1, dtype=bool))
    assert true.tolist() == [[True, False, False, False, False, True]]
    assert claims_known(unknown, claims).tolist() == true.tolist()
    nobody = unknown._replace(label=np.array([-1]))
    assert not claims_true(nobody, claims_of([Caption("", 0)]), np.eye(1, dtype=bool)).any()


def test_a_man_speaking_is_speech_but_speech_is_no_man() -> None:
    assert kinds(["speech", "man speaking", "dog"]).tolist() == [
        [True, False, False], [True, True, False], [False, False, True]
    ]  # fmt: skip


def test_full_caption_states_all_that_is_worded() -> None:
    where = sounds(azimuth_deg=[-40, 170, 10], elevation_deg=[50, 0, 80], distance_m=[3, 0.5, 1.5],
                   t30_s=[0.1, 0.5, 2], floor_m2=[20, 70, 200])  # fmt: skip
    assert full_claims(where, room=True).tolist() == [
        [0, 7, 0, 1, 0, 0], [0, 4, ANY, 0, ANY, ANY], [0, ANY, 0, ANY, 1, 1]
    ]  # fmt: skip
    claims = full_claims(where)
    assert (claims[:, 4:] == ANY).all()
    for seed in range(40):
        text = full_caption("rain", claims[0], np.random.default_rng(seed))
        assert text == full_caption("rain", claims[0], np.random.default_rng(seed))
        assert [set(words) for words in said_words(text)[:3]] == [{0, 3}, {0}, {1}], text
        assert "?" not in text
        assert not re.search("tell me|alert|notify|let me know", text)
        mirrored = claims[0].copy()
        mirrored[1] = 1
        other = full_caption("rain", mirrored, np.random.default_rng(seed))
        assert said_words(other)[0] == {0, 1}, other
        names = [phrase for phrase in wording("rain").say if phrase in text]
        assert all(name in other for name in names)  # the form is the same, the place is not
    assert "something" in full_caption(None, claims[0], np.random.default_rng(0))


def write_bank(folder: Path, captions: list[Caption], tags: int = 0) -> CaptionBank:
    """A bank of captions whose vectors say which they are."""
    pooled = np.arange(len(captions))[:, None].astype(np.float32)
    arrays: dict[str, Any] = {"claims": claims_of(captions), "pooled": pooled}
    if tags:
        arrays["tag_pooled"] = np.ones((tags, 1), np.float16)
    np.savez(folder / "captions.npz", **arrays)
    np.savez(folder / "clips.npz", labels=np.array(LABELS))
    return CaptionBank(folder)


def test_drawn_captions_bind_what_to_where(tmp_path: Path, captions: list[Caption]) -> None:
    bank = write_bank(tmp_path, captions)
    rng = np.random.default_rng(2)
    n = 400
    some = Attributes(
        rng.integers(len(LABELS), size=n), rng.uniform(-180, 180, n), rng.uniform(-90, 90, n),
        rng.uniform(0.4, 4, n), rng.uniform(0.1, 1.5, n), rng.uniform(10, 200, n),
    )  # fmt: skip
    some.distance_m[::3] = NAN
    some.azimuth_deg[:40] = some.elevation_deg[:40] = NAN
    chosen = bank.draw(some, rng)
    claims = bank.claims[chosen]
    holds = claims_true(some, claims, bank.kinds)
    knows = claims_known(some, claims)
    rows = np.arange(n)
    true, elsewhere, other = (slice(k, 3 * n, 3) for k in range(3))
    assert holds[rows, 3 * rows].all()
    assert not holds[rows, 3 * rows + 1].any()
    assert not holds[rows, 3 * rows + 2].any()
    assert knows[rows, 3 * rows + 1].all()  # false, rather than not known
    # the same sound elsewhere claims the same kinds of things of another place
    assert (claims[elsewhere, 0] == claims[true, 0]).all()
    placed = (claims[true, 1:] != ANY).any(1)
    alike = (claims[elsewhere, 1:] != ANY) == (claims[true, 1:] != ANY)
    assert alike[placed].all()
    assert (claims[elsewhere, 1:] != claims[true, 1:]).any(1).all()
    # another sound here claims the same place, and is no other name of this sound
    assert (claims[other, 1:] == claims[true, 1:]).all()
    assert not bank.kinds[some.label, claims[other, 0]].any()
    # speech is said of men, too
    men = some.label == LABELS.index("man speaking")
    assert 0.05 < (claims[true, 0][men] == LABELS.index("speech")).mean() < 0.4
    # the rest say the label or the place only, each true of somebody
    rest = claims[3 * n :]
    assert len(rest) == 2 * (n // 4)
    assert ((rest[: n // 4, 0] != ANY) & (rest[: n // 4, 1:] == ANY).all(1)).all()
    assert (rest[n // 4 :, 0] == ANY).all()
    assert (rest[n // 4 :, 1:] != ANY).any(1).all()
    assert holds[:, 3 * n :].any(0).all()


def test_a_sound_of_unknown_place_is_told_from_others_only(
    tmp_path: Path, captions: list[Caption]
) -> None:
    bank = write_bank(tmp_path, captions)
    unknown = sounds(azimuth_deg=np.full(8, NAN))
    chosen = bank.draw(unknown, np.random.default_rng(0))
    claims = bank.claims[chosen]
    assert (claims[:, 1:] == ANY).all()
    assert (claims[0:24:3, 0] == 0).all()
    assert (claims[1:24:3, 0] != 0).all()


def test_draws_repeat_by_their_seed_and_phrases_are_plain(
    tmp_path: Path, captions: list[Caption]
) -> None:
    bank = write_bank(tmp_path, captions, tags=3)
    some = sounds(azimuth_deg=[10.0, 100.0, -100.0, 180.0], elevation_deg=np.zeros(4))
    first, second = (bank.draw(some, np.random.default_rng(5)) for _ in range(2))
    assert first.tolist() == second.tolist()
    assert first.tolist() != bank.draw(some, np.random.default_rng(6)).tolist()
    phrases = bank.phrases(np.random.default_rng(1))[:, 0].long().numpy()
    assert bank.claims[phrases].tolist() == [[label, *[ANY] * 5] for label in range(len(LABELS))]
    assert all(phrases[i] in bank.plain_of[i] for i in range(len(LABELS)))
    assert bank.tag_pooled is not None
    assert tuple(bank.tag_pooled.shape) == (3, 1)


def test_tags_become_captions_in_the_order_of_their_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tag_captions("Vehicle horn, car horn, honking")[:2] == (
        "vehicle horn or car horn or honking",
        "the sound of vehicle horn or car horn or honking",
    )
    assert tag_captions("Dishes, pots, and pans")[0] == "dishes or pots or pans"
    path = tmp_path / "tags.csv"
    path.write_text('index,mid,display_name\n1,/m/b,"Bark, woof"\n0,/m/a,Speech\n')
    assert read_tags(path) == ["Speech", "Bark, woof"]
    np.savez(tmp_path / "clips.npz", labels=np.array(["dog"]))

    def pool(directory: Path, texts: list[str]) -> np.ndarray:
        vectors = [[len(text), 1.0, "speech" in text] for text in texts]
        unit = np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit.astype(np.float16)

    monkeypatch.setattr("export.text.pool_sentences", pool)
    made = gather_captions(tmp_path, tmp_path, read_tags(path), 1)
    assert len(made["texts"]) == len(made["pooled"]) == len(made["claims"])
    assert np.linalg.norm(made["tag_pooled"].astype(float), axis=1) == pytest.approx(1, abs=2e-3)
    assert made["tag_pooled"][0, 2] > 0 == made["tag_pooled"][1, 2]
    assert "tag_pooled" not in gather_captions(tmp_path, tmp_path, [], 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a,b\n1,2\n", "expected the columns"), ("index,display_name\n1,Speech\n", "from 0 to 0"),
     (None, "No such file")],
)  # fmt: skip
def test_bad_tags_are_refused_before_anything_is_made(
    text: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tags.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "work"), "--manifest", "x.csv", "--sentences", "x", "--tags",
              str(path)])  # fmt: skip
    assert message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_centres_are_those_of_the_words() -> None:
    for index, centre in enumerate(CENTRES_DEG):
        place = [index, ANY, ANY, ANY, ANY]
        claims = full_claims(sounds(azimuth_deg=centre, elevation_deg=0.0))
        assert claims[0, 1] == index
        sides, *_ = said_words(say(wording("rain"), place, np.random.default_rng(index)))
        names = dict(enumerate(("front", "left", "back", "right")))
        expected = NAMES[index].replace("behind", "back").split()
        assert {names[i] for i in sides} >= set(expected)
