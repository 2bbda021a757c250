"""Frames of rendered scenes, where recordings to calibrate the 8-bit audio encoder are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from calibration.features import FrameSet, in_steps
from export.scenes.studio import Studio

SCENES = 40
SEED = 11


def rendered(work: Path, step_frames: int, scenes: int = SCENES, seed: int = SEED) -> FrameSet:
    """Frames of ``scenes`` scenes of validation clips in the validation rooms of ``work``."""
    studio, rng = Studio(work, validation=True), np.random.default_rng(seed)
    sounds = [
        in_steps(studio.scene(rng).mel.astype(np.float32), step_frames) for _ in range(scenes)
    ]
    return FrameSet(sounds, f"{scenes} rendered scenes of validation clips")
