"""Recordings that the tiny bundle understands, and another model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import soundfile

from tests.support.tiny_bundle import make_bundle, rehash, sound

RATE = 16_000


def write_recording(path: Path, seconds: float, *, seed: int) -> Path:
    """A sound of one second every three, hum or hiss, each from somewhere else."""
    rng = np.random.default_rng(seed)
    samples = rng.normal(0, 1e-4, (4, round(seconds * RATE))).astype(np.float32)
    for begin in range(1, int(seconds) - 1, 3):
        kind = ("hum", "hiss")[int(rng.integers(2))]
        at = begin * RATE
        samples[:, at : at + RATE] += sound(kind, 1, float(rng.uniform(-180, 180)), 0, RATE)
    soundfile.write(path, np.round(samples.T * 2**15).astype(np.int16), RATE)
    return path


def other_bundle(path: Path) -> Path:
    """The tiny bundle with an audio encoder of another hash."""
    make_bundle(path)
    model = onnx.load(str(path / "audio_encoder.onnx"))
    model.doc_string = "another one"
    onnx.save(model, str(path / "audio_encoder.onnx"))
    rehash(path)
    return path
