"""Health monitor: state of one stream and its reasons, from its blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from elsa_rt.audio.block import Block, SourceStatus
from elsa_rt.diagnostics.first_look import PIECES, FirstLook
from elsa_rt.diagnostics.signal_health import SignalHealth
from elsa_rt.health import Health, HealthEvent, HealthState
from elsa_rt.microphones.profile import Profile

DEAF_S = 3.0
"""After so long without sound a stream is deaf: its open alerts end."""

LOOK_S = 4.0
"""So often the beginning of a stream is looked at, until all is known of it.

A look takes as long, a piece at a time."""

SPOILING = {"stuck", "deaf", "dead", "mute", "same", "repeat", "gain", "narrow", "clip"}
"""Faults of channels with which neither the format nor the level of all can be judged."""

TOO_LATE_S = 0.5
"""A listener that is so far behind is told to be."""


class HealthMonitor:
    """Follows `SignalHealth` and what the source says of itself.

    Parameters
    ----------
    profile : Profile
        Of the microphone: its channels, and the format that they are declared to have.
    """

    def __init__(self, profile: Profile) -> None:
        capsules = profile.format == "a-format"
        self._signal = SignalHealth(profile.channels, profile.silent, capsules=capsules)
        self._first = FirstLook(profile.format)
        self._looked_s = 0.0
        self._look: Iterator[str | None] = iter(())
        self._pieces = 0.0  # of the look that are due
        self._told = Health()
        self._status = SourceStatus()
        self._lost = 0
        self._failure = ""
        self._waiting = False
        self._live = False

    def step(self, block: Block) -> list[str]:
        """Look at the next block; the notices that are due."""
        self._failure = ""
        self._waiting = not block.samples.shape[1]
        self._lost += block.dropped
        self._live = block.status is not None
        self._status = block.status or SourceStatus()
        if self._status.resumed:
            self._signal.reset()
            self._looked_s = 0.0
            self._look = iter(())
        if self._waiting:
            return []
        if self._status.resumed:  # the gap is no loss of a busy computer, and is told elsewhere
            block = replace(block, dropped=0)
        said = self._look_on(block)  # before the block takes the place of what is looked at
        said += self._signal.step(block)
        if not self._first.done and self._signal.now_s >= self._looked_s + LOOK_S:
            said += filter(None, self._look)
            self._looked_s, self._pieces = self._signal.now_s, 0.0
            if not SPOILING & self._signal.faults.keys():
                self._look = self._first.step(self._signal.history, block.rate, self._looked_s)
        return said

    def _look_on(self, block: Block) -> list[str]:
        """The pieces of a look that are due with ``block``; what they come to."""
        self._pieces += PIECES * block.samples.shape[1] / (block.rate * LOOK_S)
        said = islice(self._look, math.ceil(self._pieces))
        self._pieces -= math.ceil(self._pieces)
        return [text for text in said if text]

    def finish(self) -> list[str]:
        """At the end of the stream: what was counted since it was last said."""
        return [*filter(None, self._look), *self._signal.finish()]

    def fail(self, reason: str) -> None:
        """The source ended with an error; nothing more will come."""
        self._failure = reason

    @property
    def cut_off(self) -> bool:
        """Whether the source has been without sound for so long that the stream is over."""
        return self._waiting and self._status.silent_s >= DEAF_S

    @property
    def health(self) -> Health:
        """The health as of the last block."""
        state, deaf, reasons = self._judge()
        return Health(
            state=state,
            deaf=deaf,
            reasons=tuple(reasons),
            lost_samples=self._lost,
            lag_s=self._status.lag_s,
            silent_s=self._status.silent_s if self._waiting else 0.0,
            restarts=self._status.restarts,
        )

    def event(self, time_s: float, now: Health) -> HealthEvent | None:
        """What is to be told of the `health` at ``time_s``; None where nothing has changed."""
        before = self._told
        if (now.state, now.deaf) == (before.state, before.deaf):
            return None
        self._told = now
        if now.deaf != before.deaf:
            return HealthEvent("deaf" if now.deaf else "hearing", time_s, now)
        return HealthEvent("state", time_s, now)

    def _judge(self) -> tuple[HealthState, bool, list[str]]:
        if self._failure:
            return "FAILED", True, [self._failure]
        if self.cut_off:
            return "RECOVERING", True, [self._status.reason or self._silence()]
        faults = self._signal.faults
        if not faults and self._status.lag_s <= TOO_LATE_S:  # most often
            return "HEALTHY", False, []
        worst = {"stuck", "deaf", "mute"} | ({"repeat"} if self._live else set())
        reasons = [text for kind, text in faults.items() if kind in worst]
        reasons += [text for kind, text in faults.items() if kind not in worst]
        if self._status.lag_s > TOO_LATE_S:
            reasons.append(f"listening is {self._status.lag_s:.1f} s behind the sound")
        if worst & faults.keys() - {"mute"}:
            return "FAILED", True, reasons
        return ("DEGRADED" if reasons else "HEALTHY"), "mute" in faults, reasons

    def _silence(self) -> str:
        return f"no sound has come for {self._status.silent_s:.1f} s"
