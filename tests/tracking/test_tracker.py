"""Sounds that are followed: errors, honesty about them, and which step belongs to which sound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.hearing import Track
from elsa_rt.tracking.direction_filter import angle_between
from elsa_rt.tracking.tracker import NOISE, TrackedStep, Tracker
from tests.bench.tracks import Figures, follow

STEP_S = 0.08
NAN = math.nan


def sound(
    azimuths: Sequence[float], activities: Sequence[float] | None = None, distance_m: float = 2.0
) -> EncoderOutput:
    """A slot for each azimuth; NaN is silent."""
    active = [0.0 if math.isnan(a) else 1.0 for a in azimuths]
    directions = [direction_from_angles(np.nan_to_num(a), 0.0) for a in azimuths]
    return EncoderOutput(
        np.zeros((len(azimuths), 4), np.float32),
        np.array(directions, np.float32),
        np.array(activities or active, np.float32),
        np.full(len(azimuths), distance_m, np.float32),
    )


def run(steps: Sequence[Sequence[float]], release_s: float = 1.0) -> Iterator[TrackedStep]:
    """What is told for azimuths (steps, slots)."""
    tracker = Tracker(STEP_S, release_s)
    for index, azimuths in enumerate(steps):
        yield tracker.step((index + 1) * STEP_S, sound(azimuths), 0.3, 0.1)


def told(heard: Sequence[TrackedStep], state: str) -> list[Track]:
    return [track for one in heard for track in one.tracks if track.state == state]


def test_a_track_starts_goes_on_and_ends() -> None:
    heard = list(run([[NAN]] * 3 + [[40.0]] * 10 + [[NAN]] * 20))
    (start,), (end,) = told(heard, "start"), told(heard, "end")
    assert start.time_s == pytest.approx(5 * STEP_S)
    assert start.first_s == end.first_s == pytest.approx(3 * STEP_S)
    assert end.last_s == pytest.approx(13 * STEP_S)
    assert end.time_s == pytest.approx(end.last_s + 1.0, abs=STEP_S)
    assert start.id == end.id
    assert len(told(heard, "update")) == round((end.time_s - start.time_s) / STEP_S) - 1
    assert start.azimuth_deg == end.azimuth_deg == pytest.approx(40, abs=1e-3)
    assert start.words == "front, left"
    assert (start.speed_deg_s, start.distance_m) == pytest.approx((0, 2), abs=1e-3)
    assert heard[-1].tracks == ()


def test_a_stray_step_is_not_told() -> None:
    heard = list(run([[10.0]] * 5 + [[-120.0]] + [[10.0]] * 20))
    assert {track.id for one in heard for track in one.tracks} == {"track-000001"}
    stray = heard[5].slots[0]
    assert stray is not None
    assert stray.azimuth_deg == pytest.approx(-120, abs=1e-3)  # but an alert may point there


def test_silence_costs_certainty() -> None:
    heard = list(run([[10.0]] * 20 + [[NAN]] * 10 + [[10.0]] * 5))
    sure, unsure, again = (heard[index].tracks[0] for index in (19, 29, 34))
    assert sure.uncertainty_deg < 8 < 15 < unsure.uncertainty_deg
    assert again.uncertainty_deg < 9
    assert again.id == sure.id
    assert heard[25].slots == (None,)


def test_lost_sound_is_silence() -> None:
    tracker = Tracker(STEP_S, 1.0)
    for index in range(5):
        before = tracker.step(index * STEP_S, sound([10.0]), 0.3, 0.1)
    after = tracker.step(60.0, sound([10.0]), 0.3, 0.1)
    assert [track.state for track in after.tracks] == ["end"]
    assert after.tracks[0].id == before.tracks[0].id
    assert after.slots[0] is not None
    assert after.slots[0].id != before.tracks[0].id


@pytest.mark.parametrize("around", [0.0, 180.0, -90.0])
def test_two_sounds_are_told_apart_whatever_their_slots(around: float) -> None:
    rng = np.random.default_rng(1)
    one, other = around + rng.normal(-30, 3, 200), around + rng.normal(30, 3, 200)
    flip = rng.random(200) < 0.5
    steps = np.where(flip[:, None], np.stack([one, other], 1), np.stack([other, one], 1))
    heard = list(run(steps.tolist()))
    assert {track.id for track in heard[-1].tracks} == {"track-000001", "track-000002"}
    assert len(told(heard, "start")) == 2
    for flipped, now in zip(flip[5:], heard[5:], strict=True):
        left = now.slots[1] if flipped else now.slots[0]
        assert left is not None
        assert abs((left.azimuth_deg - around - 30 + 180) % 360 - 180) < 8


def test_one_sound_in_turns_with_another_keeps_its_track() -> None:
    steps = ([[0.0]] * 6 + [[100.0]] * 6) * 4
    heard = list(run(steps))
    assert [track.id for track in told(heard, "start")] == ["track-000001", "track-000002"]
    assert told(heard, "end") == []


def test_a_track_of_two_slots_takes_the_closer_one() -> None:
    heard = list(run([[0.0, NAN]] * 5 + [[12.0, 2.0]] * 5))
    assert [track.id for track in heard[-1].slots if track] == ["track-000002", "track-000001"]


def test_the_distance_is_smoothed_and_may_be_unknown() -> None:
    tracker, rng = Tracker(STEP_S, 1.0), np.random.default_rng(0)
    for index in range(60):
        away = float(np.exp(rng.normal(math.log(3.0), 0.2))) if index % 3 else NAN
        heard = tracker.step((index + 1) * STEP_S, sound([5.0], None, away), 0.2, 0.1)
        assert heard.slots[0] is not None
        if index:
            assert not math.isnan(heard.slots[0].distance_m)
    assert heard.tracks[0].distance_m == pytest.approx(3.0, rel=0.15)
    (unknown,) = Tracker(STEP_S, 1.0).step(STEP_S, sound([5.0], None, NAN), 0.2, 0.1).slots
    assert unknown is not None
    assert math.isnan(unknown.distance_m)


def test_ids_never_come_again() -> None:
    tracker = Tracker(STEP_S, 0.5)
    seen: list[str] = []
    for turn in range(20):
        tracker.reset()
        for index in range(5):
            heard = tracker.step(index * STEP_S, sound([turn * 50.0, turn * 50.0 + 90]), 0.3, 0.1)
        seen += [track.id for track in heard.tracks]
    assert len(set(seen)) == len(seen) == 40


def test_wild_directions_leave_nothing_behind() -> None:
    tracker, rng = Tracker(STEP_S, 2.0), np.random.default_rng(3)
    alive = [
        len(tracker.step(index * STEP_S, sound([rng.uniform(-180, 180)]), 1.0, 0.1).tracks)
        for index in range(2_000)
    ]
    assert max(alive) < 25
    half = len(alive) // 2
    assert np.mean(alive[half:]) < 1.2 * np.mean(alive[:half]) + 1


def test_quiet_and_diffuse_sound_is_less_certain() -> None:
    assert NOISE.sigma(0.4, 0.3) > NOISE.sigma(1.0, 0.3) > NOISE.sigma(1.0, 0.0)
    assert NOISE.bias(0.9) > NOISE.bias(0.1)


@pytest.mark.parametrize("speed_deg_s", [0.0, 30.0, 90.0])
def test_independent_errors_are_smoothed(speed_deg_s: float) -> None:
    found = Figures.of([follow(speed_deg_s, 5.0, 0.0, seed) for seed in range(6)])
    assert found.raw_deg == pytest.approx(7.07, rel=0.1)  # of two axes
    assert found.smooth_deg < 0.65 * found.raw_deg
    assert abs(found.lag_deg) < 2.0
    assert found.tracks == 1
    assert found.speed_deg_s == pytest.approx(speed_deg_s, abs=12)


@pytest.mark.parametrize("speed_deg_s", [10.0, 90.0])
def test_the_stated_uncertainty_holds_for_errors_as_rooms_make_them(speed_deg_s: float) -> None:
    found = Figures.of([follow(speed_deg_s, 2.5, 5.0, seed) for seed in range(12)])
    assert found.within == pytest.approx(1 - math.exp(-1), abs=0.12)
    assert found.within_twice > 0.93


def test_it_goes_round_the_back_without_a_jump() -> None:
    azimuths = [150.0 + 4 * step for step in range(20)]  # 50 degrees a second, to -134
    heard = list(run([[azimuth] for azimuth in azimuths]))
    places = [direction_from_angles(t.azimuth_deg, 0) for one in heard for t in one.tracks]
    turns = [math.degrees(angle_between(a, b)) for a, b in pairwise(places)]
    assert max(turns) < 6
    (last,) = heard[-1].tracks
    assert last.azimuth_deg == pytest.approx(-134, abs=1.5)
    assert last.speed_deg_s == pytest.approx(50, abs=6)
