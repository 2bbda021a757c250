"""Captions: their grammar, what they claim, and which are true of a sound."""

from __future__ import annotations

import re
from dataclasses import astuple
from itertools import product

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.features.intensity import IntensityFeatures
from export.captions.grammar import ANY, anything, definite, say
from export.captions.spatial import (
    CENTRES_DEG,
    Attributes,
    Caption,
    claims_known,
    claims_of,
    claims_true,
    full_caption,
    full_claims,
    regions,
    words_true,
    write_captions,
)
from export.data.clips import kinds, vocabulary, wording
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
        label, *claimed = astuple(caption)[1:]
        texts.setdefault((label, tuple(claimed)), set()).add(caption.text)
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
    texts = [c.text for c in write_captions(["theremin"], 1) if c.label == 0]
    assert all("theremin" in text for text in texts)
    assert "theremin" in texts


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


def test_centres_are_those_of_the_words() -> None:
    for index, centre in enumerate(CENTRES_DEG):
        place = [index, ANY, ANY, ANY, ANY]
        claims = full_claims(sounds(azimuth_deg=centre, elevation_deg=0.0))
        assert claims[0, 1] == index
        sides, *_ = said_words(say(wording("rain"), place, np.random.default_rng(index)))
        names = dict(enumerate(("front", "left", "back", "right")))
        expected = NAMES[index].replace("behind", "back").split()
        assert {names[i] for i in sides} >= set(expected)
