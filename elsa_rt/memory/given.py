"""Checks of what a caller of `Memory` gives: one sentence for each wrong value."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from numbers import Integral, Real
from typing import Any

from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.memory.row import KINDS

Check = Callable[[Any], bool]


def _is_time(value: Any) -> bool:
    return value is None or isinstance(value, (str, datetime))


def _is_sector(value: Any) -> bool:
    return value is None or (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and all(isinstance(one, Real) and not isinstance(one, bool) for one in value)
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


_TESTS: dict[str, tuple[Check, str]] = {
    "text": (
        lambda v: v is None or (isinstance(v, str) and bool(v.strip())),
        'a sentence such as "a dog barking behind me"',
    ),
    "example": (lambda v: v is None or isinstance(v, (str, os.PathLike)), "the path of a file"),
    "like": (lambda v: v is None or (_is_count(v) and 0 < v < 2**62), "the id of a row"),
    "since": (_is_time, 'a time such as "yesterday", or a datetime'),
    "until": (_is_time, 'a time such as "yesterday", or a datetime'),
    "azimuth_deg": (_is_sector, "two angles, e.g. (120, -120)"),
    "elevation_deg": (_is_sector, "two angles, e.g. (-10, 40)"),
    "source": (lambda v: v is None or isinstance(v, str), "a part of a name"),
    "kinds": (
        lambda v: isinstance(v, (tuple, list)) and bool(v) and all(
            isinstance(one, str) and one in KINDS for one in v
        ),
        f"some of {KINDS}",
    ),
    "top": (lambda v: _is_count(v) and 0 < v < 10**6, "a number of rows, one or more"),
    "every": (lambda v: isinstance(v, bool), "True or False"),
    "exact": (lambda v: isinstance(v, bool), "True or False"),
    "histogram": (lambda v: isinstance(v, bool), "True or False"),
    "config": (lambda v: v is None or isinstance(v, Config), "a Config"),
    "zone": (lambda v: v is None or isinstance(v, tzinfo), "a tzinfo"),
}  # fmt: skip


def check_given(doing: str, given: Mapping[str, Any]) -> None:
    """Raise a UsageError for the first of ``given`` that is of no use."""
    for name, value in given.items():
        right, wanted = _TESTS[name]
        if not right(value):
            raise UsageError(f"{doing}: {name} is {value!r:.60}: {wanted} is needed")
