"""Words that the text encoder does not know: misspelt, of another language, or rare.

The criterion is the encoder's own vocabulary, whose numbers rise as words get rarer. A word that it
has in pieces alone is strange, unless it is a form or a compound of known words, a known sound, or
in ``sound_words.txt``. A word that it has, but hardly ever read, is strange if a known sound is one
letter away ("alam").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from elsa_rt.prompts.place_words import MEANS

COMMON = 6_000
"""Numbers of words from which a misspelt one may come; the 4,000 most frequent lie below."""

RARE = 18_000
"""From here on words are so rare that they may as well be a misspelt one."""

ABSENT = 1 << 30
"""The number of a word that is not in the vocabulary."""

MIN_LETTERS = 3

FOREIGN = frozenset(
    word
    for words in (
        "der das ein eine einen und ist im auf mit nicht hinter vor über unter jemand",  # German
        "les une des du qui dans sur avec derrière devant gauche droite quelqu et",  # French
        "el los las una con detrás delante izquierda derecha alguien que está",  # Spanish
        "il gli uno che dietro davanti sinistra destra qualcuno",  # Italian
        "uma atrás frente esquerda direita alguém com",  # Portuguese
        "een het achter voor iemand ett och på bakom framför vänster höger någon",  # Dutch, Swedish
        "jest się na za przed ktoś bir ve arkamda solda sağda",  # Polish, Turkish
    )
    for word in words.split()
)
"""Small words of other languages that are no English ones."""

SHORT_FOREIGN = frozenset(("la", "le", "en", "un", "di", "op", "van", "um", "est", "lo"))
"""The same, but English texts have them in names: they count beside others alone."""

SMALL = frozenset(("and", "behind", "but", "from", "left", "not", "right", "the", "with"))
"""Words that are looked for first where two letters are exchanged."""

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_WORD = re.compile(r"[^\W\d_]+")


class Strange(NamedTuple):
    """A word that is not known."""

    word: str
    meant: str | None  # the known word that is one letter away


class Lexicon:
    """The words that a text encoder knows.

    Parameters
    ----------
    number_of : callable
        Gives the number of a word in the vocabulary, None where it is not there as a whole.
    sounds : names of known sounds
    """

    def __init__(self, number_of: Callable[[str], int | None], sounds: Collection[str]) -> None:
        self._number_of = number_of
        named = {word for name in sounds for word in _words(name.replace("_", " "))}
        self._sounds = named | sound_words() | set(MEANS)

    def strange(self, text: str) -> list[Strange]:
        """The words of ``text`` that are not known, in order."""
        found = {}
        for word in _words(text):
            if len(word) < MIN_LETTERS or self._is_known(word):
                continue
            meant = self._meant(word)
            if meant is not None or self._number(word) == ABSENT:
                found[word] = Strange(word, meant)
        return list(found.values())

    def is_foreign(self, text: str) -> bool:
        """Whether ``text`` is hardly English: small words of another language, or no known ones."""
        words = _words(text)
        sure = any(word in FOREIGN for word in words)
        small = sum(word in FOREIGN or word in SHORT_FOREIGN for word in words)
        strange = {one.word for one in self.strange(text) if sure or one.meant is None}
        others = len(strange.difference(FOREIGN, SHORT_FOREIGN))
        return len(words) > 1 and bool(sure or strange) and 2 * (others + small) > len(words)

    def _is_known(self, word: str) -> bool:
        if word in self._sounds or self._number(word) < RARE:
            return True
        if any(stem in self._sounds for stem in _stems(word)) or self._is_form(word):
            return True
        return self._number(word) == ABSENT and self._is_compound(word)

    def _is_form(self, word: str) -> bool:
        return any(len(stem) >= MIN_LETTERS and self._number(stem) < RARE for stem in _stems(word))

    def _is_compound(self, word: str) -> bool:
        """Whether it is two frequent words in one: "toothbrush"."""
        if word.endswith("ing"):
            return False
        cuts = range(MIN_LETTERS, len(word) - MIN_LETTERS + 1)
        return any(max(self._number(word[:at]), self._number(word[at:])) < COMMON for at in cuts)

    def _number(self, word: str) -> int:
        number = self._number_of(word)
        return ABSENT if number is None else number

    def _meant(self, word: str) -> str | None:
        """The known word that is one letter away: of a sound or a place first, then the commonest.

        Small words with two letters exchanged are themselves: "teh" is no tea.

        A word that the vocabulary has is changed into that of a sound alone.
        """
        exchanged = {
            word[:at] + word[at : at + 2][::-1] + word[at + 2 :] for at in range(len(word))
        }
        if exchanged & SMALL:
            return min(exchanged & SMALL)
        near = set(_one_away(word))
        for sounds in (near & self._sounds, set(filter(self._is_sound_form, near))):
            if sounds:
                return min(sounds, key=lambda one: (self._number(one), one))
        if self._number(word) != ABSENT:
            return None
        common = [one for one in near if len(one) > 2 and self._number(one) < COMMON]
        return min(common, key=lambda one: (self._number(one), one)) if common else None

    def _is_sound_form(self, word: str) -> bool:
        known = self._number(word) != ABSENT
        return known and len(word) > 4 and any(stem in self._sounds for stem in _stems(word))


@cache
def sound_words() -> frozenset[str]:
    """English words of sounds that small vocabularies lack."""
    text = files("elsa_rt.prompts").joinpath("sound_words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(word for line in lines for word in line.split())


def _words(text: str) -> list[str]:
    return [match[0].casefold() for match in _WORD.finditer(text)]


def _stems(word: str) -> Iterator[str]:
    """What ``word`` may be a form of: "snoring" of "snore", "beeps" of "beep"."""
    for ending in ("s", "es", "ed", "d", "ing", "er", "ers", "y", "ly", "ings"):
        if word.endswith(ending) and len(word) - len(ending) >= MIN_LETTERS:
            stem = word.removesuffix(ending)
            yield stem
            yield stem + "e"
            if stem[-1] == stem[-2]:
                yield stem[:-1]
            if stem.endswith("i"):
                yield stem[:-1] + "y"


def _one_away(word: str) -> Iterator[str]:
    """All that a letter more, less, another or two exchanged ones make of ``word``."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    for head, tail in cuts:
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in _LETTERS)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        yield from (head + letter + tail for letter in _LETTERS)
