"""Markdown and JSON of what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from export.bundles.tables import (
    COST,
    DISTANCE,
    INTERVALS,
    MADE_WITH,
    PAIRS,
    PARTS,
    Report,
    figures_table,
)
from export.evaluate.figures import Table
from export.evaluate.measure import BOTH, Measured


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
