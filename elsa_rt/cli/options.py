"""Options of the command line, made from the fields of `Config`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from elsa_rt.config import Config
from elsa_rt.errors import UsageError

Commands = Any
"""What ``argparse`` gives for ``add_subparsers``; its class is private."""


class Parser(argparse.ArgumentParser):
    """Raises what is wrong, so that it leaves through the same gate as every other error."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], about: str, more: str
) -> Parser:
    """Add a command: ``about`` in one line, ``more`` with its examples."""
    parser: Parser = commands.add_parser(
        name,
        help=about,
        description=f"{about[0].upper()}{about[1:]}.\n\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--debug", action="store_true", help="show where in the program it failed")
    return parser


def add_settings(parser: Parser, *, only: tuple[str, ...] = ("signal", "model", "alerts")) -> None:
    """Add an option for each setting of `Config` in the groups ``only``."""
    titles = {
        "signal": "the microphone and its signal",
        "model": "the model",
        "alerts": "alerts",
    }
    hints = get_type_hints(Config)
    groups = {name: parser.add_argument_group(titles[name]) for name in only}
    for field in fields(Config):
        group = groups.get(_group(field.name))
        if group is not None and "help" in field.metadata:
            _add(group, field, hints[field.name])


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given; the others keep the defaults of `Config`."""
    names = {field.name for field in fields(Config) if "help" in field.metadata}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    if len(given.get("channels", ())) == 1:  # --channels 4, as recorders have it
        (given["input_channels"],) = given.pop("channels")
    return given


def _group(name: str) -> str:
    if name.startswith("alert_"):
        return "alerts"
    return "model" if name in ("bundle", "engine", "threads") else "signal"


def _add(group: Any, field: Field[Any], hint: Any) -> None:
    help = field.metadata["help"].replace("%", "%%")
    if field.default not in (None, MISSING, False):
        help += f" (default: {field.default})"
    kind = _without_none(hint)
    how: dict[str, Any] = {"default": argparse.SUPPRESS, "help": help}
    if kind is bool:
        how["action"] = argparse.BooleanOptionalAction
    elif "choices" in field.metadata:
        how["choices"] = field.metadata["choices"]
    elif get_origin(kind) is tuple:
        how |= {"type": _numbers, "metavar": "N,N,N,N"}
    elif kind is float:
        how |= {"type": _finite, "metavar": "X"}
    elif kind is int:
        how |= {"type": int, "metavar": "N"}
    else:
        how |= {"type": str, "metavar": field.name.upper()}
    group.add_argument("--" + field.name.replace("_", "-"), **how)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    return hint


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 1,2,3,4") from None


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return number
