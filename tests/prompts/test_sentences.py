"""Sentences of several sounds, and of sounds that are not wanted."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.prompts.bank import PromptBank, embed_text
from elsa_rt.prompts.sentences import parse_sentence
from elsa_rt.prompts.spatial_phrases import ANYTHING
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule

LEFT, RIGHT = Region(azimuth_deg=(35.0, 145.0)), Region(azimuth_deg=(-145.0, -35.0))
BEHIND = Region(azimuth_deg=(125.0, -125.0))


@pytest.mark.parametrize(
    ("prompt", "sounds"),
    [
        ("a dog or a cat", ["a dog", "a cat"]),
        ("either a dog or a cat", ["a dog", "a cat"]),
        ("a dog or cat barking", ["a dog barking", "a cat barking"]),
        ("a dog or a wolf howling", ["a dog howling", "a wolf howling"]),
        ("a man or woman speaking", ["a man speaking", "a woman speaking"]),
        ("a baby laughing or crying", ["a baby laughing", "a baby crying"]),
        ("a door opening or closing", ["a door opening", "a door closing"]),
        ("laughing or crying", ["laughing", "crying"]),
        ("a dog, a cat or a cow", ["a dog", "a cat", "a cow"]),
        ("a dog barking, a cat meowing, or a knock", ["a dog barking", "a cat meowing", "a knock"]),
        ("a dog barking / a cat meowing", ["a dog barking", "a cat meowing"]),
        ("a dog barking and/or a cat meowing", ["a dog barking", "a cat meowing"]),
        ("a dog on the left or right", ["a dog"]),
        ("glass breaking left or right", ["glass breaking"]),
        ("a small or large dog barking", ["a small or large dog barking"]),
        ("more or less loud music", ["more or less loud music"]),
        ("a dog and a cat", ["a dog and a cat"]),
        ("a doorbell", ["a doorbell"]),
        ("an order for organ", ["an order for organ"]),
        ("a fire or smoke alarm", ["a fire alarm", "a smoke alarm"]),
        ("fire or smoke alarm beeping", ["fire alarm beeping", "smoke alarm beeping"]),
        ("a car or a train horn", ["a car", "a train horn"]),
        ("rock or pop music", ["rock music", "pop music"]),
        ("a man's or a woman's voice", ["a man's voice", "a woman's voice"]),
        ("a dog or someone knocking", ["a dog", "someone knocking"]),
        ("smoke alarm or glass breaking", ["smoke alarm", "glass breaking"]),
        ("a person or people speaking", ["a person speaking", "people speaking"]),
        ("dog | cat", ["dog", "cat"]),
        ("a dog; a cat", ["a dog", "a cat"]),
        ("a dog barking; a door slamming", ["a dog barking", "a door slamming"]),
        ("a dog (or a wolf)", ["a dog", "a wolf"]),
        ("not only a dog but also a cat", ["a dog", "a cat"]),
        ("nothing but speech", ["speech"]),
        ("a bell or two", ["a bell or two"]),
        ("either side of me a dog", ["either side of me a dog"]),
        ("a voice left, right or center", ["a voice left, right or center"]),
        ("the tap was not closed", ["the tap was not closed"]),
        ("a person saying not now", ["a person saying not now"]),
        ("a dog or on the left a cat", ["a dog", "a cat"]),
    ],
)
def test_several_sounds(prompt: str, sounds: list[str]) -> None:
    assert [sound.sound for sound in parse_sentence(prompt).sounds] == sounds
    assert parse_sentence(prompt).but_not == ()


def test_each_sound_has_its_place_or_all_have_that_of_the_last() -> None:
    each = parse_sentence("a dog on the left or a cat on the right").sounds
    assert [(sound.text, sound.region) for sound in each] == [
        ("a dog on my left", LEFT),
        ("a cat on my right", RIGHT),
    ]
    shared = parse_sentence("a dog or a cat behind me").sounds
    assert [(sound.text, sound.region) for sound in shared] == [
        ("a dog behind me", BEHIND),
        ("a cat behind me", BEHIND),
    ]


@pytest.mark.parametrize(
    ("prompt", "sounds", "but_not"),
    [
        ("not a dog", [ANYTHING], ("a dog",)),
        ("any sound but speech", [ANYTHING], ("speech",)),
        ("anything but a dog", [ANYTHING], ("a dog",)),
        ("any sound except a dog barking", [ANYTHING], ("a dog barking",)),
        ("everything except speech or music", [ANYTHING], ("speech", "music")),
        ("something that is not a dog", [ANYTHING], ("a dog",)),
        ("sounds other than speech", [ANYTHING], ("speech",)),
        ("a dog but not a cat", ["a dog"], ("a cat",)),
        ("a dog barking but not howling", ["a dog barking"], ("a dog howling",)),
        ("a dog barking rather than a cat", ["a dog barking"], ("a cat",)),
        ("music without singing", ["music"], ("singing",)),
        ("a bark that isn't a dog", ["a bark"], ("a dog",)),
        ("a dog or a wolf but not a fox", ["a dog", "a wolf"], ("a fox",)),
        ("neither a dog nor a cat", [ANYTHING], ("a dog", "a cat")),
        ("a whistle but neither a bird nor a kettle", ["a whistle"], ("a bird", "a kettle")),
        ("a dog, except when howling", ["a dog"], ("a dog howling",)),
        ("except speech", [ANYTHING], ("speech",)),
        ("excluding music and speech", [ANYTHING], ("music", "speech")),
        ("unless it is music", [ANYTHING], ("music",)),
        ("unless there's music", [ANYTHING], ("music",)),
        ("other than a dog", [ANYTHING], ("a dog",)),
        ("besides rain", [ANYTHING], ("rain",)),
        ("not a dog and not a cat", [ANYTHING], ("a dog", "a cat")),
        ("anything but speech, music and traffic", [ANYTHING], ("speech", "music", "traffic")),
        ("a sound but no speech", [ANYTHING], ("speech",)),
        ("all but speech", [ANYTHING], ("speech",)),
        ("a non-speech sound", [ANYTHING], ("speech",)),
        ("everything other than speech, on the left", [ANYTHING], ("speech",)),
        ("any dog but a poodle", ["any dog"], ("a poodle",)),
        ("a dog, no wolf", ["a dog"], ("wolf",)),
        ("a dog not barking", ["a dog"], ("a dog barking",)),
        ("a dog that doesn't bark", ["a dog"], ("bark",)),
        ("music (no singing)", ["music"], ("singing",)),
        ("loud noise (not speech)", ["loud noise"], ("speech",)),
        ("a dog from anywhere except the kitchen", ["a dog from anywhere except the kitchen"], ()),
        ("a dog, not behind me", ["a dog"], ()),
        ("not behind me, a dog", ["a dog"], ()),
        ("a dog anywhere but on the left", ["a dog"], ()),
        ("a knot being tied", ["a knot being tied"], ()),
    ],
)
def test_unwanted_sounds(prompt: str, sounds: list[str], but_not: tuple[str, ...]) -> None:
    sentence = parse_sentence(prompt)
    assert [sound.sound for sound in sentence.sounds] == sounds
    assert sentence.but_not == but_not


def test_a_place_behind_what_is_unwanted_is_that_of_the_rule() -> None:
    (sound,) = parse_sentence("any sound but speech on the left").sounds
    assert (sound.sound, sound.region) == (ANYTHING, LEFT)


@pytest.mark.parametrize(
    ("prompt", "cure"),
    [
        ("no dog barking", "dog barking"),
        ("No music!", "music"),
        ("without a dog", "a dog"),
        ("nobody talking", "someone talking"),
        ("no one speaking", "someone speaking"),
        ("no longer ringing", "ringing"),
        ("ignore dogs", "dogs"),
        ("don't alert me about dogs", "dogs"),
        ("do not wake me for speech", "speech"),
    ],
)
def test_what_must_not_sound_alone_is_refused_with_the_cure(prompt: str, cure: str) -> None:
    with pytest.raises(UsageError, match=f"only what must not sound.*but_not: {cure}$"):
        parse_sentence(prompt)
    assert parse_sentence(f"any sound but {cure}").but_not == (cure,)


@pytest.mark.parametrize("prompt", ["no sound", "nothing", "absence of noise"])
def test_silence_is_refused(prompt: str) -> None:
    with pytest.raises(UsageError, match="asks for silence"):
        parse_sentence(prompt)


@pytest.mark.parametrize("prompt", ["a dog but not my dog", "any dog except mine"])
def test_whose_a_sound_is_cannot_be_excluded_by_words(prompt: str) -> None:
    with pytest.raises(UsageError, match="whose a sound is .* elsa-rt feedback last false$"):
        parse_sentence(prompt)


def test_two_sounds_that_and_joins_are_doubted() -> None:
    (doubt,) = parse_sentence("a dog barking and a cat meowing").doubts
    assert "'a dog barking or a cat meowing'" in doubt
    assert parse_sentence("a man and a woman talking").doubts == ()
    assert parse_sentence("thunder and lightning").doubts == ()


@pytest.mark.parametrize(
    ("prompt", "advice"),
    [
        ("a dog/cat", "a dog or cat"),
        ("dog/cat barking", "dog or cat barking"),
        ("dog, cat, bird", "dog or cat or bird"),
        ("a dog, a cat, a bird", "a dog or a cat or a bird"),
    ],
)
def test_sounds_that_stand_beside_each_other_are_doubted(prompt: str, advice: str) -> None:
    (doubt,) = parse_sentence(prompt).doubts
    assert f"say {advice!r}" in doubt


@pytest.mark.parametrize(
    "prompt",
    ["a dog, barking", "a loud, deep, humming engine", "left/right: a dog", "an on/off switch",
     "24/7 traffic", "a big, black dog", "well, someone knocking"],
)  # fmt: skip
def test_a_list_of_words_about_one_sound_is_not(prompt: str) -> None:
    assert not any("one at a time" in doubt for doubt in parse_sentence(prompt).doubts)


@pytest.fixture(scope="module")
def model(bundle: str) -> ModelBundle:
    return ModelBundle.load(bundle)


def test_a_bank_listens_for_each_of_several_sounds(model: ModelBundle) -> None:
    bank = PromptBank.encode(model, ["a dog or a cat behind me", "a bell"])
    assert bank.meaning.owner.tolist() == [0, 0, 1]
    assert bank.prompts == ("a dog or a cat behind me", "a bell")
    assert bank.regions == (BEHIND, Region())
    texts = ["a dog behind me", "a cat behind me", "a bell"]
    assert np.allclose(bank.meaning.embedding, embed_text(texts, model), atol=1e-6)


def test_what_a_sentence_excludes_is_excluded_as_by_but_not(model: ModelBundle) -> None:
    said = PromptBank.encode(model, ["a dog but not a cat"])
    given = PromptBank.encode(model, [Rule("dog", ("a dog",), but_not=("a cat",))])
    for column in (0, 1):
        assert np.array_equal(said.meaning.against[column], given.meaning.against[column])
    assert np.array_equal(said.embedding, given.embedding)


def test_ways_to_say_the_same_stay_one_sound(model: ModelBundle) -> None:
    rule = Rule("dog", ("a dog", "a hound", "a cat or a cow"))
    assert PromptBank.encode(model, [rule]).meaning.owner.tolist() == [0, 0, 0]


def test_places_that_are_not_understood_are_said_with_the_prompt(model: ModelBundle) -> None:
    (notice,) = PromptBank.encode(model, ["a dog behind the fence"]).notices
    assert notice.startswith("the prompt 'a dog behind the fence': 'behind the fence' is a place")
    given = Rule("dog", ("a dog behind the fence",), region=BEHIND)
    assert PromptBank.encode(model, [given]).notices == ()


def test_compass_points_follow_the_setting(model: ModelBundle) -> None:
    north = PromptBank.encode(model, ["a dog to the north"], Config(north_deg=90))
    assert north.regions == (LEFT,)
    assert north.notices == ()
    (notice,) = PromptBank.encode(model, ["a dog to the north"]).notices
    assert "give north_deg, e.g. --north-deg 90" in notice


@pytest.mark.parametrize("prompt", ["on the left", "any sound but a cat", "anything", "a sound"])
def test_any_sound_has_no_vector_of_its_own(model: ModelBundle, prompt: str) -> None:
    meaning = PromptBank.encode(model, ["a dog", prompt]).meaning
    assert meaning.anything == (1,)
    assert not meaning.embedding[1].any()
    assert meaning.embedding[0].any()
