"""What the marks of all homes come to, beside what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from export.evaluate.alerts.feedback.homes import (
    COUNTED_NIGHTS,
    LOOK_ALIKES,
    TRUE_ELSEWHERE,
    TRUE_THERE,
)

MARKS = (0, 1, 3)
"""False alarms of each look-alike that are marked."""

REDUCED, MORE_MISSED = 0.9, 0.05
"""Goals after three marks: false alarms less by the one, misses more by the other at most."""


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Shares over all homes, and of the lowest and highest."""

    def total(marks: int, name: str) -> int:
        return sum(row["marks"][str(marks)][name] for row in rows)

    found: dict[str, Any] = {}
    for marks in MARKS[1:]:
        each = [
            1 - row["marks"][str(marks)]["false_alarms"] / row["marks"]["0"]["false_alarms"]
            for row in rows
            if row["marks"]["0"]["false_alarms"]
        ]
        found[str(marks)] = {
            "less_false_alarms": 1
            - total(marks, "false_alarms") / max(1, total(0, "false_alarms")),
            "of_homes": [min(each, default=0.0), max(each, default=0.0)],
            "more_missed": _points(rows, marks, "found", TRUE_ELSEWHERE),
            "more_missed_there": _points(rows, marks, "found_there", TRUE_THERE),
        }
    wrong = [row for row in rows if row["mistaken"]]
    lost = sum(max(0, row["marks"]["0"]["found"] - 1 - row["mistaken"]["found"]) for row in wrong)
    found["mistaken"] = lost / max(1, len(wrong) * (TRUE_ELSEWHERE - 1))
    return found


def _points(rows: Sequence[dict[str, Any]], marks: int, name: str, of: int) -> float:
    lost = sum(row["marks"]["0"][name] - row["marks"][str(marks)][name] for row in rows)
    return float(lost / max(1, of * len(rows)))


def feedback_markdown(report: dict[str, Any]) -> str:
    """The figures for people."""
    totals, rows = report["summary"], report["homes"]
    if not rows:
        return "No label has look-alikes among these clips: feedback was not measured."
    before = sum(row["marks"]["0"]["false_alarms"] for row in rows)
    nights = COUNTED_NIGHTS * LOOK_ALIKES * len(rows)
    lines = [
        f"{len(rows)} homes with {LOOK_ALIKES} look-alikes each; without marks they raise {before} "
        f"false alarms in {nights} occasions.",
        "",
        "| false alarms marked, of each look-alike | false alarms | worst home "
        "| true sounds missed elsewhere | at the place of a look-alike |",
        "|--:|--:|--:|--:|--:|",
    ]
    for marks in MARKS[1:]:
        row = totals[str(marks)]
        lines.append(
            f"| {marks} | {-100 * row['less_false_alarms']:+.0f} % "
            f"| {-100 * row['of_homes'][0]:+.0f} % | {100 * row['more_missed']:+.1f} points "
            f"| {100 * row['more_missed_there']:+.1f} points |"
        )
    three = totals[str(MARKS[-1])]
    goals = [
        f"{-100 * REDUCED:.0f} % false alarms {_met(three['less_false_alarms'] >= REDUCED)}",
        f"at most {100 * MORE_MISSED:+.0f} points of misses elsewhere "
        f"{_met(three['more_missed'] <= MORE_MISSED)}",
        f"and at the place of a look-alike {_met(three['more_missed_there'] <= MORE_MISSED)}",
    ]
    lines += [
        "",
        f"Goals after three marks: {', '.join(goals)}. A true sound that is marked false by "
        f"mistake costs {100 * totals['mistaken']:+.1f} points of misses.",
        "",
        f"Sounds of the rule that are lost there after three marks: {_lost_there(rows)}.",
    ]
    return "\n".join(lines)


def _met(yes: bool) -> str:
    return "(met)" if yes else "(NOT met)"


def _lost_there(rows: Sequence[dict[str, Any]]) -> str:
    """In which homes sounds are lost at the places of look-alikes, most first."""
    found = []
    for row in rows:
        before, after = (row["marks"][str(marks)]["found_there"] for marks in (0, MARKS[-1]))
        if before > after:
            marked = ", ".join(sorted(set(row["look_alikes"])))
            told = f"{before - after} of {before} {row['label']} (marked: {marked})"
            found.append((before - after, told))
    return "; ".join(text for _, text in sorted(found, reverse=True)) or "none"
