"""Rules that change while a stream is heard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt import AudioEncoder, Block, Hearing, Listener, ModelBundle, PromptBank
from elsa_rt.alerting.matcher import Matcher
from elsa_rt.config import Config
from elsa_rt.errors import UsageError
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.rules.schedule import Schedule

RATE = 16_000
HUM, HISS = Rule("hum", ("a hum",)), Rule("hiss", ("a hiss",))

Foa = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


def ignore(notice: str) -> None:
    """Take a notice that the test is not about."""


def listen(encoder: AudioEncoder, *rules: Rule, **more: Any) -> Listener:
    return Listener(config=Config(rules=rules), encoder=encoder, on_notice=ignore, **more)


def hear(listener: Listener, scene: Foa, start_s: float, end_s: float) -> list[Hearing]:
    start, end = int(start_s * RATE), int(end_s * RATE)
    return listener.push(Block(scene[:, start:end].copy(), RATE, start))


def story(hearings: list[Hearing]) -> list[tuple[str, str, float]]:
    return [
        (alert.rule, alert.state, round(alert.time_s, 2))
        for hearing in hearings
        for alert in hearing.alerts
    ]


def test_rules_are_heard_as_prompts_are(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM, HISS)
    by_rules = hear(listener, scene, 0, 6) + listener.finish()
    plain = Listener(["a hum", "a hiss"], encoder=encoder, on_notice=ignore)
    by_prompts = hear(plain, scene, 0, 6) + plain.finish()
    for one, other in zip(by_rules, by_prompts, strict=True):
        assert [s.score for s in one.scores] == pytest.approx([s.score for s in other.scores])
    assert [what[1:] for what in story(by_rules)] == [what[1:] for what in story(by_prompts)]
    assert listener.config.rules == (HUM, HISS)


def test_a_rule_that_stays_keeps_its_alert_and_a_new_one_begins(
    encoder: AudioEncoder, scene: Foa
) -> None:
    whole = listen(encoder, HUM, HISS)
    want = story(hear(whole, scene, 0, 6) + whole.finish())
    listener = listen(encoder, HUM)
    found = hear(listener, scene, 0, 2)  # in the middle of the hum
    listener.change_rules([HISS, HUM])
    assert listener.config.rules == (HUM,)  # until the next push
    found += hear(listener, scene, 2, 6) + listener.finish()
    assert story(found) == want
    assert [score.prompt for score in found[-1].scores] == ["a hiss", "a hum"]
    ids = {a.id for h in found for a in h.alerts}
    assert len(ids) == 2


def test_the_alert_of_a_rule_that_is_gone_ends_with_the_next_step(
    encoder: AudioEncoder, scene: Foa
) -> None:
    listener = listen(encoder, HUM)
    (start,) = story(hear(listener, scene, 0, 2))
    listener.change_rules([HISS])
    after = hear(listener, scene, 2, 3.5)
    assert start[:2] == ("hum", "start")
    assert story(after) == [("hum", "end", 2.1)]
    assert [h.scores[0].prompt for h in after] == ["a hiss"] * len(after)


def test_a_rule_that_is_changed_ends_and_begins_anew(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM)
    before = hear(listener, scene, 0, 2)
    listener.change_rules([replace(HUM, alert_start=0.55)])
    after = hear(listener, scene, 2, 6) + listener.finish()
    assert [what[:2] for what in story(before + after)] == [
        ("hum", "start"), ("hum", "end"), ("hum", "start"), ("hum", "end"),
    ]  # fmt: skip
    assert len({a.id for h in before + after for a in h.alerts}) == 2


def test_the_model_and_the_tracks_live_on(encoder: AudioEncoder, scene: Foa) -> None:
    listener, undisturbed = listen(encoder, HUM), listen(encoder, HUM)
    want = hear(undisturbed, scene, 0, 3)
    found = hear(listener, scene, 0, 1.63)
    for rules in ([HISS], [HISS, HUM], [replace(HUM, region=Region((45, 135)))]):
        listener.change_rules(rules)  # the last of them counts
    found += hear(listener, scene, 1.63, 3)
    assert [h.time_s for h in found] == [h.time_s for h in want]
    for one, other in zip(found, want, strict=True):
        np.testing.assert_allclose(one.embedding, other.embedding, atol=1e-6)
        assert [track.id for track in one.tracks] == [track.id for track in other.tracks]
    assert listener.config.rules[0].region == Region((45, 135))


def test_what_the_room_sounds_like_is_remembered(bundle: Path) -> None:
    rules = [HISS, HUM, Rule("dog", ("a dog",))]
    loaded = ModelBundle.load(bundle)

    def matcher(kept: list[Rule]) -> Matcher:
        bank = PromptBank.encode(loaded, kept)
        return Matcher(bank, Config(), loaded)

    before, after = matcher(rules), matcher([rules[2], Rule("cat", ("a cat",)), rules[0]])
    level = np.array([-0.5, -0.7, -0.9], np.float32)
    for _ in range(100):
        before._scorer._room.step(level, 1.0)
    after.inherit(before)
    hiss, _, dog = before._scorer._room.step(level, 1.0)
    found = after._scorer._room.step(level, 1.0)
    assert hiss != dog
    assert found.tolist() == pytest.approx([dog, 0.0, hiss])


def test_two_changes_without_a_step_between_end_all_that_is_gone(
    encoder: AudioEncoder, scene: Foa
) -> None:
    listener = listen(encoder, HUM)
    hear(listener, scene, 0, 2)
    listener.change_rules([HISS])
    assert hear(listener, scene, 2, 2.01) == []
    listener.change_rules([Rule("dog", ("a dog",))])
    assert story(hear(listener, scene, 2.01, 2.5)) == [("hum", "end", 2.1)]


def test_an_end_that_waits_is_told_when_the_stream_is_over(
    encoder: AudioEncoder, scene: Foa
) -> None:
    listener = listen(encoder, HUM)
    hear(listener, scene, 0, 2)
    listener.change_rules([HISS])
    hear(listener, scene, 2, 2.01)
    assert [what[:2] for what in story(listener.finish())] == [("hum", "end")]


def test_other_defaults_of_alerts(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM)
    assert len(story(hear(listener, scene, 0, 2))) == 1
    listener.change_rules([HUM], alert_release_s=0.0)
    ends = [what for what in story(hear(listener, scene, 2, 4)) if what[1] == "end"]
    assert ends[0][2] < 3.5  # it would have been 3.8 and more
    with pytest.raises(UsageError, match="format cannot change while listening"):
        listener.change_rules([HUM], format="fuma")  # type: ignore[call-arg]


def test_a_change_that_waits_is_not_forgotten_by_the_next(
    encoder: AudioEncoder, scene: Foa
) -> None:
    listener = listen(encoder, HUM)
    listener.change_rules([HUM, HISS], alert_cooldown_s=7.0)
    listener.change_rules([HISS])
    hear(listener, scene, 0, 0.5)
    assert listener.config.rules == (HISS,)
    assert listener.config.alert_cooldown_s == 7.0


@pytest.mark.parametrize("rules", [[HUM, replace(HISS, id="hum")], [Rule("x", ("?!",))]])
def test_rules_that_make_no_sense_leave_the_old_ones(
    encoder: AudioEncoder, scene: Foa, rules: list[Rule]
) -> None:
    listener = listen(encoder, HUM)
    with pytest.raises(UsageError):
        listener.change_rules(rules)
    assert ("hum", "start") in [what[:2] for what in story(hear(listener, scene, 0, 2))]


def test_other_threads_may_change_rules_at_any_time(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM)
    over = threading.Event()

    def change() -> None:
        while not over.is_set():
            listener.change_rules([HISS, HUM])
            listener.change_rules([HUM])

    threads = [threading.Thread(target=change) for _ in range(2)]
    for thread in threads:
        thread.start()
    found = []
    for start in np.arange(0, 6, 0.05):
        found += hear(listener, scene, start, start + 0.05)
    over.set()
    for thread in threads:
        thread.join()
    found += listener.finish()
    assert [what[1] for what in story(found) if what[0] == "hum"] == ["start", "end"]
    assert all(len(h.scores) in (1, 2) for h in found)


def test_a_schedule_lets_no_alert_start_outside_of_it(encoder: AudioEncoder, scene: Foa) -> None:
    timed = replace(HUM, schedule=Schedule(("22:00-06:00",), "UTC"))
    night, day = 82_800.0, 43_200.0  # 23:00 and 12:00 of a day
    for began_s, count in ((night, 2), (day, 0), (79_198.0, 2), (79_190.0, 0)):
        listener = listen(encoder, timed, began_s=began_s)
        found = hear(listener, scene, 0, 6) + listener.finish()
        assert len(story(found)) == count
        assert max(h.scores[0].score for h in found) > 0.5  # and yet it can be seen


def test_sentences_are_rules_as_everywhere(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM)
    listener.change_rules(["a hiss", HUM])
    hear(listener, scene, 0, 0.1)
    assert listener.config.rules == (Rule("a-hiss", ("a hiss",)), HUM)
    listener.change_rules(PromptBank.encode(encoder.bundle, ["a dog"]))
    hear(listener, scene, 0.1, 0.2)
    assert [rule.id for rule in listener.config.rules] == ["a-dog"]


def test_prompts_come_and_go_one_by_one(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM)
    hear(listener, scene, 0, 2)
    added = listener.add_prompt("a hiss")
    assert added == Rule("a-hiss", ("a hiss",))
    assert listener.add_prompt(" a hiss ") == added
    assert listener.add_prompt(Rule("d", ("a dog",))).id == "d"
    listener.remove_prompt("a dog")  # by its sentence
    assert story(hear(listener, scene, 2, 2.1)) == []  # the alert of the hum goes on
    assert [rule.id for rule in listener.config.rules] == ["hum", "a-hiss"]
    listener.remove_prompt("hum")
    assert story(hear(listener, scene, 2.1, 2.2)) == [("hum", "end", 2.2)]
    listener.remove_prompt(added)
    (hearing,) = hear(listener, scene, 2.2, 2.3)
    assert hearing.scores == ()
    listener.add_prompt("a hiss")
    assert ("a-hiss", "start") in [what[:2] for what in story(hear(listener, scene, 2.3, 6))]


def test_an_id_that_is_taken_is_not_given_again(encoder: AudioEncoder) -> None:
    listener = listen(encoder, replace(HUM, id="a-hiss"))
    assert listener.add_prompt("a hiss").id == "a-hiss-2"
    with pytest.raises(UsageError, match="two rules have the id 'a-hiss'"):
        listener.add_prompt(Rule("a-hiss", ("a dog",)))
    with pytest.raises(UsageError, match="nothing listens for 'a cat': the rules are a-hiss, a-h"):
        listener.remove_prompt("a cat")


def test_threads_that_change_at_once_lose_nothing(encoder: AudioEncoder, scene: Foa) -> None:
    listener = listen(encoder, HUM)
    together = threading.Barrier(5)
    changes: list[Callable[[], object]] = [
        partial(listener.add_prompt, "a dog"),
        partial(listener.add_prompt, "a glass"),
        partial(listener.add_prompt, "a sound"),
    ]

    def run(change: Callable[[], object]) -> None:
        together.wait()
        change()

    def all_at_once() -> None:
        threads = [threading.Thread(target=run, args=[change]) for change in changes]
        for thread in threads:
            thread.start()
        together.wait()
        for thread in threads:
            thread.join()
        hear(listener, scene, 0, 0.1)

    changes.append(lambda: None)
    all_at_once()
    assert set(listener.config.prompts) == {"a hum", "a dog", "a glass", "a sound"}
    changes[:] = [
        partial(listener.change_rules, [HUM], alert_cooldown_s=7.0),
        partial(listener.change_rules, [HUM], alert_release_s=3.0),
        partial(listener.change_rules, [HUM], alert_confirm_s=0.5),
        partial(listener.change_rules, [HUM], false_alarms_per_hour=0.1),
    ]
    all_at_once()
    config = listener.config
    assert (config.alert_cooldown_s, config.alert_release_s) == (7.0, 3.0)
    assert (config.alert_confirm_s, config.false_alarms_per_hour) == (0.5, 0.1)
