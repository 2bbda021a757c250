"""Alerts as plain lines, for a terminal that cannot draw."""

from __future__ import annotations

import math
from typing import TextIO

from elsa_rt.hearing import Alert, Hearing


class PlainLines:
    """A line for all that is told of an alert, and for each notice."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            self.notice(
                f"{clock(alert.time_s)}  {alert.state:6}  {alert.prompt}"
                f"  ({place(alert)})  {alert.score:.2f}"
            )

    def notice(self, message: str) -> None:
        print(message, file=self._stream, flush=True)


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
