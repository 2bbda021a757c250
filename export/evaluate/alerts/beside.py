"""Alerts of several prompts on one sound: how often the surest of them is the right one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.hearing import Alert
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.scorer import Match, Scorer
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.tracking.tracker import Tracker
from export.data.clips import kinds, phrases
from export.evaluate.alerts.measure import EARLY_S, LINGERS_S
from export.scenes.home import HomeEvent
from export.scenes.home_hours import HomeRecording

PROMPTS = 8
"""Prompts of a home, drawn from all labels."""

DIFFUSENESS, SCATTER = 0.2, 0.05
"""Of every step: what was heard keeps neither, and they widen the gates of tracks alone."""


class Open(NamedTuple):
    """An alert of one label's prompt."""

    label: int
    track: str | None
    start_s: float
    end_s: float
    likeness: tuple[float, float]  # see `AlertGate.likeness`
    right: bool


class Beside(NamedTuple):
    """Alerts of all prompts, each with how many others are on its sound while it is open."""

    right: NDArray[np.int64]  # (n, 2): wrong ones that are surer, and less sure
    wrong: NDArray[np.int64]  # (m,): right ones that are surer


class Household:
    """The plain prompts of all labels, listened for at once with the thresholds of `Config`."""

    def __init__(self, bundle: ModelBundle, labels: Sequence[str]) -> None:
        self._config, self._step_s = Config(), bundle.step_s
        self._bank = PromptBank.encode(bundle, [phrases(one)[0] for one in labels], self._config)
        self._scorer = Scorer(self._bank, Statistics.load(bundle), self._config, bundle.step_s)
        self._limits = thresholds(self._bank.rules, self._config, self._scorer.curves)
        self._label = {rule.id: index for index, rule in enumerate(self._bank.rules)}

    def alerts(self, heard: HomeRecording, related: NDArray[np.bool_]) -> list[Open]:
        """All alerts of a stream; ``related`` (labels, labels) says which mean the same."""
        rules, step_s = self._bank.rules, self._step_s
        gate = AlertGate(rules, self._config, step_s, *self._limits, self._scorer.usual)
        tracker = Tracker(step_s, self._config.track_release_s)
        sound = EncoderOutput(
            heard.embedding.astype(np.float32), heard.direction, heard.activity, heard.distance
        )
        similarity, logit = self._scorer.logits(sound)
        score = self._scorer.curves.scores(logit)
        slot, unknown = np.zeros(len(rules), np.intp), np.full(len(rules), np.nan)
        begun, likeness, told = dict[str, Alert](), dict[int, tuple[float, float]](), list[Open]()
        for index in range(len(score) + 1):
            time_s = (index + 1) * step_s
            if index == len(score):
                alerts = gate.finish(time_s)
            else:
                step = EncoderOutput(*(column[index : index + 1] for column in sound))
                tracks = tracker.step(time_s, step, DIFFUSENESS, SCATTER).slots
                match = Match(similarity[index], score[index], slot, unknown)
                alerts = gate.step(time_s, match, step, tracks)
            for one in alerts:
                if one.state == "start":
                    begun[one.id] = one
                elif one.state == "end":
                    first, label = begun.pop(one.id), self._label[one.rule]
                    right = _sounds(label, first.time_s, heard.events, related)
                    span = first.track, first.time_s, one.time_s
                    told.append(Open(label, *span, likeness[label], right))
            for label in {self._label[one.rule] for one in begun.values()}:
                likeness[label] = gate.likeness(label)
        return told


def _sounds(
    label: int, time_s: float, events: Sequence[HomeEvent], related: NDArray[np.bool_]
) -> bool:
    return any(
        event.label >= 0
        and related[label, event.label]
        and event.start_s - EARLY_S <= time_s <= event.end_s + LINGERS_S
        for event in events
    )


def beside(house: Household, heard: Iterable[HomeRecording], labels: Sequence[str]) -> Beside:
    """Count what stands beside every alert of ``heard``."""
    related = kinds(labels)
    related = related | related.T
    right, wrong = list[tuple[int, int]](), list[int]()
    for stream in heard:
        alerts = house.alerts(stream, related)
        for one in alerts:
            others = [
                other
                for other in alerts
                if one.track is not None
                and other.track == one.track
                and other.start_s < one.end_s
                and one.start_s < other.end_s
                and other.right != one.right
            ]
            surer = sum(other.likeness > one.likeness for other in others)
            if one.right:
                right.append((surer, len(others) - surer))
            else:
                wrong.append(surer)
    return Beside(np.array(right, np.int64).reshape(-1, 2), np.array(wrong, np.int64))


def beside_report(found: Beside, labels: int) -> dict[str, Any]:
    """The figures, for homes with `PROMPTS` prompts each."""
    surer, less = (int(count) for count in found.right.sum(axis=0))
    share = min(1.0, (PROMPTS - 1) / max(labels - 1, 1))  # chance of one other prompt

    def met(count: NDArray[np.int64]) -> float:
        return float((1 - (1 - share) ** count).mean()) if count.size else 0.0

    return {
        "right_alerts": len(found.right),
        "wrong_alerts": len(found.wrong),
        "pairs": surer + less,
        "right_is_surer": less / max(surer + less, 1),
        "right_behind_wrong": met(found.right[:, 0]),
        "wrong_behind_right": met(found.wrong),
    }


def beside_markdown(report: dict[str, Any]) -> str:
    """The figures for people."""
    return (
        f"Two prompts on one sound, one of them right: {report['pairs']} pairs among "
        f"{report['right_alerts']} right and {report['wrong_alerts']} wrong alerts; the right one "
        f"is surer in {report['right_is_surer']:.0%}. In homes with {PROMPTS} of these prompts "
        f"{report['right_behind_wrong']:.1%} of the right alerts stand beside a wrong one that is "
        f"surer, and {report['wrong_behind_right']:.1%} of the wrong ones beside a right one that "
        "is surer."
    )
