"""Checks of the user's sentences: text of one line, with a word in it, that says what sounds."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from elsa_rt.errors import UsageError
from elsa_rt.files import read_user_text
from elsa_rt.prompts.sentences import parse_sentence

MAX_PROMPT_CHARACTERS = 500

MOST_PROMPTS = 10_000
"""To encode so many takes a minute; more are a mistake."""

MAX_QUOTED = 60
"""Characters of a prompt that a message repeats."""


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """Prompts from a UTF-8 file, one a line; empty lines and lines from ``#`` on do not count."""
    try:
        text = read_user_text(Path(path))
    except UnicodeDecodeError as error:
        utf16 = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
        known = "utf-16" if utf16 else "latin1"
        raise UsageError(
            f"reading prompts from {path}: byte {error.start} is not UTF-8: save it as UTF-8, e.g. "
            f"iconv -f {known} -t utf-8 {shlex.quote(str(path))} > utf8.txt"
        ) from None
    except OSError as error:
        raise UsageError(
            f"reading prompts from {path}: {error.strerror}: name a text file with one prompt a "
            "line after --prompts"
        ) from None
    lines = [
        (number, line)
        for number, line in enumerate(map(str.strip, text.split("\n")), 1)
        if line and not line.startswith("#")
    ]
    check_count(len({line for _, line in lines}), f"reading prompts from {path}: ")
    prompts = tuple(check_prompt(line, f"{path}, line {number}: ") for number, line in lines)
    if not prompts:
        raise UsageError(
            f"reading prompts from {path}: it has none: write one a line, e.g. a dog barking"
        )
    return prompts


def check_count(count: int, where: str = "") -> None:
    """Raise a UsageError, which starts with ``where``, if ``count`` prompts are too many."""
    if count > MOST_PROMPTS:
        raise UsageError(
            f"{where}{count:,} different prompts, {MOST_PROMPTS:,} at most can be listened for: "
            "take some out"
        )


def check_prompt(prompt: object, where: str = "") -> str:
    """`check_text` of what to listen for: it says what should sound, and not only what should not.

    Raises
    ------
    UsageError
        The message starts with ``where``.
    """
    text = check_text(prompt, where)
    try:
        parse_sentence(text, None)  # as it is parsed again, out of the cache
    except UsageError as error:
        raise UsageError(f"{where}{error}") from None
    return text


def check_text(prompt: object, where: str = "") -> str:
    """``prompt`` without the white space around it, or a UsageError that starts with ``where``."""
    if not isinstance(prompt, str):
        raise UsageError(f"{where}the prompt {prompt!r} is not text: give a sentence")
    text = prompt.strip()
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise UsageError(
            f"{where}the prompt {quoted(text)} has {len(text)} characters, at most "
            f"{MAX_PROMPT_CHARACTERS} are read: say it in one sentence"
        )
    if not text:
        raise UsageError(f'{where}a prompt is empty: say what to listen for, e.g. "a dog barking"')
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise UsageError(
                f"{where}the prompt {quoted(text)} has the control character {character!r}: "
                "write it as plain text on one line"
            )
    if not any(map(str.isalnum, text)):
        raise UsageError(
            f"{where}the prompt {quoted(text)} has no word: say what to listen for, "
            'e.g. "a dog barking"'
        )
    return text


def as_list(prompts: Iterable[Any]) -> list[Any]:
    """The prompts that were given, a lone sentence as a list of one."""
    if isinstance(prompts, str):
        return [prompts]
    try:
        return list(prompts)
    except TypeError:
        raise UsageError(
            f"the prompts are a {type(prompts).__name__}: give sentences or rules, "
            'e.g. prompts=["a dog barking"]'
        ) from None


def quoted(prompt: str) -> str:
    """``prompt`` in quotation marks, cut short, for a message."""
    return repr(prompt if len(prompt) <= MAX_QUOTED else prompt[:MAX_QUOTED] + "...")
