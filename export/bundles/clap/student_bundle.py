"""The bundle of a student of a CLAP: its own audio encoder, the CLAP's text tower."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

import numpy as np

from elsa_rt.encoder.bundle import (
    AUDIO_ENCODER,
    CARD,
    SCORES,
    TEXT_ENCODER,
    TOKENIZER,
    ModelBundle,
)
from export.bundles.bundle import export_audio, write_manifest
from export.bundles.clap.graph import Clap, write_text
from export.bundles.manifest import rehash
from export.bundles.score_statistics import calibrate
from export.settings import EMBEDDING, FEATURES, STEP_S
from export.student.model import Student

_CARD = """# {name}

A causal, stateful student of a ClapModel: it hears first-order ambisonics, and its prompts are read
by CLAP's own text tower.

| | |
|---|---|
| made from | `{teacher}` by `python -m export distil`, {steps} steps, {hours} h |
| licence | {licence} |
| input | AmbiX FOA (W, Y, Z, X; SN3D), {rate} Hz |
| output every {step_ms:g} ms | embedding of {embedding} dimensions, direction, activity, distance |
| clips of training / validation | {clips} / {validation_clips} |
| cosine to the CLAP on the dry clip, clips never heard, in rooms | {teacher_cosine} |
| the same without the mean of all clips | {teacher_centred} |

## Limits
- It says what the CLAP says of the clips that it was trained on, and of what is like them.
- CLAP knows nothing of places: words about place in a prompt become a region.
- Labels, false alarms and misses: `python -m export evaluate` and `evaluate-alerts` measure them.
"""


def write_student(
    student: Student, clap: Clap, args: argparse.Namespace, facts: Mapping[str, Any],
    measured: Mapping[str, float],
) -> None:  # fmt: skip
    """Write the whole bundle to ``args.output`` and load it."""
    output = args.output
    output.mkdir(parents=True, exist_ok=True)
    student.eval()
    export_audio(student, output / AUDIO_ENCODER)
    text_cosine = write_text(clap, output / TEXT_ENCODER, width=EMBEDDING)
    clap.tokenizer.save(str(output / TOKENIZER))
    (output / SCORES).touch()  # the bundle must be whole to be heard
    with np.load(args.work / "clips.npz") as clips:
        held, unseen = clips["validation"], clips["unseen"]
    training = {
        **facts,
        "clips": int((~held & ~unseen).sum()),
        "validation_clips": int(held.sum()),
    }
    name = output.resolve().name
    numbers = {**measured, "text_cosine_with_torch": round(text_cosine, 4)}
    write_manifest(
        output, name, student, training,
        licence=args.licence, measured=numbers, reads_places=False,
    )  # fmt: skip
    calibrate(ModelBundle.load(output), args.work, args.streams, args.cache).save(output / SCORES)
    rehash(output)
    card = _CARD.format(
        name=name, licence=args.licence, rate=FEATURES.rate, step_ms=1000 * STEP_S,
        embedding=EMBEDDING, **training, **measured,
    )  # fmt: skip
    (output / CARD).write_text(card, encoding="utf-8")
    ModelBundle.load(output)
