"""Equality and hash of results that hold arrays and NaN."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np


class ByValue:
    """Equality and hash of a frozen dataclass whose fields may hold arrays and NaN."""

    def __eq__(self, other: object) -> bool:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(key(self))


def key(value: object) -> object:
    """``value`` as something that compares and hashes: arrays as tuples, NaN as a word."""
    if isinstance(value, ByValue):
        return tuple(key(getattr(value, field.name)) for field in fields(value))  # type: ignore[arg-type]
    if isinstance(value, np.ndarray):
        return value.shape, key(tuple(value.ravel().tolist()))
    if isinstance(value, tuple):
        return tuple(map(key, value))
    return "NaN" if isinstance(value, float) and math.isnan(value) else value
