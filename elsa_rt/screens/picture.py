"""Drawing of the live view for a terminal of 80 x 24 characters or more."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.hearing import Alert, Hearing, Score, Track
from elsa_rt.screens.compass import Mark, compass
from elsa_rt.screens.plain import clock, place

FALL = 0.85
"""A bar keeps this share of its length from step to step, so that the eye can follow."""

TURNING = 15.0
"""Degrees a second above which a sound is said to turn: below it may well stand still."""

LEVEL_DBFS = (-72.0, 0.0)

SMALLEST = 16
"""Rows below which there is no room for everything."""

ALERTS_KEPT = 200

_NO_ALERTS = Text("none yet", "dim")


class AlertLine(NamedTuple):
    """An alert from its start to what was told of it last."""

    start: Alert
    last: Alert


@dataclass
class State:
    """All that the picture shows."""

    source: str
    model: str
    prompts: InitVar[Iterable[str]]
    bars: dict[str, float] = field(init=False)
    hearing: Hearing | None = None
    alerts: dict[str, AlertLine] = field(default_factory=dict)  # by id, the oldest first
    best: Score | None = None
    notice: str = ""
    load: float | None = None  # processor seconds for a second of sound

    def __post_init__(self, prompts: Iterable[str]) -> None:
        self.bars = dict.fromkeys(prompts, 0.0)

    @property
    def heard_s(self) -> float:
        """Stream time that has been heard."""
        return self.hearing.time_s if self.hearing else 0.0

    def take(self, hearing: Hearing) -> None:
        self.hearing = hearing
        bars = {}
        for score in hearing.scores:
            before = self.bars.get(score.prompt, 0.0)  # rules may change while listening
            bars[score.prompt] = max(score.score, FALL * before)
            if self.best is None or score.score > self.best.score:
                self.best = score
        self.bars = bars
        for alert in hearing.alerts:
            if alert.state == "start":
                self.alerts[alert.id] = AlertLine(alert, alert)
            elif alert.id in self.alerts:
                self.alerts[alert.id] = self.alerts[alert.id]._replace(last=alert)
        while len(self.alerts) > ALERTS_KEPT:
            del self.alerts[next(iter(self.alerts))]


def picture(state: State, width: int, height: int) -> RenderableType:
    """The whole screen in ``width`` x ``height`` characters; the prompts alone in a tiny one."""
    if height < SMALLEST:
        return _prompts(state, height)
    log = max(4, (height - 4) // 3)
    body = height - 4 - log
    latest = list(reversed(state.alerts.values()))[: log - 2]
    whole = Layout()
    whole.split_column(
        Layout(_title(state), size=1),
        Layout(name="body", size=body),
        Layout(_frame(alert_table(latest) if latest else _NO_ALERTS, "alerts"), size=log),
        Layout(_footer(state, width), size=3),
    )
    what = Layout()
    what.split_column(
        Layout(_frame(_where(state), "where"), size=5),
        Layout(_frame(_prompts(state, body - 7), "what")),
    )
    if width < 70:
        whole["body"].update(what)
    else:
        dial = 2 * (body - 2)
        frame = _frame(_dial(state, body - 2), "front", subtitle="behind")
        whole["body"].split_row(Layout(frame, size=dial + 4), what)
    return whole


def alert_table(alerts: Iterable[AlertLine]) -> Table:
    """A row for each of ``alerts``: when, for how long, what, where, how sure."""
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(justify="right", style="dim", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    for start, last in alerts:
        length = last.duration_s
        table.add_row(
            clock(start.time_s),
            Text(" now  ", "reverse red") if length is None else Text(f"{length:4.1f} s"),
            Text(start.prompt, "bold" if length is None else "default"),
            Text(place(last), "cyan"),
            f"{last.score:.2f}",
        )
    return table


def _frame(content: RenderableType, title: str, subtitle: str | None = None) -> Panel:
    return Panel(content, title=title, subtitle=subtitle, border_style="dim", padding=(0, 1))


def _title(state: State) -> Table:
    row = Table.grid(expand=True, padding=(0, 2))
    row.add_column(no_wrap=True)
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    row.add_column(no_wrap=True, style="dim")
    row.add_column(no_wrap=True, justify="right")
    row.add_row(
        Text("elsa-rt", "bold cyan"),
        Text(state.source),
        Text(state.model),
        clock(state.heard_s),
    )
    return row


def _dial(state: State, rows: int) -> Text:
    heard = state.hearing
    fixed = [Mark(0, 90, "+", "dim"), Mark(90, 0, "L", "dim"), Mark(-90, 0, "R", "dim")]
    if heard is None:
        return compass(rows, fixed)
    faint = "dim " if heard.activity < SOUNDING else "bold "
    now = _followed(heard)
    return compass(
        rows,
        [
            *fixed,
            *(Mark(t.azimuth_deg, t.elevation_deg, "◇", "cyan") for t in heard.tracks if t != now),
            Mark(heard.flow_azimuth_deg, heard.flow_elevation_deg, "○", faint + "yellow"),
            Mark(heard.azimuth_deg, heard.elevation_deg, "●", faint + "green"),
        ],
    )


def _where(state: State) -> RenderableType:
    heard = state.hearing
    if heard is None:
        return Text("waiting for sound ...", "dim")
    style = "dim" if heard.activity < SOUNDING else "bold"
    return Group(
        Text.assemble((heard.words, style), (_course(_followed(heard)), "cyan")),
        Text.assemble(
            ("● ", "green"),
            _angles(heard.azimuth_deg, heard.elevation_deg),
            ("   model", "dim"),
            "" if math.isnan(heard.distance_m) else f", {heard.distance_m:.1f} m",
        ),
        Text.assemble(
            ("○ ", "yellow"),
            _angles(heard.flow_azimuth_deg, heard.flow_elevation_deg),
            (f"   energy flow, {1 - heard.diffuseness:.0%} direct", "dim"),
        ),
    )


def _followed(heard: Hearing) -> Track | None:
    """The track of what is heard now."""
    return next((track for track in heard.tracks if track.last_s == heard.time_s), None)


def _course(track: Track | None) -> str:
    """Uncertainty and angular speed of a direction, in words."""
    if track is None:
        return ""
    turns = f", turning {track.speed_deg_s:.0f}°/s" if track.speed_deg_s > TURNING else ""
    return f"  ±{track.uncertainty_deg:.0f}°{turns}"


def _angles(azimuth_deg: float, elevation_deg: float) -> str:
    return f"az {azimuth_deg:+4.0f}°  el {elevation_deg:+3.0f}°"


def _prompts(state: State, rows: int) -> Table:
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(width=10, no_wrap=True)
    table.add_column(width=4, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    scores = {s.prompt: s.score for s in state.hearing.scores} if state.hearing else {}
    best = sorted(state.bars, key=lambda prompt: -state.bars[prompt])[: max(rows, 1)]
    for prompt in best:
        length = state.bars[prompt]
        style = "green" if length >= SOUNDING else "dim"
        table.add_row(bar(length, 10, style), f"{scores.get(prompt, 0.0):.2f}", Text(prompt, style))
    return table


def _footer(state: State, width: int) -> Group:
    heard = state.hearing
    lowest, highest = LEVEL_DBFS
    level = (heard.level_dbfs - lowest) / (highest - lowest) if heard else 0.0
    meters = Text.assemble(
        "level ",
        bar(level, 16, "red" if level > 0.95 else "green"),
        f" {heard.level_dbfs:4.0f} dBFS   " if heard else " " * 13,
        "activity ",
        bar(heard.activity if heard else 0.0, 10, "green"),
    )
    last = Text(state.notice, "yellow")
    last.truncate(width, overflow="ellipsis")
    return Group(meters, last, Text("   ").join([*status(state), Text("Ctrl-C ends", "dim")]))


def status(state: State) -> list[Text]:
    """Lost samples and processor load, in words."""
    lost = state.hearing.dropped if state.hearing else 0
    parts = [Text(f"lost {lost} samples", "bold red" if lost else "dim")]
    if state.load is not None:
        parts.append(Text(f"real-time factor {state.load:.2f}", "dim"))
    return parts


def bar(share: float, width: int, style: str) -> Text:
    """A bar of eighths of a character; ``share`` 0..1, anything outside is cut."""
    eighths = round(8 * width * min(max(share, 0.0), 1.0))
    whole, part = divmod(eighths, 8)
    drawn = "█" * whole + ("▏▎▍▌▋▊▉"[part - 1] if part else "")
    return Text.assemble((drawn, style), ("·" * (width - len(drawn)), "dim"))
