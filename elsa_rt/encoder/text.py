"""The text encoder: loaded for one batch of texts and released with it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from elsa_rt.cache import digest, load, save
from elsa_rt.encoder.bundle import TEXT_ENCODER, TOKENIZER, ModelBundle
from elsa_rt.errors import BundleError
from elsa_rt.parallel import in_parallel

MAX_TOKENS = 128
UNKNOWN = "[UNK]"

MOST_KEPT = 4_096
"""Texts whose embeddings are kept from start to start: 4 kB each, and 3 kB of names."""


class EncodedTexts(NamedTuple):
    """Texts in the space of the sounds.

    Attributes
    ----------
    embedding : float32 (p, 512), unit length, to tell which of several texts a sound is
    detector : float32 (p, 512), unit length, to tell over time whether the sound is there
        It differs from the embedding where the text calls a sound that the bundle knows. Texts are
        compared by their embeddings, never by detectors.
    truncated : bool (p,)
        The text has more than `MAX_TOKENS` tokens, the rest was not read.
    unknown : float32 (p,)
        Share of its tokens that the tokenizer does not know, 0..1.
    broken : tuple (p,) of tuples
        Its words that the tokenizer has in pieces alone: rare, misspelt or foreign ones.
    names : float32 (p, e), -1..1
        How like the text is to each of ``ModelBundle.names``; e is 0 where the bundle has none.
    place : float32 (p,), 0..1
        How surely the text speaks of a place; NaN where the bundle has no names.
    """

    embedding: NDArray[np.float32]
    detector: NDArray[np.float32]
    truncated: NDArray[np.bool_]
    unknown: NDArray[np.float32]
    broken: tuple[tuple[str, ...], ...]
    names: NDArray[np.float32]
    place: NDArray[np.float32]


def encode_texts(bundle: ModelBundle, texts: Sequence[str], threads: int) -> EncodedTexts:
    """Encode ``texts``; what an earlier start has encoded is read from the cache.

    The text encoder is loaded for those that are new, and released with them.
    """
    kept = _Kept(bundle)
    new = [text for text in dict.fromkeys(texts) if text not in kept.rows]
    if new:
        kept.add(new, *_encode(bundle, new, threads))
    rows = np.stack([kept.rows[text] for text in texts]) if texts else kept.none
    return EncodedTexts(
        rows[:, : bundle.embedding],
        rows[:, bundle.embedding : 2 * bundle.embedding],
        rows[:, -2].astype(np.bool_),
        rows[:, -1],
        tuple(kept.broken[text] for text in texts),
        rows[:, 2 * bundle.embedding : -3],
        rows[:, -3],
    )


class _Kept:
    """Encoded texts of one encoder: rows of both vectors, names, place, truncated, unknown."""

    def __init__(self, bundle: ModelBundle) -> None:
        about = [f"{name} {bundle.files[name]}" for name in (TEXT_ENCODER, TOKENIZER)]
        self._key = digest(*about, str(MAX_TOKENS))
        width = 2 * bundle.embedding + len(bundle.names) + 3
        self.none = np.empty((0, width), np.float32)
        stored = load("texts", self._key) or {}
        rows = stored.get("rows", self.none)
        listed = json.loads(bytes(stored["texts"])) if "texts" in stored else []
        if rows.shape != (len(listed), width):
            rows, listed = self.none, []
        self.rows = {text: row for (text, _), row in zip(listed, rows, strict=True)}
        self.broken = {text: tuple(broken) for text, broken in listed}

    def add(
        self, texts: Sequence[str], rows: NDArray[np.float32], broken: Sequence[tuple[str, ...]]
    ) -> None:
        """Keep what ``texts`` came to, and of the earlier ones the newest."""
        self.rows |= zip(texts, rows, strict=True)
        self.broken |= zip(texts, broken, strict=True)
        newest = list(self.rows)[-max(MOST_KEPT, len(texts)) :]
        listed = json.dumps([(text, self.broken[text]) for text in newest]).encode()
        arrays = {"rows": np.stack([self.rows[text] for text in newest])}
        save("texts", self._key, {**arrays, "texts": np.frombuffer(listed, np.uint8)})


def _encode(
    bundle: ModelBundle, texts: Sequence[str], threads: int
) -> tuple[NDArray[np.float32], list[tuple[str, ...]]]:
    """Rows (p, 2 D + e + 3) and broken words of ``texts``, each by itself.

    By itself because the scales of a dynamically quantised model come from the whole batch: a
    prompt would change with its neighbours. Several threads encode different texts.
    """
    from elsa_rt.encoder.onnx import onnx_gate, open_session  # not for texts that are kept

    tokenizer = _tokenizer(bundle)
    session = open_session(bundle.file(TEXT_ENCODER), threads, arena=False, bundle=bundle)
    given = {output.name for output in session.get_outputs()}
    detector = "detector" if "detector" in given else "embedding"
    asked = ["embedding", detector, *(["vocabulary", "place"] if bundle.names else [])]
    unasked = np.full(1, np.nan, np.float32)

    def one(text: str) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        tokens = tokenizer.encode(text)
        with onnx_gate(f"encoding the text {text[:40]!r}"):
            found, detects, *known = session.run(
                asked,
                {
                    "input_ids": np.array([tokens.ids], np.int64),
                    "attention_mask": np.array([tokens.attention_mask], np.int64),
                },
            )
        if found.shape != (1, bundle.embedding) or not np.isfinite(found).all():
            raise BundleError(
                f"encoding the text {text[:40]!r}: {bundle.file(TEXT_ENCODER)} gives {found.shape}"
                f" or NaN, finite (1, {bundle.embedding}) is needed: export the bundle again"
            )
        names, place = (known[0][0], known[1][0, :1]) if known else (unasked[:0], unasked)
        about = [float(bool(tokens.overflowing)), _unknown_share(tokens)]
        row = np.concatenate([found[0], detects[0], names, place, about])
        return row.astype(np.float32), _broken(text, tokens)

    rows, broken = zip(*in_parallel(one, texts), strict=True)
    return np.stack(rows), list(broken)


class Words(NamedTuple):
    """Words of a text as the tokenizer's vocabulary splits them.

    Attributes
    ----------
    truncated : the text has more than `MAX_TOKENS` tokens, the rest is not read
    unknown : share of its tokens that the vocabulary does not know, 0..1
    broken : its words that the vocabulary has in pieces alone: rare, misspelt or foreign ones
    rarest : the highest number of a token, the rarest one
    """

    truncated: bool
    unknown: float
    broken: tuple[str, ...]
    rarest: int


def read_words(bundle: ModelBundle, texts: Sequence[str]) -> list[Words]:
    """Words of each of ``texts`` as the vocabulary of ``bundle`` splits them."""
    tokenizer = _tokenizer(bundle)
    return [
        Words(
            bool(tokens.overflowing),
            _unknown_share(tokens),
            _broken(text, tokens),
            max(tokens.ids, default=0),
        )
        for text, tokens in zip(texts, map(tokenizer.encode, texts), strict=True)
    ]


def token_numbers(bundle: ModelBundle) -> Callable[[str], int | None]:
    """What gives the number of a token in the vocabulary of ``bundle``; None where it has none."""
    found: Callable[[str], int | None] = _tokenizer(bundle).token_to_id
    return found


def warm_up(bundle: ModelBundle) -> None:
    """Keep what makes the next loading of the text encoder of ``bundle`` a quick one."""
    from elsa_rt.encoder.onnx import keep_rewritten

    keep_rewritten(bundle.file(TEXT_ENCODER), bundle)


def _tokenizer(bundle: ModelBundle) -> Tokenizer:
    found: Tokenizer = bundle.memo.get("tokenizer", lambda: _load_tokenizer(bundle))
    return found


def _load_tokenizer(bundle: ModelBundle) -> Tokenizer:
    path = bundle.file(TOKENIZER)
    data = bundle.read(path)
    try:
        tokenizer = Tokenizer.from_buffer(data)
        with _silent_rust():
            tokenizer.encode("a")  # what it lacks shows only now
    except BaseException as error:  # tokenizers raises nothing narrower, and Rust may panic
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        raise BundleError(
            f"loading {path}: it is not a tokenizer ({error}): export the bundle again"
        ) from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


@contextmanager
def _silent_rust() -> Iterator[None]:
    """Let a panic of Rust print no page to standard error: what it was comes as an exception."""
    try:
        before = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _broken(text: str, tokens: Encoding) -> tuple[str, ...]:
    spans: dict[int, list[tuple[int, int]]] = {}
    for word, offset in zip(tokens.word_ids, tokens.offsets, strict=True):
        if word is not None:
            spans.setdefault(word, []).append(offset)
    return tuple(text[parts[0][0] : parts[-1][1]] for parts in spans.values() if len(parts) > 1)


def _unknown_share(tokens: Encoding) -> float:
    words = [
        token
        for token, special in zip(tokens.tokens, tokens.special_tokens_mask, strict=True)
        if not special or token == UNKNOWN
    ]
    return words.count(UNKNOWN) / max(1, len(words))
