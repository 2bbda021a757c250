"""Scenes whose sounds turn, cross, or are alike: the field goes where the truth says."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import angle_deg, direction_from_angles
from elsa_rt.testing import sound
from export.evaluate.moving import (
    CROSSING_DEG_S,
    STILL,
    Scene,
    Turn,
    alike,
    crossing,
    directions,
    turned,
    turning,
)
from export.evaluate.pairs import APART_DEG
from export.scenes.material import Clip, TrialRoom
from export.scenes.trials import LEAD_S, RATE, Wet, stage
from tests.support.rooms import wave_room

ROOMS = [wave_room(90.0), wave_room(-60.0), wave_room(170.0)]


def clips(labels: tuple[int, ...]) -> list[Clip]:
    return [Clip(i, label, sound("hiss", 2.0, i, rate=RATE)[0]) for i, label in enumerate(labels)]


def flow(foa: np.ndarray) -> np.ndarray:
    """Direction (3,) that the energy of ``foa`` (4, n) comes from."""
    towards = (foa[[3, 1, 2]] * foa[0]).sum(1)
    return np.asarray(towards / np.linalg.norm(towards))


@pytest.mark.parametrize("deg_s", [0.0, 30.0, -45.0])
def test_the_field_turns_with_its_truth(deg_s: float) -> None:
    mono = np.random.default_rng(0).normal(size=2 * RATE).astype(np.float32)
    start = direction_from_angles(60, 20)
    x, y, z = start
    wet = Wet(np.stack([mono, y * mono, z * mono, x * mono]).astype(np.float32), mono)
    turn = Turn(deg_s, 0.5)
    moved = turned(wet, turn)
    for at_s in (0.1, 0.5, 1.9):
        part = slice(int((at_s - 0.02) * RATE), int((at_s + 0.02) * RATE))
        (truth,) = directions(start, turn.angle(np.array([at_s])))
        assert angle_deg(flow(moved.foa[:, part]), truth) < 1.5
        assert angle_deg(truth, direction_from_angles(60 + deg_s * (at_s - 0.5), 20)) < 0.01


def test_pairs_that_are_alike_have_one_label_and_two_places() -> None:
    found = list(alike(clips((0, 0, 1, 2, 2)), ROOMS, 12))
    assert len(found) == 12
    for scene in found:
        one, other = scene.duet.labels
        assert one == other != 1
        assert angle_deg(*scene.duet.directions) >= APART_DEG


def test_sounds_that_cross_meet_in_the_middle() -> None:
    (scene,) = crossing(clips((0, 1)), ROOMS, 1)
    step_s = 0.08
    truth = scene.truth(step_s, 25)
    apart = [angle_deg(*pair) for pair in truth]
    assert np.argmin(apart) in (11, 12, 13)
    assert min(apart) < 2 * CROSSING_DEG_S * step_s
    assert apart[0] == pytest.approx(2 * CROSSING_DEG_S * (1.0 - step_s / 2), abs=0.1)
    assert scene.duet.labels[0] != scene.duet.labels[1]


def test_pairs_that_cannot_be_had_are_left_out() -> None:
    one_room, one_label = ROOMS[:1], clips((0, 0))
    assert list(alike(one_label, one_room, 2)) == []
    assert list(crossing(one_label, ROOMS, 2)) == []


def test_what_stands_still_has_one_truth() -> None:
    (pair,) = alike(clips((0, 0)), ROOMS, 1)
    assert pair.turns == (STILL, STILL)
    truth = Scene(pair.duet).truth(0.08, 5)
    np.testing.assert_allclose(truth, np.broadcast_to(pair.duet.directions, (5, 2, 3)))


def test_a_single_sound_goes_around() -> None:
    room: TrialRoom = ROOMS[0]
    trial = stage(clips((0,))[0], room, np.eye(3), 20.0, np.random.default_rng(0))
    moved, turn = turning(trial)
    assert moved.foa.shape == trial.foa.shape
    for at_s in (LEAD_S + 0.2, LEAD_S + 1.5):
        part = slice(int((at_s - 0.05) * RATE), int((at_s + 0.05) * RATE))
        (truth,) = directions(trial.about.direction, turn.angle(np.array([at_s])))
        assert angle_deg(flow(moved.wet.foa[:, part]), truth) < 3
