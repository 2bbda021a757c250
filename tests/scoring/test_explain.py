"""``elsa-rt explain``, and recordings as prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import elsa_rt
from elsa_rt.cli import main
from elsa_rt.cli.examples import rules_with
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.errors import UsageError
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.examples import embed_example
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.testing import sound

RATE = 16_000


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of a hum: mono, AmbiX from the left, AmbiX from behind at another rate."""
    folder = tmp_path_factory.mktemp("clips")
    soundfile.write(folder / "mono.wav", sound("hum", 0.6, 0)[0], RATE)
    soundfile.write(folder / "left.wav", sound("hum", 0.6, 90).T, RATE)
    soundfile.write(folder / "behind.wav", sound("hum", 0.6, 180, rate=48_000).T, 48_000)
    soundfile.write(folder / "hiss.wav", sound("hiss", 0.6, 0)[0], RATE)
    soundfile.write(folder / "stereo.wav", sound("hum", 0.6, 0)[:2].T, RATE)
    soundfile.write(folder / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(folder / "empty.wav", np.zeros(0), RATE)
    return folder


def explained(bundle: Path, capsys: pytest.CaptureFixture[str], *argv: str) -> list[dict[str, Any]]:
    assert main(["explain", *argv, "--json", "--bundle", str(bundle)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_is_understood(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = explained(bundle, capsys, "a hum on the left")
    assert found["what"] == ["a hum"]
    assert found["region"]["azimuth_deg"] == [35.0, 145.0]
    assert found["nearest"][0] == {"sound": "hum", "likeness": pytest.approx(1, abs=1e-2)}
    assert found["means"] == ["hum"]
    assert found["missed_at_one_per_hour"] == pytest.approx(0.1, abs=1e-3)
    # the background of the tiny bundle is all in front: nothing is known of the left
    assert found["false_alarms_per_hour"] is None
    assert found["alert_start"] == 0.5


def test_what_is_expected(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = explained(bundle, capsys, "a hum")
    assert found["false_alarms_per_hour"] == pytest.approx(1, rel=1e-2)
    assert 0 < found["alert_end"] < found["alert_start"] < 1
    scores = [row["score"] for row in found["scores"]]
    assert scores == sorted(scores)


def test_what_was_asked_for_is_told(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rare, often, given = (
        explained(bundle, capsys, "a hum", *options)[0]
        for options in (
            ("--false-alarms-per-hour", "0.01"),
            ("--false-alarms-per-hour", "40"),
            ("--alert-start", "0.9"),
        )
    )
    assert rare["alert_start"] > often["alert_start"]
    assert (rare["extrapolated"], often["extrapolated"]) == (True, False)
    assert any("so rare" in notice for notice in rare["notices"])
    assert given["alert_start"] == pytest.approx(0.9, abs=1e-4)
    assert given["false_alarms_per_hour"] != pytest.approx(1, rel=0.1)


def test_strange_words_are_told(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = explained(bundle, capsys, "a word")
    assert found["missed_at_one_per_hour"] is None
    assert "no known sound is much like it" in found["notices"][0]


def test_for_people(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "a hum above me", "a hiss", "--bundle", str(bundle)]) == 0
    said = capsys.readouterr().out
    for line in ("sound          a hum\n", "elevation from 40° to 90°", "nearest known  hiss",
                 "misses         about 10 % of hum", "place          anywhere"):  # fmt: skip
        assert line in said


def test_an_example_is_a_prompt(
    bundle: Path, encoder: AudioEncoder, clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = {path.stem: embed_example(path, encoder) for path in
               (clips / f"{name}.wav" for name in ("mono", "left", "behind", "hiss"))}  # fmt: skip
    assert vectors["mono"] @ vectors["left"] > 0.95
    assert vectors["mono"] @ vectors["behind"] > 0.9
    assert vectors["mono"] @ vectors["hiss"] < 0
    words, example, both = (
        PromptBank.encode(encoder.bundle, [rule], encoder=encoder).embedding[0]
        for rule in (
            Rule("a", ("the dog",)),
            Rule("b", examples=(str(clips / "mono.wav"),)),
            Rule("c", ("the dog",), examples=(str(clips / "mono.wav"), str(clips / "left.wav"))),
        )
    )
    assert example @ vectors["mono"] == pytest.approx(1, abs=1e-5)
    assert both @ words > words @ example
    assert both @ example > words @ example
    foa = sound("hum", 1, 20)
    listener = elsa_rt.Listener([Rule("mine", examples=(str(clips / "mono.wav"),))],
                                encoder=encoder, on_notice=lambda _: None)  # fmt: skip
    hearings = listener.push(elsa_rt.Block(foa, RATE))
    assert [alert.prompt for hearing in hearings for alert in hearing.alerts] == ["mine"]
    (found,) = explained(bundle, capsys, "my hum", "--example", str(clips / "mono.wav"))
    assert found["examples"] == [str(clips / "mono.wav")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("stereo", "has 2 channels: one, or the four"),
        ("silent", "nothing sounds in it"),
        ("empty", "lasts 0 s"),
        ("nowhere", "reading the example .*nowhere.wav"),
    ],
)
def test_bad_examples(encoder: AudioEncoder, clips: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        embed_example(clips / f"{name}.wav", encoder)


def test_examples_on_the_command_line() -> None:
    assert rules_with(["a dog"], []) == ("a dog",)
    assert rules_with(["a dog"], ["x.wav"]) == (Rule("a-dog", ("a dog",), examples=("x.wav",)),)
    assert rules_with([], ["bell.wav", "kettle.flac"]) == (
        Rule("bell", examples=("bell.wav",)), Rule("kettle", examples=("kettle.flac",)),
    )  # fmt: skip
    assert rules_with(["a dog"], ["a cat=x.wav", "a cat=y.wav"]) == (
        Rule("a-dog", ("a dog",)), Rule("a-cat", ("a cat",), examples=("x.wav", "y.wav")),
    )  # fmt: skip
    with pytest.raises(UsageError, match="which of the 2 prompts"):
        rules_with(["a dog", "a cat"], ["x.wav"])


def test_ensembles_places_and_exclusions(encoder: AudioEncoder) -> None:
    here = Region(azimuth_deg=(-30.0, 30.0))
    bank = PromptBank.encode(
        encoder.bundle,
        [
            Rule("several", ("a hum on the left", "the hum on my left")),
            Rule("disagree", ("a hum on the left", "a hum on the right")),
            Rule("given", ("a hum on the left",), region=here),
            Rule("but", ("a hum",), but_not=("a hiss",)),
            Rule("loud", level_dbfs=-20.0),
        ],
    )
    azimuths = [region.azimuth_deg for region in bank.regions]
    everywhere = (-180.0, 180.0)
    assert azimuths == [(35, 145), everywhere, (-30, 30), everywhere, everywhere]
    alone = elsa_rt.embed_text(["a hum"], encoder.bundle)[0]
    np.testing.assert_allclose(bank.embedding[2], alone, atol=1e-6)  # the words' place is overruled
    assert not bank.embedding[4].any()
    rules, excluded = bank.meaning.against
    assert rules.tolist() == [3]
    np.testing.assert_allclose(excluded, elsa_rt.embed_text(["a hiss"], encoder.bundle), atol=1e-6)


def test_what_is_excluded_lowers_the_score(encoder: AudioEncoder) -> None:
    rules = [Rule("plain", ("dog hiss",)), Rule("but", ("dog hiss",), but_not=("a hiss",))]
    listener = elsa_rt.Listener(rules, encoder=encoder, on_notice=lambda _: None)
    plain, but = listener.push(elsa_rt.Block(sound("hiss", 1, 0), RATE))[-1].scores
    assert but.score < plain.score / 2
    listener.reset()
    plain, but = listener.push(elsa_rt.Block(sound("hum", 2, 0), RATE))[-1].scores
    assert but.similarity == pytest.approx(plain.similarity)
    assert but.score >= plain.score  # less background reaches it


def test_two_rules_of_one_id_are_refused(encoder: AudioEncoder) -> None:
    with pytest.raises(UsageError, match="two rules have the id 'a-hum'"):
        PromptBank.encode(encoder.bundle, [Rule("a-hum", ("a hum",)), Rule("a-hum", ("the hum",))])
    with pytest.raises(UsageError, match="rule x: a prompt is empty"):
        PromptBank.encode(encoder.bundle, [Rule("x", ("",))])
