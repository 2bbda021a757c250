"""Marks for the look-alikes of homes, and what they change in the nights after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.scoring.feedback import FeedbackStore
from export.evaluate.alerts.feedback.figures import MARKS, summary
from export.evaluate.alerts.feedback.homes import MARKED_NIGHTS, Home, homes
from export.evaluate.alerts.feedback.rule import HomeRule
from export.scenes.home import World
from export.scenes.home_hours import HomeRecording


class Counts(NamedTuple):
    """Alerts of one home after some marks."""

    false_alarms: int
    found: int
    found_there: int


def simulate(home: Home, rule: HomeRule, marks: int) -> Counts:
    """Live through the nights of ``home`` with ``marks`` for each look-alike."""
    store = FeedbackStore()
    for nights in home.nights:
        given = 0
        for night in nights[:MARKED_NIGHTS]:
            logit = rule.logit(night, rule.gate(store))
            if given < marks and rule.margin(logit) >= 0:
                rule.judge(store, night, logit, "false")
                given += 1
    return _counted(home, rule, store)


def mistaken(home: Home, rule: HomeRule) -> Counts | None:
    """Mark one sound of the rule itself as false; None if it finds none elsewhere."""
    store = FeedbackStore()
    for heard in home.elsewhere:
        logit = rule.logit(heard, rule.gate(store))
        if rule.margin(logit) >= 0:
            rule.judge(store, heard, logit, "false")
            rest = home._replace(elsewhere=tuple(one for one in home.elsewhere if one is not heard))
            return _counted(rest, rule, store)
    return None


def _counted(home: Home, rule: HomeRule, store: FeedbackStore) -> Counts:
    gate = rule.gate(store)

    def alerts(streams: Sequence[HomeRecording]) -> int:
        return sum(rule.margin(rule.logit(heard, gate)) >= 0 for heard in streams)

    nights = [night for nights in home.nights for night in nights[MARKED_NIGHTS:]]
    return Counts(alerts(nights), alerts(home.elsewhere), alerts(home.there))


def feedback_report(
    bundle: ModelBundle, world: World, count: int, cache: Path | None = None
) -> dict[str, Any]:
    """The figures over ``count`` homes; each share with its lowest and highest home."""
    lived = list(homes(bundle, world, count, cache))
    return figures_of(lived, [HomeRule(bundle, home.label) for home in lived])


def figures_of(lived: Sequence[Home], rules: Sequence[HomeRule]) -> dict[str, Any]:
    """The figures of homes, each with its rule."""
    rows: list[dict[str, Any]] = []
    for home, rule in zip(lived, rules, strict=True):
        marked = {str(marks): simulate(home, rule, marks)._asdict() for marks in MARKS}
        wrong = mistaken(home, rule)
        rows.append(
            {
                "label": home.label,
                "look_alikes": list(home.look_alikes),
                "marks": marked,
                "mistaken": None if wrong is None else wrong._asdict(),
            }
        )
    return {"homes": rows, "summary": summary(rows)}
