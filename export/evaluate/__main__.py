"""Measure a bundle with the device's own code, on measured rooms and on simulated ones.

    python -m export evaluate BUNDLE WORK --rooms rooms/r3vival.csv [--labels esc50.csv]
        [--compare OTHER] [--teacher CHECKPOINT] [--plots DIR] [--json FILE] [--update]

Clips are the validation clips of ``WORK``, which training never saw. Prints Markdown;
``--json FILE`` writes the figures, ``--update`` puts them into the bundle's manifest and card.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import ElsaError, UsageError
from export.bundles.tables import markdown
from export.data.clips import labels_of, read_manifest
from export.evaluate.cost import cost
from export.evaluate.hearing import Reader, TrialOutput, hear_all, reader_of
from export.evaluate.measure import measure
from export.evaluate.record import record_measured
from export.evaluate.report import compact, report_of, side_by_side
from export.evaluate.teacher import load_teacher, texts_of
from export.scenes.material import (
    CLIPS_PER_LABEL,
    Clips,
    TrialRoom,
    check_apart,
    read_clips,
    read_rooms,
    simulated_rooms,
)
from export.scenes.trials import SNRS_DB, TrialReader

INTERVALS_SAY = (
    "In brackets: 95 % intervals by resampling clips. A few hundred trials tell no more."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = _parser().parse_args(argv)
    try:
        evaluate(args)
    except ElsaError as problem:
        print(f"export evaluate: {problem}", file=sys.stderr)
        return problem.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m export evaluate", description=__doc__.split("\n")[0]
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export.prepare")
    parser.add_argument("--rooms", type=Path, help="CSV of measured responses")
    labels = parser.add_argument("--labels", type=several, action="append", default=[])
    labels.help = "CSV of clips, or several with commas between: judge among their labels too, in "
    labels.help += "rows of their own; repeatable"
    clips = parser.add_argument("--clips-per-label", type=int, default=CLIPS_PER_LABEL)
    clips.help = f"validation clips of each label, at most (default: {CLIPS_PER_LABEL})"
    parser.add_argument("--compare", type=Path, help="another bundle, for the same trials")
    parser.add_argument("--teacher", type=Path, help="checkpoint of export.teacher.train")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="where to write pictures")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--update", action="store_true", help="write manifest and card anew")
    return parser


def evaluate(args: argparse.Namespace) -> None:
    """Measure and report."""
    bundles = [ModelBundle.load(path) for path in (args.bundle, args.compare) if path]
    apart = check_apart(args.work)
    clips = read_clips(args.work, args.clips_per_label)
    lists = {"_".join(path.stem for path in some): label_list(some, clips) for some in args.labels}
    sets = {"simulated": simulated_rooms(args.work)}
    if args.rooms:
        sets["measured"] = read_rooms(args.rooms)
    teacher = load_teacher(args.teacher) if args.teacher else None
    taught = Reader(texts_of(teacher), clips.labels) if teacher else None
    readers = [reader_of(bundle, clips.labels) for bundle in bundles]
    ears = [TrialReader(bundle) for bundle in bundles]
    heard = {
        name: hear_all(ears, readers, clips, rooms, teacher, name) for name, rooms in sets.items()
    }
    reports = [
        report_of(
            {
                name: measure(said[i], readers[i], clips, lists, taught)
                for name, said in heard.items()
            },
            cost(bundle),
            made_with(args, bundle, clips, sets),
        )
        for i, bundle in enumerate(bundles)
    ]
    print(f"{apart}\n\n{markdown(reports[0])}\n\n{INTERVALS_SAY}")
    if args.compare:
        print(f"\n{side_by_side(dict(zip(names_of(bundles), reports, strict=True)))}")
    if args.json:
        args.json.write_text(json.dumps(reports[0], indent=2))
    if args.plots:
        plot(args.plots, {name: said[0] for name, said in heard.items()}, readers[0], clips)
    if args.update:
        record_measured(args.bundle, compact(reports[0]), args.work)


def several(paths: str) -> tuple[Path, ...]:
    """Paths with commas between them."""
    return tuple(map(Path, paths.split(",")))


def label_list(paths: Sequence[Path], clips: Clips) -> list[int]:
    """The labels of manifests that there are clips of."""
    said = ",".join(map(str, paths))
    try:
        wanted = labels_of(clip for path in paths for clip in read_manifest(path))
    except (OSError, KeyError) as error:
        raise UsageError(
            f"reading the labels of {said}: {error!r}: a CSV of clips is needed"
        ) from None
    known = [clips.labels.index(label) for label in wanted if label in clips.labels]
    if not known:
        raise UsageError(f"reading the labels of {said}: the working directory knows none of them")
    return known


def made_with(
    args: argparse.Namespace, bundle: ModelBundle, clips: Clips, rooms: dict[str, list[TrialRoom]]
) -> dict[str, str]:
    """What the tables were made of."""
    unseen = clips.labels[clips.trained :]
    ratios = " and ".join(f"{snr_db:.0f}" for snr_db in SNRS_DB)
    said = {
        "command": "python -m export evaluate BUNDLE WORK"
        + (f" --rooms {args.rooms.name}" if args.rooms else "")
        + f" --clips-per-label {args.clips_per_label}" * (args.clips_per_label != CLIPS_PER_LABEL)
        + "".join(f" --labels {','.join(path.name for path in some)}" for some in args.labels),
        "clips": f"{len(clips.known)} of {clips.trained} labels at {ratios} dB SNR, of recordings "
        "that training never had",
        "rooms": "; ".join(f"{name}: {len(some)} responses" for name, some in rooms.items()),
        "label prompts": str(len(clips.labels)),
    }
    if unseen:
        said["unseen"] = f"{len(clips.unseen)} clips of {', '.join(unseen)}"
        trained = set(bundle.training.get("labels", ())) - set(bundle.training.get("unseen", ()))
        if heard := sorted(trained & set(unseen)):
            said["unseen"] += f"; but this bundle was trained on {', '.join(heard)}"
    return said


def names_of(bundles: Sequence[ModelBundle]) -> list[str]:
    """Name and version of each, with its directory where that does not tell them apart."""
    names = [f"{bundle.name} {bundle.version}" for bundle in bundles]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({bundle.path})" for name, bundle in zip(names, bundles, strict=True)]


def plot(folder: Path, heard: dict[str, TrialOutput], reader: Reader, clips: Clips) -> None:
    """Write the pictures."""
    from export.evaluate.plots import write_plots

    folder.mkdir(parents=True, exist_ok=True)
    write_plots(folder, heard, reader.prompts, clips.labels)


if __name__ == "__main__":
    sys.exit(main())
