"""Directions in words."""

from __future__ import annotations

import pytest

from elsa_rt.audio.direction_words import azimuth_words, direction_words, elevation_word


@pytest.mark.parametrize(
    ("azimuth", "words"),
    [
        (0, ("front",)),
        (35, ("front",)),
        (36, ("front", "left")),
        (-45, ("front", "right")),
        (55, ("left",)),
        (90, ("left",)),
        (125, ("left",)),
        (135, ("behind", "left")),
        (145, ("behind",)),
        (180, ("behind",)),
        (-180, ("behind",)),
        (-144, ("behind", "right")),
        (-90, ("right",)),
        (270, ("right",)),
        (359, ("front",)),
    ],
)
def test_azimuth(azimuth: float, words: tuple[str, ...]) -> None:
    assert azimuth_words(azimuth) == words


def test_every_azimuth_has_one_or_two_words() -> None:
    assert {len(azimuth_words(tenth / 10)) for tenth in range(-1800, 1801)} == {1, 2}


def test_left_and_right_mirror_each_other() -> None:
    swap = {"left": "right", "right": "left"}
    for azimuth in range(181):
        mirrored = tuple(swap.get(word, word) for word in azimuth_words(-azimuth))
        assert azimuth_words(azimuth) == mirrored


def test_elevation() -> None:
    assert [elevation_word(value) for value in (-41, -40, 0, 40, 41)] == [
        "below", None, None, None, "above",
    ]  # fmt: skip


def test_phrases() -> None:
    assert direction_words(135, 0) == "behind, left"
    assert direction_words(0, 60) == "front, above"
    assert direction_words(130, -80) == "below"
    assert direction_words(-90, 50) == "right, above"
    assert direction_words(0, 0) == "front"
