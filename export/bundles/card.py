"""The model card of a bundle, written from its manifest and its clips."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
import yaml

from elsa_rt.encoder.bundle import CARD, MANIFEST
from export.bundles.tables import Report, markdown
from export.data.credits import (
    CREDITS,
    NOTICE,
    SYNTHESIS,
    sources_list,
    starts_from_tagger,
    write_credits,
    write_notice,
)
from export.scenes.studio import SCENE_S
from export.student.batches import BATCH

WIDTH = 100
MINILM = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2"
EFFICIENT_AT = "https://github.com/fschmid56/EfficientAT"

TAGGED = "; the tagger heard such sounds, and the names of its classes were trained with"

_CARD = """# {name} {version}

A causal, stateful encoder of first-order ambisonics and a text encoder that meet in one space of
{embedding} dimensions. Each {step_ms:g} ms it says what sounds, from where, and how sure it is.

| | |
|---|---|
| input | AmbiX FOA (W, Y, Z, X; SN3D), {rate} Hz |
| output per step | embedding, direction (x, y, z), activity 0..1, distance in metres |
| audio parameters | {parameters:,} |
| looks back | {context_s} s; fading memories may reach further |
| licence | {licence} |

## Intended use
Free-text spatial alerts, robots and installations, research on sound events. Not a safety device:
do not let a life depend on it. Not for recognising words or people.

## Training
{training}

{labels}

## Sources
`{credits}` names every recorded clip with its label, licence, author and where it is to be had.
Licences of the clips:
{licences}

{sources}

Synthesised, by `export.synthesis`: {synthesised} clips.{weights}

## Measured
{measured}

## Limits
One source at a time; two at once with `--sounds 2`, less well. Trained on simulated rooms and few
recordings of most labels; the text side knows English. Elevation and distance are rough in
reverberant rooms. Scores are calibrated on simulated scenes: a site of its own habits will differ.
The intervals above are of the clips: one measured room says little of others.
"""

_MEASURED = """{tables}

The sounds are alone in diffuse noise. "simulated" are validation rooms, "measured"
real ones (r3vival.csv: R3VIVAL, one room, CC-BY-4.0), turned to all azimuths, which no training
has seen. In brackets: 95 % intervals by resampling clips. A few hundred trials tell no
more.

- Directions are means over the steps in which a clip sounds; "step" is each step alone; the closed
  form is the energy flow without a model. The heights of the measured room come from tilting it.
- A label is right when its plain phrase wins against those of all labels, kept ones included, or of
  the list that the row names; "bare": its name alone. Times count from the onset, with each step's
  own answer. "kept out": labels of `export/data/kept_out.yaml`, among those of their set or among
  all. "paraphrases": sentences of `export/data/paraphrases.yaml`, one of each label at a time.
- Binding: the right one of eight captions, four places of the sound and four other sounds at its
  place; chance is 0.125. Rows "by text" choose between captions of four places, five sounds, or two
  opposite words.
- Retrieval is among the captions, or sounds, of all trials of one SNR; whatever is true is right.
- Two sources: over the steps in which both sound, the second so much softer; a direction is right
  within 20 degrees."""


def write_card(bundle: Path, work: Path) -> None:
    """Write ``MODEL_CARD.md``, the credits, and the notice of borrowed weights if there are any."""
    manifest = yaml.safe_load((bundle / MANIFEST).read_text("utf-8"))
    training, features = manifest["training"], manifest["features"]
    with np.load(work / "clips.npz") as clips:
        about = [json.loads(str(text)) for text in clips["about"]]
    recorded = [clip for clip in about if clip["group"] != SYNTHESIS]
    write_credits(bundle, recorded)
    write_notice(bundle, training)
    licences = Counter(clip["licence"] for clip in recorded).most_common()
    text = _CARD.format(
        **{key: manifest[key] for key in
           ("name", "version", "embedding", "parameters", "context_s", "licence")},
        step_ms=1000 * manifest["step_frames"] * features["hop"] / features["rate"],
        rate=features["rate"],
        training=fill(" ".join(_training(training)), WIDTH),
        labels=fill(f"Labels: {', '.join(training['labels'])}.", WIDTH),
        credits=CREDITS,
        licences=fill(", ".join(f"{name} ({count})" for name, count in licences) + ".", WIDTH),
        sources=sources_list(recorded),
        synthesised=len(about) - len(recorded),
        weights=_weights(training),
        measured=_measured(manifest["measured"]),
    )  # fmt: skip
    (bundle / CARD).write_text(text, encoding="utf-8")


def _training(training: Mapping[str, Any]) -> Iterator[str]:
    """Sentences of what the manifest tells of the training."""
    yield (
        f"{training['clips']} clips of {len(training['labels'])} kinds of sound; "
        f"{training['steps']} optimisation steps of {BATCH} scenes of {SCENE_S:g} seconds"
        f"{', {:g} hours'.format(training['hours']) if 'hours' in training else ''}."
    )
    if training.get("aligned_steps"):
        yield f"Then {training['aligned_steps']} steps of embedding and text alone."
    yield f"{training['validation_clips']} further clips, of other recordings, for validation."
    if training.get("unseen"):
        yield (
            f"Kept out, clips and captions, to be judged by: {', '.join(training['unseen'])}"
            f"{TAGGED if training.get('tagger') else ''}."
        )
    for key, title in (
        ("rooms", "Rooms"), ("semantic_tower", "Semantic tower"), ("teacher", "Teacher"),
        ("tagger", "Tagger"), ("text", "Text"), ("vocabulary", "Vocabulary"),
        ("slot_masks", "Masks for two sounds at once (`slot_masks.onnx`)"),
        ("started_from", "Weights started from those of"),
    ):  # fmt: skip
        if training.get(key):
            yield f"{title}: {str(training[key]).rstrip('.')}."


def _weights(training: Mapping[str, Any]) -> str:
    text = ""
    if "MiniLM" in str(training.get("text")):
        text += f"\n\nText: all-MiniLM-L6-v2 (Apache-2.0), <{MINILM}>."
    if starts_from_tagger(training):
        text += (
            "\n\nWeights that the semantic tower starts from: EfficientAT mn04_as (MIT, Copyright "
            f"(c) 2022 Florian Schmid), <{EFFICIENT_AT}>; see `{NOTICE}`."
        )
    return text


def _measured(measured: Report) -> str:
    return _MEASURED.format(tables=markdown(measured)) if measured else "Not measured yet."
