"""Alerts as plain lines, for a terminal that cannot draw."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TextIO

from elsa_rt.hearing import Alert, Hearing
from elsa_rt.scoring.known_sounds import KnownSounds
from elsa_rt.screens.heard import HeardLog


class PlainLines:
    """A line for each message of an alert and for each notice; without rules for known sounds.

    ``known`` is what names them, `Listener.known`.
    """

    def __init__(self, stream: TextIO, known: KnownSounds | None = None) -> None:
        self._stream = stream
        self._log = HeardLog(known.told_from if known is not None else 1.0)

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            self.notice(
                f"{clock(alert.time_s)}  {alert.state:6}  {told(alert)}"
                f"  ({place(alert)})  {alert.score:.2f}"
            )
        for sound in self._log.step(hearing):
            if not hearing.scores and sound.state == "start":
                self.notice(
                    f"{clock(sound.start_s)}  hears   {sound.name}  ({sound.words})"
                    f"  {sound.probability:.0%}"
                )

    def notice(self, message: str) -> None:
        print(message, file=self._stream, flush=True)


def surest_last(alerts: Iterable[Alert]) -> list[Alert]:
    """The alerts of a step for a list whose latest comes first: those of one sound together."""
    return sorted(alerts, key=lambda one: (one.state == "start", one.surer is None))


def told(alert: Alert) -> str:
    """The prompt of an alert, beside what other rules hear of its sound: "also a wolf"."""
    also = f", also {alert.also}" if alert.joined else ""
    return f"also {alert.prompt}" if alert.surer else f"{alert.prompt}{also}"


def place(alert: Alert) -> str:
    """Place of an alert with its uncertainty: "behind, left ±8°"."""
    if math.isnan(alert.uncertainty_deg):
        return alert.words
    return f"{alert.words} ±{alert.uncertainty_deg:.0f}°"


def clock(time_s: float) -> str:
    """Stream time as people write it: 0:07.3, 1:02:03.4."""
    minutes, seconds = divmod(round(time_s, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"
