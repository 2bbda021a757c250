"""Small inputs of the training code, and its commands as a user runs them."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from export.acoustics.shoebox import room_response
from export.synthesis import synthesise

LABELS = ("door knock", "smoke alarm", "rain")
ROOT = Path(__file__).parents[2]


def run(tool: str, *args: str | Path) -> str:
    """Run ``python -m export tool`` from the checkout; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "export", tool, *map(str, args)],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def write_clips(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """Five clips of each label with a manifest, the labels under names of data sets."""
    (folder / "clips").mkdir()
    rng = np.random.default_rng(3)
    manifest = folder / "clips.csv"
    with manifest.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "label", "licence", "credit", "source"])
        for label in labels:
            for take in range(5):
                name = f"{label.replace(' ', '_')}-{'abcde'[take]}.wav"
                soundfile.write(folder / "clips" / name, synthesise(label, rng, 24_000), 24_000)
                writer.writerow([name, label.replace(" ", "_"), "CC0", f"maker {take}", name])
    return manifest


def write_sentences(folder: Path, labels: Sequence[str] = LABELS) -> Path:
    """A sentence encoder of random weights in the format of the real one."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel

    from export.captions.spatial import write_captions

    words = {word for caption in write_captions(labels, 1) for word in caption.text.split()}
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *sorted(words)])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), Whitespace()
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=64, max_position_embeddings=128,
    )  # fmt: skip
    BertModel(config).save_pretrained(folder / "sentences")
    tokenizer.save(str(folder / "sentences" / "tokenizer.json"))
    return folder / "sentences"


def write_rooms(folder: Path) -> Path:
    """Two responses as if they had been measured."""
    (folder / "rooms").mkdir()
    manifest = folder / "rooms.csv"
    rng = np.random.default_rng(1)
    ears = np.array([2.0, 2.0, 1.5])
    with manifest.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "azimuth_deg", "elevation_deg", "distance_m"])
        for azimuth, way in ((0, [1.0, 0, 0]), (90, [0, 1.0, 0])):
            response = room_response([5, 4, 3], ears + way, ears, 0.2, 48_000, rng)
            soundfile.write(folder / "rooms" / f"{azimuth}.wav", response.T, 48_000, "FLOAT")
            writer.writerow([f"{azimuth}.wav", azimuth, 0, 1.0])
    return manifest
