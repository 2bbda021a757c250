"""Markdown and JSON of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from export.evaluate.figures import Table
from export.evaluate.measure import BOTH, Measured

MADE_WITH = "made with"
INTERVALS, DISTANCE, PAIRS, COST = "intervals", "by distance", "two sources", "cost"
PARTS = (MADE_WITH, INTERVALS, DISTANCE, PAIRS, COST)
"""Parts of a report; every other one is a condition."""

Report = dict[str, dict[str, Any]]
"""Condition ("measured, both") or name of a part -> figures; None where there is nothing."""


def report_of(
    measured: Mapping[str, Measured], cost: Mapping[str, float], made_with: Mapping[str, str]
) -> Report:
    """One bundle's report from what was measured in each set of rooms."""
    report: Report = {MADE_WITH: dict(made_with)}
    parts: dict[str, Table] = {DISTANCE: {}, PAIRS: {}}
    for rooms, found in measured.items():
        report |= {f"{rooms}, {name}": figures for name, figures in found.conditions.items()}
        for part, table in ((DISTANCE, found.distance), (PAIRS, found.pairs)):
            parts[part] |= {f"{rooms}, {name}": figures for name, figures in table.items()}
    report[INTERVALS] = {f"{rooms}, {BOTH}": m.intervals for rooms, m in measured.items()}
    report |= parts
    report[COST] = dict(cost)
    return plain(report)


def plain(value: Any) -> Any:
    """The same without NaN and infinity, which are None: JSON has neither."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def compact(report: Report) -> Report:
    """What a manifest keeps: figures of both ratios together, and the parts; 4 digits."""
    kept = {
        name: figures for name, figures in report.items() if name in PARTS or name.endswith(BOTH)
    }
    return _rounded(kept)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 4) if isinstance(value, float) else value


def markdown(report: Mapping[str, Mapping[str, Any]]) -> str:
    """All tables of one report."""
    conditions = {name: figures for name, figures in report.items() if name not in PARTS}
    made = [f"- {what}: {text}" for what, text in report.get(MADE_WITH, {}).items()]
    parts = ["\n".join(made)] if made else []
    parts.append(figures_table(conditions, report.get(INTERVALS, {})))
    for name in (DISTANCE, PAIRS):
        if report.get(name):
            parts.append(f"{name.capitalize()}:\n\n{figures_table(report[name])}")
    if report.get(COST):
        parts.append(f"Cost:\n\n{figures_table({'': report[COST]})}")
    return "\n\n".join(parts)


def side_by_side(reports: Mapping[str, Report]) -> str:
    """Several bundles, condition by condition, of both signal-to-noise ratios together."""
    first = next(iter(reports.values()))
    columns: dict[str, Mapping[str, Any]] = {}
    ranges: dict[str, Mapping[str, Any]] = {}
    for condition in (name for name in first if name.endswith(BOTH)):
        for bundle, report in reports.items():
            columns[f"{condition}: {bundle}"] = report[condition]
            ranges[f"{condition}: {bundle}"] = report[INTERVALS][condition]
    costs = {bundle: report[COST] for bundle, report in reports.items()}
    return f"{figures_table(columns, ranges)}\n\n{figures_table(costs)}"


def figures_table(
    results: Mapping[str, Mapping[str, Any]], ranges: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """Markdown: a row a figure, a column a condition; with 95 % intervals where there are any."""
    columns = list(results)
    names = dict.fromkeys(name for figures in results.values() for name in figures)
    rows = [f"| | {' | '.join(columns)} |", "|---|" + "--:|" * len(columns)]
    for name in names:
        cells = [
            _cell(results[column].get(name), (ranges or {}).get(column, {}).get(name))
            for column in columns
        ]
        rows.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(value: float | None, interval: Sequence[float | None] | None) -> str:
    if value is None:
        return "–"
    low_high = [f"{end:.3g}" if end is not None else "never" for end in interval or ()]
    return number(value) + (f" ({low_high[0]} to {low_high[1]})" if low_high else "")


def number(value: float) -> str:
    """Four digits; whole numbers as they are, millions apart."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
