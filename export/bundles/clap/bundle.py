"""The files of a windowed bundle: sizes that fit each other, manifest, card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from elsa_rt.encoder.bundle import (
    AUDIO_ENCODER,
    CARD,
    MANIFEST,
    REQUIRED,
    SCHEMA,
    SCORES,
    TEXT_ENCODER,
    TOKENIZER,
    WINDOWED,
    ModelBundle,
)
from elsa_rt.encoder.onnx import open_session
from elsa_rt.encoder.window import WindowSettings
from elsa_rt.errors import UsageError
from elsa_rt.features.intensity import FeatureSettings
from elsa_rt.version import __version__
from export.bundles.clap.background import Fit, Sounds, fit_scores
from export.bundles.clap.graph import Clap, write_audio, write_text

FRAMES_PER_S = 100

_CARD = """# {name} {version}

CLAP in elsa-rt: what sounds is told by a ClapModel, where by physics.

| | |
|---|---|
| made from | `{source}` by `python -m export clap` |
| licence | {licence} |
| input | AmbiX FOA (W, Y, Z, X; SN3D), {rate} Hz |
| output every {step_s:g} s | embedding of {embedding} dimensions, direction, activity |
| window | the last {seconds:g} s, beam {beam} |
| audio parameters | {parameters:,} |

## How it hears
Each {step_s:g} s the last {seconds:g} s, brought to a common peak, are embedded. The direction is
that of the energy flow of the step, the background taken out; the activity says how far the step
rises above the quietest of late, so that what goes on for minutes becomes background. Words about
place in a prompt become a region, the rest of it is what CLAP reads.

## Limits
- What sounded in the window still counts when another sound comes, wherever that comes from.
- A sound much shorter than the window may not be recognised; CLAP was trained on 10 s.
- It knows no distance: words for it are not checked.
- One direction at a time: where several sounds overlap, it lies between them.
- How well it hears in rooms was not measured when this bundle was made.
- Scores are calibrated on {background}.
"""


@dataclass(frozen=True)
class Plan:
    """How a CLAP of a certain rate is to listen; a step is ``step_frames`` hops long."""

    features: FeatureSettings
    window: WindowSettings
    step_frames: int

    @classmethod
    def fit(cls, rate: int, longest_s: float, window: WindowSettings, step_s: float) -> Plan:
        """Sizes for samples at ``rate`` Hz and a CLAP that hears ``longest_s`` at once.

        Raises
        ------
        UsageError
            Something is no whole number of samples, too long, or leaves sound unheard.
        """
        hop = _whole(
            rate / FRAMES_PER_S, f"frames of {1 / FRAMES_PER_S} s at {rate} Hz, in samples"
        )
        _whole(window.seconds * rate, f"a window of {window.seconds} s, in samples")
        step_frames = _whole(step_s * FRAMES_PER_S, f"a step of {step_s} s, in hundredths")
        if window.seconds > longest_s:
            raise UsageError(
                f"a window of {window.seconds} s: this CLAP hears {longest_s:g} s at most"
            )
        if step_s > window.seconds:
            raise UsageError(
                f"a step of {step_s} s leaves sound unheard: the window has {window.seconds} s"
            )
        # for direction and level alone: CLAP has a front end of its own
        features = FeatureSettings(
            rate=rate, hop=hop, n_fft=1024, window=1024, mels=32, high_hz=min(16_000.0, rate / 2)
        )
        return cls(features, window, step_frames)

    @property
    def samples(self) -> int:
        """Samples of the window."""
        return round(self.window.seconds * self.features.rate)


def _whole(number: float, what: str) -> int:
    if round(number) < 1 or abs(number - round(number)) > 1e-6:
        raise UsageError(f"{what}, is {number:g}: a whole number is needed")
    return round(number)


def write_bundle(
    clap: Clap, plan: Plan, sounds: Sounds, windows: int, source: str, licence: str, output: Path
) -> Fit:
    """Write the whole bundle, its scores from ``windows`` windows of ``sounds``, and load it."""
    output.mkdir(parents=True, exist_ok=True)
    audio = output / AUDIO_ENCODER
    audio_off = write_audio(clap, plan.samples, audio)
    text_cosine = write_text(clap, output / TEXT_ENCODER)
    clap.tokenizer.save(str(output / TOKENIZER))
    session = open_session(audio, 1, arena=True)
    fit = fit_scores(
        sounds,
        lambda window: np.asarray(session.run(["embedding"], {"samples": window})[0]),
        clap.read,
        plan.samples,
        windows,
    )
    fit.statistics.save(output / SCORES)
    about = {
        "name": output.resolve().name,
        "version": __version__,
        "licence": licence,
        "embedding": clap.embedding,
        "parameters": sum(weights.numel() for weights in clap.model.audio_model.parameters()),
        "training": {"source": source, "background": sounds.origin},
        "measured": {
            "audio_difference_from_torch": float(f"{audio_off:.2g}"),
            "text_cosine_with_torch": round(text_cosine, 4),
        },
    }
    _write_manifest(about, plan, output)
    _write_card(about, plan, output)
    ModelBundle.load(output)
    return fit


def _write_manifest(about: dict[str, Any], plan: Plan, output: Path) -> None:
    files = {name: hashlib.sha256((output / name).read_bytes()).hexdigest() for name in REQUIRED}
    manifest = {
        "schema": SCHEMA,
        "kind": WINDOWED,
        **about,
        "features": plan.features.as_dict(),
        "window": plan.window.as_dict(),
        "step_frames": plan.step_frames,
        "context_s": plan.window.seconds,
        "slots": 1,
        "files": files,
    }
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    (output / MANIFEST).write_text(text, encoding="utf-8")


def _write_card(about: dict[str, Any], plan: Plan, output: Path) -> None:
    card = _CARD.format(
        **about,
        **about["training"],
        **plan.window.as_dict(),
        rate=plan.features.rate,
        step_s=plan.step_frames / FRAMES_PER_S,
    )
    (output / CARD).write_text(card, encoding="utf-8")
