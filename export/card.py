"""The model card and the credits of a bundle, written from its manifest and its clips."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from elsa_rt.encoder.bundle import CARD, MANIFEST
from export.batches import BATCH
from export.scenes import SCENE_S

CREDITS = "CREDITS.csv"

_CARD = """# {name} {version}

A causal, stateful encoder of first-order ambisonics and a text encoder that meet in one space of
{embedding} dimensions. Each {step_ms} ms it says what sounds, from where, and how sure it is.

| | |
|---|---|
| input | AmbiX FOA (W, Y, Z, X; SN3D), {rate} Hz |
| output per step | embedding, direction (x, y, z), activity 0..1, distance in metres |
| audio parameters | {parameters:,} |
| context | {context_s} s: what is older cannot matter |
| licence | {licence} |

## Intended use
Free-text spatial alerts, robots and installations, research on sound events. Not a safety device:
do not let a life depend on it.

## Training
{clips} clips of {labels} kinds of sound, {synthesised} of them synthesised; {steps} optimisation
steps of {batch} scenes of {scene_s:g} seconds. {validation_clips} further clips, of other
recordings, for validation. Rooms: {rooms}, with the errors of real tetrahedral
microphones, diffuse noise at 0 to 35 dB SNR and levels from -50 to -3 dBFS.
Text: {text}.
A small AudioSet tagger (EfficientAT mn04, MIT) taught the audio side too.

Public sources: ESC-50 (only its CC0 and CC-BY clips), Speech Commands, speechocean762, VCTK,
EmoGator, and sounds of free games and Freesound; sounds such as alarms and bells synthesised by
`export.synthesis`. `{credits}` names every clip with its licence and author.

Licences of the clips: {licences}.

## Measured
{measured}

`python -m export.evaluate` makes this table again. "measured" are 28 responses of one real room
(R3VIVAL, CC-BY-4.0), turned to all azimuths, which no training has seen; a label counts
as right when its plain phrase wins against those of all {labels} labels.

## Limits
One source at a time. Trained on simulated rooms and few recordings of most labels; the text side
knows English. Elevation and distance are rough in reverberant rooms. Scores are calibrated on
simulated scenes: a site of its own habits will differ.
"""


def write_card(bundle: Path, work: Path) -> None:
    """Write ``MODEL_CARD.md`` and the credits beside ``model.yaml``."""
    manifest = yaml.safe_load((bundle / MANIFEST).read_text("utf-8"))
    with np.load(work / "clips.npz") as clips:
        about = [json.loads(str(text)) for text in clips["about"]]
    recorded = [clip for clip in about if clip["group"] != "synthesis"]
    _write_credits(bundle / CREDITS, recorded)
    licences = Counter(clip["licence"] for clip in recorded).most_common()
    training, features = manifest["training"], manifest["features"]
    text = _CARD.format(
        **{key: manifest[key] for key in
           ("name", "version", "embedding", "parameters", "context_s", "licence")},
        **{key: training[key] for key in ("clips", "steps", "validation_clips", "rooms", "text")},
        labels=len(training["labels"]),
        synthesised=len(about) - len(recorded),
        batch=BATCH,
        scene_s=SCENE_S,
        rate=features["rate"],
        step_ms=1000 * manifest["step_frames"] * features["hop"] // features["rate"],
        credits=CREDITS,
        licences=", ".join(f"{name} ({count})" for name, count in licences),
        measured=figures_table(manifest["measured"]),
    )  # fmt: skip
    (bundle / CARD).write_text(text, encoding="utf-8")


def _write_credits(path: Path, clips: list[dict[str, Any]]) -> None:
    columns = ["path", "label", "licence", "credit", "group"]
    lines = io.StringIO()
    writer = csv.DictWriter(lines, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: " ".join(str(clip[key]).split()) for key in columns} for clip in clips)
    path.write_text(lines.getvalue(), encoding="utf-8")


def figures_table(results: dict[str, dict[str, float]]) -> str:
    """Markdown: a row a figure, a column a condition."""
    if not results:
        return "Not measured yet."
    columns = list(results)
    rows = [f"| | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for figure in results[columns[0]]:
        values = " | ".join(f"{results[column][figure]:.4g}" for column in columns)
        rows.append(f"| {figure.replace('_', ' ')} | {values} |")
    return "\n".join(rows)


def record_measured(bundle: Path, results: dict[str, dict[str, float]], work: Path) -> None:
    """Put the figures into the manifest and write the card anew."""
    path = bundle / MANIFEST
    manifest = yaml.safe_load(path.read_text("utf-8"))
    manifest["measured"] = {
        condition: {name: round(value, 4) for name, value in figures.items()}
        for condition, figures in results.items()
    }
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")
    write_card(bundle, work)
