"""Measure a bundle with the device's own code, on measured rooms and on simulated ones.

    python -m export.evaluate BUNDLE WORK --rooms rooms/r3vival.csv [--update]

Clips are the validation clips of ``WORK``, which training never saw. Prints Markdown;
``--json FILE`` writes the figures, ``--update`` puts them into the bundle's manifest and card.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from tqdm import tqdm

from elsa_rt.audio.ambisonics import direction_from_angles, rotate_foa, rotation
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.matching.words import azimuth_words
from export.background import diffuse_noise
from export.card import figures_table, record_measured
from export.clips import labels_of, phrases, read_manifest
from export.scenes import MASKED_DB, QUIET_DB

SNRS_DB = (20.0, 10.0)
CLIPS_PER_LABEL = 5
LEAD_S = 0.5  # of background before the sound
SEED = 11


class Room(NamedTuple):
    """A response with its truth."""

    response: NDArray[np.float32]  # (4, n) AmbiX at the model's rate
    direction: NDArray[np.float64]
    distance_m: float


class Trial(NamedTuple):
    """What the model said of one clip in one room, over the steps in which it sounded."""

    label: int
    snr_db: float
    truth: NDArray[np.float64]  # (3,)
    distance_m: float
    direction: NDArray[np.float64]  # (steps, 3)
    closed: NDArray[np.float64]  # (steps, 3) energy flow, not normalised
    embedding: NDArray[np.float64]  # (steps, 512)
    said_m: NDArray[np.float64]  # (steps,)
    activity: NDArray[np.float64]  # (steps of the whole trial,)
    active: NDArray[np.bool_]  # likewise


def read_rooms(manifest: Path, rate: int) -> list[Room]:
    """Measured responses of a CSV with file, azimuth_deg, elevation_deg, distance_m."""
    rooms = []
    with manifest.open(newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            path = manifest.with_suffix("") / row["file"]
            samples, native = soundfile.read(path, dtype="float32")
            angles = float(row["azimuth_deg"]), float(row["elevation_deg"])
            direction = direction_from_angles(*angles)
            response = soxr.resample(samples, native, rate).T
            rooms.append(Room(response, direction, float(row["distance_m"])))
    return rooms


def simulated_rooms(work: Path, count: int) -> list[Room]:
    """Validation rooms of `export.prepare`."""
    with np.load(work / "rooms.npz") as rooms:
        mine = np.flatnonzero(rooms["validation"])[:count]
        parts = [rooms[name][mine] for name in ("responses", "direction", "distance")]
    return [
        Room(response.astype(np.float32), direction.astype(float), float(distance))
        for response, direction, distance in zip(*parts, strict=True)
    ]


def validation_clips(
    work: Path, among: Path | None
) -> tuple[list[tuple[NDArray[np.float32], int]], list[str]]:
    """Up to `CLIPS_PER_LABEL` clips of each label, and the labels: all, or those of a manifest."""
    rng = np.random.default_rng(SEED)
    with np.load(work / "clips.npz") as stored:
        known = [str(label) for label in stored["labels"]]
        samples, bounds, label_of = stored["samples"], stored["bounds"], stored["label"]
        held = np.flatnonzero(stored["validation"])
    labels = labels_of(read_manifest(among)) if among else known
    chosen = [
        (int(clip), index)
        for index, label in enumerate(labels)
        for clip in rng.permutation(held[label_of[held] == known.index(label)])[:CLIPS_PER_LABEL]
    ]
    return [
        (samples[bounds[clip] : bounds[clip + 1]].astype(np.float32) / 32767, index)
        for clip, index in chosen
    ], labels


def trials(
    bundle: ModelBundle, clips: Sequence[tuple[NDArray[np.float32], int]], rooms: Sequence[Room]
) -> Iterator[Trial]:
    """Every clip at every SNR, each in a room drawn for it and turned at random."""
    rng = np.random.default_rng(SEED)
    encoder = AudioEncoder(bundle)
    for mono, label in tqdm(clips, desc="clips", unit="clip"):
        for snr_db in SNRS_DB:
            room = rooms[int(rng.integers(len(rooms)))]
            yield hear(encoder, mono, label, room, snr_db, rng)


def hear(
    encoder: AudioEncoder,
    mono: NDArray[np.float32],
    label: int,
    room: Room,
    snr_db: float,
    rng: np.random.Generator,
) -> Trial:
    """Render one trial and stream it through the device's features and encoder."""
    settings = encoder.bundle.features
    step = encoder.bundle.step_samples
    turn = rotation(rng.uniform(-180, 180), 0, 0)
    lead = int(LEAD_S * settings.rate)
    dry = np.pad(mono, (lead, -(lead + mono.size) % step))
    response = rotate_foa(turn).astype(np.float32) @ room.response
    foa = fftconvolve(dry[None], response, axes=1)[:, : dry.size].astype(np.float32)
    delay = int(np.abs(response[0]).argmax())
    envelope, wet = (
        np.sqrt((x.reshape(-1, step) ** 2).mean(1)) for x in (np.roll(dry, delay), foa[0])
    )
    sounding = envelope > envelope.max() * 10 ** (-QUIET_DB / 20)
    floor = np.sqrt((wet[sounding] ** 2).mean()) * 10 ** (-snr_db / 20)
    active = sounding & (wet > floor * 10 ** (-MASKED_DB / 20))
    foa += (floor * diffuse_noise(dry.size, settings.rate, rng)).astype(np.float32)
    foa *= 0.3 / np.abs(foa).max()
    frames = IntensityFeatures(settings).step(foa)
    sounds = encoder.stream().step(frames, foa)
    flow = frames.intensity.reshape(len(sounds), -1, 3).sum(1).astype(float)
    said = [np.stack(values)[:, 0].astype(float) for values in zip(*sounds, strict=True)]
    embedding, direction, activity, distance = said
    return Trial(
        label, snr_db, turn @ room.direction, room.distance_m, direction[active], flow[active],
        embedding[active], distance[active], activity, active,
    )  # fmt: skip


def angle_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Angle between two vectors of any length."""
    cosine = float(a @ b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def nearest_word(direction: NDArray[np.float64]) -> str:
    """The nearest of the four horizontal words."""
    quarter = round(float(np.degrees(np.arctan2(direction[1], direction[0]))) / 90) % 4
    return azimuth_words(90.0 * quarter)[0]


def summarise(found: Sequence[Trial], prompts: NDArray[np.float32]) -> dict[str, float]:
    """Figures of many trials; a clip's answer is the mean over the steps in which it sounds."""
    found = [trial for trial in found if len(trial.direction)]
    model = np.array([angle_deg(t.direction.sum(0), t.truth) for t in found])
    closed = np.array([angle_deg(t.closed.sum(0), t.truth) for t in found])
    steps = np.array([angle_deg(d, t.truth) for t in found for d in t.direction])
    label = np.array([t.label for t in found])
    similarity = np.stack([t.embedding.sum(0) @ prompts.T for t in found])
    rank = (similarity > similarity[np.arange(len(found)), label][:, None]).sum(1)
    per_label = [float((rank[label == which] == 0).mean()) for which in np.unique(label)]
    first_second = [int((t.embedding[:10].sum(0) @ prompts.T).argmax()) == t.label for t in found]
    heard = np.concatenate([t.activity for t in found]) > 0.5
    truly = np.concatenate([t.active for t in found])
    return {
        "trials": len(found),
        "direction_median_deg": float(np.median(model)),
        "direction_mean_deg": float(model.mean()),
        "direction_p90_deg": float(np.quantile(model, 0.9)),
        "direction_step_median_deg": float(np.median(steps)),
        "closed_form_median_deg": float(np.median(closed)),
        "closed_form_mean_deg": float(closed.mean()),
        "four_way_word": float(
            np.mean([nearest_word(t.direction.sum(0)) == nearest_word(t.truth) for t in found])
        ),
        "label_top1": float((rank == 0).mean()),
        "label_top5": float((rank < 5).mean()),
        "label_top1_mean_over_labels": float(np.mean(per_label)),
        "label_top1_first_second": float(np.mean(first_second)),
        "distance_error_median_m": float(
            np.median([abs(np.median(t.said_m) - t.distance_m) for t in found])
        ),
        "distance_bias_median_m": float(
            np.median([np.median(t.said_m) - t.distance_m for t in found])
        ),
        "activity_agreement": float((heard == truly).mean()),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("work", type=Path, help="directory of export.prepare")
    parser.add_argument("--rooms", type=Path, help="CSV of measured responses")
    parser.add_argument("--labels", type=Path, help="CSV of clips: judge among its labels only")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--update", action="store_true", help="write manifest and card anew")
    args = parser.parse_args(argv)
    if args.update and args.labels:
        parser.error("--update records the figures among all labels: leave out --labels")
    bundle = ModelBundle.load(args.bundle)
    clips, labels = validation_clips(args.work, args.labels)
    prompts = encode_texts(bundle, [phrases(label)[0] for label in labels], 2).embedding
    results: dict[str, dict[str, Any]] = {}
    sets = {"simulated": simulated_rooms(args.work, 200)}
    if args.rooms:
        sets["measured"] = read_rooms(args.rooms, bundle.features.rate)
    for name, rooms in sets.items():
        found = list(trials(bundle, clips, rooms))
        for snr_db in SNRS_DB:
            part = [trial for trial in found if trial.snr_db == snr_db]
            results[f"{name}, SNR {snr_db:.0f} dB"] = summarise(part, prompts)
        results[f"{name}, both"] = summarise(found, prompts)
    print(f"{len(labels)} label prompts, {len(clips)} validation clips\n\n{figures_table(results)}")
    if args.json:
        args.json.write_text(json.dumps(results, indent=2))
    if args.update:
        record_measured(args.bundle, results, args.work)


if __name__ == "__main__":
    main()
