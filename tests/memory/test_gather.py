"""From steps to rows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from elsa_rt.hearing import Alert, Track
from elsa_rt.memory.gather import CUT_AFTER_S, MINUTE_S, Gatherer, SoundInStep, Step
from elsa_rt.memory.row import Event
from elsa_rt.recordings.pieces import LEAD_S, PIECE_S, TAIL_S

STEP_S = 0.1
HUM, HISS = np.eye(2, 512, dtype=np.float32)
LEFT = np.array([0, 1, 0], np.float32)


def track(time_s: float, first_s: float, *, id: str = "track-1", state: str = "update") -> Track:
    return Track(
        state=state,  # type: ignore[arg-type]
        id=id, time_s=time_s, azimuth_deg=90.0, elevation_deg=0.0, uncertainty_deg=6.0,
        speed_deg_s=0.0, distance_m=2.0, first_s=first_s, last_s=time_s, words="left",
    )  # fmt: skip


def hear(
    gatherer: Gatherer, begin_s: float, end_s: float, sounds: dict[str, tuple[float, float]]
) -> list[Event]:
    """Steps in which each of ``sounds`` goes on from one time to another."""
    rows = []
    for number in range(round(begin_s / STEP_S) + 1, round(end_s / STEP_S) + 1):
        time_s = number * STEP_S
        tracks = []
        active = 0.0
        for id, (first_s, last_s) in sounds.items():
            if first_s < time_s <= last_s + 1e-6:
                tracks.append(track(time_s, max(first_s, begin_s), id=id))
                active = 0.9
            elif last_s < time_s <= last_s + STEP_S + 1e-6:
                tracks.append(replace(track(last_s, first_s, id=id, state="end"), time_s=time_s))
        embedding = HUM if active else HISS
        rows += gatherer.step(Step(time_s, embedding, active, LEFT, -40.0, tracks))
    return rows


def sounds_of(rows: list[Event]) -> list[tuple[float, float]]:
    return [
        (round(row.time_s, 2), round(row.time_s + row.duration_s, 2))
        for row in sorted(rows, key=lambda row: row.time_s)
        if row.kind == "sound"
    ]


def test_a_track_leaves_a_row_when_it_ends() -> None:
    gatherer = Gatherer(STEP_S)
    rows = hear(gatherer, 0, 10, {"track-1": (2.0, 4.0)})
    (row,) = rows
    assert (row.kind, row.track) == ("sound", "track-1")
    assert [row.time_s, row.duration_s] == pytest.approx([2.0, 2.0])
    assert [row.azimuth_deg, row.distance_m] == pytest.approx([90, 2])
    assert row.activity == pytest.approx(0.9)
    assert row.embedding @ HUM == pytest.approx(1)


def test_a_long_sound_leaves_a_row_for_each_full_minute() -> None:
    gatherer = Gatherer(STEP_S)
    rows = hear(gatherer, 0, 200, {"track-1": (20.0, 150.0)})
    assert sounds_of(rows + gatherer.finish()) == [(20, 60), (60, 120), (120, 150)]
    gatherer = Gatherer(STEP_S)
    rows = hear(gatherer, 0, 200, {"track-1": (50.0, 130.0)})  # too short to be cut at 60 s
    assert sounds_of(rows + gatherer.finish()) == [(50, 120), (120, 130)]


@pytest.mark.parametrize(("first_s", "last_s"), [(285, 290), (290, 310), (250, 420), (20, 580)])
def test_pieces_have_the_rows_of_the_whole(first_s: float, last_s: float) -> None:
    sounds = {"track-1": (float(first_s), float(last_s))}
    whole = Gatherer(STEP_S)
    expected = sounds_of(hear(whole, 0, 600, sounds) + whole.finish())
    found: list[Event] = []
    for begin_s in (0.0, 300.0):
        piece = Gatherer(STEP_S, begin_s, begin_s + 300 if not begin_s else math.inf)
        found += hear(piece, max(0.0, begin_s - 48), min(begin_s + 390, 600), sounds)
        found += piece.finish()
    assert sounds_of(found) == expected


def test_minutes_with_a_sound_have_a_row_and_quiet_ones_share_one() -> None:
    gatherer = Gatherer(STEP_S)
    rows = hear(gatherer, 0, 600, {"track-1": (310.0, 315.0)}) + gatherer.finish()
    minutes = [(row.time_s, row.duration_s) for row in rows if row.kind == "minute"]
    np.testing.assert_allclose(minutes, [(0, 300), (300, 60), (360, 240)], atol=0.01)


def test_pieces_are_heard_for_as_long_as_their_rows_go_on() -> None:
    assert LEAD_S > CUT_AFTER_S
    assert TAIL_S >= MINUTE_S + CUT_AFTER_S
    assert PIECE_S % MINUTE_S == 0


def test_two_sounds_at_once_have_each_its_own_meaning() -> None:
    gatherer = Gatherer(STEP_S)
    right = replace(track(0.1, 0.0, id="track-2"), azimuth_deg=-90.0)
    for number in range(1, 11):
        time_s = number * STEP_S
        tracks = [track(time_s, 0.0), replace(right, time_s=time_s, last_s=time_s)]
        sounds = [
            SoundInStep("track-1", HUM, 0.9),
            SoundInStep("track-2", HISS, 0.7),
        ]
        gatherer.step(Step(time_s, HUM, 0.9, LEFT, -40.0, tracks, sounds=sounds))
    rows = {row.track: row for row in gatherer.finish() if row.kind == "sound"}
    assert rows["track-1"].embedding @ HUM == pytest.approx(1)
    assert rows["track-2"].embedding @ HISS == pytest.approx(1)
    assert rows["track-2"].azimuth_deg == pytest.approx(-90)
    assert rows["track-2"].activity == pytest.approx(0.7)


def alert(state: str, time_s: float, *, track: str | None, peak: float = 0.8) -> Alert:
    return Alert(
        state=state,  # type: ignore[arg-type]
        id="hum-000001", prompt="a hum", time_s=time_s, score=0.5, azimuth_deg=90.0,
        elevation_deg=0.0, words="left", rule="hum", event="event-1", track=track, peak=peak,
        onset_s=time_s - 0.5,
    )  # fmt: skip


def test_alerts_belong_to_the_row_of_their_track() -> None:
    gatherer = Gatherer(STEP_S)
    hear(gatherer, 0, 1, {"track-1": (0.0, 5.0)})
    for time_s, state, peak in ((1.1, "start", 0.6), (1.2, "end", 0.9)):
        told = alert(state, time_s, track="track-1", peak=peak)
        tracks = [track(time_s, 0.0)]
        scores = [("hum", 0.7), ("hiss", 0.01)]
        step = Step(time_s, HUM, 0.9, LEFT, -20.0, tracks, [told], scores)
        gatherer.step(step)
    (row,) = [row for row in gatherer.finish() if row.kind == "sound"]
    (raised,) = row.alerts
    assert (raised.id, raised.rule, raised.score) == ("hum-000001", "hum", 0.9)
    assert [score.rule for score in row.scores] == ["hum"]
    assert row.level_dbfs == -20.0


def test_what_joined_an_alert_is_in_its_row() -> None:
    gatherer = Gatherer(STEP_S)
    hear(gatherer, 0, 1, {"track-1": (0.0, 5.0)})
    hiss = replace(alert("start", 1.1, track="track-1"), id="hiss-000002", rule="hiss", peak=0.6)
    told = replace(alert("start", 1.1, track="track-1"), joined=(hiss,))
    gatherer.step(Step(1.1, HUM, 0.9, LEFT, -20.0, [track(1.1, 0.0)], [told]))
    (row,) = [row for row in gatherer.finish() if row.kind == "sound"]
    assert [(one.rule, one.id) for one in row.alerts] == [
        ("hum", "hum-000001"), ("hiss", "hiss-000002"),
    ]  # fmt: skip


def test_an_alert_without_a_track_leaves_a_row_of_its_own() -> None:
    gatherer = Gatherer(STEP_S)
    rows = []
    for number in range(20):
        time_s = 1.0 + number * STEP_S
        told = {0: [alert("start", time_s, track=None)], 10: [alert("end", time_s, track=None)]}
        rows += gatherer.step(Step(time_s, HUM, 0.5, LEFT, -30.0, (), told.get(number, [])))
    (row,) = rows
    assert (row.kind, row.track) == ("alert", None)
    assert row.time_s == pytest.approx(0.5)
    assert row.time_s + row.duration_s == pytest.approx(2.0)
    assert row.alerts[0].prompt == "a hum"


def test_an_alert_that_is_sooner_than_its_track_is_in_the_row_of_the_track() -> None:
    gatherer = Gatherer(STEP_S)
    told = replace(alert("start", 1.1, track=None), onset_s=1.0)
    gatherer.step(Step(1.1, HUM, 0.9, LEFT, -20.0, (), [told]))
    for time_s in (1.2, 1.3):
        gatherer.step(Step(time_s, HUM, 0.9, LEFT, -20.0, [track(time_s, 1.0)]))
    (row,) = [row for row in gatherer.finish() if row.kind != "minute"]
    assert (row.kind, [one.id for one in row.alerts]) == ("sound", ["hum-000001"])
