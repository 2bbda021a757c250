"""How a scene lies in a shard: FLAC of its FOA, JSON of its truth."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import soundfile
from numpy.typing import NDArray

from export.scenes.studio import Rendered, Truth
from export.settings import FEATURES


def encode_truth(truth: Truth) -> dict[str, list[Any]]:
    """Truth of each step as JSON has it; null where unknown."""
    return {
        "label": truth.label.tolist(),
        "clip": truth.clip.tolist(),
        "direction": [[number_or_null(x, 6) for x in row] for row in truth.direction],
        **{
            name: [number_or_null(x) for x in getattr(truth, name)]
            for name in ("distance", "t30", "floor")
        },
    }


def number_or_null(value: float, digits: int = 4) -> float | None:
    """A number as JSON has it."""
    return round(float(value), digits) if np.isfinite(value) else None


def encode_foa(foa: NDArray[np.float32]) -> bytes:
    """FLAC of 24 bits of FOA (4, n) at ``FEATURES.rate``."""
    held = io.BytesIO()
    soundfile.write(held, foa.T, FEATURES.rate, "PCM_24", format="FLAC")
    return held.getvalue()


def decode_sample(flac: bytes, about: bytes) -> Rendered:
    """The scene that a sample holds."""
    samples, _ = soundfile.read(io.BytesIO(flac), dtype="float32")
    truth = json.loads(about)
    label, clip = (np.array(truth[name], np.int64) for name in Truth._fields[:2])
    direction, distance, t30, floor = (
        np.array(truth[name], np.float32) for name in Truth._fields[2:]
    )
    return Rendered(
        np.ascontiguousarray(samples.T), Truth(label, clip, direction, distance, t30, floor)
    )


def read_shard(path: Path) -> Iterator[Rendered]:
    """The scenes of a shard in order."""
    waiting: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, _, kind = member.name.partition(".")
            with cast(IO[bytes], tar.extractfile(member)) as held:
                parts = waiting.setdefault(key, {})
                parts[kind] = held.read()
            if {"flac", "json"} <= parts.keys():
                yield decode_sample(parts["flac"], parts["json"])
                del waiting[key]
