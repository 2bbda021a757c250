"""Clips of data sets: their labels, their sources, what of them sounds."""

from __future__ import annotations

import numpy as np
import pytest

from export.data.clips import source_group, trim, unify

RATE = 16_000


def test_labels_of_both_data_sets_meet() -> None:
    assert unify("crying_baby") == unify("crying baby") == "crying baby"
    assert unify("door_knock") == "door knock"
    assert unify("an unknown_thing") == "an unknown thing"


@pytest.mark.parametrize(
    ("source", "credit", "group"),
    [
        ("", "x https://freesound.org/people/x/sounds/1234/", "freesound:1234"),
        ("a: wavs/p225/p225_024.wav", "CSTR VCTK p225", "CSTR VCTK p225:p225"),
        ("a: dig_wood.2.ogg", "somebody", "a: dig_wood"),
    ],
)
def test_recordings_of_one_source_share_a_group(source: str, credit: str, group: str) -> None:
    assert source_group("", source, credit) == group


def test_trim_keeps_what_sounds() -> None:
    mono = np.zeros(RATE, np.float32)
    mono[4000:8000] = 0.25
    cut = trim(mono, RATE)
    assert 4000 <= cut.size <= 4640
    assert cut.max() == 1
    assert trim(np.zeros(100, np.float32), RATE).size == 0
