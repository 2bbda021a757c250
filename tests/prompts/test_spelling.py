"""Misspelt, foreign and unknown words, by the vocabulary of the shipped text encoder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import token_numbers
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.spelling import Lexicon
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.word_notices import word_notices


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.load(None)


@pytest.fixture(scope="module")
def statistics(shipped: ModelBundle) -> Statistics:
    return Statistics.load(shipped)


@pytest.fixture(scope="module")
def lexicon(shipped: ModelBundle, statistics: Statistics) -> Lexicon:
    return Lexicon(token_numbers(shipped), statistics.names.labels)


@pytest.mark.parametrize(
    ("text", "word", "meant"),
    [
        ("door nocking", "nocking", "knocking"),
        ("a dgo barking", "dgo", "dog"),
        ("a cat to teh left", "teh", "the"),
        ("a dgo barking loudly behind me", "dgo", "dog"),
        ("glas breaking", "glas", "glass"),
        ("glass breaking behing me", "behing", "behind"),
        ("glass breaking on my lefft", "lefft", "left"),
        ("smoke alrm", "alrm", "alarm"),
        ("a fire alam", "alam", "alarm"),
        ("the kettel boiling", "kettel", "kettle"),
        ("a dog bakring", "bakring", "barking"),
        ("a persn speaking", "persn", "person"),
        ("footsetps", "footsetps", "footsteps"),
        ("a phone rining", "rining", "ringing"),
        ("a tlephone ringing", "tlephone", "telephone"),
        ("a baby cryng", "cryng", "crying"),
        ("Thundr", "thundr", "thunder"),
    ],
)
def test_a_misspelt_word_is_found_with_what_was_meant(
    lexicon: Lexicon, text: str, word: str, meant: str
) -> None:
    assert [(one.word, one.meant) for one in lexicon.strange(text)] == [(word, meant)]
    assert not lexicon.is_foreign(text)


@pytest.mark.parametrize(
    "text",
    ["ein Hund bellt", "Klopfen an der Tür", "un chien qui aboie", "un perro ladrando",
     "il cane abbaia", "een hond blaft", "une sirène", "un bébé qui pleure", "koira haukkuu",
     "la voiture klaxonne", "jemand klopft an die Tür"],
)  # fmt: skip
def test_other_languages_are_found(lexicon: Lexicon, text: str) -> None:
    assert lexicon.is_foreign(text)


@pytest.mark.parametrize("text", ["Hundebellen", "szczekanie", "babycrying"])
def test_unknown_words_are_found(lexicon: Lexicon, text: str) -> None:
    (one,) = lexicon.strange(text)
    assert one.meant is None


@pytest.mark.parametrize(
    "text",
    ["a dog barking", "someone's doorbell", "a chainsaw revving", "the dishwasher's beeping",
     "squeaky toothbrushes", "a la guitar music", "it isn't loud", "A TEAPOT WHISTLING",
     "an SUV idling", "meowing",
     "a didgeridoo behind me on the left at 3 o'clock", "clinking glasses and chatter"],
)  # fmt: skip
def test_english_words_of_sounds_are_known(lexicon: Lexicon, text: str) -> None:
    assert lexicon.strange(text) == []
    assert not lexicon.is_foreign(text)


@pytest.mark.parametrize(
    ("name", "count", "most"),
    [("labels", 300, 0.01), ("tags", 1000, 0.01), ("paraphrases", 200, 0.12)],
)
def test_the_ways_in_which_people_speak_of_sounds_raise_next_to_no_doubt(
    lexicon: Lexicon, name: str, count: int, most: float
) -> None:
    text = Path(f"export/data/{name}.yaml").read_text(encoding="utf-8")
    phrases = {found.strip() for found in re.findall(r"[A-Za-z' ]{5,}", text)}
    doubted = [one for one in phrases if lexicon.strange(one) or lexicon.is_foreign(one)]
    assert len(phrases) > count
    assert len(doubted) < most * len(phrases), doubted


def test_notices_name_the_prompt_the_word_and_known_sounds(
    shipped: ModelBundle, statistics: Statistics
) -> None:
    bank = PromptBank.encode(shipped, ["a dgo barking behind me", "ein Hund bellt", "a bell"])
    typo, foreign = word_notices(bank, shipped, statistics)
    assert typo.startswith(
        "the prompt 'a dgo barking behind me': the text encoder has no word 'dgo'"
    )
    assert "did you mean 'dog'? (nearest known sounds: " in typo
    assert foreign.startswith("the prompt 'ein Hund bellt': it does not look English")
    plain = PromptBank.encode(shipped, ["a dog barking behind me", "glass breaking"], Config())
    assert word_notices(plain, shipped, statistics) == ()
