"""Options of the command line, made from the fields of `Config`."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import Field
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from elsa_rt.config import Config, described, option
from elsa_rt.errors import UsageError

Commands = Any
"""What ``argparse`` gives for ``add_subparsers``; its class is private."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Leaves examples as they are, and room for the longest names beside what they mean."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


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
        formatter_class=Help,
    )
    parser.set_defaults(run=run)
    parser.add_argument("--debug", action="store_true", help="show where in the program it failed")
    return parser


def add_settings(parser: Parser, *groups: str, without: tuple[str, ...] = ()) -> None:
    """Add an option for each setting of `Config` of ``groups``, but for those ``without``."""
    hints = get_type_hints(Config)
    titled = {name: parser.add_argument_group(name) for name in groups}
    for setting in described():
        if setting.metadata["group"] in titled and setting.name not in without:
            _add(titled[setting.metadata["group"]], setting, hints[setting.name])


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings that were given; the others keep the defaults of `Config`."""
    names = {setting.name for setting in described()}
    given = {name: value for name, value in vars(arguments).items() if name in names}
    if len(given.get("channels", ())) == 1:  # --channels 4, as recorders have it
        (given["input_channels"],) = given.pop("channels")
    return given


def _add(group: Any, setting: Field[Any], hint: Any) -> None:
    help = setting.metadata["help"].replace("%", "%%")
    if setting.default is not None and setting.default is not False:
        help += f" (default: {setting.default})"
    kind = _without_none(hint)
    how: dict[str, Any] = {"default": argparse.SUPPRESS, "help": help}
    if kind is bool:
        how["action"] = argparse.BooleanOptionalAction
    elif setting.metadata["choices"]:
        how["choices"] = setting.metadata["choices"]
    elif get_origin(kind) is tuple:
        how |= {"type": _numbers, "metavar": "N,N,N,N"}
    elif kind is float:
        how |= {"type": _finite, "metavar": "X"}
    elif kind is int:
        how |= {"type": int, "metavar": "N"}
    else:
        how |= {"type": str, "metavar": setting.name.upper()}
    group.add_argument(option(setting.name), **how)


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (kind for kind in get_args(hint) if kind is not type(None))
    return hint


def writable(path: str) -> Path:
    """The file ``path`` to be written, or a UsageError where its directory is missing."""
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        what = "it is a directory" if target.is_dir() else f"there is no directory {target.parent}"
        raise UsageError(f"writing {target}: {what}: name a file in one that exists")
    return target


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
