"""The calibration set of the 8-bit audio encoder: frames of sound as a microphone hears it.

Recordings are what it should be: AmbiX files of rooms like those where the model will listen, a
quiet one and a loud one at least. Without any, scenes of validation clips in validation rooms stand
in; the manifest says which it was, and the hash of the set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import FeatureSettings, IntensityFeatures
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.to_foa import ToFoa
from elsa_rt.sources.open import open_source


class FrameSet(NamedTuple):
    """Sounds as sequences of steps.

    Attributes
    ----------
    sounds : list of float32 (steps, step_frames, 8, mels)
        Each begins in silence.
    source : str
        Where they come from.
    """

    sounds: list[NDArray[np.float32]]
    source: str

    @property
    def steps(self) -> int:
        """Steps of all sounds."""
        return sum(map(len, self.sounds))

    @property
    def sha256(self) -> str:
        """Hash of all frames in their order."""
        digest = hashlib.sha256()
        for sound in self.sounds:
            digest.update(np.ascontiguousarray(sound).tobytes())
        return digest.hexdigest()


def recorded(folder: Path, settings: FeatureSettings, step_frames: int) -> FrameSet:
    """Frames of the AmbiX files in ``folder``, in the order of their names.

    Raises
    ------
    UsageError
        There are none, or none is as long as a step.
    """
    files = sorted(path for path in folder.glob("*") if path.is_file())
    sounds = [_frames(path, settings, step_frames) for path in files]
    sounds = [sound for sound in sounds if len(sound)]
    if not sounds:
        raise UsageError(f"calibrating: {folder} holds no recordings: put AmbiX files there")
    return FrameSet(sounds, f"{len(sounds)} recordings")


def _frames(path: Path, settings: FeatureSettings, step_frames: int) -> NDArray[np.float32]:
    features, mels, to_foa = IntensityFeatures(settings), [], None
    with open_source(path, Config()) as source:
        for block in source:
            to_foa = to_foa or ToFoa(
                profile_of(Config()), len(block.samples), block.rate, settings.rate
            )
            mels.append(features.step(to_foa.step(block.samples)).mel)
    return in_steps(np.concatenate(mels), step_frames)


def in_steps(mel: NDArray[np.float32], step_frames: int) -> NDArray[np.float32]:
    """Frames (n, 8, mels) -> (steps, step_frames, 8, mels); what is over is left out."""
    steps = len(mel) // step_frames
    return mel[: steps * step_frames].reshape(steps, step_frames, *mel.shape[1:])


def each_step(sounds: list[NDArray[np.float32]]) -> Iterator[tuple[bool, NDArray[np.float32]]]:
    """Whether a sound begins here, and one step (1, step_frames, 8, mels) of it."""
    for sound in sounds:
        for index, step in enumerate(sound):
            yield index == 0, step[None]
