"""Confirmation of scores before an alert starts, step by step and for whole streams.

A rule is confirmed at a step that holds (its score reaches the threshold) if that is at least the
``confirm``-th step to hold in a run whose gaps are shorter than ``confirm`` steps: knocks are heard
one by one. `Confirmation` is the live form, for one threshold. `confirmed_threshold` turns the
question round: up to which threshold would each step have been confirmed?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.config import Config
from elsa_rt.rules.rate_limit import RateLimit
from elsa_rt.rules.rule import Rule

Flags = NDArray[np.bool_]


class RuleMapping(NamedTuple):
    """Indices of the rules that a new set shares with an old one."""

    new: list[int]  # their indices in the new set
    old: list[int]  # and in the old one


class Confirmation:
    """Counts the steps that hold, for each of p rules.

    Parameters
    ----------
    confirm : int (p,), 1 or more
        Steps that must hold, see `steps_in`.
    """

    def __init__(self, confirm: NDArray[np.int64]) -> None:
        self._confirm = confirm
        self.reset()

    def reset(self) -> None:
        """Forget all steps."""
        self._held = np.zeros(self._confirm.shape, np.int64)  # steps that held, in this run
        self.steps_below = np.zeros(self._confirm.shape, np.int64)  # steps in a row that did not

    def step(self, holds: Flags) -> Flags:
        """Take which rules hold (p,) at one step; returns which of them are confirmed (p,)."""
        self.steps_below += 1
        self.steps_below[holds] = 0
        self._held += holds
        self._held[self.steps_below >= self._confirm] = 0
        return holds & (self._held >= self._confirm)

    def pause(self) -> None:
        """Take a step in which no rule holds, while no rule has steps that count."""
        self.steps_below += 1

    @property
    def held(self) -> NDArray[np.int64]:
        """Steps of each rule that count, (p,)."""
        return self._held

    @property
    def running(self) -> Flags:
        """Mask (p,) of the rules that have confirmed steps in the current run."""
        return self._held > 0

    def inherit(self, before: Confirmation, mapping: RuleMapping) -> None:
        """Go on with the rules that ``before`` counted, see `RuleMapping`."""
        self._held[mapping.new] = before._held[mapping.old]
        self.steps_below[mapping.new] = before.steps_below[mapping.old]

    def restart(self, rules: Flags | int) -> None:
        """The steps of ``rules``, flags (p,) or a number, up to now do not count any more."""
        self._held[rules] = 0


def confirmed_threshold(scores: NDArray[Any], confirm: int) -> NDArray[Any]:
    """The highest threshold at which each step would have been confirmed.

    With any threshold, a `Confirmation` that sees ``scores >= threshold`` confirms exactly the
    steps whose value here reaches it; so the highest value of a stretch is the highest threshold
    that would have started an alert there.

    Parameters
    ----------
    scores : floating (steps,) or (steps, p)
    confirm : int, 1 or more

    Returns
    -------
    floating, the same shape
        ``-inf`` where no threshold would do: before the first ``confirm`` steps are over.

    Notes
    -----
    A step is confirmed if a chain of ``confirm`` steps ends there, neighbours at most ``confirm``
    steps apart, that all hold. The best chain's weakest step is found by dynamic programming.
    """
    threshold = np.asarray(scores)
    if threshold.shape[0] == 0:
        return threshold.copy()
    for _ in range(confirm - 1):
        threshold = np.minimum(scores, _highest_before(threshold, confirm))
    return np.array(threshold)


def steps_in(seconds: float, step_s: float) -> int:
    """Steps that cover ``seconds``, at least the present one."""
    return max(1, math.ceil(seconds / step_s - 1e-6))


class Times(NamedTuple):
    """Durations and rate limits of p alerts."""

    confirm: NDArray[np.int64]  # steps that must hold before the start
    release: NDArray[np.int64]  # steps in a row that do not, before the end
    cooldown_s: NDArray[np.float64]  # from the end to where the next may begin
    at_most: tuple[RateLimit | None, ...]  # alerts in a time


def times_of(rules: Sequence[Rule], config: Config, step_s: float) -> Times:
    """Times of ``rules`` in steps of ``step_s``; what they leave open follows `Config`.

    A level is no guess: a rule that says only how loud is not confirmed unless it asks for it.
    """
    usual = [config.alert_confirm_s if rule.has_meaning else 0.0 for rule in rules]
    confirm = [_first(rule.confirm_s, seconds) for rule, seconds in zip(rules, usual, strict=True)]
    release = [_first(rule.release_s, config.alert_release_s) for rule in rules]
    cooldown = [_first(rule.cooldown_s, config.alert_cooldown_s) for rule in rules]
    return Times(
        np.array([steps_in(seconds, step_s) for seconds in confirm], np.int64),
        np.array([steps_in(seconds, step_s) for seconds in release], np.int64),
        np.array(cooldown, float),
        tuple(_limit_of(rule, config) for rule in rules),
    )


def _limit_of(rule: Rule, config: Config) -> RateLimit | None:
    if rule.at_most is not None or config.alert_at_most is None:
        return rule.at_most
    return RateLimit.parse(config.alert_at_most)


def _first(own: float | None, usual: float) -> float:
    return usual if own is None else own


def _highest_before(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """The highest of the ``reach`` values before each one."""
    highest = np.full_like(values, -np.inf)
    for back in range(1, min(reach, len(values) - 1) + 1):
        np.maximum(highest[back:], values[:-back], out=highest[back:])
    return highest
