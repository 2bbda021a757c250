"""What this machine hears in the demo scene, as arrays in a file, to be compared with another's.

python -m tests.arm.hear ENGINE FILE    compiled, onnx, or own: the kernels that this machine
                                        compiles itself, on noise
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.diagnostics.channel_tally import ChannelTally
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.jit import shipped
from elsa_rt.listener import Listener

Arrays = dict[str, NDArray[np.generic]]


def demo(engine: str) -> Arrays:
    """Every step of the demo scene: what the model gave, directions, scores, and the alerts."""
    config = Config().changed(engine=engine)  # type: ignore[arg-type]
    listener = Listener(demo_prompts(), demo_path(), config, on_notice=lambda _: None)
    if listener.engine != engine:
        raise SystemExit(f"error: {listener.engine} runs in place of {engine}")
    heard = list(listener)
    alerts = [f"{a.state} {a.id}" for hearing in heard for a in hearing.alerts]
    return {
        "embedding": np.array([hearing.embedding for hearing in heard]),
        "activity": np.array([hearing.activity for hearing in heard]),
        "direction": np.array([hearing.direction for hearing in heard]),
        "distance_m": np.array([hearing.distance_m for hearing in heard]),
        "score": np.array([[score.score for score in hearing.scores] for hearing in heard]),
        "alerts": np.array(alerts),
    }


def text() -> Arrays:
    """Embeddings of the prompts, by an encoder of 8 bits."""
    found = encode_texts(ModelBundle.load(), demo_prompts(), 1)
    return {"embedding": found.embedding}


def own() -> Arrays:
    """Features and channel tally by kernels that are compiled here, though they are shipped."""
    shipped.find = lambda *_: None
    foa = np.random.default_rng(1).normal(0, 0.1, (4, 6400)).astype(np.float32)
    frames, tally = IntensityFeatures().step(foa), ChannelTally(32_000, 4)
    tally.add(foa)
    if "numba" not in sys.modules:
        raise SystemExit("error: nothing was compiled")
    return {"mel": frames.mel, "power": frames.power, "steps": tally.steps()}


if __name__ == "__main__":
    part, file = sys.argv[1:]
    arrays = own() if part == "own" else text() if part == "text" else demo(part)
    np.savez(Path(file), **arrays)  # type: ignore[arg-type]
