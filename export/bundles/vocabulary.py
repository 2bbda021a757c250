"""Give the text encoder of a bundle its vocabulary: what the tagger and the labels know, by name.

    python -m export vocabulary BUNDLE WORK --tags class_labels_indices.csv [--cache CACHE]

A sentence is compared with all wordings of `tags.yaml` and `labels.yaml`, as MiniLM reads them; the
vectors of the nearest names (`export.bundles.vocabulary_fit`) make its embedding, to which what it
says of a place is added as training taught it. Its detector, along which rules listen, is the same,
but that a label which the sentence calls has a vector that tells it from what else sounds in homes.
All of that are layers of ``text_encoder.onnx``; ``vocabulary.json`` holds the names, for ``elsa-rt
explain``. Scores must be fitted anew afterwards: ``python -m export scores``. A second call
replaces the vocabulary.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import yaml
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tqdm import tqdm

from elsa_rt.encoder.bundle import MANIFEST, TEXT_ENCODER, TOKENIZER, VOCABULARY, ModelBundle
from elsa_rt.errors import ElsaError, UsageError
from export.bundles.manifest import rehash
from export.bundles.onnx_graphs import save_graph
from export.bundles.training_homes import STREAMS, hear_homes
from export.bundles.training_sounds import hear_training
from export.bundles.vocabulary_fit import (
    SEED,
    detector_vectors,
    label_vectors,
    place_words,
    some_captions,
    tag_vectors,
)
from export.bundles.vocabulary_graph import LEARNT, SENTENCE, Names, base_of, with_vocabulary
from export.captions.spatial import read_tags
from export.data.clips import kinds
from export.data.vocabulary import Entry, entries
from export.scenes.home import STREAM_S

Floats = NDArray[np.float32]


def add_vocabulary(
    bundle: ModelBundle,
    work: Path,
    tags: Sequence[str],
    cache: Path | None = None,
    streams: int = STREAMS,
) -> None:
    """Fit the vocabulary of ``bundle`` and write it into its files.

    It hears ``streams`` of homes, which ``cache`` keeps.
    """
    base = base_of(onnx.load(str(bundle.file(TEXT_ENCODER))))
    reader = SentenceReader(base, bundle.file(TOKENIZER))
    sounds = hear_training(bundle, work)
    first = sounds.first()  # more rooms make no better embeddings, but better detectors
    with np.load(work / "clips.npz") as stored:
        labels, of_clip = [str(name) for name in stored["labels"]], stored["label"]
        logits = stored["logits"][first.clip].astype(np.float32)
    kind_of, label = kinds(labels), of_clip[first.clip]
    if logits.shape[1] != len(tags):
        raise UsageError(
            f"fitting the vocabulary: {logits.shape[1]} tags in {work}, {len(tags)} names in "
            "--tags: give the CSV of the tagger of export prepare"
        )
    of_labels = label_vectors(first.embedding, label, kind_of)
    heard = np.flatnonzero(of_labels.any(1))
    homes = hear_homes(bundle, work, cache, streams)
    detectors = detector_vectors(sounds.embedding, of_clip[sounds.clip], kind_of, homes)
    vectors = np.concatenate([of_labels[heard], tag_vectors(first.embedding, logits, label)])
    named = entries([labels[i] for i in heard], tags)
    wordings = [wording for entry in named for wording in entry.wordings]
    words, _ = reader.read(wordings, "wordings")
    of = np.repeat(np.arange(len(named)), [len(entry.wordings) for entry in named])
    with np.load(work / "captions.npz") as stored:
        claims, texts = stored["claims"], stored["texts"]
    some = some_captions(claims, np.random.default_rng(SEED))
    said, learnt = reader.read([str(text) for text in texts[some]], "captions")
    places = place_words(claims[some], said, learnt, words)
    model = with_vocabulary(base, Names(words, of, vectors, detectors[heard]), places)
    save_graph(model, bundle.file(TEXT_ENCODER))
    counts = len(heard), len(tags), len(np.unique(sounds.clip))
    _write_names(bundle, named, _facts(work, *counts, streams * STREAM_S / 3600))


class SentenceReader:
    """Reads sentences one by one, as the device does: plain vectors and learnt embeddings."""

    def __init__(self, base: onnx.ModelProto, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(base.SerializeToString(), options)
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()

    def read(self, texts: Sequence[str], what: str) -> tuple[Floats, Floats]:
        """(n, W) and (n, D)."""
        rows = []
        for text in tqdm(texts, what, unit="text"):
            tokens = self._tokenizer.encode(text)
            taken = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask}
            given = {name: np.array([values], np.int64) for name, values in taken.items()}
            rows.append(self._session.run([SENTENCE, LEARNT], given))
        words, learnt = zip(*rows, strict=True)
        return np.concatenate(words), np.concatenate(learnt)


def _facts(work: Path, labels: int, tags: int, clips: int, hours: float) -> dict[str, object]:
    """What the manifest tells of it under ``training``."""
    with np.load(work / "clips.npz") as stored:
        unseen = [str(name) for name in stored["unseen_labels"]]
    return {
        "unseen": unseen,
        "vocabulary": f"{labels} labels and the tagger's {tags} classes, each with a vector of the "
        f"space of sounds, by ridge regression from what the bundle hears of {clips} training "
        f"clips in simulated rooms; each label with a detector, told from what else sounds in "
        f"{hours:.0f} hours of homes of training clips",
    }


def _write_names(bundle: ModelBundle, named: Sequence[Entry], facts: Mapping[str, object]) -> None:
    path = bundle.path / VOCABULARY
    rows = [json.dumps({"name": entry.name, "kind": entry.kind}) for entry in named]
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    manifest = yaml.safe_load((bundle.path / MANIFEST).read_text("utf-8"))
    manifest["files"][VOCABULARY] = ""
    manifest["training"] |= facts
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    (bundle.path / MANIFEST).write_text(text, encoding="utf-8")
    rehash(bundle.path)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser("export vocabulary", description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path, metavar="BUNDLE")
    parser.add_argument("work", type=Path, metavar="WORK", help="directory of export prepare")
    parser.add_argument("--tags", type=Path, required=True, help="CSV: index, display_name")
    parser.add_argument("--streams", type=int, default=STREAMS, help="of homes, of two minutes")
    parser.add_argument("--cache", type=Path, help="directory that keeps what was heard in homes")
    args = parser.parse_args(argv)
    try:
        tags = read_tags(args.tags)
    except (OSError, ValueError) as error:
        parser.error(f"reading --tags: {error}")
    try:
        add_vocabulary(ModelBundle.load(args.bundle), args.work, tags, args.cache, args.streams)
    except ElsaError as problem:
        print(f"export vocabulary: {problem}", file=sys.stderr)
        return problem.exit_code
    print(f"{args.bundle}: vocabulary written; next: python -m export scores {args.bundle} "
          f"{args.work}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
