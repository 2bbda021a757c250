"""Misses against false alarms: labels, the gate with many thresholds, what is proposed."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.config import Config
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import Flags, times_of
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.marks import AlertSounds
from elsa_rt.scoring.scorer import Match
from elsa_rt.scoring.statistics import COARSE
from elsa_rt.tuning.gate import Floats, Timing, courses
from elsa_rt.tuning.labels import Label, labels_of_feedback, read_labels
from elsa_rt.tuning.page import Tuned, page, sentence
from elsa_rt.tuning.run import Recorded, without
from elsa_rt.tuning.tradeoff import Result, Tradeoff, poisson_bound, thresholds, tradeoff

STEP_S = 0.1
RULES = (Rule("dog", ("a dog barking",)), Rule("bell", ("a bell",)))


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_of_a_table(tmp_path: Path) -> None:
    text = "# by hand\nrule, start_s, end_s, note\nbell,3,4.5,x\nA DOG BARKING, 1, 2,\n\n"
    path = written(tmp_path / "l.csv", text)
    assert read_labels(path, RULES) == (Label(1, 2, "dog"), Label(3, 4.5, "bell"))


def test_labels_of_audacity(tmp_path: Path) -> None:
    text = "1.5\t1.5\tbell\n\\\t100\t200\n0.25\t0.75\tDog\n"
    path = written(tmp_path / "l.txt", text)
    assert read_labels(path, RULES) == (Label(0.25, 0.75, "dog"), Label(1.5, 1.5, "bell"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no label"),
        ("start_s,end_s,rule\n", "has no label"),
        ("1,2,dog\n", "line 1: no column start_s, end_s, rule"),
        ("start_s,end_s,rule\n\n1,2,cat\n", "line 3: there is no rule 'cat': the rules are bell"),
        ("start_s,end_s,rule\n1,x,dog\n", "line 2: 'x' is no time in seconds"),
        ("start_s,end_s,rule\n-1,2,dog\n", "line 2: '-1' is no time"),
        ("start_s,end_s,rule\n1,inf,dog\n", "line 2: 'inf' is no time"),
        ("start_s,end_s,rule\n3,2,dog\n", "ends at 2 s before it starts at 3 s"),
        ("start_s,end_s,rule\n3,dog\n4,5\n", r"line 2: 2 cells: .*and 1 more"),
    ],
)
def test_labels_that_make_no_sense(text: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path / "l.csv", text)
    with pytest.raises(UsageError, match=said) as refused:
        read_labels(path, RULES)
    assert str(path) in str(refused.value)


def test_labels_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_labels(tmp_path / "none.csv", RULES)
    (tmp_path / "l.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_labels(tmp_path / "l.csv", RULES)


def alerts_of_the_gate(
    time_s: Floats, score: Floats, rule: Rule, start: float, end: float
) -> list[float]:
    gate = AlertGate([rule], Config(), STEP_S, np.array([start]), np.array([end]))
    ones = np.ones(1, np.float32)
    sound = EncoderOutput(
        np.zeros((1, 512), np.float32), np.eye(3, dtype=np.float32)[:1], ones, ones
    )
    alerts: list[Alert] = []
    for now_s, value in zip(time_s, score, strict=True):
        given = np.array([value], np.float32)
        match = Match(given, given, np.zeros(1, np.intp), given)
        alerts += gate.step(float(now_s), match, sound, [None])
    return [alert.time_s for alert in alerts if alert.state == "start"]


@pytest.mark.parametrize("confirm_s", [None, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_many_thresholds_at_once_are_as_many_gates(seed: int, confirm_s: float | None) -> None:
    rng = np.random.default_rng(seed)
    time_s = STEP_S * np.arange(1, 401)
    score = rng.random(400).astype(np.float32) ** 2
    cooldown_s = float(rng.integers(0, 2))
    rule = Rule("x", ("x",), confirm_s=confirm_s, release_s=0.4, cooldown_s=cooldown_s)
    timing = Timing.of(times_of([rule], Config(), STEP_S), 0)
    start = np.array([0.05, 0.3, 0.5, 0.7])
    course = courses(time_s, score, start, np.minimum(start, 0.35), timing)
    for lane, threshold in enumerate(start):
        want = alerts_of_the_gate(time_s, score, rule, threshold, min(threshold, 0.35))
        began: Flags = course.starts[:, lane]
        assert time_s[began].tolist() == want
        assert want or lane == 3


def test_a_rate_limit_holds_for_the_trade_off_as_well() -> None:
    time_s, score = peaks(0.9, 0.9, 0.9, 0.9)
    rule = Rule("x", ("x",), confirm_s=0.2, at_most=RateLimit(2, 25.0))
    timing = Timing.of(times_of([rule], Config(), STEP_S), 0)
    course = courses(time_s, score, np.array([0.5]), np.array([0.3]), timing)
    began: Flags = course.starts[:, 0]
    want = alerts_of_the_gate(time_s, score, rule, 0.5, 0.3)
    assert time_s[began].tolist() == want
    assert [round(at) for at in want] == [5, 15, 35]


def peaks(*heights: float) -> tuple[Floats, Floats]:
    """A score with a peak of half a second every 10 s, from 5 s on."""
    time_s = STEP_S * np.arange(1, 100 * len(heights) + 1)
    score = np.full(len(time_s), 0.01)
    for index, height in enumerate(heights):
        score[100 * index + 50 : 100 * index + 55] = height
    return time_s, score


def weighed(heights: tuple[float, ...], labelled: tuple[int, ...], now: float = 0.5) -> Tradeoff:
    time_s, score = peaks(*heights)
    labels = [Label(10 * index + 5.0, 10 * index + 5.5, "dog") for index in labelled]
    return tradeoff("dog", time_s, score, labels, Timing(2, 8, 0.0), (now, 0.7 * now), 0.7 * now)


def test_a_trade_off_has_a_result_for_each_threshold_that_matters() -> None:
    found = weighed((0.9, 0.6, 0.8, 0.4), labelled=(0, 2))
    results = {round(result.threshold, 3): result[1:] for result in found.results}
    assert results[0.5] == (0, 1, 0)
    assert results[0.7] == (0, 0, 0)
    assert results[0.85] == (1, 0, 0)
    assert results[0.95] == (2, 0, 0)
    assert found.now[1:] == (0, 1, 0)
    assert found.sounds == 2
    assert found.hours == pytest.approx((40 - 2 * 1.5) / 3600, rel=0.02)
    assert found.per_hour(found.now) == pytest.approx(1 / found.hours)


def test_the_proposal_misses_the_fewest_within_what_is_allowed() -> None:
    found = weighed((0.9, 0.6, 0.8, 0.4), labelled=(0, 2))
    best = found.proposal(1.0)
    assert best is not None
    assert best.threshold == pytest.approx(0.7)
    assert (best.missed, best.false_alarms) == (0, 0)
    crossed = weighed((0.9, 0.85, 0.8, 0.4), labelled=(0, 2))
    strict, loose = crossed.proposal(1.0), crossed.proposal(1_000.0)
    assert strict is not None
    assert loose is not None
    assert (strict.missed, strict.false_alarms) == (1, 0)
    assert (loose.missed, loose.false_alarms) == (0, 1)


def test_of_proposals_as_good_the_middle_by_log_odds_is_taken() -> None:
    results = tuple(Result(score, 0, 0, 0) for score in (0.1, 0.5, 0.97, 0.98, 0.99))
    best = Tradeoff("dog", 1, 1.0, results, results[0]).proposal(1.0)
    assert best is not None
    assert best.threshold == 0.5


def test_nothing_is_proposed_where_nothing_is_labelled() -> None:
    assert weighed((0.9, 0.5), labelled=()).proposal(1.0) is None


def test_repeats_are_no_false_alarms() -> None:
    time_s = STEP_S * np.arange(1, 101)
    score = np.zeros(100)
    score[[20, 21, 22, 40, 41, 42]] = 0.9
    (label,) = [Label(1.5, 4.5, "dog")]
    found = tradeoff("dog", time_s, score, [label], Timing(2, 8, 0.0), (0.5, 0.4), 0.4)
    assert found.now[1:] == (0, 0, 1)


def test_thresholds_lie_between_peaks_and_the_highest_stay() -> None:
    level = np.repeat(np.linspace(0.1, 0.9, 9), 2) * np.tile([1, 0], 9)
    np.testing.assert_allclose(thresholds(level), [0.05, *np.arange(0.15, 0.9, 0.1), 0.95])
    many = np.random.default_rng(0).random(5_000)
    found = thresholds(many, most=64)
    assert len(found) <= 64
    assert (np.diff(found) > 0).all()
    assert (found[-32:] > 0.97).all()
    assert thresholds(np.zeros(5)).tolist() == [0.5]


def test_the_bound_is_garwoods() -> None:
    # the upper 95 % limits of Garwood (1936), half of chi-square with 2 (n + 1) degrees
    bounds = [poisson_bound(count) for count in (0, 1, 5, 50)]
    assert bounds == pytest.approx([2.9957, 4.7439, 10.5130, 63.2868], abs=1e-3)


def tuned(found: Tradeoff, heights: tuple[float, ...], per_hour: float = 1.0) -> Tuned:
    return Tuned(found, found.proposal(per_hour), per_hour, peaks(*heights)[1], ())


def test_the_page_needs_nothing_else_and_is_well_formed() -> None:
    heights = (0.9, 0.6, 0.8, 0.4)
    some, none = weighed(heights, (0, 2)), weighed(heights, ())
    rules = [tuned(some, heights), tuned(none, heights)]
    html = page("a <b>.wav", "rules & more.yaml", peaks(*heights)[0], rules)
    assert "http" not in html
    assert "<script" not in html
    assert "a &lt;b&gt;.wav" in html
    assert "rules &amp; more.yaml" in html
    assert "prefers-color-scheme: dark" in html
    pictures = [part.split("</svg>")[0] for part in html.split("<svg")[1:]]
    assert len(pictures) == 2
    for picture in pictures:
        root = ET.fromstring(f"<svg{picture}</svg>")
        width, height = (float(side) for side in root.attrib["viewBox"].split()[2:])
        for circle in root.iter("circle"):
            assert 0 <= float(circle.attrib["cx"]) <= width
            assert 0 <= float(circle.attrib["cy"]) <= height


def test_the_sentence_says_what_is_proposed_and_how_sure_that_is() -> None:
    heights = (0.9, 0.6, 0.8, 0.4)
    said = sentence(tuned(weighed(heights, (0, 2)), heights))
    assert said.startswith("alert_start 0.7 misses 0 of 2 with 0 false alarms an hour")
    assert "95 % sure of" in said
    assert "nothing is proposed" in sentence(tuned(weighed(heights, ()), heights))


def heard(alert: str, rule: str, at: float, duration_s: float = 1.0) -> AlertSounds:
    sounds = np.ones((1, COARSE), np.int8)
    return AlertSounds(alert, rule, rule, at, 0, 0, 0.9, duration_s, "", sounds)


def judged(*verdicts: tuple[str, str]) -> FeedbackStore:
    """Alerts of a bell at 1010, 1020, 1030 s and of a dog at 1040 s, of which some are judged."""
    store = FeedbackStore()
    for number, rule in enumerate(("bell", "bell", "bell", "dog"), 1):
        store.add(heard(f"a-{number}", rule, 1000 + 10 * number))
    for alert, verdict in verdicts:
        store.judge(alert, verdict, 2000.0)
    return store


def test_verdicts_on_alerts_are_labels() -> None:
    store = judged(("a-1", "right"), ("a-2", "false"))
    found = labels_of_feedback(store, 1000.0, 60.0, RULES)
    assert found.labels == (Label(10, 11, "bell"),)
    assert found.unknown == (Label(30, 31, "bell"), Label(40, 41, "dog"))
    later = labels_of_feedback(store, 1005.0, 10.0, RULES)  # the others are not in it
    assert (later.labels, later.unknown) == ((Label(5, 6, "bell"),), ())


@pytest.mark.parametrize("began_s", [0.0, 1035.0])
def test_a_recording_without_a_verdict_is_refused(began_s: float) -> None:
    with pytest.raises(UsageError, match="no alert of this recording was judged"):
        labels_of_feedback(judged(("a-1", "right")), began_s, 60.0, RULES)


def test_what_nobody_judged_does_not_count() -> None:
    time_s = np.arange(1, 601) * STEP_S
    recorded = Recorded(time_s, np.full((600, 2), 0.9))
    found = without(recorded, [Label(30, 31, "bell")], RULES)
    inside = (time_s > 30) & (time_s <= 32)
    assert (found.score[inside, 1] == 0).all()
    assert (found.score[~inside, 1] == 0.9).all()
    assert (found.score[:, 0] == 0.9).all()
