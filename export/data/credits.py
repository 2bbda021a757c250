"""Whose recordings a model learned from, where they are to be had, and what their licences ask."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

CREDITS = "CREDITS.csv"
NOTICE = "NOTICE"
SYNTHESIS = "synthesis"
"""Group of the clips that the training code makes up itself."""

CORPORA = {
    "EmoGator": "https://github.com/fredbuhl/EmoGator",
    "Google Speech Commands": "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    "speechocean762": "https://www.openslr.org/101",
    "CSTR VCTK": "https://doi.org/10.7488/ds/2645",
}
"""Speech whose clips are grouped by speaker, by the beginning of its credit."""

ESC50 = "https://github.com/karolpiczak/ESC-50"

TAGGER_NOTICE = """\
The semantic tower of audio_encoder.onnx was trained from the weights of EfficientAT's mn04_as
(https://github.com/fschmid56/EfficientAT), which come under this licence:

MIT License

Copyright (c) 2022 Florian Schmid

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""


class Source(NamedTuple):
    """Where a clip is to be had."""

    name: str
    url: str  # of the source, or of the very recording; empty where neither is known


def source_of(clip: Mapping[str, Any]) -> Source:
    """The public source of a clip, from what `export.prepare` kept of its manifest."""
    group = str(clip["group"])
    if number := re.fullmatch(r"freesound:(\d+)", group):
        if re.match(r"\d-\d+-[A-Z]-\d+\.", str(clip["path"])):
            return Source("ESC-50", ESC50)
        return Source("Freesound", f"https://freesound.org/s/{number[1]}/")
    for name, url in CORPORA.items():
        if group.startswith(name):
            return Source(name, url)
    if repository := re.match(r"([\w.-]+/[\w.-]+):", group):
        return Source(repository[1], f"https://github.com/{repository[1]}")
    return Source(re.split(r"[:,(]", group)[0].strip(), "")


def sources_list(clips: Sequence[Mapping[str, Any]]) -> str:
    """Markdown list: every source with how many clips came from it and their licences."""
    licences: dict[str, Counter[str]] = defaultdict(Counter)
    urls: dict[str, str] = {}
    for clip in clips:
        name, url = source_of(clip)
        licences[name][str(clip["licence"])] += 1
        urls[name] = "https://freesound.org" if name == "Freesound" else url
    return "\n".join(
        f"- {name}{f', <{urls[name]}>' if urls[name] else ''}: "
        f"{of.total()} clip{'s' * (of.total() > 1)}, {', '.join(dict(of.most_common()))}"
        for name, of in sorted(licences.items(), key=lambda item: -item[1].total())
    )


def write_credits(bundle: Path, clips: Sequence[Mapping[str, Any]]) -> None:
    """Write a line for every clip with its licence, credit and source beside the card."""
    columns = ["path", "label", "licence", "credit", "group", "source"]
    lines = io.StringIO()
    writer = csv.DictWriter(lines, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for clip in clips:
        row = {**clip, "source": source_of(clip).url}
        writer.writerow({column: " ".join(str(row[column]).split()) for column in columns})
    (bundle / CREDITS).write_text(lines.getvalue(), encoding="utf-8")


def write_notice(bundle: Path, training: Mapping[str, Any]) -> None:
    """Write the notice that the tagger's licence asks for, where the model has its weights."""
    if starts_from_tagger(training):
        (bundle / NOTICE).write_text(TAGGER_NOTICE, encoding="utf-8")
    else:
        (bundle / NOTICE).unlink(missing_ok=True)


def starts_from_tagger(training: Mapping[str, Any]) -> bool:
    """Whether a manifest's training section says that weights of the tagger are in the model.

    To have learned from its answers alone is another matter.
    """
    tower = str(training.get("semantic_tower", "")).lower()
    return "tagger" in tower or "efficientat" in tower
