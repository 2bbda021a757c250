"""Recorder of what is heard in each alert, so that people can judge it later."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from elsa_rt.alerting.gate import Joined
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import ElsaError
from elsa_rt.hearing import Alert
from elsa_rt.notices import OnNotice
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.confirmation import Flags, RuleMapping
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.marks import AlertSounds, Sounds, spread
from elsa_rt.scoring.scorer import Match
from elsa_rt.scoring.statistics import COARSE, Statistics

MAX_STEPS = 64
"""Steps of an alert that are remembered; a longer one is thinned out."""


class AlertRecorder:
    """Follows the alerts of p rules and puts what was heard in them into a store.

    Parameters
    ----------
    rules : sequence of p Rule
    store : FeedbackStore
    statistics : Statistics
    fits : str
        The model's mark, see `elsa_rt.scoring.site.fits_of`.
    began_s : float, optional
        Unix time at which the stream began; else it is now.
    on_notice : callable
        Hears, once, that the store cannot be written.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        store: FeedbackStore,
        statistics: Statistics,
        fits: str,
        began_s: float | None,
        on_notice: OnNotice,
    ) -> None:
        self._ids = {rule.id: index for index, rule in enumerate(rules)}
        self._store, self._statistics, self._fits = store, statistics, fits
        self._began_s, self._on_notice = began_s, on_notice
        self._failed = False
        self.reset()

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._steps: dict[int, list[Sounds]] = {}  # of the rules that hold, or are open
        self._stride: dict[int, int] = {}
        self._skipped: dict[int, int] = {}
        self._margin: dict[int, float] = {}

    def inherit(self, before: AlertRecorder, mapping: RuleMapping) -> None:
        """Go on with the alerts of the rules that ``before`` has, too."""
        self._failed = before._failed
        for new, old in zip(*mapping, strict=True):
            if old in before._steps:
                self._steps[new] = before._steps[old]
                self._stride[new] = before._stride[old]
                self._skipped[new] = before._skipped[old]
                self._margin[new] = before._margin[old]

    def step(
        self,
        time_s: float,
        match: Match,
        sound: EncoderOutput,
        holds: Flags,
        pending: Flags,
        alerts: Sequence[Alert],
        joined: Sequence[Joined],
        margin: Callable[[int], float],
    ) -> None:
        """Take which rules hold (p,) at this step, which of them are ``pending``, and the alerts.

        A rule is pending that has an open alert, or steps that count towards one. ``joined`` are
        alerts that another one stands for. ``margin`` tells by how much log odds a rule is above
        its threshold.
        """
        compressed: dict[int, Sounds] = {}  # by slot
        for rule in holds.nonzero()[0].tolist():
            if self._is_due(rule):
                slot = int(match.slot[rule])
                if slot not in compressed:
                    compressed[slot] = self._statistics.compress(sound.embedding[[slot]], COARSE)[0]
                self._keep(rule, compressed[slot])
            self._margin[rule] = max(self._margin.get(rule, 0.0), margin(rule))
        self.tell(time_s, alerts, joined)
        for rule in [rule for rule in self._steps if not pending[rule]]:
            del self._steps[rule], self._stride[rule], self._skipped[rule], self._margin[rule]

    def tell(self, time_s: float, alerts: Sequence[Alert], joined: Sequence[Joined]) -> None:
        """Put what was heard in alerts that started or ended into the store."""
        for alert in alerts:
            if alert.state != "update":
                self._put(time_s, alert, "")
        for alert, leader in joined:
            self._put(time_s, alert, leader)

    def _put(self, time_s: float, alert: Alert, leader: str) -> None:
        rule = self._ids.get(alert.rule)
        if rule is None or rule not in self._steps:
            return
        now_s = time.time() if self._began_s is None else self._began_s + time_s
        heard = AlertSounds(
            alert=alert.id,
            rule=alert.rule,
            prompt=alert.prompt,
            at=now_s - (time_s - alert.onset_s),
            azimuth_deg=alert.azimuth_deg,
            elevation_deg=alert.elevation_deg,
            score=alert.peak,
            duration_s=alert.duration_s or 0.0,
            fits=self._fits,
            sounds=spread(self._steps[rule]),
            margin=self._margin[rule],
            joined=leader,
        )
        try:
            self._store.add(heard)
        except ElsaError as error:
            if not self._failed:
                self._on_notice(f"{error}; until then alerts can be judged here alone")
            self._failed = True

    def _is_due(self, rule: int) -> bool:
        """Whether this step of a rule is one that is kept."""
        stride = self._stride.setdefault(rule, 1)
        self._skipped[rule] = (self._skipped.get(rule, 0) + 1) % stride
        return self._skipped[rule] == 0

    def _keep(self, rule: int, heard: Sounds) -> None:
        steps = self._steps.setdefault(rule, [])
        steps.append(heard)
        if len(steps) > MAX_STEPS:
            del steps[1::2]
            self._stride[rule] *= 2
