"""Recordings of a sound as a prompt: what the model makes of them, wherever they came from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave, rotate_foa, rotation
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.output import TRACKED
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.wording import counted

TURNS_DEG = (0.0, 90.0, 180.0, -90.0)
"""An example is heard from all around, so that where it was recorded does not count."""

MAX_EXAMPLE_S = 60.0
QUIET_S = 1.0
"""Of silence, before and after: the model hears the sound begin, and a short one whole."""

PEAK = 0.3


def embed_example(path: str | Path, encoder: AudioEncoder) -> NDArray[np.float32]:
    """Embedding (D,) of the sound in the recording ``path``, of one channel or AmbiX of four.

    Raises
    ------
    UsageError
        It cannot be read, is of another kind, longer than a minute, or nothing sounds in it.
    """
    features = encoder.bundle.features
    foa = _read(Path(path), features.rate)
    stages = IntensityFeatures(features), encoder.streams().lanes[0]
    total = np.zeros(encoder.bundle.embedding)
    for turn in TURNS_DEG:
        turned = (rotate_foa(rotation(turn, 0, 0)) @ foa).astype(np.float32)
        for stage in stages:
            stage.reset()
        for sound in stages[1].step(stages[0].step(turned), turned):
            slot = int(sound.activity.argmax())
            if sound.activity[slot] > TRACKED:
                total += sound.activity[slot] * sound.embedding[slot]
    length = float(np.linalg.norm(total))
    if length < 1e-6:
        raise UsageError(f"the example {path}: nothing sounds in it: give a louder or longer one")
    return np.asarray(total / length, np.float32)


def open_example(path: Path) -> soundfile.SoundFile:
    """Open a regular file as sound."""
    if path.exists() and not path.is_file():
        raise OSError("it is no regular file")
    return soundfile.SoundFile(os.fsencode(path))


def _read(path: Path, rate: int) -> NDArray[np.float32]:
    """AmbiX (4, n) at ``rate`` Hz of peak `PEAK`, with silence around."""
    try:
        with open_example(path) as file:
            native, count, channels = file.samplerate, file.frames, file.channels
            if not 0 < count <= MAX_EXAMPLE_S * native:
                raise UsageError(
                    f"the example {path} lasts {count / native:g} s: cut out the sound, a minute "
                    "at most"
                )
            samples = file.read(dtype="float32", always_2d=True)
    except TypeError:  # soundfile asks what raw samples are
        new = f"{path.stem}-converted.wav"
        raise UsageError(
            f"the example {path} holds raw samples, which carry no header: say what they are, "
            f"e.g. ffmpeg -f s16le -ar 48000 -ac 1 -i {shlex.quote(str(path))} {shlex.quote(new)}"
        ) from None
    except (OSError, soundfile.LibsndfileError) as error:
        raise UsageError(f"reading the example {path}: {error}: name a sound file") from None
    if channels not in (1, 4):
        raise UsageError(
            f"the example {path} has {channels} channels: one, or the four of AmbiX, are needed"
        )
    bad = ~np.isfinite(samples)
    if bad.any():
        raise UsageError(
            f"the example {path} holds {counted(int(bad.sum()), 'sample')} of NaN or infinity: "
            "record or export it again"
        )
    if channels == 1:
        samples = samples * plane_wave(direction_from_angles(0.0, 0.0))
    foa = soxr.resample(samples, native, rate).T
    loudest = max(float(np.abs(foa).max()), 1e-9)
    quiet = round(QUIET_S * rate)
    return np.asarray(np.pad(PEAK / loudest * foa, ((0, 0), (quiet, quiet))), np.float32)
