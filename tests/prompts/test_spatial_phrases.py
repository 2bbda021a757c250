"""The grammar of places, held by a table: phrases built from parts, and phrases written by hand."""

from __future__ import annotations

import re
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.audio.direction_words import azimuth_words, elevation_word
from elsa_rt.prompts.place_algebra import EVERYWHERE, Place, complement, intersection, union
from elsa_rt.prompts.spatial_phrases import ANYTHING, parse_prompt
from elsa_rt.rules.region import Region

AZIMUTH = {
    "front": (-55, 55), "left": (35, 145), "behind": (125, -125), "right": (-145, -35),
    "front left": (10, 80), "behind left": (100, 170),
    "behind right": (-170, -100), "front right": (-80, -10),
}  # fmt: skip
ELEVATION = {"above": (40, 90), "below": (-90, -40)}
DISTANCE = {"near": (0, 1), "far": (2, inf)}

DATA = Path(__file__).parent

SOUNDS = ("glass breaking", "a dog barking", "someone knocking on the door")
FRAMES = ("{sound} {way}", "{sound}, {way}", "{sound}: {way}", "{way}, {sound}", "{way}: {sound}",
          "{sound} ({way})", "I hear {sound} {way}.")  # fmt: skip


def simple(place: str) -> Place:
    """The place of e.g. "front left above", "az 10 80" or "not left"."""
    if place.startswith("not "):
        return complement(simple(place.removeprefix("not ")))
    if place in ("-", "?", "everywhere"):
        return EVERYWHERE
    bounds: dict[str, Any] = {}
    numbers = r"(az|el|dist) (-?[\d.]+) (-?[\d.]+|inf)"
    for name, low, high in re.findall(numbers, place):
        key = {"az": "azimuth_deg", "el": "elevation_deg", "dist": "distance_m"}[name]
        bounds[key] = (float(low), float(high))
    words = re.sub(numbers, "", place).split()
    across = " ".join(word for word in words if word in ("front", "left", "behind", "right"))
    for word in (*([across] if across else ()), *words):
        for key, table in (
            ("azimuth_deg", AZIMUTH), ("elevation_deg", ELEVATION), ("distance_m", DISTANCE)
        ):  # fmt: skip
            if word in table and (key != "azimuth_deg" or word == across):
                bounds[key] = table[word]
    return (Region(**bounds),)


def place(text: str) -> Place:
    """The place of a row of the table."""
    return union(*(simple(part.strip()) for part in text.split(" or ")))


def rows(name: str) -> list[list[str]]:
    """The rows of a table, cells between bars."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip(" ") for cell in line.split("|")]
        for line in lines
        if line and not line.startswith("#")
    ]


WAYS = {where: ways for where, *ways in rows("place_ways.txt")}


def built() -> list[tuple[str, str, str]]:
    """Prompt, sound and place of phrases made of parts."""
    found = []
    ways = [(where, way) for where, ways in WAYS.items() for way in ways]
    for index, (where, way) in enumerate(ways):
        for number, frame in enumerate(FRAMES):
            sound = SOUNDS[(index + number) % len(SOUNDS)]
            said = f"I hear {sound}." if frame.startswith("I hear") else sound
            found.append((frame.format(sound=sound, way=way), said, where))
    return found


def written() -> list[tuple[str, str, str]]:
    """Those of ``place_phrases.txt``."""
    return [(prompt, sound, where) for prompt, sound, where in rows("place_phrases.txt")]


def test_there_are_enough_phrases() -> None:
    assert len(built()) >= 1000
    assert len(written()) >= 150


@pytest.mark.parametrize(("prompt", "sound", "where"), built())
def test_built_phrases(prompt: str, sound: str, where: str) -> None:
    parsed = parse_prompt(prompt)
    assert (parsed.sound, set(parsed.region.parts)) == (sound, set(place(where)))
    assert parsed.doubts == ()


@pytest.mark.parametrize(("prompt", "sound", "where"), written())
def test_written_phrases(prompt: str, sound: str, where: str) -> None:
    parsed = parse_prompt(prompt)
    assert (parsed.sound, set(parsed.region.parts)) == (sound, set(place(where)))
    assert bool(parsed.doubts) is (where == "?")


@pytest.mark.parametrize("where", WAYS)
def test_a_place_in_other_words_is_the_same_text_for_the_encoder(where: str) -> None:
    assert len({parse_prompt(f"a bell, {way}").text for way in WAYS[where]}) == 1


def test_a_denied_place_is_not_told_to_the_text_encoder() -> None:
    assert parse_prompt("a dog, but not behind me").text == "a dog"
    assert parse_prompt("a dog on the left or right").text == "a dog"
    assert parse_prompt("a dog at 3 o'clock").text == "a dog"


@pytest.mark.parametrize(
    ("prompt", "centre"),
    [("a dog to the north", 30), ("a dog from the west", 120), ("a dog south of me", -150),
     ("a dog in the north-east", -15), ("a dog due north", 30),
     ("a dog to the NW", 75), ("a dog in the SE corner", -105), ("a dog due north-north-west", 52)],
)  # fmt: skip
def test_compass_points_need_north(prompt: str, centre: float) -> None:
    parsed = parse_prompt(prompt, north_deg=30.0)
    assert parsed.region.contains(direction_from_angles(centre, 0))
    assert not parsed.region.contains(direction_from_angles(centre + 70, 0))
    assert parsed.sound == "a dog"
    (doubt,) = parse_prompt(prompt).doubts
    assert "north_deg" in doubt


def test_doubts_tell_what_was_meant_and_the_cure() -> None:
    (beside,) = parse_prompt("a dog behind the fence").doubts
    assert beside.startswith("'behind the fence' is a place beside a thing")
    (path,) = parse_prompt("a car passing from left to right").doubts
    assert path.startswith("'from left to right' is a movement")
    (time,) = parse_prompt("an alarm at 3 o'clock in the morning").doubts
    assert "schedule" in time


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


PLACES = st.builds(
    lambda start, width, low, high: Region(
        (float(start), float((start + width + 180) % 360 - 180)), (float(low), float(high))
    ),
    st.integers(-18, 17).map(lambda tens: 10 * tens),
    st.integers(1, 35).map(lambda tens: 10 * tens),
    st.sampled_from([-90, -40]),
    st.sampled_from([40, 90]),
)
AZIMUTHS = range(-175, 180, 10)


def inside(where: Place, azimuth: float, elevation: float) -> bool:
    return any(part.contains(direction_from_angles(azimuth, elevation)) for part in where)


@settings(deadline=None, max_examples=60)
@given(PLACES, PLACES)
def test_the_algebra_is_that_of_sets(one: Region, other: Region) -> None:
    for elevation in (-60, 0, 60):
        for azimuth in AZIMUTHS:
            first, second = (inside((part,), azimuth, elevation) for part in (one, other))
            for found, wanted in (
                (union((one,), (other,)), first or second),
                (intersection((one,), (other,)), first and second),
                (complement((one, other)), not (first or second)),
            ):
                assert inside(found, azimuth, elevation) is wanted


WORDS = st.sampled_from(
    re.split(
        " ",
        "a dog behind me , and or not but left right on the above in front far . north at 3 "
        "o'clock 90 degrees from to rear my side ( ) [ ] - anywhere except isn't °",
    )
)


@settings(deadline=None)
@given(st.lists(WORDS))
def test_something_is_always_left_to_listen_for(words: list[str]) -> None:
    prompt = " ".join(words)
    parsed = parse_prompt(prompt)
    if not parsed.said:
        assert parsed.sound == " ".join(prompt.split())
    else:
        assert any(map(str.isalnum, parsed.sound)) or parsed.sound == ANYTHING
        assert "  " not in parsed.sound
