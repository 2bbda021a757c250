"""The terminal view as lines of text, for any size; drawing costs under two milliseconds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.hearing import Hearing, Track
from elsa_rt.screens.plain import clock
from elsa_rt.screens.terminal.compass import Mark, arc, columns_of, compass
from elsa_rt.screens.terminal.signs import Signs, in_ascii
from elsa_rt.screens.terminal.state import TRAIL_S, Event, State
from elsa_rt.screens.terminal.style import Line, Span, fit, sides, width_of

TURNING_DEG_S = 15.0
"""Speed above which a sound is said to turn: below it may well stand still."""

LEVEL_DBFS = (-72.0, 0.0)
SMALLEST = (40, 12)
"""Columns and rows below which only the rules are shown."""

READABLE = 100
"""Columns of a line at most whose ends belong together: the eye loses a longer one."""

KEYS = "a add  m mute  M all  +/- threshold  f false  r right  s save  q quit"


class Picture:
    """Draws `State`.

    Attributes
    ----------
    selected : str
        Id of the rule that keys act on.
    typed : str or None
        What is being typed, while a prompt is asked for.
    keys : bool
        Whether there is a keyboard.
    """

    def __init__(self, state: State, signs: Signs) -> None:
        self.state, self.signs = state, signs
        self.selected = ""
        self.typed: str | None = None
        self.keys = False

    def lines(self, width: int, height: int) -> list[Line]:
        """The whole screen: ``height`` lines of ``width`` columns."""
        if width < SMALLEST[0] or height < SMALLEST[1]:
            drawn = [self._now_line(), *self._rules(width, height - 1)]
            return self._fitted(drawn, width, height)
        log = max(3, (height - 6) // 4)
        body = height - 5 - log
        top = self._body(width, body)
        drawn = [self._title(width), self._line(width), *top, *[[]] * (body - len(top))]
        drawn += [self._headline(width), *self._events(width, log)]
        drawn += [*[[]] * (height - 2 - len(drawn)), self._meters(width), self._footer(width)]
        return self._fitted(drawn, width, height)

    def _fitted(self, drawn: Sequence[Line], width: int, height: int) -> list[Line]:
        if not self.signs.braille:
            drawn = [[Span(in_ascii(text), style) for text, style in line] for line in drawn]
        return [fit(line, width, self.signs.end) for line in drawn[:height]]

    def _title(self, width: int) -> Line:
        state = self.state
        health = state.over or state.health.lower()
        style = "faint" if state.over else "good" if state.health == "HEALTHY" else "warning"
        left = [
            Span("elsa-rt", "title"),
            Span(f"  {state.source}"),
            Span(f"  {state.model}", "faint"),
        ]
        right = [Span("all alerts are muted  ", "warning")] if state.mutes.all else []
        right += [Span(health, style), Span(f"  {clock(state.heard_s)}")]
        return sides(left, right, width, self.signs.end)

    def _line(self, width: int) -> Line:
        return [Span(self.signs.rule * width, "faint")]

    def _headline(self, width: int) -> Line:
        word = " heard " if self.state.only_sounds else " alerts and near misses "
        rule = self.signs.rule
        return [Span(rule * 2, "faint"), Span(word, "faint"),
                Span(rule * max(width - len(word) - 2, 0), "faint")]  # fmt: skip

    def _body(self, width: int, rows: int) -> list[Line]:
        dial = min(rows, max((width - 34) // 2, 0))
        if dial < 7:
            return [self._now_line(), *self._rules(width, rows - 1)]
        left = compass(dial - 2, self._marks(), self.signs)
        columns = columns_of(dial - 2)
        left = [[Span("front".center(columns), "faint")], *left,
                [Span("behind".center(columns), "faint")]]  # fmt: skip
        room = width - columns - 3
        right = [*self._now(room), [], *self._rules(room, rows - 5)]
        empty: Line = [Span(" " * columns)]
        return [
            [*(fit(left[row], columns) if row < len(left) else empty), Span("   "),
             *(right[row] if row < len(right) else [])]
            for row in range(rows)
        ]  # fmt: skip

    def _marks(self) -> list[Mark]:
        state, signs, heard = self.state, self.signs, self.state.hearing
        marks = [Mark(0, 90, "+", "faint"), Mark(90, 0, "L", "faint"), Mark(-90, 0, "R", "faint")]
        if heard is None:
            return marks
        alerting = {alert.track for alert in state.open.values() if alert.track}
        for track in state.trail:
            if track.time_s < heard.time_s and heard.time_s - track.time_s < TRAIL_S:
                marks.append(Mark(track.azimuth_deg, track.elevation_deg, signs.trail, "faint"))
        for track in heard.tracks:
            style = "alert" if track.id in alerting else "sound"
            if track.last_s == heard.time_s:
                marks += arc(track.azimuth_deg, track.uncertainty_deg, signs.spread, style)
        if heard.activity >= SOUNDING:
            marks.append(
                Mark(heard.flow_azimuth_deg, heard.flow_elevation_deg, signs.flow, "faint")
            )
        for track in heard.tracks:
            here = track.last_s == heard.time_s
            style = "alert" if track.id in alerting else "sound" if here else "faint"
            sign = signs.sound if here else signs.faint
            marks.append(Mark(track.azimuth_deg, track.elevation_deg, sign, style))
        return marks

    def _now_line(self) -> Line:
        first, second, *_ = self._now(200)
        return [*first, Span("  "), *second]

    def _now(self, width: int) -> list[Line]:
        """What sounds, where, and what it is like: four lines."""
        state, heard = self.state, self.state.hearing
        if heard is None:
            return [[Span("waiting for sound", "faint")], [], [], []]
        loud = heard.activity >= SOUNDING
        track = _followed(heard)
        if state.open:
            alert = max(state.open.values(), key=lambda one: (one.surer is None, one.score))
            what = [Span(alert.prompt, "alert")]
        elif loud:
            what = [Span(state.names.get(track.id, "a sound") if track else "a sound", "sound")]
        else:
            what = [Span("quiet", "faint")]
        words = heard.words + (f" ±{track.uncertainty_deg:.0f}°" if track else "")
        turning = track is not None and track.speed_deg_s > TURNING_DEG_S
        if track is not None and turning:
            words += f", turning {track.speed_deg_s:.0f}°/s"
        angles = f"  az {heard.azimuth_deg:+.0f}° el {heard.elevation_deg:+.0f}°"
        if not math.isnan(heard.distance_m):
            angles += f"  {heard.distance_m:.1f} m"
        where = [Span(words, "" if loud else "faint"), Span(angles, "faint")]
        labels = [f"{label.name} {label.probability:.0%}" for label in heard.labels if
                  label.probability >= 0.1]  # fmt: skip
        likes = [Span("sounds like ", "faint"), Span(", ".join(labels) or "nothing it knows",
                 "" if labels and loud else "faint")]  # fmt: skip
        others = [t for t in heard.tracks if track is None or t.id != track.id]
        beside = ", ".join(f"{state.names.get(t.id, 'a sound')} {t.words}" for t in others[:2])
        also = [Span("beside it ", "faint"), Span(beside)] if others else []
        return [fit(line, width, self.signs.end) for line in (what, where, likes, also)]

    def _rules(self, width: int, rows: int) -> list[Line]:
        listed = list(self.state.rules())
        if not listed:
            return self._no_rules()
        if len(listed) > rows:  # what sounds first, and what keys act on
            listed.sort(key=lambda rule: (rule[0] != self.selected, -rule[2]))
        width = min(width, READABLE)
        bar = max(8, min(width // 4, 24))
        lines: list[Line] = []
        for rule, label, score, threshold, state in listed[: max(rows, 0)]:
            alerting, muted = state == "alert", state == "muted"
            name = "selected" if rule == self.selected else "alert" if alerting else ""
            name = "faint" if muted and not name else name
            score_text = "muted" if muted else f" {score:.2f}"
            line = [
                *self._bar(score, threshold, bar, "alert" if alerting else ""),
                Span(f"{score_text} ", "alert" if alerting else "faint"),
                Span(label, name),
            ]
            why = self._why(rule, score, threshold, alerting, muted)
            room = width - width_of(line)
            if why and len(why) + 2 <= room:
                line = sides(line, [Span(why, "alert" if alerting else "faint")], width)
            lines.append(line)
        return lines

    def _no_rules(self) -> list[Line]:
        how = "press a and type one" if self.keys else 'elsa-rt listen --prompt "a dog barking"'
        return [
            [Span("No prompt: known sounds are named as they come.", "faint")],
            [Span(f"To be alerted: {how}", "faint")],
        ]

    def _bar(self, score: float, threshold: float, width: int, style: str) -> Line:
        """A bar with the threshold as a mark."""
        signs = self.signs
        full = min(max(round(score * width), 0), width)
        cells = signs.bar * full + signs.empty * (width - full)
        styles = [(0, full, style), (full, width, "faint")]
        if math.isnan(threshold):
            return [Span(cells[a:b], kind) for a, b, kind in styles if b > a]
        at = min(int(threshold * width), width - 1)
        line: Line = []
        for a, b, kind in styles:
            if a <= at < b:
                line += [
                    Span(cells[a:at], kind),
                    Span(signs.mark, "mark"),
                    Span(cells[at + 1 : b], kind),
                ]
            else:
                line.append(Span(cells[a:b], kind))
        return [span for span in line if span.text]

    def _why(self, rule: str, score: float, threshold: float, alerting: bool, muted: bool) -> str:
        if alerting:
            return self.state.open[rule].words
        reason = self.state.reason_of(rule)
        if muted or score < 0.02 or math.isnan(threshold):
            return ""
        return reason or (f"below {threshold:.2f}" if score < threshold else "")

    def _events(self, width: int, rows: int) -> list[Line]:
        events = [*self.state.events.values()][::-1][:rows]
        if not events:
            return [[Span("none yet", "faint")]]
        return [self.event(event, min(width, READABLE)) for event in events]

    def event(self, event: Event, width: int) -> Line:
        """One line of the list."""
        now, near = event.duration_s is None, event.kind == "near"
        kind = "near" if near else "now" if now else ""
        style = (
            "faint" if near else "" if not now else "alert" if event.kind == "alert" else "sound"
        )
        if event.alert is not None and event.alert.surer:
            style = "faint"
        left = [Span(f"{clock(event.time_s):>8}  ", "faint"), Span(f"{kind:5}", style),
                Span(event.what, style)]  # fmt: skip
        if near:
            right = [Span(event.reason, "faint")]
        else:
            length = "" if now else f"{event.duration_s:5.1f} s"
            right = [Span(event.where), Span(f"  {length:>7}  {event.score:.2f}", "faint")]
        return sides(left, right, width, self.signs.end)

    def _meters(self, width: int) -> Line:
        heard, state = self.state.hearing, self.state
        lowest, highest = LEVEL_DBFS
        level = (heard.level_dbfs - lowest) / (highest - lowest) if heard else 0.0
        size = max(8, min(width // 8, 24))
        style = "warning" if level > 0.95 else ""
        line: Line = [Span("level ", "faint"), *self._bar(level, math.nan, size, style)]
        line.append(Span(f" {heard.level_dbfs:4.0f} dBFS  " if heard else " " * 13))
        line += [
            Span("activity ", "faint"),
            *self._bar(heard.activity if heard else 0, math.nan, 8, ""),
        ]
        lost = heard.dropped if heard else 0
        line.append(Span(f"  lost {lost}", "warning" if lost else "faint"))
        if state.load.load is not None:
            line.append(Span(f"  load {state.load.load:.1%}", "faint"))
        return line

    def _footer(self, width: int) -> Line:
        if self.typed is not None:
            shown = self.typed[-max(width - 16, 1) :]
            return [Span("listen for: ", "title"), Span(f"{shown} ", "input")]
        right = [Span(KEYS if self.keys else "Ctrl-C ends", "faint")]
        if width_of(right) > width - len(self.state.notice) - 2:
            right = [Span("a add  f false  q quit" if self.keys else "Ctrl-C ends", "faint")]
        return sides([Span(self.state.notice, "warning")], right, width, self.signs.end)


def _followed(heard: Hearing) -> Track | None:
    """The track of what is heard now, the nearest to its direction."""
    here = [track for track in heard.tracks if track.last_s == heard.time_s]
    return min(here, key=lambda t: abs((t.azimuth_deg - heard.azimuth_deg + 180) % 360 - 180),
               default=None)  # fmt: skip
