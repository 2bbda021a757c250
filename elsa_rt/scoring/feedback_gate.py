"""Feedback gate: what people said of alerts, put into the log odds of rules.

A step that resembles what was heard in an alert that was false, and comes from there, loses as
much log odds for that rule as the alert had above its threshold, and `BELOW` more, within
`LOWERED`. One that resembles a right alert gains up to `RAISED`, and is spared by false ones that
resemble it as well. What is far from all marks, in sound or in direction, stays as it is, and so
does every other rule.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.feedback import FeedbackStore
from elsa_rt.scoring.marks import Mark
from elsa_rt.scoring.statistics import COARSE, Statistics

LOWERED, RAISED = (4.0, 24.0), 1.0
"""Log odds that false marks take, at least and at most, and that right ones give at most, however
many there are. Clear sounds of the bundled model stand 10 to 23 above what starts an alert."""

BELOW = 4.0
"""How far below the threshold what was marked false is put: louder occasions score higher."""

Reach = tuple[float, float]

ALIKE: Reach = (0.82, 0.9)
"""Cosines between a step and one of a mark, in the `COARSE` components of `Statistics.compress`,
from which on it counts, and counts in full. A narrow reach needs two or three marks of a look-alike
that varies, and spares the sounds of the rule: what is lost are sounds that the model can hardly
tell apart, as sighing and groaning. Chosen on the homes of calibration alone (`python -m export
choose-reach`, model 0.4.0): 89 % less false alarms after three marks, 5 points of misses at the
place of a look-alike."""

NEAR_DEG = (25.0, 45.0)
"""Angles to the direction of a mark up to which it counts in full, and from which on not at all."""

LOOK_S = 1.0
"""Stream time between two looks at what others wrote into the file."""

DECAY_S = 3600.0
"""Stream time between two looks at the age of the marks."""

Floats = NDArray[np.float64]


class _Marks(NamedTuple):
    """The marks of the rules: m steps of q marks."""

    sounds: NDArray[np.float32]  # (m, 64), unit length
    firsts: NDArray[np.intp]  # (q,), the first step of each mark
    direction: Floats  # (q, 3)
    rule: NDArray[np.intp]  # (q,)
    weight: Floats  # (q,), 0..1
    lowered: Floats  # (q,), log odds that a false one takes
    right: NDArray[np.bool_]  # (q,)


class FeedbackGate:
    """Changes the log odds of p rules by the marks of a store; without marks it costs nothing.

    Parameters
    ----------
    rules : sequence of p Rule
        Those with ``learn=False`` are left as they are.
    store : FeedbackStore
    statistics : Statistics
    fits : str
        Which model the sounds must come from, see `elsa_rt.scoring.site.fits_of`.
    half_life_days : float
        What was said counts half as much after so long.
    clock : callable
        Gives the Unix time.
    alike : Reach
        How far a mark reaches, see `ALIKE`.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        store: FeedbackStore,
        statistics: Statistics,
        fits: str,
        half_life_days: float,
        clock: Callable[[], float] = time.time,
        alike: Reach = ALIKE,
    ) -> None:
        self._rules = {rule.id: index for index, rule in enumerate(rules) if rule.learn}
        self._count = len(rules)
        self._store, self._statistics, self._fits = store, statistics, fits
        self._half_life_days, self._clock, self._alike = half_life_days, clock, alike
        self._looked_s = self._aged_s = -np.inf
        self._version = -1
        self._marks: _Marks | None = None
        self._look(0.0)

    def reset(self) -> None:
        """The next step is the first of a stream."""
        self._looked_s = self._aged_s = -np.inf

    def step(self, time_s: float, sound: EncoderOutput) -> Floats | None:
        """What to add to the log odds (K, p) of K slots; None for nothing.

        ``sound`` is in the axes that alerts are told in.
        """
        self._look(time_s)
        if self._marks is None:
            return None
        return self.shift(sound)

    def shift(self, sound: EncoderOutput) -> Floats | None:
        """The same without a look at the store: ``sound`` may be a whole stream."""
        marks = self._marks
        if marks is None:
            return None
        match = self._match(sound, marks)  # (K, q)
        if not match.any():
            return None
        shift = np.zeros((len(match), self._count))
        for rule in sorted(set(marks.rule.tolist())):
            mine = marks.rule == rule
            # several weak marks add up, never to more than one strong one
            right, false = (
                1 - np.prod(1 - match[:, mine & side], axis=1)
                for side in (marks.right, ~marks.right)
            )
            wrong = match[:, mine & ~marks.right]
            share = wrong / np.maximum(wrong.sum(axis=1, keepdims=True), 1e-9)
            lowered = false * (share @ marks.lowered[mine & ~marks.right])
            shift[:, rule] = RAISED * right * (1 - false) - lowered * (1 - right)
        return shift

    def _match(self, sound: EncoderOutput, marks: _Marks) -> Floats:
        """How much each mark counts for each slot, 0..1."""
        statistics = self._statistics
        # not matmul: BLAS would wake threads for this
        basis = statistics.basis[:COARSE]
        parts = np.einsum("kd,cd->kc", sound.embedding - statistics.mean, basis)
        parts /= statistics.scale[:COARSE]
        parts /= np.maximum(np.linalg.norm(parts, axis=1, keepdims=True), 1e-9)
        return _likeness(parts, sound.direction, marks, self._alike) * marks.weight

    def _look(self, time_s: float) -> None:
        if time_s - self._looked_s >= LOOK_S:
            self._looked_s = time_s
            self._store.refresh()
        if self._store.version != self._version or time_s - self._aged_s >= DECAY_S:
            self._version, self._aged_s = self._store.version, time_s
            self._marks = self._made()

    def _made(self) -> _Marks | None:
        marks = [mark for mark in self._store.marks if self._counts(mark)]
        if not marks:
            return None
        now = self._clock()
        return _of_marks(
            marks,
            np.array([self._rules[mark.heard.rule] for mark in marks], np.intp),
            np.array([mark.weight(now, self._half_life_days) for mark in marks]),
        )

    def _counts(self, mark: Mark) -> bool:
        return mark.heard.rule in self._rules and mark.heard.fits == self._fits


def resembles(
    marks: Sequence[Mark], sounds: NDArray[np.int8], direction: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Which of n steps, kept as ``sounds`` (n, d) with ``direction`` (n, 3), a mark is about."""
    if not marks:
        return np.zeros(len(sounds), np.bool_)
    found = _of_marks(marks, np.zeros(len(marks), np.intp), np.ones(len(marks)))
    parts = sounds[:, :COARSE].astype(np.float32)
    parts /= np.maximum(np.linalg.norm(parts, axis=1, keepdims=True), 1e-9)
    return np.asarray((_likeness(parts, direction, found, ALIKE) > 0).any(axis=1))


def _of_marks(marks: Sequence[Mark], rule: NDArray[np.intp], weight: Floats) -> _Marks:
    sounds = np.concatenate([mark.heard.sounds for mark in marks]).astype(np.float32)
    sounds /= np.maximum(np.linalg.norm(sounds, axis=1, keepdims=True), 1e-9)
    sizes = [len(mark.heard.sounds) for mark in marks]
    return _Marks(
        sounds,
        np.cumsum([0, *sizes[:-1]]),
        np.stack([mark.heard.direction for mark in marks]),
        rule,
        weight,
        np.clip([mark.heard.margin + BELOW for mark in marks], *LOWERED),
        np.array([mark.verdict == "right" for mark in marks], np.bool_),
    )


def _likeness(
    parts: NDArray[np.float32], direction: NDArray[np.floating], marks: _Marks, reach: Reach
) -> Floats:
    """How much each of q marks is about each of n steps, 0..1 (n, q); ``parts`` have length 1."""
    found = np.einsum("kc,mc->km", parts, marks.sounds)
    cosine = np.maximum.reduceat(found, marks.firsts, axis=1)
    alike = np.clip((cosine - reach[0]) / (reach[1] - reach[0]), 0, 1)
    towards = np.clip(np.einsum("kx,qx->kq", direction, marks.direction), -1, 1)
    off_deg = np.degrees(np.arccos(towards))
    near = np.clip((NEAR_DEG[1] - off_deg) / (NEAR_DEG[1] - NEAR_DEG[0]), 0, 1)
    return np.asarray(alike * near, float)


def notices_of(store: FeedbackStore, fits: str) -> list[str]:
    """What to say of a store before it is used."""
    notices = []
    others = sum(mark.heard.fits != fits for mark in store.marks)
    if others:
        notices.append(
            f"{others} of {len(store.marks)} verdicts on alerts in {store.path} were given with "
            "another model and do not count: judge alerts of this one"
        )
    if store.bad_lines:
        notices.append(
            f"{store.bad_lines} lines of {store.path} cannot be read and are left out: the others "
            "count"
        )
    return notices
