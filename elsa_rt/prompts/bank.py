"""The user's sentences, encoded once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import TEXT_ENCODER, ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.hints import check_callable, coerce
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.prompts.checks import as_list, check_count, check_prompt, check_text, quoted
from elsa_rt.prompts.name_notices import NearestName, name_notices
from elsa_rt.prompts.place_notices import place_notices
from elsa_rt.prompts.rule_embeddings import RuleEmbeddings, embed_rules, texts_to_encode
from elsa_rt.prompts.spelling import RARE
from elsa_rt.prompts.time_notices import time_notices
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule, rules_of

if TYPE_CHECKING:
    from elsa_rt.encoder.audio import AudioEncoder

FOREIGN_SHARE = 0.5
"""A prompt with more than this share of foreign letters or unknown tokens is hardly English."""


@dataclass(frozen=True)
class PromptBank:
    """Rules and what they mean, immutable: share one among any number of listeners."""

    rules: tuple[Rule, ...]
    meaning: RuleEmbeddings
    notices: tuple[str, ...]  # what the user should know about the prompts
    text_encoder: str  # sha256 of what encoded them
    doubtful: frozenset[str] = frozenset()  # sentences with words that may be unknown

    @classmethod
    def encode(
        cls,
        bundle: ModelBundle,
        prompts: Iterable[str | Rule],
        config: Config | None = None,
        encoder: AudioEncoder | None = None,
    ) -> PromptBank:
        """Check and encode ``prompts``, sentences or rules; equal ones are folded into the first.

        ``encoder`` is a loaded one to hear examples with.

        Raises
        ------
        UsageError
            There are none, two rules have one id, or a sentence is empty, too long or has control
            characters, or an example cannot be heard.
        """
        config = Config() if config is None else coerce(config, Config, "config")
        coerce(bundle, ModelBundle, "the bundle of a PromptBank:")
        rules, notices = _rules(prompts)
        texts = texts_to_encode(rules, config)
        encoded = dict(zip(texts, _encode(bundle, texts, config), strict=True))
        more, doubtful = _words(
            bundle, [t for rule in rules for t in (*rule.prompts, *rule.but_not)]
        )
        notices += more
        detectors = {text: found.detector for text, found in encoded.items()}
        embeddings = {text: found.embedding for text, found in encoded.items()}
        meaning = embed_rules(rules, bundle, detectors, embeddings, encoder, config)
        for kept in (meaning.embedding, meaning.semantic, meaning.named):
            kept.flags.writeable = False
        nearest = {text: found.nearest for text, found in encoded.items() if found.nearest}
        notices += name_notices(rules, config, nearest)
        placed = {text: found.place for text, found in encoded.items()}
        notices += place_notices(rules, config, placed)
        notices += time_notices(rules)
        return cls(rules, meaning, tuple(notices), bundle.files[TEXT_ENCODER], doubtful)

    @classmethod
    def of(
        cls,
        bundle: ModelBundle,
        prompts: Iterable[str | Rule] | PromptBank,
        config: Config,
        encoder: AudioEncoder,
    ) -> PromptBank:
        """``prompts`` themselves if they are a bank that fits ``bundle``, else encoded; or none."""
        if isinstance(prompts, PromptBank):
            prompts.check_fits(bundle)
            return prompts
        given = as_list(prompts)
        return cls.encode(bundle, given, config, encoder) if given else cls.empty(bundle)

    @classmethod
    def empty(cls, bundle: ModelBundle) -> PromptBank:
        """No rules, for hearing embeddings and directions alone."""
        coerce(bundle, ModelBundle, "the bundle of a PromptBank:")
        meaning = embed_rules((), bundle, {}, {}, None, Config())
        return cls((), meaning, (), bundle.files[TEXT_ENCODER])

    def check_fits(self, bundle: ModelBundle) -> None:
        """Raise a UsageError if it was made with another text encoder than that of ``bundle``."""
        if self.text_encoder != bundle.files[TEXT_ENCODER]:
            raise UsageError(
                f"the prompt bank was made with another text encoder than that of {bundle.path}: "
                "make it with PromptBank.encode(encoder.bundle, prompts)"
            )

    @property
    def prompts(self) -> tuple[str, ...]:
        """Labels of the rules."""
        return tuple(rule.label for rule in self.rules)

    @property
    def embedding(self) -> NDArray[np.float32]:
        """(v, D), unit length, of the sounds of the rules; zeros for a rule that names none.

        Where words call a sound that the bundle knows it is the detector of that sound.
        """
        return self.meaning.embedding

    @property
    def regions(self) -> tuple[Region, ...]:
        """Region of each rule."""
        meaning = self.meaning
        return tuple(
            Region.union(meaning.regions[sound] for sound in meaning.of(rule))
            for rule in range(len(self.rules))
        )


def embed_text(
    texts: Iterable[str],
    bundle: ModelBundle | None = None,
    *,
    config: Config | None = None,
    on_notice: OnNotice = log_notice,
) -> NDArray[np.float32]:
    """Embeddings (p, 512) of unit length in the space of the sounds, a row for each text.

    They tell which of several texts a sound is; to tell over time whether it is there, take
    `PromptBank.embedding`.
    """
    coerce(bundle, ModelBundle | None, "the bundle of embed_text:")
    check_callable(on_notice, "on_notice")
    coerce(config, Config | None, "config")
    given = [check_text(text) for text in as_list(texts)]
    if not given:
        raise UsageError('no texts to embed: give at least one, e.g. "a dog barking"')
    bundle = bundle or ModelBundle.load()
    for notice in _words(bundle, given)[0]:
        on_notice(notice)
    return np.stack([found.embedding for found in _encode(bundle, given, config)])


class _Encoded(NamedTuple):
    """What the text encoder says of one text."""

    embedding: NDArray[np.float32]  # (D,)
    detector: NDArray[np.float32]  # (D,), to tell whether the sound is there
    place: float  # how surely it speaks of a place, 0..1 or NaN
    nearest: NearestName | None  # where the bundle has names


def _encode(bundle: ModelBundle, texts: Sequence[str], config: Config | None) -> list[_Encoded]:
    from elsa_rt.encoder.text import encode_texts

    threads = (config or Config()).threads

    def make(missing: list[int]) -> list[_Encoded]:
        made = encode_texts(bundle, [texts[index] for index in missing], threads)
        rows = zip(made.embedding, made.detector, made.place, made.names, strict=True)
        return [
            _Encoded(embedding, detector, float(place), _nearest(bundle, names))
            for embedding, detector, place, names in rows
        ]

    found: list[_Encoded] = bundle.memo.get_many([("text", text) for text in texts], make)
    return found


def _nearest(bundle: ModelBundle, likeness: NDArray[np.float32]) -> NearestName | None:
    if not likeness.size:
        return None
    best = int(likeness.argmax())
    return NearestName(bundle.names[best].name, float(likeness[best]))


def _words(bundle: ModelBundle, prompts: Sequence[str]) -> tuple[list[str], frozenset[str]]:
    """What is to be said of the words of ``prompts``, and the others that may have unknown ones."""
    from elsa_rt.encoder.text import MAX_TOKENS, read_words

    notices, doubtful = [], set[str]()
    read = bundle.memo.get_many(
        [("words", text) for text in prompts],
        lambda missing: read_words(bundle, [prompts[index] for index in missing]),
    )
    for text, words in zip(prompts, read, strict=True):
        if words.truncated:
            notices.append(
                f"the prompt {quoted(text)} has more than {MAX_TOKENS} tokens: the rest is not read"
            )
        if max(words.unknown, _foreign_share(text)) > FOREIGN_SHARE:
            notices.append(
                f"the prompt {quoted(text)} does not look English, and the text encoder knows "
                "English alone: say it in English, its scores mean little"
            )
        elif words.broken or words.rarest >= RARE:
            doubtful.add(text)
    return notices, frozenset(doubtful)


def _rules(prompts: Iterable[str | Rule]) -> tuple[tuple[Rule, ...], list[str]]:
    """Checked rules, one for each different prompt, and what is to be said of the others."""
    given = as_list(prompts)
    if not given:
        raise UsageError(
            'no prompts: say what to listen for, e.g. --prompt "a dog barking", or --prompts '
            'FILE with one a line; in Python prompts=["a dog barking"]'
        )
    checked = [_checked(one) if isinstance(one, Rule) else check_prompt(one) for one in given]
    distinct = list(dict.fromkeys(checked))
    check_count(len(distinct))
    notices = [
        f"the prompt {quoted(one)} was given {checked.count(one)} times: it counts once"
        for one in distinct
        if isinstance(one, str) and checked.count(one) > 1
    ]
    taken = [one.id for one in distinct if isinstance(one, Rule)]
    named = iter(rules_of((one for one in distinct if isinstance(one, str)), taken))
    rules = tuple(one if isinstance(one, Rule) else next(named) for one in distinct)
    ids = [rule.id for rule in rules]
    for one in ids:
        if ids.count(one) > 1:
            raise UsageError(f"two rules have the id {one!r}: give each an id of its own")
    return rules, notices


def _checked(rule: Rule) -> Rule:
    where = f"rule {rule.id}: "
    return replace(
        rule,
        prompts=tuple(check_prompt(text, where) for text in rule.prompts),
        but_not=tuple(check_text(text, where) for text in rule.but_not),
    )


def _foreign_share(text: str) -> float:
    letters = [character for character in text if character.isalpha()]
    return sum(not letter.isascii() for letter in letters) / max(1, len(letters))
