"""Alerts counted: false ones in hours of background, found and missed ones of single sounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import wrapped_deg
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import SOUNDING, EncoderOutput
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.scoring.background import labels_meant
from elsa_rt.scoring.confirmation import confirmed_threshold, times_of
from elsa_rt.scoring.scorer import Scorer
from elsa_rt.scoring.statistics import Statistics
from elsa_rt.scoring.thresholds import thresholds
from elsa_rt.tuning.gate import Timing
from export.data.clips import kinds, phrases
from export.evaluate.alerts.gate import Starts, starts_of
from export.scenes.home_hours import HomeRecording

RATES = (10.0, 1.0, 0.1)
LINGERS_S = 1.0
"""So long after the end of a sound an alert is still an answer to it."""

EARLY_S = 0.1
BARE_END = 0.02
"""A bare cosine ends its alerts so far below their start."""

PLACES = {"behind me": 180.0, "in front of me": 0.0, "on my left": 90.0, "on my right": -90.0}
WITHIN_DEG, BEYOND_DEG = 35.0, 65.0
"""So near to the middle of a place a sound is there; beyond the other it is elsewhere: the region
reaches 55 degrees, and fades over ten."""


class Judge:
    """Log odds of the plain prompts of labels, with the thresholds of every method and rate.

    Columns go by method (calibrated, bare cosine), then rate, then label.
    """

    def __init__(self, bundle: ModelBundle, labels: Sequence[str], place: str = "") -> None:
        self.labels, self.step_s = list(labels), bundle.step_s
        prompts = [f"{phrases(label)[0]} {place}".strip() for label in labels]
        config, statistics = Config(), Statistics.load(bundle)
        bank = PromptBank.encode(bundle, prompts, config)
        self._scorer = Scorer(bank, statistics, config, bundle.step_s)
        self._timing = Timing.of(times_of(bank.rules, config, bundle.step_s), 0)
        found = [
            thresholds(bank.rules, config.changed(false_alarms_per_hour=rate), self._scorer.curves)
            for rate in RATES
        ]
        bare = [_bare_threshold(statistics, bank, rate, self._timing.confirm) for rate in RATES]
        starts = [*(start for start, _ in found), *(np.full(len(labels), cos) for cos in bare)]
        ends = [*(end for _, end in found), *(np.full(len(labels), cos - BARE_END) for cos in bare)]
        self.start, self.end = np.concatenate(starts), np.concatenate(ends)

    def alerts(self, heard: HomeRecording, only: int | None = None) -> Starts:
        """Starts in a stream; ``only`` one label's columns count where it is given."""
        embedding = heard.embedding.astype(np.float32)
        sound = EncoderOutput(embedding, heard.direction, heard.activity, heard.distance)
        similarity, logit = self._scorer.logits(sound)
        score = self._scorer.curves.scores(logit)
        bare = np.where(heard.activity[:, None] >= SOUNDING, similarity, -1)
        scores = np.concatenate([score] * len(RATES) + [bare] * len(RATES), axis=1)
        some = np.arange(len(self.start))
        if only is not None:
            some = some[only :: len(self.labels)]
        starts = starts_of(scores[:, some], self.start[some], self.end[some], self._timing)
        return Starts(starts.step, some[starts.column])


def _bare_threshold(statistics: Statistics, bank: PromptBank, rate: float, confirm: int) -> float:
    """The cosine that background of calibration passes ``rate`` times an hour and prompt."""
    ground = statistics.background
    factor, offset = statistics.similarity(bank.embedding)
    logit = ground.sounds.astype(np.float32) @ factor + offset
    logit[ground.activity < 255 * SOUNDING] = -1
    peaks = np.maximum.reduceat(confirmed_threshold(logit, confirm), ground.pieces, axis=0)
    own = labels_meant(bank.meaning.named, statistics.names, bank.meaning.said)
    known = np.column_stack([own, np.zeros(len(own), np.bool_)])
    peaks[known[:, ground.piece_labels].any(axis=2).T] = -1
    rank = max(1, round(rate * ground.hours * len(bank.rules)))
    return float(np.sort(peaks, axis=None)[-rank])


class FalseAlarms(NamedTuple):
    """Alarms (methods, rates, labels) in ``hours``, and what sounded at the calibrated ones."""

    alarms: NDArray[np.int64]
    hours: float
    confused: dict[tuple[str, str], int]  # prompt, sound -> alarms at one an hour


def false_alarms(
    judge: Judge, heard: Iterable[HomeRecording], labels: Sequence[str]
) -> FalseAlarms:
    """Count the alerts of each label's prompt where neither it nor its kin sounds."""
    number = len(judge.labels)
    related = kinds(labels)
    related = (related | related.T)[:number]
    count, seconds = np.zeros(2 * len(RATES) * number, np.int64), 0.0
    confused: dict[tuple[str, str], int] = {}
    for stream in heard:
        seconds += len(stream.activity) * judge.step_s
        starts = judge.alerts(stream)
        for step, column in zip(starts.step.tolist(), starts.column.tolist(), strict=True):
            time_s = (step + 1) * judge.step_s
            sounding = [
                event.label
                for event in stream.events
                if event.start_s - EARLY_S <= time_s <= event.end_s + LINGERS_S
            ]
            label = column % number
            if any(one >= 0 and related[label, one] for one in sounding):
                continue
            count[column] += 1
            if column // number == RATES.index(1.0):
                last = sounding[-1] if sounding else None
                said = "nothing" if last is None else "music" if last < 0 else labels[last]
                pair = judge.labels[label], said
                confused[pair] = confused.get(pair, 0) + 1
    return FalseAlarms(count.reshape(2, len(RATES), number), seconds / 3600, confused)


class Found(NamedTuple):
    """Of t targets: alerts (t, methods, rates) and the seconds from onset to the first, or NaN."""

    alerts: NDArray[np.int64]
    delay_s: NDArray[np.float64]
    label: NDArray[np.int64]
    clip: NDArray[np.int64]
    azimuth_deg: NDArray[np.float64]
    elevation_deg: NDArray[np.float64]


def targets_found(judge: Judge, heard: Sequence[HomeRecording]) -> Found:
    """Listen for the right prompt in each stream of a single sound."""
    number, shape = len(judge.labels), (len(heard), 2 * len(RATES))
    alerts, delay = np.zeros(shape, np.int64), np.full(shape, np.nan)
    for index, stream in enumerate(heard):
        (event,) = stream.events
        starts = judge.alerts(stream, event.label)
        time_s = (starts.step + 1) * judge.step_s
        right = (time_s >= event.start_s - EARLY_S) & (time_s <= event.end_s + LINGERS_S)
        for column, at in zip(starts.column[right] // number, time_s[right], strict=True):
            if not alerts[index, column]:
                delay[index, column] = at - event.start_s
            alerts[index, column] += 1
    events = [stream.events[0] for stream in heard]
    several = (len(heard), 2, len(RATES))
    return Found(
        alerts.reshape(several),
        delay.reshape(several),
        *(np.array([getattr(event, name) for event in events]) for name in Found._fields[2:]),
    )


def place_gate(
    bundle: ModelBundle, labels: Sequence[str], heard: Sequence[HomeRecording]
) -> dict[str, dict[str, float]]:
    """For each of `PLACES`: share of the targets there that a rule for it misses at one false alarm
    an hour, and share of those elsewhere that raise it.
    """
    found = {}
    for place, azimuth in PLACES.items():
        told = targets_found(Judge(bundle, labels, place), heard)
        off = np.abs(wrapped_deg(told.azimuth_deg - azimuth))
        fired = told.alerts[:, 0, RATES.index(1.0)] > 0
        found[place] = {
            "missed": 1 - _share(fired[off <= WITHIN_DEG]),
            "fired_elsewhere": _share(fired[off > BEYOND_DEG]),
            "targets": int((off <= WITHIN_DEG).sum()),
            "elsewhere": int((off > BEYOND_DEG).sum()),
        }
    return found


def _share(flags: NDArray[np.bool_]) -> float:
    return float(flags.mean()) if flags.size else float("nan")
