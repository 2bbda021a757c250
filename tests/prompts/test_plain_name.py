"""Bare names of sounds."""

from __future__ import annotations

import pytest

from elsa_rt.prompts.plain_name import plain_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("blender", "blender"),
        ("A Blender", "blender"),
        ("the sound of a blender", "blender"),
        ("This is a sound of a blender.", "blender"),
        ("blender sounds", "blender"),
        ("alert me when you hear reversing_beeps!", "reversing beeps"),
        ("wind-up toy", "wind up toy"),
        ("a blender on the table", "blender on the table"),
        ("the noise of traffic", "traffic"),
        ("noise", "noise"),
        ("white noise", "white"),
        ("", ""),
    ],
)
def test_what_only_says_that_it_is_a_sound_is_left_out(text: str, name: str) -> None:
    assert plain_name(text) == name
