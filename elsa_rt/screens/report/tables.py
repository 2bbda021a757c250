"""Tables of a report: how often each prompt alerted, alerts, near misses, known sounds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TypeVar

from elsa_rt.hearing import Alert, NearMiss
from elsa_rt.screens.plain import told
from elsa_rt.screens.report.collect import Collected
from elsa_rt.screens.report.drawing import clock, colour_of, degrees

T = TypeVar("T")

MOST_ROWS = 500
"""Of a table; a day may have more alerts than anybody reads."""


def prompts_table(
    prompts: Mapping[str, str], alerts: Sequence[tuple[Alert, Alert]], near: Sequence[NearMiss]
) -> str:
    """How often each rule (id to prompt) alerted, for how long, and mostly from where."""
    raised, ids = defaultdict(list), list(prompts)
    for start, last in alerts:
        raised[start.rule].append(last)
    missed = Counter(miss.reason.rule for miss in near)
    rows = []
    for rule, prompt in prompts.items():
        ends = raised[rule]
        where = Counter(last.words for last in ends).most_common(1)
        rows.append(
            [
                _dot(ids, rule) + escape(prompt),
                f"{len(ends):,}",
                _lasting(sum(last.duration_s or 0 for last in ends)) if ends else "",
                escape(where[0][0]) if where else "",
                f"{max(last.score for last in ends):.2f}" if ends else "",
                f"{missed[rule]:,}",
            ]
        )
    heads = ["prompt", "alerts", "in all", "mostly", "surest", "near misses"]
    return _table(heads, rows, numbers=(1, 2, 4, 5), empty="")


def alerts_table(alerts: Sequence[tuple[Alert, Alert]], ids: Sequence[str]) -> str:
    """When and where each alert was, or those with the highest scores."""
    rows = []
    shown = best(alerts, lambda pair: pair[1].score, lambda pair: pair[0].rule)
    for start, last in shown:
        rows.append(
            [
                clock(start.onset_s),
                _dot(ids, start.rule) + escape(told(last)),
                escape(last.words) + f" ({degrees(last.azimuth_deg)})",
                f"{last.duration_s or 0:.1f} s",
                f"{last.score:.2f}",
                _rate(last.false_alarms_per_hour),
            ]
        )
    heads = ["at", "prompt", "where", "lasted", "score", "by chance, an hour"]
    return _table(heads, rows, numbers=(3, 4, 5), empty="None.") + _left_out(shown, alerts)


def near_table(found: Collected, ids: Sequence[str]) -> str:
    """The near misses, and why each did not alert."""
    shown = best(found.near, lambda miss: miss.reason.score, lambda miss: miss.reason.rule)
    rows = [
        [
            clock(miss.start_s),
            _dot(ids, miss.reason.rule) + escape(miss.reason.prompt),
            escape(miss.reason.words) + f" ({degrees(miss.reason.azimuth_deg)})",
            f"{miss.reason.score:.2f} of {miss.reason.threshold:.2f}",
            escape(miss.reason.text),
        ]
        for miss in shown
    ]
    heads = ["at", "prompt", "where", "score", "why it did not alert"]
    return _table(heads, rows, numbers=(3,), empty="None.") + _left_out(shown, found.near)


def heard_table(found: Collected, told_error: float) -> str:
    """How often each known sound was heard; ``told_error`` is the share of names that are wrong."""
    groups = defaultdict(list)
    for sound in found.heard:
        groups[sound.name].append(sound)
    rows = []
    for name, sounds in sorted(groups.items(), key=lambda item: -len(item[1])):
        where = Counter(sound.words for sound in sounds)
        lasting = sum(sound.last_s - sound.start_s for sound in sounds)
        rows.append(
            [
                escape(name),
                f"{len(sounds):,}",
                _lasting(lasting),
                escape(where.most_common(1)[0][0]),
                clock(sounds[0].start_s),
                f"{max(sound.probability for sound in sounds):.0%}",
            ]
        )
    heads = ["sound", "times", "in all", "mostly", "first at", "surest"]
    table = _table(heads, rows, numbers=(1, 2, 4, 5), empty="No known sound was sure enough.")
    if told_error == told_error:
        table += (
            f'<p class="faint">Of such names about {100 * told_error:.0f} % are wrong, as '
            "measured on the model's own background.</p>"
        )
    return table


def best(events: Sequence[T], score: Callable[[T], float], rule: Callable[[T], str]) -> Sequence[T]:
    """`MOST_ROWS` of ``events``, the ones with the highest scores of each rule, in their order."""
    if len(events) <= MOST_ROWS:
        return events
    place: Counter[str] = Counter()  # among those of the same rule
    ranked = []
    for index in sorted(range(len(events)), key=lambda index: -score(events[index])):
        place[rule(events[index])] += 1
        ranked.append((place[rule(events[index])], index))
    chosen = [index for _, index in sorted(ranked, key=lambda pair: pair[0])[:MOST_ROWS]]
    return [events[index] for index in sorted(chosen)]


def _left_out(shown: Sequence[object], all_: Sequence[object]) -> str:
    if len(shown) == len(all_):
        return ""
    return (
        f'<p class="faint">{len(shown)} of {len(all_):,}, those with the highest scores of each '
        "prompt; the pictures show all.</p>"
    )


def _lasting(seconds: float) -> str:
    """Seconds as 4.2 s, 95 s, 12 min, 3.4 h."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _dot(ids: Sequence[str], rule: str) -> str:
    colour = colour_of(ids.index(rule)) if rule in ids else "var(--rest)"
    return f'<span class="dot" style="background:{colour}"></span>'


def _rate(per_hour: float) -> str:
    if per_hour != per_hour:
        return "–"
    return "&lt; 0.001" if per_hour < 0.001 else f"{per_hour:.2g}"


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int], empty: str
) -> str:
    if not rows:
        return f'<p class="faint">{empty}</p>'
    kind = ['class="number"' if index in numbers else "" for index in range(len(heads))]
    head = "".join(f"<th {k}>{one}</th>" for k, one in zip(kind, heads, strict=True))
    body = "".join(
        "<tr>"
        + "".join(f"<td {k}>{one}</td>" for k, one in zip(kind, row, strict=True))
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )
