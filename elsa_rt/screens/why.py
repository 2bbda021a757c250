"""Alerts of a recording beside what came near and why it did not alert, as lines of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TextIO

from elsa_rt.hearing import Alert, Cause, Hearing

MARKS: dict[Cause, str] = {
    "score": "s", "background": "b", "activity": "a", "region": "r", "feedback": "f",
    "level": "l", "schedule": "t", "at_most": "m", "cooldown": "c", "confirmation": "h",
}  # fmt: skip
"""Letters of the drawing."""

NAMES: dict[Cause, str] = {
    "score": "score", "background": "goes on all the time", "activity": "faint",
    "region": "region", "feedback": "marked false", "level": "level", "schedule": "schedule",
    "at_most": "at most", "cooldown": "cooldown", "confirmation": "held too briefly",
}  # fmt: skip

COLUMNS = 60
ALERT, JOINED, NOTHING = "█", "▒", "·"


class _Span(NamedTuple):
    rule: str
    start_s: float
    end_s: float
    mark: str


class WhyLines:
    """A row for each alert and each near miss, and in the end a line of time for each rule.

    Parameters
    ----------
    stream : text stream
    rules : ids of the rules, in the order of the drawing
    time : callable
        Says a time of the stream, in seconds, for people.
    """

    def __init__(self, stream: TextIO, rules: Sequence[str], time: Callable[[float], str]) -> None:
        self._stream, self._rules, self._time = stream, rules, time
        self._width = max(map(len, rules), default=0)
        self._starts: dict[str, Alert] = {}
        self._spans: list[_Span] = []
        self._end_s = 0.0

    def show(self, hearing: Hearing) -> None:
        self._end_s = hearing.time_s
        for alert in hearing.alerts:
            if alert.state == "start":
                self._starts[alert.id] = alert
            elif alert.state == "end" and alert.id in self._starts:
                start = self._starts.pop(alert.id)
                self._spans.append(_Span(alert.rule, start.time_s, alert.time_s, ALERT))
                for one in alert.joined:
                    self._spans.append(_Span(one.rule, start.time_s, one.time_s, JOINED))
                where = f"{start.azimuth_deg:+.0f}° {start.words}"
                told = f"also {alert.also}" if alert.joined else ""
                told = "beside a surer alert" if alert.surer else told
                self._row(start.time_s, "ALERT", f"{alert.score:.2f}", where, alert.rule, told)
        for miss in hearing.near_misses:
            why = miss.reason
            self._spans.append(_Span(why.rule, miss.start_s, miss.last_s, MARKS[why.cause]))
            where = f"{why.azimuth_deg:+.0f}° {why.words}"
            self._row(miss.start_s, "near", f"{why.score:.2f}", where, why.rule, why.text)

    def draw(self) -> None:
        """Draw all that was told over time."""
        if not self._spans:
            print("no rule alerted or came near", file=self._stream)
            return
        width = self._width
        length_s = max(self._end_s, 1e-9)
        print(file=self._stream)
        ends = self._time(0.0), self._time(self._end_s)
        print(f"{'':{width}}  {ends[0]:<{COLUMNS - len(ends[1])}}{ends[1]}", file=self._stream)
        for rule in self._rules:
            line = [NOTHING] * COLUMNS
            mine = [span for span in self._spans if span.rule == rule]
            for span in sorted(mine, key=lambda span: span.mark in (ALERT, JOINED)):  # on top
                first = int(COLUMNS * span.start_s / length_s)
                last = int(COLUMNS * span.end_s / length_s)
                for column in range(min(first, COLUMNS - 1), min(last, COLUMNS - 1) + 1):
                    line[column] = span.mark
            print(f"{rule:{width}}  {''.join(line)}", file=self._stream)
        used = {span.mark for span in self._spans}
        told = [f"{MARKS[cause]} {name}" for cause, name in NAMES.items() if MARKS[cause] in used]
        alerts = {ALERT: "alert", JOINED: "joined the alert of another rule"}
        told = [f"{mark} {name}" for mark, name in alerts.items() if mark in used] + told
        print(f"{'':{width}}  {', '.join(told)}", file=self._stream)

    def _row(self, time_s: float, what: str, score: str, where: str, rule: str, text: str) -> None:
        begins = f"{self._time(time_s):>19}  {what:5}  {score:>5}"
        print(f"{begins}  {where:20}  {rule:{self._width}}  {text}".rstrip(), file=self._stream)
