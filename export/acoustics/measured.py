"""What was recorded with a real ambisonic microphone: room responses and backgrounds.

Both are AmbiX (W, Y, Z, X; SN3D); of more channels, as of higher orders, the first four are taken.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.audio.block import Block
from elsa_rt.diagnostics.signal_health import SignalHealth
from elsa_rt.errors import SourceError, UsageError
from export.acoustics.reverberation import reverberation_time
from export.acoustics.room_set import LEAD_S, fit_response
from export.settings import FEATURES

RATE = FEATURES.rate
COLUMNS = ("file", "azimuth_deg", "elevation_deg", "distance_m")
MIN_BACKGROUND_S = 4.0  # of a background
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".aif", ".aiff", ".caf", ".amb", ".w64"}
VALIDATION_SHARE = 0.1  # of the backgrounds, where there are enough


def gather_responses(manifests: Sequence[Path]) -> dict[str, Any]:
    """Measured responses as rows like those of `export.acoustics.room_set.gather_rooms`.

    A manifest is a CSV of `COLUMNS` and perhaps ``floor_m2``; the files lie in the folder named
    like it without its suffix. All of them are for training.

    Raises
    ------
    UsageError, SourceError
        Where a manifest or a file is not what it should be.
    """
    rows = [row for manifest in manifests for row in _measured(manifest)]
    gathered = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    alone = np.full(len(rows), -1)
    return gathered | {"path": alone, "validation": np.zeros(len(rows), bool)}


def _measured(manifest: Path) -> Iterator[dict[str, Any]]:
    try:
        with manifest.open(newline="", encoding="utf-8") as lines:
            table = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as problem:
        raise UsageError(f"reading responses: {manifest}: {problem}") from None
    if not table or not set(COLUMNS) <= table[0].keys():
        raise UsageError(
            f"reading responses: {manifest} needs a row for each file and the columns "
            f"{','.join(COLUMNS)}"
        )
    for number, row in enumerate(table, 2):
        try:
            azimuth, elevation, distance = (float(row[name]) for name in COLUMNS[1:])
            floor = float(row.get("floor_m2") or "nan")
        except (TypeError, ValueError):
            raise UsageError(
                f"reading responses: {manifest} line {number}: {', '.join(COLUMNS[1:])} are numbers"
            ) from None
        response = _aligned(read_foa(manifest.with_suffix("") / row["file"], check=False))
        yield {
            "responses": fit_response(response),
            "direction": direction_from_angles(azimuth, elevation).astype(np.float32),
            "distance": np.float32(distance),
            "t30": np.float32(reverberation_time(response[0], RATE)),
            "floor": np.float32(floor),
        }


def _aligned(response: NDArray[np.float32]) -> NDArray[np.float32]:
    """The response with its direct sound, where W is loudest, at gain 1 after `LEAD_S`."""
    peak, lead = int(np.abs(response[0]).argmax()), int(LEAD_S * RATE)
    cut = np.pad(response, ((0, 0), (lead, 0)))[:, peak:]
    return np.asarray(cut / np.abs(response[0, peak]), np.float32)


def gather_backgrounds(folder: Path) -> dict[str, Any]:
    """All recordings of a folder and those below: int16 ``samples`` (4, n) and their ``bounds``.

    Each is as loud as it can be: what counts is set by the scene. Every tenth is kept for
    ``validation``.

    Raises
    ------
    UsageError, SourceError
        Where there are none, or one has too few channels, is too short or broken.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UsageError(f"gathering backgrounds: no sound files in {folder}: give another folder")
    cuts = []
    for path in paths:
        foa = read_foa(path)
        if foa.shape[1] < MIN_BACKGROUND_S * RATE:
            raise SourceError(
                f"gathering backgrounds: {path} lasts {foa.shape[1] / RATE:.1f} s, "
                f"{MIN_BACKGROUND_S:g} s are needed: take it out of the folder"
            )
        cuts.append(np.int16(32767 * foa / np.abs(foa).max()))
    return {
        "samples": np.concatenate(cuts, axis=1),
        "bounds": np.cumsum([0, *(cut.shape[1] for cut in cuts)]),
        "validation": np.arange(1, len(cuts) + 1) % round(1 / VALIDATION_SHARE) == 0,
    }


def read_foa(path: Path, check: bool = True) -> NDArray[np.float32]:
    """First-order channels (4, n) of a file, at ``FEATURES.rate``; a SourceError where unfit.

    Parameters
    ----------
    check : bool
        Refuse channels that are dead, clipped or copies of each other.
    """
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as problem:
        raise SourceError(f"reading {path}: {problem}") from None
    if samples.shape[1] < 4 or not np.isfinite(samples).all() or not samples.any():
        raise SourceError(
            f"reading {path}: {samples.shape[1]} channels of {samples.shape[0]} samples: "
            "four channels of sound are needed, W, Y, Z, X"
        )
    foa = np.ascontiguousarray(samples[:, :4].T)
    if check:
        health = SignalHealth()
        for notice in [*health.step(Block(foa, rate)), *health.finish()]:
            raise SourceError(f"reading {path}: {notice}")
    return np.asarray(soxr.resample(foa.T, rate, RATE).T, np.float32)
