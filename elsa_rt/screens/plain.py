"""Alerts as plain lines, for a terminal that cannot draw."""

from __future__ import annotations

from typing import TextIO

from elsa_rt.hearing import Hearing


class PlainLines:
    """A line for each start and each end of an alert, and for each notice."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            self.notice(
                f"{clock(alert.time_s)}  {alert.state:5}  {alert.prompt}"
                f"  ({alert.words})  {alert.score:.2f}"
            )

    def notice(self, message: str) -> None:
        print(message, file=self._stream, flush=True)


def clock(time_s: float) -> str:
    """Stream time as people write it: 0:07.3, 1:02:03.4."""
    minutes, seconds = divmod(round(time_s, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{seconds:04.1f}" if hours else f"{minutes}:{seconds:04.1f}"
