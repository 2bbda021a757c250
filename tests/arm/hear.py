"""What this machine hears and computes, as arrays in a file, to be compared with another's.

python -m tests.arm.hear PART FILE    see tests/arm/__main__.py for the parts
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.diagnostics.channel_tally import ChannelTally
from elsa_rt.diagnostics.cross_spectra import BandSpectra
from elsa_rt.diagnostics.delays import delayed
from elsa_rt.diagnostics.rails import rail_counts
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.features.high_pass import HighPass
from elsa_rt.features.intensity import FeatureSettings, IntensityFeatures
from elsa_rt.features.two_directions import DirectionMixture
from elsa_rt.hearing import Score
from elsa_rt.jit import shipped
from elsa_rt.listener import Listener
from elsa_rt.microphones.fir import MatrixFir
from elsa_rt.microphones.to_foa import Mix
from elsa_rt.microphones.usable import UsedChannels
from elsa_rt.outputs.score_text import ScoreText

Arrays = dict[str, NDArray[Any]]


def kernels() -> Arrays:
    """Each kernel that is shipped but those of the encoder and of scores, on noise."""
    noise = np.random.default_rng(1)
    foa = noise.normal(0, 0.1, (4, 32_000)).astype(np.float32)
    found = features(foa)
    fir = MatrixFir(noise.normal(0, 0.1, (4, 4, 64)).astype(np.float32), 20)
    mixture = DirectionMixture(FeatureSettings(), 8)
    pairs = [mixture.step(mel) for mel in found["mel"].reshape(25, 8, 8, 64)]
    numbers = noise.normal(0, 1, (50, 2))
    scores = tuple(
        Score(f"prompt {i}", similarity, score, abs(score), f"rule-{i}", 0.5)
        for i, (similarity, score) in enumerate(numbers)
    )
    return {
        **found,
        **health(foa),
        "used channels": UsedChannels((4, 2, 3, 1)).step(foa)[0],
        "channels mixed": Mix(noise.normal(0, 1, (4, 4)).astype(np.float32)).step(foa),
        "high-pass": HighPass(32_000).step(foa),
        "FIR filters": np.concatenate([fir.step(foa), fir.flush()], axis=1),
        "two directions": np.array([one.direction for one in pairs]),
        "shares of two directions": np.array([one.share for one in pairs]),
        "text of scores": np.array(ScoreText().text(scores)),
    }


def health(foa: NDArray[np.float32]) -> Arrays:
    """What faults of the channels are judged by, and one that is found."""
    spectra, clipped, copied = BandSpectra(10, 27), np.clip(foa, -0.15, 0.15), foa.copy()
    spectra.add(foa)
    copied[3, 300:] = copied[0, :-300]
    return {
        "cross-spectra": spectra.mean,
        "samples at a rail": rail_counts(clipped),
        "delayed channels": np.array(delayed(copied, np.ones(4, bool)), np.int64),
    }


def features(foa: NDArray[np.float32]) -> Arrays:
    """Features of samples (4, n), and the tally of their channels."""
    frames, tally = IntensityFeatures().step(foa), ChannelTally(32_000, 4)
    tally.add(foa)
    return {"mel": frames.mel, "power": frames.power, "tally": tally.steps()}


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
    """Embeddings of the demo's prompts and of some names, by an encoder of 8 bits."""
    bundle = ModelBundle.load()
    texts = [*demo_prompts(), *(name.name for name in bundle.names[::16])]
    return {"embedding": encode_texts(bundle, texts, 1).embedding}


def own() -> Arrays:
    """Features and channel tally by kernels that are compiled here, though they are shipped."""
    shipped.find = lambda *_: None
    found = features(np.random.default_rng(1).normal(0, 0.1, (4, 6400)).astype(np.float32))
    if "numba" not in sys.modules:
        raise SystemExit("error: nothing was compiled")
    return found


if __name__ == "__main__":
    part, file = sys.argv[1:]
    made = {"kernels": kernels, "text": text, "own": own}.get(part, partial(demo, part))()
    if part in ("kernels", "compiled") and "numba" in sys.modules:
        raise SystemExit("error: Numba ran in place of the kernels that are shipped")
    np.savez(Path(file), **made)  # type: ignore[arg-type]
