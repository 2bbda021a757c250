"""Values checked against type hints: settings, rules and arguments, with one form of refusal.

    coerce("1", float, "alert_end")    UsageError: alert_end '1': a number is needed
    coerce([1, 2], tuple[int, ...], "channels")    (1, 2)

Hints are bool, int, float, str, None, Literal, tuples, classes, and unions of these. Numbers of
NumPy become Python's, lists become tuples; a bool is no number, and NaN is none either.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable, Mapping, Set
from dataclasses import fields
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from elsa_rt.errors import UsageError

_WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text"}


def coerce(value: Any, hint: Any, what: str) -> Any:
    """``value`` as ``hint`` asks for it.

    Raises
    ------
    UsageError
        It is of another type; the message starts with ``what``.
    """
    found = _fit(value, hint)
    if found is _UNFIT:
        choices = _choices(hint)
        if choices and isinstance(value, str):
            raise UsageError(f"{what} {value!r} is unknown: choose {' | '.join(choices)}")
        raise UsageError(f"{what} {reprlib.repr(value)}: {needed(hint)} is needed")
    return found


def coerce_fields(record: Any, what: str = "") -> None:
    """Check all fields of a frozen dataclass against their hints, from its ``__post_init__``."""
    kind: Any = type(record)
    hints = hints_of(kind)
    for field in fields(record):
        value = getattr(record, field.name)
        found = coerce(value, hints[field.name], f"{what}{field.name}")
        if found is not value:
            object.__setattr__(record, field.name, found)


def check_callable(value: object, what: str) -> None:
    """Raise a UsageError unless ``value`` is None or can be called."""
    if value is not None and not callable(value):
        raise UsageError(f"{what} {reprlib.repr(value)}: a function is needed")


@cache
def hints_of(kind: Any) -> dict[str, Any]:
    """The hints of the fields of a class, evaluated once."""
    return get_type_hints(kind)


def needed(hint: Any) -> str:
    """In words, what ``hint`` asks for."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(needed(part) for part in parts if part is not NoneType)
    if origin is Literal:
        return "one of " + " | ".join(map(str, parts))
    if origin is tuple:
        count = "" if parts[-1] is ... else f"{len(parts)} "
        return f"a list of {count}{needed(parts[0]).removeprefix('a ').removeprefix('an ')}s"
    if hint in _WORDS:
        return _WORDS[hint]
    name = (origin or hint).__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _choices(hint: Any) -> tuple[str, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        return next((found for part in get_args(hint) if (found := _choices(part))), ())
    return ()


_UNFIT: Any = object()
"""What `_fit` gives for a value of another type."""


def _fit(value: Any, hint: Any) -> Any:
    if type(value) is hint and hint is not float:
        return value  # the usual case, made quick
    origin, parts = _taken_apart(hint)
    if origin in (Union, UnionType):
        fitting = (_fit(value, part) for part in parts)
        return next((found for found in fitting if found is not _UNFIT), _UNFIT)
    if origin is Literal:
        return next((part for part in parts if isinstance(value, str) and value == part), _UNFIT)
    if origin is tuple:
        return _fit_tuple(value, parts)
    if hint in (NoneType, None):
        return value if value is None else _UNFIT
    if hint is float:
        return _fit_number(value)
    if hint is int:
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        return int(value) if whole else _UNFIT
    if hint is bool:
        return bool(value) if type(value).__name__ in ("bool", "bool_") else _UNFIT
    return value if isinstance(value, _class_of(origin or hint)) else _UNFIT


@cache
def _taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(hint), get_args(hint)


def _class_of(hint: Any) -> Any:
    """The class behind a type alias (``type X = ...``), as NumPy's ``NDArray`` is one since 2.5."""
    while hasattr(hint, "__value__"):
        hint = get_origin(hint.__value__) or hint.__value__
    return hint


def _fit_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, Real):
        return _UNFIT
    try:
        number = float(value)
    except OverflowError:
        return _UNFIT
    return _UNFIT if math.isnan(number) else number


def _fit_tuple(value: Any, parts: tuple[Any, ...]) -> Any:
    if isinstance(value, (str, bytes, Mapping, Set)) or not isinstance(value, Iterable):
        return _UNFIT
    try:
        items = tuple(value)
    except TypeError:  # an array without dimensions says that it can be iterated
        return _UNFIT
    hints = (parts[0],) * len(items) if parts[-1] is ... else parts
    if len(items) != len(hints):
        return _UNFIT
    if type(value) is tuple and all(map(_is_plain, items, hints)):
        return value  # the usual case, made quick
    found = tuple(_fit(item, hint) for item, hint in zip(items, hints, strict=True))
    if any(item is _UNFIT for item in found):
        return _UNFIT
    return value if isinstance(value, tuple) and _same(found, value) else found


def _is_plain(value: Any, hint: Any) -> bool:
    """Whether ``value`` is of the very type ``hint``, and no NaN."""
    return type(value) is hint and value == value


def _same(found: tuple[Any, ...], given: tuple[Any, ...]) -> bool:
    return all(one is other for one, other in zip(found, given, strict=True))
