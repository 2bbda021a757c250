"""What the text encoder of the shipped bundle thinks of places and names in prompts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.text import encode_texts
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.place_notices import is_placed
from elsa_rt.prompts.spatial_phrases import parse_prompt
from elsa_rt.prompts.time_notices import time_notices
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.rules.schedule import Schedule

LEFT = Region(azimuth_deg=(35.0, 145.0))


@pytest.fixture(scope="module")
def shipped() -> ModelBundle:
    return ModelBundle.load(None)


@pytest.mark.parametrize(
    "prompt",
    ["a dog at the opposite end of the room", "a bell ringing next to the window of my office",
     "a dog southpaw side", "music coming out of the server room"],
)  # fmt: skip
def test_a_place_that_only_the_text_encoder_sees_is_said(shipped: ModelBundle, prompt: str) -> None:
    (notice,) = PromptBank.encode(shipped, [prompt]).notices
    assert notice.startswith(f"the prompt {prompt!r} names a place to the text encoder")
    assert 'it is listened for everywhere; say it as in "behind me"' in notice
    given = Rule("one", (prompt,), region=LEFT)
    assert PromptBank.encode(shipped, [given]).notices == ()  # a region overrides the words


def test_what_was_understood_beside_it_is_said(shipped: ModelBundle) -> None:
    prompt = "a dog on the left at the opposite end of the room"
    (notice,) = PromptBank.encode(shipped, [prompt]).notices
    assert "only 'left' was understood" in notice


@pytest.mark.parametrize(
    "prompt",
    ["a dog barking", "a dog barking behind me", "someone knocking on the door",
     "water running into a bath", "footsteps on the stairs", "a bell at 3 o'clock"],
)  # fmt: skip
def test_other_prompts_raise_no_notice(shipped: ModelBundle, prompt: str) -> None:
    assert PromptBank.encode(shipped, [prompt]).notices == ()


@pytest.mark.parametrize(
    ("prompt", "time"),
    [
        ("a dog barking at night", "at night"),
        ("glass breaking after 10 pm", "after 10 pm"),
        ("loud music on weekends", "on weekends"),
        ("a doorbell on Sundays before 8 a.m.", "on Sundays"),
        ("someone shouting tonight", "tonight"),
        ("a night owl", ""),
        ("a rooster crowing at dawn", ""),
        ("an alarm clock in the morning", ""),
        ("the sound of a saturday market", ""),
        ("a bell from 3 metres", ""),
    ],
)
def test_a_time_in_words_is_said(shipped: ModelBundle, prompt: str, time: str) -> None:
    said = list(time_notices([Rule("one", (prompt,))]))
    assert [f"{time!r} is a time, which prompts do not know" in text for text in said] == (
        [True] if time else []
    )
    assert not list(time_notices([Rule("one", (prompt,), schedule=Schedule(("22:00-06:00",)))]))
    assert set(said) <= set(PromptBank.encode(shipped, [prompt]).notices)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "most"), [("labels.yaml", 0.001), ("tags.yaml", 0.002), ("paraphrases.yaml", 0.02)]
)
def test_wordings_of_sounds_are_hardly_taken_for_places(
    shipped: ModelBundle, name: str, most: float
) -> None:
    text = Path("export/data", name).read_text(encoding="utf-8")
    texts = list({found.strip() for found in re.findall(r"[A-Za-z' ]{5,}", text)})
    plain = [one for one in texts if not parse_prompt(one).said and not parse_prompt(one).doubts]
    place = encode_texts(shipped, plain, 2).place
    assert len(plain) > 200
    taken = [one for one, value in zip(plain, place, strict=True) if is_placed(one, value)]
    assert len(taken) <= most * len(plain), taken


@pytest.mark.parametrize("prompt", ["the theory of relativity", "un chien qui aboie"])
def test_what_means_nothing_to_the_model_is_said(shipped: ModelBundle, prompt: str) -> None:
    said = PromptBank.encode(shipped, [prompt, "a dog barking", "on the left"]).notices
    assert sum("the model does not know what this is" in notice for notice in said) == 1
    assert f"the prompt {prompt!r}: the model does not know" in " ".join(said)
