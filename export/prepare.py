"""Gather what training needs into one working directory: clips, tags, captions, rooms.

    python -m export prepare WORK --manifest esc50.csv --manifest sounds.csv
        --tagger mn04_as.onnx --sentences minilm --rooms 6000

Every part is written once and kept: a second call goes on where the first was cut.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray
from tqdm import tqdm

from elsa_rt.errors import ElsaError
from elsa_rt.files import replacing
from export import synthesis
from export.acoustics.measured import gather_backgrounds, gather_responses
from export.acoustics.room_set import gather_rooms
from export.captions.spatial import claims_of, read_tags, write_captions
from export.data.clips import UNSEEN, Clip, labels_of, load, phrases, read_manifest, split
from export.data.tagger import RATE as TAGGER_RATE
from export.data.tagger import Tagger
from export.data.vocabulary import tag_captions
from export.settings import FEATURES

RATE = FEATURES.rate
MIN_TAGGED_S = 2.0  # the tagger misjudges shorter clips: they get silence behind


def main(argv: Sequence[str] | None = None) -> None:
    """Run every part that the working directory still lacks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path, help="directory to fill")
    manifest = parser.add_argument("--manifest", type=Path, action="append", required=True)
    manifest.help = "CSV of clips: file, label, caption, licence, credit, source; repeatable"
    later = parser.add_argument("--later", type=Path, action="append", default=[])
    later.help = "CSV of clips that came later: they leave the others' split as it is; repeatable"
    parser.add_argument("--tagger", type=Path, help="ONNX tagger to distil from")
    parser.add_argument("--tags", type=Path, help="CSV of its classes: index, display_name")
    parser.add_argument("--sentences", type=Path, required=True, help="MiniLM directory")
    parser.add_argument("--synthesised", type=int, default=24, help="clips of each made-up sound")
    parser.add_argument("--rooms", type=int, default=6000, help="how many rooms")
    responses = parser.add_argument("--responses", type=Path, action="append", default=[])
    responses.help = "CSV of measured responses to train with: file, azimuth_deg, elevation_deg, "
    responses.help += "distance_m, perhaps floor_m2; repeatable"
    parser.add_argument("--backgrounds", type=Path, help="folder of recorded FOA backgrounds")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)
    try:
        tags = read_tags(args.tags) if args.tags else []
    except (OSError, ValueError) as error:
        parser.error(f"reading --tags: {error}")
    args.work.mkdir(parents=True, exist_ok=True)

    try:
        if args.responses:
            once(args.work / "responses.npz", partial(gather_responses, args.responses))
        if args.backgrounds:
            once(args.work / "backgrounds.npz", partial(gather_backgrounds, args.backgrounds))
    except ElsaError as problem:
        parser.exit(problem.exit_code, f"error: {problem}\n")
    gather = partial(
        gather_clips, args.manifest, args.later, args.tagger, args.synthesised, args.seed
    )
    once(args.work / "clips.npz", gather)
    once(args.work / "rooms.npz", partial(gather_rooms, args.rooms, args.jobs, args.seed))
    write = partial(gather_captions, args.work, args.sentences, tags, args.seed)
    once(args.work / "captions.npz", write)


def once(path: Path, make: Callable[[], dict[str, Any]]) -> None:
    """Write the arrays that ``make`` gives, unless they are there already."""
    if path.exists():
        return
    arrays = make()
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, **arrays)


def gather_clips(
    manifests: Sequence[Path],
    later: Sequence[Path],
    tagger: Path | None,
    synthesised: int,
    seed: int,
) -> dict[str, Any]:
    """Samples (int16, concatenated), bounds, label, split, and the tagger's answers.

    ``label`` counts through ``labels``, which training knows, and on through ``unseen_labels``.
    """
    first, then = (
        [clip for path in paths for clip in read_manifest(path)] for paths in (manifests, later)
    )
    clips = [*first, *then]
    held = {clip.path for clip in split(first, then)[1]}
    tag = Tagger(tagger) if tagger else None
    records: list[dict[str, Any]] = []
    for clip in tqdm(clips, desc="clips", unit="clip"):
        loud = load(clip.path, TAGGER_RATE)
        if loud.size >= TAGGER_RATE // 20:
            records.append(_record(loud, clip, clip.path in held, tag))
    rng = np.random.default_rng(seed)
    for label in tqdm(synthesis.LABELS, desc="synthesis", unit="label"):
        for _ in range(synthesised):
            loud = synthesis.synthesise(label, rng, TAGGER_RATE)
            clip = Clip(Path(label), label, phrases(label)[0], "Apache-2.0", "elsa-rt", "synthesis")
            records.append(_record(loud, clip, False, tag))
    return _stack(records)


def _record(
    loud: NDArray[np.float32], clip: Clip, held: bool, tag: Tagger | None
) -> dict[str, Any]:
    record: dict[str, Any] = {"clip": clip, "validation": held}
    record["samples"] = np.int16(32767 * np.clip(soxr.resample(loud, TAGGER_RATE, RATE), -1, 1))
    if tag:
        padding = max(0, int(MIN_TAGGED_S * TAGGER_RATE) - loud.size)
        record["tags"] = tag.shifted(np.pad(loud, (0, padding)))
    return record


def _stack(records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    clips = [record["clip"] for record in records]
    found = labels_of(clips)
    labels = [label for label in found if label not in UNSEEN]
    unseen = [label for label in found if label in UNSEEN]
    index = {label: i for i, label in enumerate(labels + unseen)}
    arrays = {
        "samples": np.concatenate([record["samples"] for record in records]),
        "bounds": np.cumsum([0, *(record["samples"].size for record in records)]),
        "label": np.array([index[clip.label] for clip in clips]),
        "labels": np.array(labels),
        "unseen_labels": np.array(unseen, dtype=np.str_),
        "unseen": np.array([clip.label in UNSEEN for clip in clips]),
        "validation": np.array(
            [record["validation"] and record["clip"].label not in UNSEEN for record in records]
        ),
        "about": np.array([json.dumps({**asdict(clip), "path": clip.path.name}) for clip in clips]),
    }
    if "tags" in records[0]:
        for name in ("logits", "features"):
            values = [getattr(record["tags"], name) for record in records]
            arrays[name] = np.stack(values).astype(np.float16)
    return arrays


def gather_captions(work: Path, sentences: Path, tags: Sequence[str], seed: int) -> dict[str, Any]:
    """Every caption with its claims and its pooled sentence vector.

    Where there are ``tags``, the tagger's classes: ``tag_ways`` (w, width) of all their wordings,
    ``tag_of`` (w,) the class of each, and ``tag_pooled`` (classes, width) the unit means.
    """
    from export.towers.text import pool_sentences

    with np.load(work / "clips.npz") as clips:
        captions = write_captions([str(label) for label in clips["labels"]], seed)
    texts = [caption.text for caption in captions]
    said = [tag_captions(name) for name in tags]
    pooled = pool_sentences(sentences, [*texts, *(text for ways in said for text in ways)])
    arrays = {
        "texts": np.array(texts),
        "claims": claims_of(captions),
        "pooled": pooled[: len(texts)],
    }
    if said:
        arrays["tag_ways"] = pooled[len(texts) :]
        arrays["tag_of"] = np.repeat(np.arange(len(said)), [len(ways) for ways in said])
        starts = np.flatnonzero(np.diff(arrays["tag_of"], prepend=-1))
        total = np.add.reduceat(arrays["tag_ways"].astype(np.float32), starts)
        unit = total / np.linalg.norm(total, axis=1, keepdims=True)
        arrays["tag_pooled"] = unit.astype(np.float16)
    return arrays


if __name__ == "__main__":
    main()
