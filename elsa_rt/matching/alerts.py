"""Alerts: scores that hold start one, scores that stay away end it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np

from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.config import Config
from elsa_rt.encoder.sound import Sound
from elsa_rt.hearing import Alert
from elsa_rt.matching.scores import Match
from elsa_rt.matching.words import direction_words

MAX_SLUG = 48


class AlertGate:
    """Hysteresis for each of p prompts, counted in steps that were heard.

    Gaps shorter than the time of confirmation do not break it: knocks are heard one by one.
    An alert's place is the activity-weighted mean over its steps, the confirming ones included,
    as long as they score enough to keep it open.
    """

    def __init__(self, prompts: Sequence[str], config: Config, step_s: float) -> None:
        self._prompts = prompts
        self._start, self._end = config.alert_start, config.alert_end
        self._confirm = _steps(config.alert_confirm_s, step_s)
        self._release = _steps(config.alert_release_s, step_s)
        self._number = 0  # outlives reset: an id never comes twice from one gate
        self.reset()

    def reset(self) -> None:
        """Forget all scores; open alerts vanish without an end."""
        count = len(self._prompts)
        self._ids: dict[int, str] = {}  # of the open alerts
        self._is_open = np.zeros(count, np.bool_)
        self._held = np.zeros(count, np.int64)  # steps at or above the threshold, short gaps aside
        self._missed = np.zeros(count, np.int64)  # steps in a row below it
        self._peak = np.zeros(count, np.float32)
        self._towards = np.zeros((count, 3))  # sum of directions, weighted by activity

    @property
    def any_open(self) -> bool:
        """Whether an alert has started and not ended."""
        return bool(self._ids)

    def step(self, time_s: float, match: Match, sound: Sound) -> tuple[Alert, ...]:
        """Take one step's match; returns the alerts that it ended and started."""
        holds = match.score >= np.where(self._is_open, self._end, self._start)
        self._missed = np.where(holds, 0, self._missed + 1)
        broken = self._missed >= self._confirm
        self._held = np.where(broken, 0, self._held + holds)
        self._forget(~self._is_open & broken)
        self._peak[holds] = np.maximum(self._peak, match.score)[holds]
        self._locate(holds, match, sound)
        ended = np.flatnonzero(self._is_open & (self._missed >= self._release))
        started = np.flatnonzero(~self._is_open & (self._held >= self._confirm))
        return (
            *(self._close(int(prompt), time_s) for prompt in ended),
            *(self._open(int(prompt), time_s, float(match.score[prompt])) for prompt in started),
        )

    def finish(self, time_s: float) -> tuple[Alert, ...]:
        """End every open alert: the stream is over."""
        return tuple(self._close(prompt, time_s) for prompt in sorted(self._ids))

    def _locate(self, holds: np.ndarray, match: Match, sound: Sound) -> None:
        slot = match.slot[holds]
        self._towards[holds] += sound.activity[slot, None] * sound.direction[slot]

    def _forget(self, prompts: np.ndarray | int) -> None:
        self._peak[prompts] = 0
        self._towards[prompts] = 0

    def _open(self, prompt: int, time_s: float, score: float) -> Alert:
        self._number += 1
        self._ids[prompt] = f"{_slug(self._prompts[prompt])}-{self._number:06d}"
        self._is_open[prompt] = True
        return self._alert("start", prompt, time_s, score)

    def _close(self, prompt: int, time_s: float) -> Alert:
        alert = self._alert("end", prompt, time_s, float(self._peak[prompt]))
        self._is_open[prompt] = False
        self._held[prompt] = 0
        self._forget(prompt)
        del self._ids[prompt]
        return alert

    def _alert(
        self, state: Literal["start", "end"], prompt: int, time_s: float, score: float
    ) -> Alert:
        azimuth, elevation = angles_from_direction(self._towards[prompt])
        return Alert(
            state=state,
            id=self._ids[prompt],
            prompt=self._prompts[prompt],
            time_s=time_s,
            score=score,
            azimuth_deg=azimuth,
            elevation_deg=elevation,
            words=direction_words(azimuth, elevation),
        )


def _steps(seconds: float, step_s: float) -> int:
    """Steps that cover ``seconds``, at least the present one."""
    return max(1, math.ceil(seconds / step_s - 1e-6))


def _slug(prompt: str) -> str:
    return re.sub("[^A-Za-z0-9_]+", "-", prompt).lower()[:MAX_SLUG].strip("-") or "prompt"
