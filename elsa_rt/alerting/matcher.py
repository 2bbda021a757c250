"""The matcher: what the model hears becomes scores, tracks and alerts of one stream."""

from __future__ import annotations

from dataclasses import replace

from elsa_rt.alerting.gate import AlertGate
from elsa_rt.alerting.level_gate import LevelGate
from elsa_rt.alerting.schedule_gate import Timetable
from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.features.energy_flow import Flow
from elsa_rt.hearing import Alert, Hearing, Score
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.reference_frame import ReferenceFrame
from elsa_rt.scoring.confirmation import RuleMapping
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.site import load_site
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.tracking.tracker import Tracker


class Matcher:
    """Matches each step with the rules, and follows its sounds.

    Parameters
    ----------
    bank : PromptBank
    config : Config
    bundle : ModelBundle
    bearings : Bearings
        Of the stream; tracks and alerts are followed in the axes of the world.
    began_s : float, optional
        Unix time at which the stream began, for schedules; now if left out.
    """

    def __init__(
        self,
        bank: PromptBank,
        config: Config,
        bundle: ModelBundle,
        bearings: ReferenceFrame,
        began_s: float | None = None,
    ) -> None:
        self.rules = bank.rules
        self._labels = [rule.label for rule in bank.rules]
        self._ids = [rule.id for rule in bank.rules]
        statistics = Statistics.load(bundle)
        site = None if config.site is None else load_site(config.site, bundle, statistics)
        self._scorer = Scorer(bank, statistics, config, bundle.step_s, site)
        self.start, self.end = thresholds(bank.rules, config, self._scorer.curves)
        self._levels = LevelGate(bank.rules)
        self._tracker = Tracker(bundle.step_s, config.track_release_s)
        self._alerts = AlertGate(bank.rules, config, bundle.step_s, self.start, self.end)
        self._timetable = Timetable(bank.rules, began_s)
        self._bearings = bearings
        self._leaving: list[AlertGate] = []  # with open alerts of rules that are no more

    def reset(self) -> None:
        """Forget all that was heard; open alerts vanish without an end."""
        for stage in (self._scorer, self._levels, self._tracker, self._alerts):
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
        self._tracker = before._tracker
        self._leaving = [*before._leaving, before._alerts]

    @property
    def any_open(self) -> bool:
        """Whether an alert has started and not ended."""
        return self._alerts.any_open or any(gate.any_open for gate in self._leaving)

    def step(self, time_s: float, dropped: int, sound: EncoderOutput, flow: Flow) -> Hearing:
        """The hearing of the step that ended at ``time_s`` of the stream."""
        self._bearings.step(time_s)
        left = self._leave(time_s)
        match = self._levels.step(self._scorer.step(sound), sound, flow.level_dbfs)
        in_world = self._bearings.in_world(sound)
        heard = self._tracker.step(time_s, in_world, flow.diffuseness)
        loudest = int(sound.activity.argmax())
        azimuth, elevation = angles_from_direction(sound.direction[loudest])
        hearing = Hearing(
            time_s=time_s,
            activity=float(sound.activity[loudest]),
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            distance_m=float(sound.distance_m[loudest]),
            words=direction_words(azimuth, elevation),
            scores=tuple(
                Score(*said)
                for said in zip(
                    self._labels,
                    match.similarity.tolist(),
                    match.score.tolist(),
                    match.false_alarms_per_hour.tolist(),
                    self._ids,
                    self.start.tolist(),
                    strict=True,
                )
            ),
            alerts=left
            + self._alerts.step(time_s, self._timetable.step(match, time_s), in_world, heard.slots),
            embedding=sound.embedding[loudest],
            direction=sound.direction[loudest],
            flow_azimuth_deg=flow.azimuth_deg,
            flow_elevation_deg=flow.elevation_deg,
            diffuseness=flow.diffuseness,
            level_dbfs=flow.level_dbfs,
            dropped=dropped,
            tracks=heard.tracks,
        )
        return self._bearings.place(hearing)

    def finish(self, last: Hearing) -> Hearing:
        """``last`` with the ends of the open alerts: the stream is over."""
        ends = self._bearings.place_each(self._alerts.finish(last.time_s))
        return replace(last, alerts=last.alerts + ends)

    def _leave(self, time_s: float) -> tuple[Alert, ...]:
        """The ends of alerts whose rules are no more."""
        leaving, self._leaving = self._leaving, []
        return tuple(alert for gate in leaving for alert in gate.finish(time_s))
