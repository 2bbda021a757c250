"""A recording heard for a report: in one go, or in pieces side by side if it is long.

The pieces go through the model on several processes; what it heard is then matched in the order of
time by one listener, so that thresholds, tracks and alerts know no border.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np

from elsa_rt.audio.block import Block
from elsa_rt.diagnostics.monitor import HealthMonitor
from elsa_rt.health import Health
from elsa_rt.hearing import Hearing
from elsa_rt.listener import Listener
from elsa_rt.parallel import usable_cores
from elsa_rt.recordings.pieces import Recording, pieces_of
from elsa_rt.recordings.processes import on_processes
from elsa_rt.screens.report.collect import Collected
from elsa_rt.screens.report.steps import PartOfSteps, hear_steps
from elsa_rt.sources.files import FileSource

OnProgress = Callable[[float], None]
"""Hears of seconds of sound that are done."""

LONG_S = 900.0
"""From this length on a recording is heard in pieces."""

PIECE_S = (300.0, 3600.0)
"""Shortest and longest piece: the lead before each is heard twice, and what is heard of a piece is
kept until those before it are done, 60 MB of an hour."""


def is_parted(recording: Recording) -> bool:
    """Whether it is heard in pieces: it is long."""
    return recording.seconds >= LONG_S


def length_of_pieces(seconds: float, step_s: float, jobs: int) -> float:
    """Seconds of each piece of a recording: whole steps and whole seconds.

    Every process hears as many as the others, so that none waits for others in the end.
    """
    shortest, longest = PIECE_S
    rounds = math.ceil(seconds / (jobs * longest)) if jobs > 1 else 1
    wanted = max(seconds / (jobs * rounds), shortest)
    unit = math.lcm(round(1000 * step_s), 1000) / 1000
    return math.ceil(wanted / unit) * unit


def hear_whole(
    listener: Listener, source: FileSource, found: Collected, on_progress: OnProgress
) -> None:
    """Hear ``source`` from its begin to its end."""
    listener.on_frames = found.take_frames
    for block in source:
        for hearing in listener.push(block):
            found.take(hearing)
        on_progress(block.samples.shape[1] / block.rate)
    for hearing in listener.finish():
        found.take(hearing)


def hear_parted(
    listener: StepListener,
    recording: Recording,
    found: Collected,
    on_progress: OnProgress,
    jobs: int = 0,
) -> None:
    """Hear ``recording`` in pieces, on ``jobs`` processes, by default one a core."""
    jobs = jobs or usable_cores()
    length_s = length_of_pieces(recording.seconds, listener.bundle.step_s, jobs)
    pieces = pieces_of(recording, length_s)
    config = listener.config.changed(rules=(), prompts=())
    said = Once(listener.on_notice)
    last = None
    hear = partial(hear_steps, config, listener.known)
    with on_processes(hear, pieces, jobs) as coming:
        for part in in_order(coming):
            for notice in part.notices:
                said(notice)
            if part.steps is not None:
                found.take_columns(part.steps.columns)
            for hearing in listener.hear(part, recording.channels, recording.rate):
                if last is not None:
                    found.take(last)
                last = hearing
            on_progress(part.seconds)
            if part.error:
                listener.on_notice(f"{part.error}: the rest of it is not heard")
                break
    if last is not None:
        found.take(listener.ended(last))


def in_order(coming: Iterable[PartOfSteps]) -> Iterator[PartOfSteps]:
    """Parts in the order of time, whichever is done first; those of one piece are in order."""
    waiting: defaultdict[int, deque[PartOfSteps]] = defaultdict(deque)
    due = 0
    for one in coming:
        waiting[one.piece.index].append(one)
        while waiting[due]:
            part = waiting[due].popleft()
            yield part
            due += part.is_last


class StepListener(Listener):
    """A listener that is told by others what the model heard in each step."""

    def hear(self, part: PartOfSteps, channels: int, rate: int) -> Iterator[Hearing]:
        """The hearings of the steps of ``part``, which follows those before."""
        pipeline = self._pipeline
        if not pipeline.begun:
            pipeline.begin(Block(np.zeros((channels, 0), np.float32), rate))
            pipeline.monitor = self._told = ToldHealth(self._microphone)
            self._changes = deque[tuple[float, Health]]()
        self._changes += part.health
        names = () if self.known is None else self.known.names
        for sound, flow, labels in part.heard(names):
            end_s = (pipeline.steps + 1) * self.bundle.step_s
            while self._changes and self._changes[0][0] < end_s:
                self._told.now = self._changes.popleft()[1]
            yield pipeline.match(sound, flow, labels)

    def ended(self, last: Hearing) -> Hearing:
        """``last`` with the ends of the open alerts: the recording is over."""
        return self._pipeline.ended(last)


class ToldHealth(HealthMonitor):
    """The health that others found."""

    now = Health()

    @property
    def health(self) -> Health:
        """What was told last."""
        return self.now


class Once:
    """Passes on each kind of notice once: those that differ in their figures alone are one kind."""

    def __init__(self, on_notice: Callable[[str], None]) -> None:
        self._on_notice = on_notice
        self._said: set[str] = set()

    def __call__(self, notice: str) -> None:
        kind = re.sub(r"[\d.,]+", "#", notice)
        if kind not in self._said:
            self._said.add(kind)
            self._on_notice(notice)
