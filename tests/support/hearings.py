"""Hearings, alerts and tracks made by hand, for what comes after the listener.

alert("a1", "start", rule="glass-behind")
hearing(1.2, alert(...), tracks=(track("t1"),))
Rules(listened by)     what `Controls` need of a listener
until(true)            waits for what another thread or process does
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from elsa_rt.config import Config
from elsa_rt.hearing import Alert, Hearing, RuleStatistics, Score, State, Track
from elsa_rt.rules.rule import Rule

GLASS = Rule("glass-behind", ("glass breaking",))
BANG = Rule("bang", level_dbfs=-20.0)

LIMIT_S = 20.0


def alert(id: str, state: State = "start", rule: str = "glass-behind", **fields: Any) -> Alert:
    """An alert from behind, on the left."""
    usual: dict[str, Any] = {
        "prompt": "glass breaking", "time_s": 1.0, "score": 0.9, "azimuth_deg": 150.0,
        "elevation_deg": 10.0, "words": "behind, left", "peak": 0.9, "onset_s": 0.5,
        "latency_s": 0.5,
    }  # fmt: skip
    return Alert(state, id, rule=rule, **usual | fields)


def track(id: str, azimuth_deg: float = 90.0, state: State = "update", **fields: Any) -> Track:
    """A sound that is followed."""
    usual: dict[str, Any] = {
        "time_s": 1.0, "elevation_deg": 0.0, "uncertainty_deg": 5.0, "speed_deg_s": 0.0,
        "distance_m": float("nan"), "first_s": 0.0, "last_s": 1.0, "words": "left",
    }  # fmt: skip
    return Track(state, id, azimuth_deg=azimuth_deg, **usual | fields)


def hearing(time_s: float = 1.0, *alerts: Alert, **fields: Any) -> Hearing:
    """A step with a sound on the left."""
    usual: dict[str, Any] = {
        "activity": 0.8, "azimuth_deg": 90.0, "elevation_deg": 0.0, "distance_m": float("nan"),
        "words": "left", "scores": (Score("glass breaking", 0.3, 0.7, 1.5, "glass-behind"),),
        "embedding": np.zeros(512, np.float32), "direction": np.array([0, 1, 0], np.float32),
        "flow_azimuth_deg": 90.0, "flow_elevation_deg": 0.0, "diffuseness": 0.2,
        "level_dbfs": -30.0, "dropped": 0,
    }  # fmt: skip
    return Hearing(time_s, alerts=alerts, **usual | fields)


class Rules:
    """Stands for a listener whose rules are changed."""

    def __init__(self, *rules: Rule) -> None:
        self.config = Config(rules=rules)
        self.statistics: tuple[RuleStatistics, ...] = ()
        self.orientations: list[ArrayLike | None] = []
        self.marks: list[tuple[str, str]] = []
        self.meant: list[str | None] = []  # the rule of each mark

    def change_rules(self, rules: Iterable[Rule], **settings: Any) -> None:
        self.config = self.config.changed(rules=tuple(rules), **settings)

    def set_orientation(
        self, quaternion: ArrayLike | None = None, *, captured_s: float | None = None
    ) -> None:
        self.orientations.append(quaternion)

    def feedback(self, alert: str, verdict: str, rule: str | None = None) -> None:
        self.marks.append((alert, verdict))
        self.meant.append(rule)


def counted(rule: str = "glass-behind", **fields: Any) -> RuleStatistics:
    """Statistics of a rule that alerts twice as often as asked for."""
    usual: dict[str, Any] = {
        "prompt": "glass breaking", "hours": 3.0, "alerts": 6, "near_misses": 4,
        "asked_per_hour": 1.0, "expected_per_hour": 0.8, "counted_per_hour": 2.0,
    }  # fmt: skip
    return RuleStatistics(rule, **usual | fields)


def until(true: Callable[[], object], limit_s: float = LIMIT_S) -> None:
    """Wait until ``true()``, or fail."""
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, f"waited {limit_s} s in vain"
        time.sleep(0.005)
