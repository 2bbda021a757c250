"""What the benchmarks hear, and what they say about the machine they ran on."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import version
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.audio.block import Block
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from tests.support.microphones import to_foa

RATE = 48_000
SCENE_S = 20  # of `blocks`, over and over

PROMPTS = (
    "an ambulance siren",
    "a smoke alarm",
    "someone knocking on the door",
    "heavy rain",
    "a kettle hissing",
    "a dog barking",
    "a glass breaking",
    "a child laughing",
    "a telephone ringing",
    "an engine starting",
)


def many_prompts(count: int) -> list[str]:
    """Different sentences: sounds of the bundled model's vocabulary, in several wordings."""
    names = [known.name for known in ModelBundle.load().names]
    wordings = ("{}", "the sound of {}", "{} in the house", "someone hears {}")
    return [wording.format(name) for wording in wordings for name in names][:count]


def moving_sounds(seconds: int, seed: int = 0) -> Iterator[NDArray[np.float32]]:
    """AmbiX (4, RATE), a second at a time: a siren, hisses and knocks circle the microphone.

    They come and go over a faint noise of independent channels.
    """
    rng = np.random.default_rng(seed)
    for second in range(seconds):
        time_s = second + np.arange(RATE) / RATE
        # from 400 to 1000 Hz and back in two seconds
        siren = np.sin(2 * np.pi * 700 * time_s - 600 * np.cos(np.pi * time_s))
        sounds = np.stack(
            [
                0.2 * siren * (time_s % 11 < 5),
                0.1 * rng.normal(size=RATE) * (time_s % 7 < 2),
                0.3 * rng.normal(size=RATE) * np.exp(-30 * (time_s % 0.25)) * (time_s % 13 < 3),
            ]
        )
        azimuths = np.stack([40 * time_s, 90 - 25 * time_s, 180 + 60 * time_s])
        gains = plane_wave(direction_from_angles(azimuths, 30 * np.sin(time_s)))  # (3, RATE, 4)
        foa = np.einsum("st,stc->ct", sounds, gains) + rng.normal(0, 1e-3, (4, RATE))
        yield foa.clip(-1, 1).astype(np.float32)


def blocks(bundle: ModelBundle) -> Iterator[tuple[Block, NDArray[np.float32]]]:
    """Blocks of a step as a microphone gives them, with the FOA of a step at the model's rate."""
    sound = np.hstack(list(moving_sounds(SCENE_S)))
    foa = to_foa(Config(), 4, RATE, bundle.features.rate).step(sound)
    length, ready = round(RATE * bundle.step_s), bundle.step_samples
    for step, part in enumerate(cycle(range(foa.shape[1] // ready))):
        block = Block(sound[:, part * length : (part + 1) * length], RATE, step * length)
        yield block, foa[:, part * ready : (part + 1) * ready]


def machine() -> str:
    """The processor and the versions that matter, in a line."""
    versions = [f"{name} {version(name)}" for name in ("onnxruntime", "numba", "numpy")]
    return ", ".join([_processor(), f"Python {platform.python_version()}", *versions])


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()  # ARM has no model name there
