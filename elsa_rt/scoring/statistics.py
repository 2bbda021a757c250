"""Background statistics of a bundle: `scores.npz`, hours of background in a few MB.

basis        float16 (d, D)   directions of the space of sounds in which they differ
mean         float32 (D,)     their middle
scale        float32 (d,)     what one unit of ``sounds`` stands for
sounds       int8 (m, d)      steps in the order of time
activity     uint8 (m,)       0..255 for 0..1
direction    int8 (m, 3)      unit vectors, 127 long
distance     float16 (m,)     metres, NaN where unknown
pieces       int32 (n,)       first step of each piece
piece_s      float32 (n, 2)   start and end of each in its stream, seconds
piece_labels int16 (n, k)     labels that sound in it, -1 for none; one of training stands twice
hours        float            of listening that the pieces come from
labels       str (l,)         sounds that the training code knows by name
phrases      float16 (l, D)   their plain phrases in the space of prompts
wider        int16 (l,)       the label that it is a kind of, -1 for none
detected     float32 (l,)     share that was found at one false alarm an hour, NaN: unknown
slope, bias  float            of the log odds of a score
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import SCORES, ModelBundle
from elsa_rt.errors import BundleError
from elsa_rt.files import load_arrays
from elsa_rt.memo import Memo
from elsa_rt.prompts.plain_name import plain_name

Floats = NDArray[np.float32]

COMPONENTS = 160
"""Directions that are kept. They leave out a tenth of how the similarities of a prompt scatter; 64
left out two fifths, and background seemed further from every prompt than it is."""

COARSE = 64
"""Directions, the first, that have a scale of their own each: in them sounds of alerts are compared
(`elsa_rt.scoring.feedback_gate`) and memories are searched (`elsa_rt.memory.vector_code`)."""

INT8_SCALE = 127.0
"""The largest number that a component or a direction takes."""


@dataclass(frozen=True)
class Background:
    """Steps of listening to what is no target; a piece holds what raises at most one alert."""

    sounds: NDArray[np.int8]
    activity: NDArray[np.uint8]
    direction: NDArray[np.int8]
    distance: NDArray[np.float16]
    pieces: NDArray[np.int32]
    piece_s: NDArray[np.float32]
    piece_labels: NDArray[np.int16]
    hours: float

    @classmethod
    def of_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> Background:
        """A background from arrays by the names of its fields."""
        arrays: dict[str, Any] = {field.name: stored[field.name] for field in fields(cls)}
        return cls(**(arrays | {"hours": float(stored["hours"])}))


@dataclass(frozen=True)
class Names:
    """Sounds that the training code knows by name."""

    labels: tuple[str, ...]
    phrases: NDArray[np.float32]
    wider: NDArray[np.int16]
    detected: NDArray[np.float32]

    @cached_property
    def by_name(self) -> dict[str, int]:
        """Labels by their bare names."""
        return {plain_name(label): index for index, label in enumerate(self.labels)}

    @cached_property
    def related(self) -> NDArray[np.bool_]:
        """(l, l): whether one label is the other or a kind of it."""
        one = np.arange(len(self.labels))
        kind = (self.wider[:, None] == one) | np.eye(len(one), dtype=bool)
        return np.asarray(kind | kind.T)


@dataclass(frozen=True)
class Statistics:
    """The whole of `scores.npz`."""

    basis: NDArray[np.float32]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    background: Background
    names: Names
    slope: float
    bias: float
    memo: Memo = field(default_factory=Memo, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, bundle: ModelBundle) -> Statistics:
        """The statistics of ``bundle``, read once for all who ask."""
        found: Statistics = bundle.memo.get("statistics", lambda: cls.load(bundle))
        return found

    @classmethod
    def load(cls, bundle: ModelBundle) -> Statistics:
        """Read and check the statistics of ``bundle``."""
        path = bundle.file(SCORES)
        try:
            found = cls.of_arrays(load_arrays(path))
            sound = found._is_sound()
        except Exception as error:  # zip, pickle, key and value errors alike mean a bad file
            raise BundleError(
                f"loading {path}: {error}: background statistics of this version are needed: "
                "export the bundle again"
            ) from None
        if found.basis.shape[1:] != (bundle.embedding,) or not sound:
            raise BundleError(
                f"loading {path}: its arrays do not fit each other or the embedding of "
                f"{bundle.embedding}, or hold NaN: export the bundle again"
            )
        return found

    @classmethod
    def of_arrays(cls, stored: Mapping[str, NDArray[Any]]) -> Statistics:
        """Statistics from arrays by the names at the head of this module."""
        return cls(
            basis=stored["basis"].astype(np.float32),
            mean=stored["mean"].astype(np.float32),
            scale=stored["scale"].astype(np.float32),
            background=Background.of_arrays(stored),
            names=Names(
                tuple(map(str, stored["labels"])),
                stored["phrases"].astype(np.float32),
                stored["wider"],
                stored["detected"],
            ),
            slope=float(stored["slope"]),
            bias=float(stored["bias"]),
        )

    def save(self, path: Path) -> None:
        """Write `scores.npz`, not compressed: a wheel is, and a start would wait for it."""
        background = {field.name: getattr(self.background, field.name) for field in
                      fields(Background)}  # fmt: skip
        np.savez(
            path,
            basis=self.basis.astype(np.float16),
            mean=self.mean,
            scale=self.scale,
            **background,
            labels=np.array(self.names.labels, np.str_),
            phrases=self.names.phrases.astype(np.float16),
            wider=self.names.wider,
            detected=self.names.detected,
            slope=self.slope,
            bias=self.bias,
        )

    def similarity(self, texts: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Factors (d, p) of ``sounds`` and offsets (p,) for cosines with texts (p, D)."""
        return self.scale[:, None] * (self.basis @ texts.T), texts @ self.mean

    def compress(
        self, embedding: NDArray[np.float32], components: int | None = None
    ) -> NDArray[np.int8]:
        """Embeddings (m, D) as ``sounds`` (m, d), or as the first ``components`` of them."""
        return compress(embedding, self.basis[:components], self.mean, self.scale[:components])

    def _is_sound(self) -> bool:
        b, n = self.background, self.names
        steps, (components, width) = len(b.sounds), self.basis.shape
        shapes = (
            (b.sounds.shape, (steps, components)), (b.activity.shape, (steps,)),
            (b.direction.shape, (steps, 3)), (b.distance.shape, (steps,)),
            (self.mean.shape, (width,)), (self.scale.shape, (components,)),
            (b.piece_labels.shape[:1], b.pieces.shape), (b.piece_s.shape, (len(b.pieces), 2)),
            (n.phrases.shape, (len(n.labels), width)), (n.wider.shape, (len(n.labels),)),
            (n.detected.shape, (len(n.labels),)),
        )  # fmt: skip
        single = (self.slope, self.bias, b.hours)
        numbers = (self.basis, self.mean, self.scale, n.phrases, b.piece_s, single)
        return (
            all(found == wanted for found, wanted in shapes)
            and all(np.isfinite(values).all() for values in numbers)
            and b.hours > 0
            and steps > 1
            and len(b.pieces) > 0
            and bool((np.diff(b.pieces) > 0).all())
            and 0 == b.pieces[0] <= b.pieces[-1] < steps
            and bool((b.piece_labels < len(n.labels)).all())
        )


def compress(
    embedding: NDArray[np.float32],
    basis: NDArray[np.float32],
    mean: NDArray[np.float32],
    scale: NDArray[np.float32],
) -> NDArray[np.int8]:
    """Embeddings (m, D) in 8 bits a component (m, d)."""
    parts = (embedding - mean) @ basis.T / scale
    return np.clip(np.round(parts), -INT8_SCALE, INT8_SCALE).astype(np.int8)
