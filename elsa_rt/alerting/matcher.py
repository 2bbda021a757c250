"""Matcher: what the model hears becomes scores, tracks and alerts of one stream."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import NamedTuple

from elsa_rt.alerting.alert_sounds import AlertRecorder
from elsa_rt.alerting.gate import AlertGate
from elsa_rt.alerting.level_gate import LevelGate
from elsa_rt.alerting.reasons import Gated, NearMisses, Reasons
from elsa_rt.alerting.schedule_gate import Timetable
from elsa_rt.alerting.tally import RuleTally
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.features.energy_flow import Flow
from elsa_rt.hearing import Alert, NearMiss, Reason, RuleStatistics, Score, Track
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.confirmation import RuleMapping
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.feedback_gate import FeedbackGate, notices_of
from elsa_rt.scoring.scorer import Match, Scorer
from elsa_rt.scoring.site import fits_of, load_site
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.scoring.word_notices import word_notices
from elsa_rt.tracking.tracker import Tracker


class Ends(NamedTuple):
    """What the end of a stream closes."""

    alerts: tuple[Alert, ...]
    near_misses: tuple[NearMiss, ...]  # with ``why``


class Matched(NamedTuple):
    """What one step came to; tracks and alerts are in the axes of the world."""

    scores: tuple[Score, ...]  # in the order of the rules
    alerts: tuple[Alert, ...]
    tracks: tuple[Track, ...]  # all that are told of, those that just ended last
    slots: tuple[Track | None, ...]  # the track of each slot
    reasons: tuple[Reason, ...]  # with ``why``
    near_misses: tuple[NearMiss, ...]  # with ``why``


class Matcher:
    """Matches each step with the rules, and follows its sounds.

    Parameters
    ----------
    bank : PromptBank
    config : Config
    bundle : ModelBundle
    store : FeedbackStore, optional
        Where what is heard in alerts is kept and what people said of them; forgotten by default.
    began_s : float, optional
        Unix time at which the stream began, for schedules; now if left out.
    on_notice : callable
        Takes what the user should know.
    """

    def __init__(
        self,
        bank: PromptBank,
        config: Config,
        bundle: ModelBundle,
        store: FeedbackStore | None = None,
        began_s: float | None = None,
        on_notice: OnNotice = log_notice,
    ) -> None:
        self.rules = rules = bank.rules
        self._why, self._on_notice = config.why, on_notice
        self._labels = [rule.label for rule in rules]
        self._ids = [rule.id for rule in rules]
        statistics = Statistics.of(bundle)
        site = None if config.site is None else load_site(config.site, bundle, statistics)
        fits = fits_of(bundle, statistics)
        store = FeedbackStore() if store is None else store
        for notice in (*word_notices(bank, bundle, statistics), *notices_of(store, fits)):
            on_notice(notice)
        half_life_days = config.feedback_half_life_days
        self._feedback = FeedbackGate(rules, store, statistics, fits, half_life_days)
        self._scorer = Scorer(bank, statistics, config, bundle.step_s, site)
        self.start, self.end = thresholds(rules, config, self._scorer.curves)
        self._starts = self.start.tolist()
        self._levels = LevelGate(rules)
        self._tracker = Tracker(bundle.step_s, config.track_release_s, config.run)
        limits = self.start, self.end, self._scorer.usual
        self._alerts = AlertGate(rules, config, bundle.step_s, *limits)
        self._recorder = AlertRecorder(rules, store, statistics, fits, began_s, on_notice)
        self._reasons = Reasons(rules, self._scorer, self._alerts, self.start)
        self._near_misses = NearMisses()
        self._tally = RuleTally(rules, config, self._scorer.curves, self.start)
        self._timetable = Timetable(rules, began_s)
        self._leaving: list[AlertGate] = []  # with open alerts of rules that are no more

    def reset(self) -> None:
        """Forget all that was heard; open alerts vanish without an end."""
        for stage in (
            self._scorer,
            self._feedback,
            self._levels,
            self._tracker,
            self._alerts,
            self._recorder,
            self._near_misses,
            self._tally,
        ):
            stage.reset()
        self._leaving = []

    def begin(self, delay_s: float) -> None:
        """A stream begins, which the stages before bring ``delay_s`` seconds late."""
        self._alerts.delay_s = delay_s

    def inherit(self, before: Matcher) -> None:
        """Go on with the stream of ``before``.

        Tracks live on, and alerts of the rules that both have; other alerts end with the next step.
        """
        old = {rule: index for index, rule in enumerate(before.rules)}
        here = [index for index, rule in enumerate(self.rules) if rule in old]
        mapping = RuleMapping(here, [old[self.rules[index]] for index in here])
        self._scorer.inherit(before._scorer, mapping)
        self._levels.inherit(before._levels, mapping)
        self._alerts.inherit(before._alerts, mapping)
        self._recorder.inherit(before._recorder, mapping)
        self._tally.inherit(before._tally)
        self._tracker = before._tracker
        self._leaving = [*before._leaving, before._alerts]

    @property
    def any_open(self) -> bool:
        """Whether an alert has started and not ended."""
        return self._alerts.any_open or any(gate.any_open for gate in self._leaving)

    @property
    def statistics(self) -> tuple[RuleStatistics, ...]:
        """What became of each rule."""
        return self._tally.statistics

    def step(
        self, time_s: float, sound: EncoderOutput, in_world: EncoderOutput, flow: Flow
    ) -> Matched:
        """Match the step that ended at ``time_s`` of the stream.

        ``sound`` is in the axes of the regions, ``in_world`` the same in those of the world.
        """
        left = self._leave(time_s)
        scored = self._scorer.step(sound, self._feedback.step(time_s, in_world))
        leveled = self._levels.step(scored, sound, flow.level_dbfs)
        match = self._timetable.step(leveled, time_s)
        heard = self._tracker.step(time_s, in_world, flow.diffuseness, flow.scatter)
        alerts = self._alerts.step(time_s, match, in_world, heard.slots)
        self._record(time_s, match, in_world, alerts)
        gated = Gated(scored, leveled, match)
        reasons = self._reasons.step(time_s, gated, sound, flow.level_dbfs)
        near_misses = self._near_misses.step(time_s, reasons, self._alerting())
        for notice in self._tally.step(time_s, alerts, near_misses):
            self._on_notice(notice)
        return Matched(
            self._scores(leveled),
            left + alerts,
            heard.tracks,
            heard.slots,
            reasons if self._why else (),
            near_misses if self._why else (),
        )

    def finish(self, time_s: float) -> Ends:
        """The ends of the open alerts: the stream is over."""
        alerts = self._alerts.finish(time_s)
        self._recorder.tell(time_s, alerts, self._alerts.joined)
        near_misses = self._near_misses.finish(time_s)
        self._tally.step(time_s, (), near_misses)
        return Ends(alerts, near_misses if self._why else ())

    def _scores(self, match: Match) -> tuple[Score, ...]:
        columns = (
            self._labels,
            match.similarity.tolist(),
            match.score.tolist(),
            match.false_alarms_per_hour.tolist(),
            self._ids,
            self._starts,
        )
        # a tuple of the kind of Score, made in a third of the time of its constructor
        return tuple(map(tuple.__new__, repeat(Score), zip(*columns, strict=True)))

    def _record(
        self, time_s: float, match: Match, sound: EncoderOutput, alerts: Sequence[Alert]
    ) -> None:
        gate = self._alerts
        self._recorder.step(
            time_s,
            match,
            sound,
            gate.holds,
            gate.life.pending,
            alerts,
            gate.joined,
            self._reasons.margin,
        )

    def _alerting(self) -> list[str]:
        """The rules that have an open alert."""
        if not self._alerts.any_open:
            return []
        return [self._ids[rule] for rule in self._alerts.is_open.nonzero()[0].tolist()]

    def _leave(self, time_s: float) -> tuple[Alert, ...]:
        """The ends of alerts whose rules are no more."""
        leaving, self._leaving = self._leaving, []
        return tuple(alert for gate in leaving for alert in gate.finish(time_s))
