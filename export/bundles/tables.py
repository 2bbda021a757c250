"""Markdown tables of measured figures, for reports and model cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MADE_WITH = "made with"
INTERVALS, DISTANCE, PAIRS, COST = "intervals", "by distance", "two sources", "cost"
PARTS = (MADE_WITH, INTERVALS, DISTANCE, PAIRS, COST)
"""Parts of a report; every other one is a condition."""

Report = dict[str, dict[str, Any]]
"""Condition ("measured, both") or name of a part -> figures; None where there is nothing."""


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
