"""The user's sentences: checked, read from a file, encoded once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import TEXT_ENCODER, ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.matching.places import understand
from elsa_rt.matching.regions import Region
from elsa_rt.notices import OnNotice, log_notice

MAX_PROMPT_CHARACTERS = 500

FOREIGN_SHARE = 0.5
"""A prompt with more than this share of foreign letters or unknown tokens is hardly English."""


@dataclass(frozen=True)
class PromptBank:
    """Prompts and their embeddings, immutable: share one among any number of listeners."""

    prompts: tuple[str, ...]
    embedding: NDArray[np.float32]  # (p, 512), unit length
    notices: tuple[str, ...]  # what the user should know about the prompts
    text_encoder: str  # sha256 of what encoded them
    regions: tuple[Region, ...] | None = None
    """Where each prompt is listened for; None where the embeddings themselves say it."""

    @classmethod
    def encode(
        cls, bundle: ModelBundle, prompts: Iterable[str], config: Config | None = None
    ) -> PromptBank:
        """Check and encode ``prompts``; equal ones are folded into the first.

        A windowed encoder knows nothing of places: for its bundle the words about place become
        a region, and the rest of the prompt is what is encoded.

        Raises
        ------
        UsageError
            There are none, or one is empty, too long or has control characters.
        """
        given = [check_prompt(prompt) for prompt in _as_list(prompts)]
        if not given:
            raise UsageError(
                'no prompts: say what to listen for, e.g. --prompt "a dog barking", or --prompts '
                'FILE with one a line; in Python prompts=["a dog barking"]'
            )
        distinct = tuple(dict.fromkeys(given))
        notices = [
            f"the prompt {_short(prompt)} was given {given.count(prompt)} times: it counts once"
            for prompt in distinct
            if len(distinct) < len(given) and given.count(prompt) > 1
        ]
        texts, regions = distinct, None
        if bundle.window is not None:
            understood = [understand(prompt) for prompt in distinct]
            texts = tuple(parts.what for parts in understood)
            regions = tuple(parts.region for parts in understood)
            notices += _unheard(distinct, regions)
        embedding, more = _encode(bundle, texts, config)
        embedding.flags.writeable = False
        return cls(distinct, embedding, (*notices, *more), bundle.files[TEXT_ENCODER], regions)

    @classmethod
    def empty(cls, bundle: ModelBundle) -> PromptBank:
        """No prompts, for hearing embeddings and directions alone."""
        nothing = np.empty((0, bundle.embedding), np.float32)
        return cls((), nothing, (), bundle.files[TEXT_ENCODER])


def embed_text(
    texts: Iterable[str],
    bundle: ModelBundle | None = None,
    *,
    config: Config | None = None,
    on_notice: OnNotice = log_notice,
) -> NDArray[np.float32]:
    """Embeddings (p, 512) of unit length in the space of the sounds, a row for each text."""
    given = [check_prompt(text) for text in _as_list(texts)]
    if not given:
        raise UsageError('no texts to embed: give at least one, e.g. "a dog barking"')
    embedding, notices = _encode(bundle or ModelBundle.load(), given, config)
    for notice in notices:
        on_notice(notice)
    return embedding


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """Prompts from a UTF-8 file, one a line; empty lines and lines from ``#`` on do not count."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"reading prompts from {path}: byte {error.start} is not UTF-8: save it as UTF-8, "
            f"e.g. iconv -f latin1 -t utf-8 {path}"
        ) from None
    except OSError as error:
        raise UsageError(
            f"reading prompts from {path}: {error.strerror}: name a text file with one prompt a "
            "line after --prompts"
        ) from None
    lines = enumerate(map(str.strip, text.split("\n")), 1)
    prompts = tuple(
        check_prompt(line, f"{path}, line {number}: ")
        for number, line in lines
        if line and not line.startswith("#")
    )
    if not prompts:
        raise UsageError(
            f"reading prompts from {path}: it has none: write one a line, e.g. a dog barking"
        )
    return prompts


def check_prompt(prompt: object, where: str = "") -> str:
    """``prompt`` without the white space around it, or a UsageError that starts with ``where``."""
    if not isinstance(prompt, str):
        raise UsageError(f"{where}the prompt {prompt!r} is not text: give a sentence")
    text = prompt.strip()
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise UsageError(
            f"{where}the prompt {_short(text)} has {len(text)} characters, at most "
            f"{MAX_PROMPT_CHARACTERS} are read: say it in one sentence"
        )
    if not text:
        raise UsageError(f'{where}a prompt is empty: say what to listen for, e.g. "a dog barking"')
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise UsageError(
                f"{where}the prompt {_short(text)} has the control character {character!r}: "
                "write it as plain text on one line"
            )
    if not any(map(str.isalnum, text)):
        raise UsageError(
            f"{where}the prompt {_short(text)} has no word: say what to listen for, "
            'e.g. "a dog barking"'
        )
    return text


def _encode(
    bundle: ModelBundle, texts: Sequence[str], config: Config | None
) -> tuple[NDArray[np.float32], list[str]]:
    from elsa_rt.encoder.text import MAX_TOKENS, encode_texts

    encoded = encode_texts(bundle, texts, (config or Config()).threads)
    notices = []
    for text, truncated, unknown in zip(texts, encoded.truncated, encoded.unknown, strict=True):
        if truncated:
            notices.append(
                f"the prompt {_short(text)} has more than {MAX_TOKENS} tokens: the rest is not read"
            )
        if max(unknown, _foreign_share(text)) > FOREIGN_SHARE:
            notices.append(
                f"the prompt {_short(text)} does not look English, and the text encoder knows "
                "English alone: say it in English, its scores mean little"
            )
    return encoded.embedding, notices


def _unheard(prompts: Sequence[str], regions: Sequence[Region]) -> list[str]:
    return [
        f"the prompt {_short(prompt)} names a distance, which this model does not hear: "
        "it is not checked"
        for prompt, region in zip(prompts, regions, strict=True)
        if region.asks_distance
    ]


def _foreign_share(text: str) -> float:
    letters = [character for character in text if character.isalpha()]
    return sum(not letter.isascii() for letter in letters) / max(1, len(letters))


def _as_list(prompts: Iterable[str]) -> list[str]:
    return [prompts] if isinstance(prompts, str) else list(prompts)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
