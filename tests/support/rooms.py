"""Rooms of the training code for tests."""

from __future__ import annotations

import numpy as np

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from export.scenes.material import TrialRoom


def wave_room(azimuth: float) -> TrialRoom:
    direction = direction_from_angles(azimuth, 0)
    return TrialRoom(plane_wave(direction)[:, None].astype(np.float32), direction, 1.5)
