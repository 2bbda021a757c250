"""Windows of all kinds of sound, and the score statistics of a windowed bundle from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from calibration.scores import Steps, statistics_of
from elsa_rt.errors import UsageError
from elsa_rt.scoring.statistics import Statistics
from export import synthesis
from export.bundles.score_statistics import names_of
from export.data.clips import labels_of, load, phrases, read_manifest

SILENT = -1
SOUND_SHARE = 0.9  # of the windows; the others hold noise alone
MIN_HEARD_S = 0.3  # of a sound that begins near the end of its window
PEAK_DBFS = (-40.0, -3.0)
SNR_DB = (5.0, 40.0)
MIN_SLOPE = 0.1
COMPONENTS = 256  # a window has no neighbours that are almost the same: more of them count
SOUNDS_PER_HOUR = 90.0
"""Sounds that an hour of background is taken to hold, about as many as in `export.scenes.home`."""

SEED = 11

Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""A window (1, n) to its embedding (1, d)."""

Read = Callable[[str], NDArray[np.float32]]
"""A text to its embedding (1, d)."""


class Sounds(NamedTuple):
    """Where background sounds come from."""

    rate: int
    labels: list[str]
    draw: Callable[[np.random.Generator], tuple[NDArray[np.float32], int]]  # samples, label
    origin: str  # for the manifest


def synthesised(rate: int) -> Sounds:
    """Self-made sounds, for whoever has no recordings at hand."""
    labels = list(synthesis.LABELS)

    def draw(rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
        label = int(rng.integers(len(labels)))
        return synthesis.synthesise(labels[label], rng, rate), label

    return Sounds(rate, labels, draw, f"{len(labels)} kinds of synthesised sounds, and noise")


def recorded(manifest: Path, rate: int) -> Sounds:
    """The clips of a manifest (`export.data.clips.read_manifest`), each label as often."""
    if not manifest.is_file():
        raise UsageError(f"reading the background {manifest}: there is no such file")
    clips = read_manifest(manifest)
    missing = [clip.path for clip in clips if not clip.path.is_file()]
    if missing or not clips:
        what = f"it lists {missing[0]}, which is not there" if missing else "it lists no clips"
        raise UsageError(
            f"reading the background {manifest}: {what}: the files lie in "
            f"{manifest.with_suffix('')}/, columns are file,label"
        )
    labels = labels_of(clips)
    of_label = [[clip for clip in clips if clip.label == label] for label in labels]

    def draw(rng: np.random.Generator) -> tuple[NDArray[np.float32], int]:
        label = int(rng.integers(len(labels)))
        clip = of_label[label][int(rng.integers(len(of_label[label])))]
        return load(clip.path, rate), label

    return Sounds(rate, labels, draw, f"{len(clips)} clips of {len(labels)} labels, and noise")


def windows(
    sounds: Sounds, samples: int, count: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Mono windows (1, samples) with the label of the sound in them, or `SILENT`."""
    for _ in range(count):
        peak, snr = 10 ** (rng.uniform(*PEAK_DBFS) / 20), rng.uniform(*SNR_DB)
        window = _noise(samples, rng) * np.float32(0.3 * peak * 10 ** (-snr / 20))
        label = SILENT
        if rng.uniform() < SOUND_SHARE:
            sound, label = sounds.draw(rng)
            least = min(len(sound), samples, int(MIN_HEARD_S * sounds.rate))
            start = int(rng.integers(least - len(sound), samples - least + 1))
            cut = sound[max(0, -start) : samples - start]
            window[max(0, start) : max(0, start) + len(cut)] += np.float32(peak) * cut
        yield window[None], label


def _noise(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise with a spectrum between white and brown, of power 1."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    bins = np.maximum(np.arange(len(spectrum)), samples // 2000)
    noise = np.fft.irfft(spectrum / bins ** rng.uniform(0, 1), samples)
    return (noise / noise.std()).astype(np.float32)


class Fit(NamedTuple):
    """What ``scores.npz`` holds, and how far it can be trusted."""

    statistics: Statistics
    separates: bool  # whether right prompts score above wrong ones at all


def fit_scores(sounds: Sounds, embed: Embed, read: Read, samples: int, count: int) -> Fit:
    """Embed ``count`` windows, each an event of its own, from anywhere; `SOUNDS_PER_HOUR` of them
    make an hour of background.
    """
    rng = np.random.default_rng(SEED)
    drawn = windows(sounds, samples, count, rng)
    embeddings, labels = [], []
    for window, label in tqdm(drawn, total=count, desc="background", unit="window"):
        embeddings.append(embed(window)[0])
        labels.append(label)
    direction = rng.normal(size=(count, 3))
    steps = Steps(
        np.stack(embeddings),
        np.ones(count, np.float32),
        direction / np.linalg.norm(direction, axis=1, keepdims=True),
        np.full(count, np.nan, np.float32),
        np.arange(count, dtype=np.int32),
        np.tile(np.array([[0.0, 1.0]], np.float32), (count, 1)),  # each in a stream of its own
        np.array(labels, np.int16)[:, None],
        count * SOUND_SHARE / SOUNDS_PER_HOUR,
    )
    said = np.concatenate([read(phrases(name)[0]) for name in sounds.labels])
    found = statistics_of(steps, names_of(sounds.labels, said), COMPONENTS)
    slope = max(found.slope, MIN_SLOPE)
    return Fit(replace(found, slope=slope), found.slope > MIN_SLOPE)
