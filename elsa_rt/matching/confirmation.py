"""When scores have held for long enough to start an alert: step by step, and for whole streams.

A rule is confirmed at a step that holds (its score reaches the threshold) if that is at least the
``confirm``-th step to hold in a run whose gaps are shorter than ``confirm`` steps: knocks are heard
one by one. `Confirmation` is the live form, for one threshold. `confirmed_level` turns the question
round: up to which threshold would each step have been confirmed?
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


class Origin(NamedTuple):
    """Which rules of a new set are those of an old one."""

    here: list[int]  # their indices in the new set
    there: list[int]  # and in the old one


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
        self.missed = np.zeros(self._confirm.shape, np.int64)  # steps in a row that did not

    def step(self, holds: Flags) -> Flags:
        """Take which rules hold (p,) at one step; returns which of them are confirmed (p,)."""
        self.missed = np.where(holds, 0, self.missed + 1)
        self._held = np.where(self.missed >= self._confirm, 0, self._held + holds)
        return holds & (self._held >= self._confirm)

    @property
    def running(self) -> Flags:
        """Which rules have steps that count, (p,)."""
        return self._held > 0

    def take_over(self, before: Confirmation, origin: Origin) -> None:
        """Go on with the rules that ``before`` counted, see `Origin`."""
        self._held[origin.here] = before._held[origin.there]
        self.missed[origin.here] = before.missed[origin.there]

    def restart(self, rules: Flags | int) -> None:
        """The steps of ``rules``, flags (p,) or a number, up to now do not count any more."""
        self._held[rules] = 0


def confirmed_level(scores: NDArray[Any], confirm: int) -> NDArray[Any]:
    """The highest threshold at which each step would have been confirmed.

    With any threshold, a `Confirmation` that sees ``scores >= threshold`` confirms exactly the
    steps whose level reaches it; so the highest level of a stretch is the highest threshold that
    would have started an alert there.

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
    level = np.asarray(scores)
    if level.shape[0] == 0:
        return level.copy()
    for _ in range(confirm - 1):
        level = np.minimum(scores, _highest_before(level, confirm))
    return np.array(level)


def steps_in(seconds: float, step_s: float) -> int:
    """Steps that cover ``seconds``, at least the present one."""
    return max(1, math.ceil(seconds / step_s - 1e-6))


def _highest_before(values: NDArray[Any], reach: int) -> NDArray[Any]:
    """The highest of the ``reach`` values before each one."""
    highest = np.full_like(values, -np.inf)
    for back in range(1, min(reach, len(values) - 1) + 1):
        np.maximum(highest[back:], values[:-back], out=highest[back:])
    return highest
