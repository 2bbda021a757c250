"""Questions to a memory of invented streams: what is right, and what is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.memory.memory import Memory
from elsa_rt.scoring.statistics import Statistics
from export.evaluate.recall import NOWHERE, PLACES, Asked, Truth, ask_labels, line, remember_streams
from export.scenes.home import STREAM_S, HomeEvent
from export.scenes.home_hours import HomeRecording

LABELS = ["hum", "hiss"]
LEFT, BEHIND = 90.0, 180.0


def stream(bundle: ModelBundle, *events: HomeEvent) -> HomeRecording:
    """What a bundle hears that makes no mistakes; silence between the events."""
    phrases = Statistics.load(bundle).names.phrases.astype(np.float32)
    steps = round(STREAM_S / bundle.step_s)
    embedding = np.tile(-phrases.sum(axis=0), (steps, 1)).astype(np.float32)
    embedding /= np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-9)
    direction = np.tile(np.array([1, 0, 0], np.float32), (steps, 1))
    activity, distance = np.zeros(steps, np.float32), np.full(steps, 2.0, np.float32)
    for event in events:
        during = slice(round(event.start_s / bundle.step_s), round(event.end_s / bundle.step_s))
        embedding[during] = phrases[event.label]
        direction[during] = direction_from_angles(event.azimuth_deg, event.elevation_deg)
        activity[during] = 1
    return HomeRecording(embedding.astype(np.float16), direction, activity, distance, list(events))


@pytest.fixture
def asked(tmp_path: Path, bundle: Path) -> dict[str, Asked]:
    """Two streams, each with a hum on the left; the second has a hiss behind as well."""
    loaded = ModelBundle.load(bundle)
    hum = HomeEvent(2.0, 5.0, 0, 0, LEFT, 0.0)
    streams = [
        stream(loaded, hum),
        stream(loaded, hum, HomeEvent(20.0, 23.0, 1, 1, BEHIND, 0.0)),
    ]
    events = [
        event._replace(start_s=event.start_s + k * STREAM_S, end_s=event.end_s + k * STREAM_S)
        for k, one in enumerate(streams)
        for event in one.events
    ]
    remember_streams(tmp_path / "past", loaded, streams)
    with Memory.open(tmp_path / "past", bundle=bundle) as memory:
        truth = Truth(events, LABELS)
        found = [*ask_labels(memory, truth, NOWHERE), *ask_labels(memory, truth, PLACES)]
    return {one.text: one for one in found}


def test_the_sounds_of_every_stream_are_found(asked: dict[str, Asked]) -> None:
    """Names of tracks begin anew with each stream: they are no reason to leave a row out."""
    plain = next(one for text, one in asked.items() if "hum" in text and "left" not in text)
    assert (plain.there, plain.found, plain.best, plain.first) == (2, 1.0, 1.0, True)
    assert [row.right for row in plain.rows[:2]] == [True, True]
    assert [row.sounds for row in plain.rows] == [["hum"], ["hum"], ["hiss"]]
    assert plain.rows[1].score > plain.rows[2].score
    assert plain.kept == 1


def test_a_place_is_asked_for_where_the_sound_is(asked: dict[str, Asked]) -> None:
    placed = [text for text in asked if text.endswith(tuple(PLACES))]
    assert len(placed) == 2
    assert any("hum" in text and text.endswith("on my left") for text in placed)
    assert any("hiss" in text and text.endswith("behind me") for text in placed)
    assert all(asked[text].found == 1 for text in placed)


def test_what_counts_as_heard_is_told_with_what_is_wrong_of_it(asked: dict[str, Asked]) -> None:
    (hiss,) = (one for text, one in asked.items() if text.endswith("hiss"))
    assert (hiss.heard, hiss.false) == (1.0, 0)
    assert (
        line("by label", [hiss], 0.5)
        == "| by label | 1 | 1.00 | 1.00 | 1.00 | 1.00 | 1.00 | 0.00 |"
    )
