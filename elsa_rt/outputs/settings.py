"""Settings of an output: fields of a frozen dataclass that carry their help, range and choices.

The reader of rules files, the JSON Schema, ``elsa-rt check`` and the tables of the guide are made
from these fields; a default stands here and nowhere else.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field
from typing import Any

from elsa_rt.errors import UsageError
from elsa_rt.files import expanded


@dataclass(frozen=True)
class SettingInfo:
    """What is known of one setting beside its type and its default."""

    about: str
    choices: tuple[str, ...] | None = None
    least: float = -math.inf
    most: float = math.inf
    is_path: bool = False  # a relative path starts at the rules file
    check: Callable[[str], object] | None = None  # raises UsageError; of each text in it


def setting(about: str, default: Any = MISSING, **info: Any) -> Any:
    """A dataclass field for the setting described by ``about``; required without a default.

    ``info`` are further fields of `SettingInfo`.
    """
    metadata = {"setting": SettingInfo(about, **info)}
    if isinstance(default, (Mapping, list)):
        raise TypeError("a default must be immutable")
    return field(default=default, metadata=metadata)


def read_secret(what: str, variable: str | None, file: str | None) -> str | None:
    """The secret that a setting names: the value of an environment variable or a file's text.

    Parameters
    ----------
    what
        The name of the secret in messages, e.g. "mqtt password".
    variable
        Name of the environment variable, or None.
    file
        Path of a file whose text, without the last line break, is the secret, or None.

    Raises
    ------
    UsageError
        The variable is not set or empty, the file cannot be read or is empty, or both are given.
    """
    if variable is not None and file is not None:
        raise UsageError(f"{what}: both an environment variable and a file are given: keep one")
    if variable is not None:
        secret = os.environ.get(variable, "")
        if not secret:
            raise UsageError(
                f"{what}: the environment variable {variable} is not set: export {variable}=..."
            )
        return secret
    if file is None:
        return None
    try:
        secret = expanded(file).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"{what}: reading {file}: {reason}: name a file with the secret") from None
    if not secret:
        raise UsageError(f"{what}: {file} is empty: write the secret into it")
    return secret
