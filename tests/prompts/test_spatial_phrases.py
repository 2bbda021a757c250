"""Words about place in prompts: taken where they are about the listener, left alone otherwise."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.audio.direction_words import azimuth_words, elevation_word
from elsa_rt.prompts.spatial_phrases import ANYTHING, parse_prompt
from elsa_rt.rules.region import Region

AZIMUTH = {
    "front": (-55, 55), "left": (35, 145), "behind": (125, -125), "right": (-145, -35),
    "front left": (10, 80), "behind left": (100, 170),
    "behind right": (-170, -100), "front right": (-80, -10),
}  # fmt: skip
ELEVATION = {"above": (40, 90), "below": (-90, -40)}
DISTANCE = {"near": (0, 1), "far": (2, inf)}


def region(place: str) -> Region:
    """The region of e.g. "front left, above, far"."""
    bounds: dict[str, tuple[float, float]] = {}
    for part in filter(None, place.split(", ")):
        for name, table in (
            ("azimuth_deg", AZIMUTH), ("elevation_deg", ELEVATION), ("distance_m", DISTANCE)
        ):  # fmt: skip
            if part in table:
                bounds[name] = table[part]
    return Region(**bounds)


@pytest.mark.parametrize(
    ("prompt", "what", "place"),
    [
        ("a dog barking behind me", "a dog barking", "behind"),
        ("a dog  barking   behind  me", "a dog barking", "behind"),
        ("a dog barking, behind me", "a dog barking", "behind"),
        ("Behind me, a dog barks", "a dog barks", "behind"),
        ("a dog is behind me", "a dog", "behind"),
        ("a dog barking (behind me)", "a dog barking", "behind"),
        ("a man behind me speaking", "a man speaking", "behind"),
        ("footsteps behind the robot", "footsteps", "behind"),
        ("footsteps right behind us!", "footsteps!", "behind"),
        ("an alarm going off behind me", "an alarm going off", "behind"),
        ("a knock at the back", "a knock", "behind"),
        ("a voice from behind", "a voice", "behind"),
        ("a dog barking in front", "a dog barking", "front"),
        ("glass breaking straight ahead of me", "glass breaking", "front"),
        ("someone knocking on the left", "someone knocking", "left"),
        ("someone knocking on the door on the left", "someone knocking on the door", "left"),
        ("to my left someone is talking", "someone is talking", "left"),
        ("a dog on the left barking", "a dog barking", "left"),
        ("I hear a dog to the left.", "I hear a dog.", "left"),
        ("a baby crying on my left-hand side", "a baby crying", "left"),
        ("all right, a bell rings to the right of me", "all right, a bell rings", "right"),
        ("a voice coming from the right", "a voice", "right"),
        ("glass breaking in front of me on the left", "glass breaking", "front left"),
        ("glass breaking front left", "glass breaking", "front left"),
        ("a bell at the front-right", "a bell", "front right"),
        ("a voice coming from somewhere behind, left", "a voice", "behind left"),
        ("a dog in the back right corner of the room", "a dog", "behind right"),
        ("a plane flying overhead", "a plane flying", "above"),
        ("a bird above", "a bird", "above"),
        ("a bird over my head", "a bird", "above"),
        ("a smoke alarm that is right above me", "a smoke alarm", "above"),
        ("water running below", "water running", "below"),
        ("a cat at my feet", "a cat", "below"),
        ("a dog above and behind me, loudly", "a dog, loudly", "behind, above"),
        ("a fly close by", "a fly", "near"),
        ("a dog nearby!", "a dog!", "near"),
        ("a siren in the distance", "a siren", "far"),
        ("a train far away from me", "a train", "far"),
        ("close behind me a dog growls", "a dog growls", "behind, near"),
        ("in the far right corner a clock ticks", "a clock ticks", "right, far"),
        ("on the left", ANYTHING, "left"),
        ("on the left, above", ANYTHING, "left, above"),
    ],
)
def test_taken(prompt: str, what: str, place: str) -> None:
    understood = parse_prompt(prompt)
    assert understood.what == what
    assert understood.region == region(place)
    assert region(place) != Region()
    again = parse_prompt(what)
    assert (again.what, again.region) == (what, Region())


@pytest.mark.parametrize(
    "prompt",
    [
        "a dog barking",
        "someone left my keys",
        "the left door closes",
        "someone knocking on the left door",
        "a person left behind",
        "a car turning left",
        "a dog barking left",
        "a car passing left to right",
        "upright piano, right",
        "all right",
        "rightly said, leftover food",
        "to my left ear",
        "a bell on the left wing",
        "a front left tire bursting",
        "a knock at the front door",
        "a knock at the back of the house",
        "a dog barking in front of the house",
        "a dog behind the fence",
        "footsteps behind the robot arm",
        "in the background, music",
        "a shelf above the door creaking",
        "below zero",
        "an overhead projector humming",
        "a nearby dog",
        "a distant siren",
        "the shop will close",
        "not behind me, a dog",
        "a dog that isn't on the left",
        "a dog on the left and a cat on the right",
        "a dog in front of me or behind me",
        "near me a whisper, in the distance a train",
    ],
)
def test_left_alone(prompt: str) -> None:
    understood = parse_prompt(prompt)
    assert (understood.what, understood.region) == (prompt, Region())


@pytest.mark.parametrize("azimuth_deg", [0, 90, 180, -90])
def test_agrees_with_the_words_that_are_spoken(azimuth_deg: float) -> None:
    (word,) = azimuth_words(azimuth_deg)
    said = {"front": "in front of me", "behind": "behind me"}.get(word, f"on the {word}")
    spoken = parse_prompt(f"a dog barking {said}").region
    for angle in range(-180, 180, 3):
        assert spoken.contains(direction_from_angles(angle, 0)) is (word in azimuth_words(angle))


@pytest.mark.parametrize("word", ["above", "below"])
def test_agrees_with_the_words_for_elevation(word: str) -> None:
    spoken = parse_prompt(f"a dog barking {word} me").region
    for angle in range(-89, 90, 2):
        assert spoken.contains(direction_from_angles(20, angle)) is (word == elevation_word(angle))


WORDS = st.sampled_from(
    tuple(
        [
            "a",
            "dog",
            "behind",
            "me",
            ",",
            "on",
            "the",
            "left",
            "and",
            "above",
            "in front",
            "far",
            ".",
        ]
    )
)


@settings(deadline=None)
@given(st.lists(WORDS))
def test_something_is_always_left_to_listen_for(words: list[str]) -> None:
    prompt = " ".join(words)
    understood = parse_prompt(prompt)
    if understood.region == Region():
        assert understood.what == " ".join(prompt.split())
    else:
        assert any(map(str.isalnum, understood.what))
        assert "  " not in understood.what
