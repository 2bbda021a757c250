"""Pictures of a recording as SVG: timeline, azimuth over time, polar histogram."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.output import SOUNDING
from elsa_rt.hearing import Alert, NearMiss
from elsa_rt.screens.plain import told

WIDTH = 960
LEFT, RIGHT = 190, 10
LANE, AXIS = 26, 26
AZIMUTH_HEIGHT = 260
POLAR = 320
HALF_DIGIT = 3.5
TICK = 2.0
"""Width of the tick of a near miss."""
BLOCK = 8.0
"""Longest bar of alerts that cannot be told apart: a full lane still shows when which rule led."""

PALETTE = ("#c9370e", "#1f6f8b", "#7a5195", "#3d8b40", "#b07d12", "#a23b72", "#4a5a9a", "#5f6b2d")
"""Colours of prompts, in their order; then again from the start."""

MAX_DOTS = 6_000

MINUS = "\N{MINUS SIGN}"


def colour_of(index: int) -> str:
    """The colour of the prompt at ``index``."""
    return PALETTE[index % len(PALETTE)]


class TimeAxis:
    """Maps seconds of the recording to x; marks round times."""

    def __init__(self, length_s: float) -> None:
        self.length_s = max(length_s, 1e-3)

    def x(self, time_s: float) -> float:
        """Position of ``time_s``."""
        share = min(max(time_s / self.length_s, 0.0), 1.0)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def marks(self, top: float, bottom: float) -> str:
        """Grid lines and times below them."""
        step = next(
            (s for s in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600)
             if self.length_s / s <= 9),
            86400,
        )  # fmt: skip
        parts = []
        for index in range(int(self.length_s / step) + 1):
            x = self.x(index * step)
            parts.append(f'<path class="grid" d="M{x:.1f} {top:.0f}V{bottom:.0f}"/>')
            label = clock(index * step)
            beyond = x + HALF_DIGIT * len(label) > WIDTH
            parts.append(_text(WIDTH if beyond else x, bottom + 16, label,
                               "end" if beyond else "middle"))  # fmt: skip
        return "".join(parts)


def timeline(
    axis: TimeAxis,
    prompts: Mapping[str, str],
    alerts: Sequence[tuple[Alert, Alert]],
    near: Sequence[NearMiss],
) -> str:
    """A lane for each rule (id to prompt): alerts as bars, near misses as ticks."""
    height = LANE * len(prompts) + AXIS
    parts = [axis.marks(0, height - AXIS)]
    lanes = {rule: index for index, rule in enumerate(prompts)}
    for rule, index in lanes.items():
        middle = LANE * (index + 0.5)
        parts.append(_text(LEFT - 12, middle + 4, _short(prompts[rule], 28), "end"))
        parts.append(f'<path class="grid" d="M{LEFT} {middle:.1f}H{WIDTH - RIGHT}"/>')
    for tick in _ticks(axis, lanes, near):
        y, title = LANE * (tick.lane + 0.5), f"<title>{escape(tick.title)}</title>"
        parts.append(f'<path class="near" d="M{tick.left:.1f} {y - 5:.1f}v10">{title}</path>')
    for bar in _bars(axis, lanes, alerts):
        title = f"<title>{escape(bar.title)}</title>"
        faint = "" if 2 * bar.leads >= bar.count else ' fill-opacity=".35"'
        parts.append(
            f'<rect fill="{colour_of(bar.lane)}"{faint} x="{bar.left:.1f}" '
            f'y="{LANE * bar.lane + 5}" rx="2" width="{bar.right - bar.left:.1f}" '
            f'height="{LANE - 10}">{title}</rect>'
        )
    return _svg(WIDTH, height, "timeline of alerts and near misses", parts)


@dataclass
class _Mark:
    """One event in its lane, or several that cannot be told apart."""

    lane: int
    left: float
    right: float
    title: str
    leads: int = 0  # of them that are the surest of their sounds
    count: int = 1


def _ticks(axis: TimeAxis, lanes: Mapping[str, int], near: Sequence[NearMiss]) -> list[_Mark]:
    """Near misses; of those within `TICK` of each other one."""
    ticks: list[_Mark] = []
    newest: dict[int, _Mark] = {}
    for one in sorted(near, key=lambda miss: miss.start_s):
        if one.reason.rule not in lanes:
            continue
        lane, x = lanes[one.reason.rule], axis.x(one.start_s)
        before = newest.get(lane)
        if before is not None and x < before.left + TICK:
            before.count += 1
            before.title = f"near, {before.count} times until {clock(one.start_s)}"
            continue
        newest[lane] = _Mark(lane, x, x, f"near: {one.reason.text}")
        ticks.append(newest[lane])
    return ticks


def _bars(
    axis: TimeAxis, lanes: Mapping[str, int], alerts: Sequence[tuple[Alert, Alert]]
) -> list[_Mark]:
    bars: list[_Mark] = []
    newest: dict[int, _Mark] = {}
    for start, last in alerts:
        if start.rule not in lanes:
            continue
        lane, left = lanes[start.rule], axis.x(start.onset_s)
        right = max(axis.x(start.onset_s + (last.duration_s or 0)), left + 3)
        before = newest.get(lane)
        leads = int(last.surer is None)
        if before is not None and left < min(before.right - 1.5, before.left + BLOCK):
            before.right, before.count = max(before.right, right), before.count + 1
            before.leads += leads
            before.title = f"{start.prompt}, {before.count} times until {clock(start.onset_s)}"
            continue
        if before is not None:  # the next block of a lane that is full
            left = max(left, min(before.right, left + 3))
            right = max(right, left + 3)
        title = f"{told(last)}, {clock(start.onset_s)}, {last.words}"
        newest[lane] = _Mark(lane, left, right, title, leads)
        bars.append(newest[lane])
    return bars


def azimuths(
    axis: TimeAxis,
    time_s: NDArray[np.float32],
    azimuth_deg: NDArray[np.float32],
    activity: NDArray[np.float32],
    rules: Sequence[str],
    alerts: Sequence[tuple[Alert, Alert]],
) -> str:
    """Azimuth of every active step over time; coloured while a rule's alert is open."""
    plot = AZIMUTH_HEIGHT - AXIS
    parts = [axis.marks(0, plot)]
    for angle, word in ((180, "behind"), (90, "left"), (0, "front"), (-90, "right"),
                        (-180, "behind")):  # fmt: skip
        y = _azimuth_y(angle, plot)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 12, min(max(y + 4, 10), plot), f"{word} {degrees(angle)}", "end"))
    sounding = np.flatnonzero(activity >= SOUNDING)
    sounding = sounding[:: max(1, sounding.size // MAX_DOTS)]
    owner = np.full(len(time_s), -1)  # the rule that alerts at each step
    last_leads = sorted(reversed(alerts), key=lambda pair: pair[1].surer is None)
    for start, last in last_leads:
        if start.rule in rules:
            span = start.onset_s, start.onset_s + (last.duration_s or 0.0) + 0.1
            first, end = np.searchsorted(time_s, span)
            owner[first:end] = rules.index(start.rule)
    dots: dict[str, list[str]] = {}
    for index in sounding.tolist():
        now = float(time_s[index])
        rule = None if owner[index] < 0 else int(owner[index])
        colour = "rest" if rule is None else colour_of(rule)
        y = _azimuth_y(float(azimuth_deg[index]), plot)
        dots.setdefault(colour, []).append(f"M{axis.x(now):.1f} {y:.1f}h0")
    for colour in sorted(dots, key=lambda name: name != "rest"):  # what alerted lies on top
        style = 'class="dots"' if colour == "rest" else f'class="dots" stroke="{colour}"'
        parts.append(f'<path {style} d="{"".join(dots[colour])}"/>')
    return _svg(WIDTH, AZIMUTH_HEIGHT, "azimuth over time", parts)


def polar(
    azimuth_deg: NDArray[np.float32],
    activity: NDArray[np.float32],
    alerts: Sequence[tuple[Alert, Alert]],
    rules: Sequence[str],
) -> str:
    """How long there was sound from each direction, front up; alerts as dots on the rim."""
    middle, rim = POLAR / 2, POLAR / 2 - 34
    seen = activity >= SOUNDING
    count, edges = np.histogram(azimuth_deg[seen], bins=36, range=(-180, 180))
    most = max(int(count.max(initial=0)), 1)
    parts = [
        f'<circle class="ring" cx="{middle}" cy="{middle}" r="{rim * share:.1f}"/>'
        for share in (0.5, 1)
    ]
    for value, low, high in zip(count.tolist(), edges[:-1], edges[1:], strict=True):
        if value:
            radius = rim * math.sqrt(value / most)  # area, not length, is time
            a, b = (_around(middle, radius, angle) for angle in (low + 0.6, high - 0.6))
            parts.append(
                f'<path class="wedge" d="M{middle} {middle}L{a[0]:.1f} {a[1]:.1f}'
                f'A{radius:.1f} {radius:.1f} 0 0 0 {b[0]:.1f} {b[1]:.1f}z"/>'
            )
    drawn = set()
    for start, last in sorted(alerts, key=lambda pair: pair[1].surer is None):
        place = start.rule, round(last.azimuth_deg)
        if start.rule in rules and place not in drawn:
            drawn.add(place)
            x, y = _around(middle, rim, last.azimuth_deg)
            colour = colour_of(rules.index(start.rule))
            title = f"<title>{escape(start.prompt)}, {last.words}</title>"
            parts.append(
                f'<circle fill="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="5">{title}</circle>'
            )
    for word, angle in (("front", 0), ("left", 90), ("behind", 180), ("right", -90)):
        x, y = _around(middle, rim + 18, angle)
        parts.append(_text(x, y + 4, word, "middle"))
    return _svg(POLAR, POLAR, "directions of all sound", parts)


def degrees(angle: float) -> str:
    """An azimuth in words for people: +90°, 0°, with a minus sign to the right."""
    whole = round(angle)
    return f"{'+' if whole > 0 else MINUS if whole < 0 else ''}{abs(whole)}°"


def clock(time_s: float) -> str:
    """Seconds as 0:07, 12:30, 1:02:03."""
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _around(middle: float, radius: float, azimuth_deg: float) -> tuple[float, float]:
    angle = math.radians(azimuth_deg)
    return middle - radius * math.sin(angle), middle - radius * math.cos(angle)


def _azimuth_y(azimuth_deg: float, plot: float) -> float:
    return (180 - azimuth_deg) / 360 * plot


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(width: float, height: float, about: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{about}">'
        f"{''.join(parts)}</svg>"
    )
