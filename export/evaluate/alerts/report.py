"""The figures of `export.evaluate.alerts` as a table, each beside what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.evaluate.alerts.measure import RATES, FalseAlarms, Found

Report = dict[str, Any]

WITHIN = {10.0: 2.0, 1.0: 2.0, 0.1: 3.0}
"""Factor by which a measured rate may be off."""

MISSED, ELSEWHERE, ONCE, MEDIAN_S, P95_S = 0.25, 0.03, 0.95, 0.6, 1.2
METHODS = ("calibrated", "bare cosine")
AT_ONE = RATES.index(1.0)
RESAMPLED, SEED = 1_000, 11


def report_of(
    false: FalseAlarms, found: Found, places: Mapping[str, Mapping[str, float]], labels: list[str]
) -> Report:
    """All figures; rates are per prompt."""
    rates = {}
    for method, name in enumerate(METHODS):
        for column, asked in enumerate(RATES):
            each = false.alarms[method, column] / false.hours
            missed = found.alerts[:, method, column] == 0
            rates[f"{name}, {asked:g}"] = {
                "asked_per_hour": asked,
                "measured_per_hour": float(each.mean()),
                "median_prompt": float(np.median(each)),
                "worst_prompt": float(each.max()),
                "silent_prompts": float((each == 0).mean()),
                "missed": float(missed.mean()),
                "missed_interval": _interval(missed, found.clip),
            }
    heard = found.alerts[:, 0, AT_ONE]
    delays = found.delay_s[:, 0, AT_ONE]
    delays = delays[np.isfinite(delays)]
    return {
        "hours": false.hours,
        "prompts": int(false.alarms.shape[2]),
        "targets": len(found.label),
        "target_labels": len(set(found.label.tolist())),
        "rates": rates,
        "places": {place: dict(values) for place, values in places.items()},
        "one_alert_per_event": float((heard[heard > 0] == 1).mean()) if heard.any() else None,
        "delay_s": {
            name: float(np.quantile(delays, q)) if delays.size else None
            for name, q in (("median", 0.5), ("p95", 0.95))
        },
        "confused": [
            {"prompt": prompt, "sound": sound, "alarms": count}
            for (prompt, sound), count in sorted(false.confused.items(), key=lambda x: -x[1])[:15]
        ],
        "detected": {
            labels[label]: {
                "found": int((heard[found.label == label] > 0).sum()),
                "of": int((found.label == label).sum()),
            }
            for label in sorted(set(found.label.tolist()))
        },
    }


def _interval(missed: NDArray[np.bool_], clip: NDArray[np.int64]) -> list[float]:
    """95 % by resampling clips."""
    rng, clips = np.random.default_rng(SEED), np.unique(clip)
    share = np.array([missed[clip == one].mean() for one in clips])
    count = np.array([(clip == one).sum() for one in clips])
    drawn = rng.integers(len(clips), size=(RESAMPLED, len(clips)))
    means = (share[drawn] * count[drawn]).sum(1) / count[drawn].sum(1)
    return [float(q) for q in np.quantile(means, (0.025, 0.975))]


def markdown(report: Report, world: str) -> str:
    """The report for people."""
    lines = [
        f"{report['hours']:.1f} h of background, {report['prompts']} prompts, {report['targets']} "
        f"single sounds of {report['target_labels']} labels. {world}",
        "",
        "| thresholds | asked, per hour and prompt | measured | median prompt | worst prompt "
        "| missed | (95 %) | |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for name, row in report["rates"].items():
        asked, measured = row["asked_per_hour"], row["measured_per_hour"]
        low, high = row["missed_interval"]
        off = max(measured / asked, asked / measured) if measured else float("inf")
        verdict = _met(off <= WITHIN[asked], f"within a factor of {WITHIN[asked]:g}")
        if asked == 1.0:
            verdict += ", " + _met(row["missed"] <= MISSED, f"missed <= {MISSED:.0%}")
        lines.append(
            f"| {name.rsplit(',', 1)[0]} | {asked:g} | {measured:.3g} | {row['median_prompt']:.3g} "
            f"| {row['worst_prompt']:.3g} | {row['missed']:.1%} | {low:.0%} to {high:.0%} "
            f"| {verdict} |"
        )
    lines += ["", "| at one false alarm an hour | | |", "|---|--:|---|"]
    for place, row in report["places"].items():
        elsewhere = row["fired_elsewhere"]
        lines.append(
            f'| "... {place}": raised by {row["elsewhere"]} sounds elsewhere | {elsewhere:.1%} | '
            f"{_met(elsewhere <= ELSEWHERE, f'<= {ELSEWHERE:.0%}')} |"
        )
        lines.append(f"| missed of {row['targets']} there | {row['missed']:.1%} | |")
    once, delay = report["one_alert_per_event"], report["delay_s"]
    for name, value, met, form in (
        ("one alert per event", once, once is not None and once >= ONCE, f">= {ONCE:.0%}"),
        ("onset to alert, median s", delay["median"], _below(delay["median"], MEDIAN_S),
         f"<= {MEDIAN_S:g}"),
        ("onset to alert, p95 s", delay["p95"], _below(delay["p95"], P95_S), f"<= {P95_S:g}"),
    ):  # fmt: skip
        lines.append(f"| {name} | {'-' if value is None else f'{value:.3g}'} | {_met(met, form)} |")
    lines += [
        "",
        "Most false alarms at one an hour (prompt: what sounded): "
        + "; ".join(
            f"{row['prompt']}: {row['sound']} ({row['alarms']})" for row in report["confused"]
        )
        + ".",
    ]
    return "\n".join(lines)


def _below(value: float | None, most: float) -> bool:
    return value is not None and value <= most


def _met(met: bool, goal: str) -> str:
    return f"{goal}: {'met' if met else 'NOT met'}"
