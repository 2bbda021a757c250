"""Scores and rates against slow, obvious references."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.prompts.plain_name import plain_name
from elsa_rt.prompts.rule_embeddings import RuleEmbeddings
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.background import background_peaks, labels_meant
from elsa_rt.scoring.confirmation import Confirmation
from elsa_rt.scoring.logits import HIGH, SPREAD_FLOOR
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import Background, Statistics

CONFIG, STEP_S = Config(), 0.08
BEHIND = Region(azimuth_deg=(125.0, -125.0))


def unit(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    x = np.random.default_rng(seed).normal(size=shape)
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


def bank(count: int, regions: dict[int, Region] | None = None) -> PromptBank:
    vectors = unit(count, 512, seed=1)
    where = tuple((regions or {}).get(index, Region()) for index in range(count))
    nothing = np.empty(0, np.intp), np.empty((0, 512), np.float32)
    rules = tuple(Rule(f"r{index}", (f"prompt {index}",)) for index in range(count))
    meaning = RuleEmbeddings(vectors, vectors, vectors, nothing, where, np.arange(count))
    return PromptBank(rules, meaning, (), "")


@pytest.fixture(scope="module")
def statistics(bundle: Path) -> Statistics:
    return Statistics.load(ModelBundle.load(bundle))


def scorer(prompts: PromptBank, statistics: Statistics, site: Background | None = None) -> Scorer:
    return Scorer(prompts, statistics, CONFIG, STEP_S, site)


def sound(slots: int = 1, activity: float = 0.8) -> EncoderOutput:
    return EncoderOutput(
        unit(slots, 512, seed=3), unit(slots, 3, seed=4),
        np.full(slots, activity, np.float32), np.ones(slots, np.float32),
    )  # fmt: skip


def background_of(statistics: Statistics) -> NDArray[np.float64]:
    """The embeddings (m, 512) that the statistics stand for."""
    found = statistics.background.sounds.astype(float) * statistics.scale @ statistics.basis
    return np.asarray(found, float)


@pytest.mark.parametrize("count", [1, 2, 17, 100])
def test_reference(statistics: Statistics, count: int) -> None:
    made = scorer(bank(count), statistics)
    match = made.step(sound())
    assert [len(values) for values in match] == [count] * 4
    level = np.zeros(count)
    for index in {0, count // 2, count - 1}:
        prompt = bank(count).embedding[index].astype(float)
        similarity = float(prompt @ sound().embedding[0])
        usual = background_of(statistics) @ prompt
        centre, high = np.median(usual), np.quantile(usual, HIGH)
        z = (similarity - centre) / (high - centre)
        assert match.similarity[index] == pytest.approx(similarity, abs=1e-5)
        level[index] = statistics.slope * z + statistics.bias
        expected = made.curves.score(level)[index]
        assert match.score[index] == pytest.approx(expected, abs=2e-3)
        rate = match.false_alarms_per_hour[index]
        assert match.score[index] <= 1 / (1 + math.sqrt(rate)) + 1e-5


def test_no_prompts(statistics: Statistics) -> None:
    match = scorer(bank(0), statistics).step(sound())
    assert [values.shape for values in match] == [(0,)] * 4


def test_doubtful_activity_lowers_scores(statistics: Statistics) -> None:
    full, half, faint, none = (
        scorer(bank(5), statistics).step(sound(activity=activity)).score
        for activity in (1.0, 0.5, 0.1, 0.0)
    )
    np.testing.assert_allclose(half, full, rtol=1e-5)
    assert (faint < full).all()
    assert not none.any()


def test_the_best_slot_counts(statistics: Statistics) -> None:
    heard = sound(slots=3)
    prompts = bank(3)
    heard.embedding[:] = prompts.embedding[[2, 0, 1]]
    match = scorer(prompts, statistics).step(heard)
    assert match.slot.tolist() == [1, 2, 0]
    np.testing.assert_allclose(match.similarity, 1, atol=1e-5)


def test_a_sound_beside_the_region_scores_nothing(statistics: Statistics) -> None:
    prompts = bank(2, {1: BEHIND})
    heard = sound()
    for x, inside in ((-1.0, True), (1.0, False)):
        heard.direction[0] = x, 0, 0
        score = scorer(prompts, statistics).step(heard).score
        assert bool(score[1] > 0) is inside


def test_indifferent_prompts_stay_finite(statistics: Statistics) -> None:
    still = replace(statistics.background, sounds=0 * statistics.background.sounds)
    match = scorer(bank(3), replace(statistics, background=still)).step(sound())
    assert np.isfinite(match.score).all()
    assert SPREAD_FLOOR > 0


def test_scores_are_the_same_beside_others(statistics: Statistics) -> None:
    many, few = bank(40), bank(40)
    one = few.meaning._replace(
        embedding=few.embedding[30:31], named=few.embedding[30:31], regions=few.regions[30:31],
        owner=np.zeros(1, np.intp),
    )  # fmt: skip
    few = replace(few, rules=few.rules[30:31], meaning=one)
    alone, beside = (scorer(each, statistics).step(sound()) for each in (few, many))
    assert beside.score[30] == pytest.approx(alone.score[0], rel=1e-5)
    assert beside.false_alarms_per_hour[30] == pytest.approx(alone.false_alarms_per_hour[0], 1e-4)


@pytest.mark.slow
def test_rates_are_what_the_gate_would_do_on_the_background(statistics: Statistics) -> None:
    """Replays the background, step by step, at the threshold of a rate that can be counted."""
    prompts = bank(6, {2: BEHIND})
    made = scorer(prompts, statistics)
    ground = statistics.background
    starts = np.zeros(6)
    ends = [*ground.pieces[1:].tolist(), len(ground.sounds)]
    for first, last in zip(ground.pieces.tolist(), ends, strict=True):
        gate, started = Confirmation(np.full(6, 3)), np.zeros(6, bool)
        made.reset()
        for row in range(first, last):
            heard = EncoderOutput(
                background_of(statistics)[row : row + 1].astype(np.float32),
                (ground.direction[row : row + 1] / 127).astype(np.float32),
                np.ones(1, np.float32), np.full(1, np.nan, np.float32),
            )  # fmt: skip
            started |= gate.step(made.step(heard).score >= 1 / (1 + math.sqrt(40.0)))
        starts += started
    everywhere = [0, 1, 3, 4, 5]
    assert starts[everywhere].mean() / ground.hours == pytest.approx(40.0, rel=0.15)
    assert starts[2] == 0  # all of this background is in front


def test_a_prompt_that_is_the_name_of_a_known_sound_means_it(statistics: Statistics) -> None:
    names, strange = statistics.names, unit(3, 512)
    one, other = names.labels
    said = ((plain_name(f"The sound of {one.upper()}."),), (plain_name(other + "s"),), ())
    assert labels_meant(strange, names, said).tolist() == [[True, False], [False] * 2, [False] * 2]


def test_two_prompts_of_one_embedding_are_told_apart_by_their_words(statistics: Statistics) -> None:
    vectors = unit(2, 512)
    vectors[1] = vectors[0]
    prompts = bank(2)
    meaning = prompts.meaning._replace(
        embedding=vectors, named=vectors, said=((statistics.names.labels[0],), ("another",))
    )
    labels = statistics.background.piece_labels.copy()
    labels[::2, 0] = 0
    ground = replace(statistics.background, piece_labels=labels)
    made = scorer(replace(prompts, meaning=meaning), replace(statistics, background=ground))
    named, strange = made.curves.level_of(np.full(2, 40.0))
    assert named < strange


def test_what_a_prompt_means_is_no_false_alarm_of_it(statistics: Statistics) -> None:
    assert labels_meant(statistics.names.phrases, statistics.names).tolist() == [
        [True, False], [False, True],
    ]  # fmt: skip
    assert not labels_meant(unit(3, 512), statistics.names).any()
    hum = statistics.names.phrases[:1]
    prompts = bank(1)
    prompts = replace(prompts, meaning=prompts.meaning._replace(embedding=hum, named=hum))
    labels = statistics.background.piece_labels.copy()
    before = scorer(prompts, statistics).curves.level_of(np.ones(1))
    similarity = background_of(statistics)[statistics.background.pieces] @ hum[0]
    labels[np.argsort(similarity)[-5:]] = 0
    ground = replace(statistics.background, piece_labels=labels)
    after = scorer(prompts, replace(statistics, background=ground)).curves.level_of(np.ones(1))
    assert after < before - 0.5


def test_a_site_with_more_alarms_raises_thresholds(statistics: Statistics) -> None:
    prompts = bank(1)
    like = np.tile(statistics.compress(prompts.embedding), (len(statistics.background.sounds), 1))
    quiet = replace(statistics.background, activity=0 * statistics.background.activity)
    loud = replace(statistics.background, sounds=like)
    plain, calm, noisy = (
        float(scorer(prompts, statistics, site).curves.level_of(np.full(1, 30.0))[0])
        for site in (None, quiet, loud)
    )
    assert calm < plain < noisy


def test_a_rule_of_several_sounds_scores_as_the_best_of_them(statistics: Statistics) -> None:
    alone = bank(3, {1: BEHIND})
    owner = np.array([0, 0, 1])
    rules = (Rule("a", ("prompt 0 or prompt 1",)), Rule("b", ("prompt 2",)))
    both = PromptBank(rules, alone.meaning._replace(owner=owner), (), "")
    for direction in ([1.0, 0, 0], [-1.0, 0, 0]):
        heard = sound(slots=2)._replace(direction=np.array([direction] * 2, np.float32))
        each = scorer(alone, statistics)
        single = each.step(heard)
        folded = scorer(both, statistics).step(heard)
        best = int(each.stages.told.max(axis=0)[:2].argmax())
        assert folded.score.shape == (2,)
        # either sound may raise a false alarm: the same likeness is worth no more than alone
        assert 0 < folded.score[0] <= single.score[best] + 1e-6
        assert folded.similarity[0] == single.similarity[best]
        assert folded.slot[0] == single.slot[best]
        assert folded.score[1] == pytest.approx(single.score[2])


def test_false_alarms_of_several_sounds_are_those_of_any(statistics: Statistics) -> None:
    alone = bank(2)
    rule = (Rule("a", ("prompt 0 or prompt 1",)),)
    both = PromptBank(rule, alone.meaning._replace(owner=np.zeros(2, np.intp)), (), "")
    level = np.array([1.0])
    rates = scorer(alone, statistics).curves.rate(level.repeat(2))
    (rate,) = scorer(both, statistics).curves.rate(level)
    assert max(rates) * 0.99 <= rate <= sum(rates) * 1.2


def test_curves_are_computed_once_for_each_rule(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    def counting(*given: Any) -> Any:
        counted.append(len(given[2].embedding))
        return background_peaks(*given)

    monkeypatch.setattr("elsa_rt.scoring.rule_curves.background_peaks", counting)
    loaded = ModelBundle.load(bundle)

    def scorer(rules: list[Rule]) -> Scorer:
        bank = PromptBank.encode(loaded, rules)
        return Scorer(bank, Statistics.of(loaded), Config(), loaded.step_s)

    hum, hiss = Rule("hum", ("a hum",), but_not=("a dog",)), Rule("hiss", ("a hiss on the left",))
    first = scorer([hum, hiss])
    again = scorer([hiss, replace(hum, id="other", alert_start=0.9)])
    assert counted == [2]
    np.testing.assert_array_equal(first.curves.logit[::-1], again.curves.logit)
    np.testing.assert_array_equal(first._scale.slope[:2][::-1], again._scale.slope[:2])
    changed = scorer([replace(hum, but_not=()), replace(hiss, confirm_s=0.9)])
    assert counted == [2, 2]
    assert (changed.curves.logit != first.curves.logit).any(axis=1).all()
    alone = PromptBank.encode(ModelBundle.load(bundle), [hum, hiss])
    fresh = Scorer(alone, Statistics.load(loaded), Config(), loaded.step_s)
    np.testing.assert_allclose(fresh.curves.logit, first.curves.logit, rtol=1e-5)


def test_texts_are_encoded_once(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elsa_rt.encoder import text

    asked: list[str] = []
    whole = text.encode_texts

    def counting(bundle: ModelBundle, texts: list[str], threads: int) -> Any:
        asked.extend(texts)
        return whole(bundle, texts, threads)

    monkeypatch.setattr(text, "encode_texts", counting)
    loaded = ModelBundle.load(bundle)
    one = PromptBank.encode(loaded, ["a hum", "a hiss"])
    other = PromptBank.encode(loaded, ["a dog", "a hum"])
    assert sorted(asked) == ["a dog", "a hiss", "a hum"]
    np.testing.assert_array_equal(one.embedding[0], other.embedding[1])


def test_steps_are_what_the_whole_stream_is(statistics: Statistics) -> None:
    """The kernel of a step beside `Scorer.logits`: exclusions, any sound, places, faint steps."""
    plain = bank(9, {1: BEHIND, 5: BEHIND})
    against = np.array([2, 2, 7, 7, 4])
    meaning = plain.meaning._replace(
        owner=np.array([0, 0, 1, 2, 3, 4, 4, 4, 5]), anything=(7,),
        against=(against, unit(len(against), 512, seed=5)),
    )  # fmt: skip
    prompts = PromptBank(plain.rules[:6], meaning, (), "")
    rng, steps = np.random.default_rng(6), 60
    near = unit(9, 512, seed=1)[rng.integers(0, 9, steps)]
    heard = EncoderOutput(
        ((near + 0.6 * unit(steps, 512, seed=7)) / 1.2).astype(np.float32), unit(steps, 3, seed=8),
        rng.uniform(0, 1, steps).astype(np.float32), np.ones(steps, np.float32),
    )  # fmt: skip
    similarity, logit = scorer(prompts, statistics).logits(heard)
    live = scorer(prompts, statistics)
    for step in range(steps):
        match = live.step(EncoderOutput(*(part[step : step + 1] for part in heard)))
        np.testing.assert_allclose(
            live.best_of_rules(live.stages.placed), logit[step], rtol=1e-4, atol=1e-4
        )
        assert (match.similarity <= similarity[step] + 1e-5).all()  # there the best of each rule
        expected = live.curves.score(logit[step])
        np.testing.assert_allclose(match.score, expected, rtol=1e-3, atol=1e-5)
    told = rng.normal(0, 2, (2, 6))
    two = EncoderOutput(*(part[:2] for part in heard))
    match = live.step(two, told)
    np.testing.assert_allclose(
        live.stages.told, live.stages.placed + told[:, meaning.owner], rtol=1e-5
    )
    best = live.best_of_rules(live.stages.told)
    for rule in range(6):
        slot, one = live.best_at(rule, live.stages.told)
        assert match.slot[rule] == slot
        assert live.stages.told[slot, one] == pytest.approx(best[rule])
