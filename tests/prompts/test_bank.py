"""Prompts: what is accepted, what is refused, what is said about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.prompts.bank import PromptBank, embed_text
from elsa_rt.prompts.checks import MAX_PROMPT_CHARACTERS, read_prompts
from elsa_rt.scoring.background import labels_meant
from elsa_rt.scoring.statistics import Statistics


@pytest.fixture(scope="module")
def model(bundle: Path) -> ModelBundle:
    return ModelBundle.load(bundle)


def test_bank(model: ModelBundle) -> None:
    bank = PromptBank.encode(model, ["the dog", " a hum "])
    assert bank.prompts == ("the dog", "a hum")
    assert bank.embedding.shape == (2, 512)
    assert bank.notices == ()
    assert not bank.embedding.flags.writeable


def test_one_string_is_one_prompt(model: ModelBundle) -> None:
    assert PromptBank.encode(model, "the dog").prompts == ("the dog",)


def test_duplicates_are_folded_and_told(model: ModelBundle) -> None:
    bank = PromptBank.encode(model, ["hum", "dog", "hum ", "hum"])
    assert bank.prompts == ("hum", "dog")
    assert bank.notices == ("the prompt 'hum' was given 3 times: it counts once",)


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([], r"no prompts: .*--prompt "),
        (["dog", ""], "a prompt is empty"),
        (["  \t "], "a prompt is empty"),
        (["?!"], "'\\?!' has no word"),
        (["x" * (MAX_PROMPT_CHARACTERS + 1)], "has 501 characters, at most 500"),
        (["dog " * 2500], "has 9999 characters"),
        (["a dog\nbarking"], r"control character '\\n'"),
        (["a\x00dog"], r"control character '\\x00'"),
        (["a \udcff dog"], r"control character '\\udcff'"),
        ([None], "prompt None is not text"),
    ],
)
def test_refused(model: ModelBundle, prompts: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        PromptBank.encode(model, prompts)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("prompt", ["собака лает", "犬が吠える", "zebra quagga okapi"])
def test_foreign_prompts_are_told(model: ModelBundle, prompt: str) -> None:
    (notice,) = PromptBank.encode(model, [prompt]).notices
    assert f"{prompt!r} does not look English" in notice


def test_accents_alone_are_no_reason(model: ModelBundle) -> None:
    assert PromptBank.encode(model, ["a dog beside the glass, é"]).notices == ()


def test_long_prompts_are_told(model: ModelBundle) -> None:
    (notice,) = PromptBank.encode(model, ["a " * 200]).notices
    assert "more than 128 tokens" in notice


def test_a_sound_that_is_called_has_a_detector_and_means_what_other_words_for_it_mean() -> None:
    shipped = ModelBundle.load()
    names = Statistics.load(shipped).names
    called = "a dog barking", "a dog barking behind me"
    others = (
        "a canine is alerting its owner",
        "the neighbour's terrier will not stop making a racket",
    )
    meaning = PromptBank.encode(shipped, [*called, *others]).meaning
    alike = (meaning.semantic * meaning.named).sum(axis=1)
    assert alike[:2].max() < 0.8
    np.testing.assert_array_equal(meaning.semantic[2:], meaning.named[2:])
    for meant in labels_meant(meaning.named, names):
        assert [names.labels[label] for label in np.flatnonzero(meant)] == ["dog"]
    np.testing.assert_allclose(embed_text(called[:1], shipped)[0], meaning.named[0], atol=1e-6)


def test_embed_text_keeps_every_row(model: ModelBundle) -> None:
    said: list[str] = []
    found = embed_text(["hum", "hum", "собака"], model, on_notice=said.append)
    assert found.shape == (3, 512)
    np.testing.assert_array_equal(found[0], found[1])
    assert len(said) == 1
    with pytest.raises(UsageError, match="no texts"):
        embed_text([], model)


def test_more_prompts_than_can_be_listened_for(tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text("a dog\n" * 20_000 + "".join(f"sound {n}\n" for n in range(10_000)))
    with pytest.raises(UsageError, match="10,001 different prompts, 10,000 at most"):
        read_prompts(path)
    path.write_text("a dog\n" * 20_000)
    assert len(read_prompts(path)) == 20_000


def test_read_prompts(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes(b"\xef\xbb\xbf# mine\r\n\r\na dog barking\r\n  glass # broken \nhum")
    assert read_prompts(file) == ("a dog barking", "glass # broken", "hum")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it has none"),
        (b"# nothing\n\n", "it has none"),
        (b"dog\nch\xe4t\n", "byte 6 is not UTF-8"),
        (b"dog\n\n" + b"x" * 501, "line 3: the prompt .* has 501 characters"),
        (b"dog\nca\tt", "line 2: the prompt .* control character"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "prompts.txt"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        read_prompts(file)
    assert str(file) in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_prompts(tmp_path / "none.txt")
    with pytest.raises(UsageError, match="Is a directory"):
        read_prompts(tmp_path)
