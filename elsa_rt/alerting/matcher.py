"""The matcher: what the model hears becomes scores, tracks and alerts of one stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from elsa_rt.alerting.alert_sounds import AlertRecorder
from elsa_rt.alerting.gate import AlertGate
from elsa_rt.alerting.level_gate import LevelGate
from elsa_rt.alerting.reasons import Gated, NearMisses, Reasons
from elsa_rt.alerting.schedule_gate import Timetable
from elsa_rt.alerting.tally import RuleTally
from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.features.energy_flow import Flow
from elsa_rt.hearing import Alert, HeardSound, Hearing, RuleStatistics, Score, Track
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.reference_frame import ReferenceFrame
from elsa_rt.scoring.confirmation import RuleMapping
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.feedback_gate import FeedbackGate, notices_of
from elsa_rt.scoring.scorer import Match, Scorer
from elsa_rt.scoring.site import fits_of, load_site
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.scoring.word_notices import word_notices
from elsa_rt.tracking.tracker import Tracker


class Matcher:
    """Matches each step with the rules, and follows its sounds.

    Parameters
    ----------
    bank : PromptBank
    config : Config
    bundle : ModelBundle
    bearings : ReferenceFrame
        Of the stream; tracks and alerts are followed in the axes of the world.
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
        bearings: ReferenceFrame,
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
        self._levels = LevelGate(rules)
        self._tracker = Tracker(bundle.step_s, config.track_release_s, config.run)
        self._alerts = AlertGate(rules, config, bundle.step_s, self.start, self.end)
        self._recorder = AlertRecorder(rules, store, statistics, fits, began_s, on_notice)
        self._reasons = Reasons(rules, self._scorer, self._alerts, self.start)
        self._near_misses = NearMisses()
        self._tally = RuleTally(rules, config, self._scorer.curves, self.start)
        self._timetable = Timetable(rules, began_s)
        self._bearings = bearings
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

    def step(self, time_s: float, dropped: int, sound: EncoderOutput, flow: Flow) -> Hearing:
        """The hearing of the step that ended at ``time_s`` of the stream."""
        self._bearings.step(time_s)
        left = self._leave(time_s)
        in_world = self._bearings.in_world(sound)
        scored = self._scorer.step(sound, self._feedback.step(time_s, in_world))
        leveled = self._levels.step(scored, sound, flow.level_dbfs)
        match = self._timetable.step(leveled, time_s)
        heard = self._tracker.step(time_s, in_world, flow.diffuseness)
        alerts = self._alerts.step(time_s, match, in_world, heard.slots)
        self._record(time_s, match, in_world, alerts)
        gated = Gated(scored, leveled, match)
        reasons = self._reasons.step(time_s, gated, sound, flow.level_dbfs)
        near_misses = self._near_misses.step(time_s, reasons, self._alerting())
        for notice in self._tally.step(time_s, alerts, near_misses):
            self._on_notice(notice)
        loudest = int(sound.activity.argmax())
        azimuth, elevation = angles_from_direction(sound.direction[loudest])
        hearing = Hearing(
            time_s=time_s,
            activity=float(sound.activity[loudest]),
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            distance_m=float(sound.distance_m[loudest]),
            words=direction_words(azimuth, elevation),
            scores=self._scores(leveled),
            alerts=left + alerts,
            embedding=sound.embedding[loudest],
            direction=sound.direction[loudest],
            flow_azimuth_deg=flow.azimuth_deg,
            flow_elevation_deg=flow.elevation_deg,
            diffuseness=flow.diffuseness,
            level_dbfs=flow.level_dbfs,
            dropped=dropped,
            tracks=heard.tracks,
            reasons=reasons if self._why else (),
            near_misses=near_misses if self._why else (),
            sounds=heard_sounds(sound, heard.slots),
        )
        return self._bearings.place(hearing)

    def finish(self, last: Hearing) -> Hearing:
        """``last`` with the ends of the open alerts: the stream is over."""
        ends = self._alerts.finish(last.time_s)
        for alert in ends:
            self._recorder.tell(last.time_s, alert)
        near_misses = self._near_misses.finish(last.time_s)
        self._tally.step(last.time_s, (), near_misses)
        return replace(
            last,
            alerts=last.alerts + self._bearings.place_each(ends),
            near_misses=last.near_misses + (near_misses if self._why else ()),
        )

    def _scores(self, match: Match) -> tuple[Score, ...]:
        return tuple(
            map(
                Score,
                self._labels,
                match.similarity.tolist(),
                match.score.tolist(),
                match.false_alarms_per_hour.tolist(),
                self._ids,
                self.start.tolist(),
            )
        )

    def _record(
        self, time_s: float, match: Match, sound: EncoderOutput, alerts: Sequence[Alert]
    ) -> None:
        gate = self._alerts
        self._recorder.step(
            time_s, match, sound, gate.holds, gate.pending, alerts, self._reasons.margin
        )

    def _alerting(self) -> list[str]:
        """The rules that have an open alert."""
        return [self._ids[rule] for rule in np.flatnonzero(self._alerts.is_open).tolist()]

    def _leave(self, time_s: float) -> tuple[Alert, ...]:
        """The ends of alerts whose rules are no more."""
        leaving, self._leaving = self._leaving, []
        return tuple(alert for gate in leaving for alert in gate.finish(time_s))


def heard_sounds(output: EncoderOutput, tracks: Sequence[Track | None]) -> tuple[HeardSound, ...]:
    """The slots in which something sounds, the most active first; at least one of them."""
    order = np.argsort(-output.activity, kind="stable").tolist()
    found: list[HeardSound] = []
    for slot in order:
        if found and not output.activity[slot] > 0:
            continue
        azimuth, elevation = angles_from_direction(output.direction[slot])
        track = tracks[slot]
        found.append(
            HeardSound(
                activity=float(output.activity[slot]),
                azimuth_deg=azimuth,
                elevation_deg=elevation,
                distance_m=float(output.distance_m[slot]),
                words=direction_words(azimuth, elevation),
                embedding=output.embedding[slot],
                track=track.id if track else None,
            )
        )
    return tuple(found)
