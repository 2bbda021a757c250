"""The rule of one home, its verdicts as a person gives them, and what was heard there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.rule import rules_of
from elsa_rt.scoring.confirmation import confirmed_threshold, times_of
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.feedback_gate import ALIKE, FeedbackGate, Reach
from elsa_rt.scoring.marks import AlertSounds, spread
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import COARSE, Statistics
from elsa_rt.scoring.thresholds import thresholds
from export.data.clips import phrases
from export.scenes.home_hours import HomeRecording

KEEP = "home"


class HomeRule:
    """The rule of one home: its scores and its thresholds, and how far its marks reach."""

    def __init__(self, bundle: ModelBundle, label: str, reach: Reach = ALIKE) -> None:
        self._reach = reach
        self._statistics, self._bundle = Statistics.of(bundle), bundle
        self.rule = rules_of([phrases(label)[0]])[0]
        config = Config()
        bank = PromptBank.encode(bundle, [self.rule], config)
        self._scorer = Scorer(bank, self._statistics, config, bundle.step_s)
        start, end = thresholds(bank.rules, config, self._scorer.curves)
        needed = self._scorer.curves.needed
        self.start, self.end = (float(needed(score)[0]) for score in (start, end))
        self._confirm = int(times_of(bank.rules, config, bundle.step_s).confirm[0])

    def gate(self, store: FeedbackStore) -> FeedbackGate:
        """What ``store`` says of the rule."""
        half_life = Config().feedback_half_life_days
        return FeedbackGate(
            [self.rule], store, self._statistics, KEEP, half_life, alike=self._reach
        )

    def logit(self, heard: HomeRecording, gate: FeedbackGate) -> NDArray[np.float64]:
        """Log odds (n,) of a stream."""
        sound = _output(heard)
        logit = self._scorer.logits(sound)[1][:, 0].astype(float)
        shift = gate.shift(sound)
        return logit if shift is None else logit + shift[:, 0]

    def margin(self, logit: NDArray[np.float64]) -> float:
        """Log odds by which the best run is above the threshold; an alert from 0 on."""
        return float(self._above(logit).max())

    def _above(self, logit: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of each step."""
        return confirmed_threshold(logit, self._confirm) - self.start

    def judge(
        self, store: FeedbackStore, heard: HomeRecording, logit: NDArray[np.float64], verdict: str
    ) -> None:
        """Mark the alert of a stream, as `elsa_rt.alerting.alert_sounds` would keep it."""
        first = int(np.argmax(self._above(logit) >= 0))
        after = np.arange(len(logit)) >= first
        held = np.flatnonzero((logit >= self.start) | (after & (logit >= self.end)))
        sounds = self._statistics.compress(heard.embedding.astype(np.float32)[held])[:, :COARSE]
        azimuth, elevation = angles_from_direction(heard.direction[held].mean(axis=0))
        name = f"alert-{len(store.alerts)}"
        store.add(
            AlertSounds(
                name, self.rule.id, self.rule.label, 0.0, azimuth, elevation, 0.9, 1.0, KEEP,
                spread(list(sounds)), float(logit[held].max() - self.start),
            )
        )  # fmt: skip
        store.judge(name, verdict)


def _output(heard: HomeRecording) -> EncoderOutput:
    embedding = heard.embedding.astype(np.float32)
    return EncoderOutput(embedding, heard.direction, heard.activity, heard.distance)
