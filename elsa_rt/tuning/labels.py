"""Labels of a recording, from a CSV file or Audacity."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from elsa_rt.errors import UsageError
from elsa_rt.files import read_user_text
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring.feedback import FeedbackStore

COLUMNS = ("start_s", "end_s", "rule")

EXAMPLE = "a line is like 12.5,14.0,ID under start_s,end_s,rule"


class Label(NamedTuple):
    """A sound of a rule, from its start to its end in seconds of the recording."""

    start_s: float
    end_s: float
    rule: str  # its id


class Judged(NamedTuple):
    """What people said of alerts while a recording was made."""

    labels: tuple[Label, ...]  # of alerts that were right
    unknown: tuple[Label, ...]  # of alerts that nobody judged


def labels_of_feedback(
    store: FeedbackStore, began_s: float, length_s: float, rules: Sequence[Rule]
) -> Judged:
    """Labels from the verdicts on alerts in a recording of ``length_s`` from ``began_s`` on.

    Raises
    ------
    UsageError
        No alert of it was judged.
    """
    ids = {rule.id for rule in rules}
    verdicts = {mark.heard.alert: mark.verdict for mark in store.marks}
    heard = {one.alert: one for one in (*(mark.heard for mark in store.marks), *store.alerts)}
    labels, unknown, judged = [], [], 0
    for alert, one in heard.items():
        start_s = one.at - began_s
        if one.rule not in ids or not 0 <= start_s < length_s:
            continue
        label = Label(start_s, start_s + one.duration_s, one.rule)
        judged += alert in verdicts
        if verdicts.get(alert) == "right":
            labels.append(label)
        elif alert not in verdicts:
            unknown.append(label)
    if not judged:
        raise UsageError(
            f"no alert of this recording was judged in {store.path}: say which were right and "
            "which false with elsa-rt feedback, or give LABELS; is --at when it began?"
        )
    return Judged(tuple(sorted(labels)), tuple(sorted(unknown)))


def read_labels(path: str | Path, rules: Sequence[Rule]) -> tuple[Label, ...]:
    """Labels of ``rules``, sorted; a rule is named by its id or its first prompt.

    A .txt is taken for an export of Audacity: start, end and name with tabs between them. All
    else is CSV with the columns `COLUMNS`.

    Raises
    ------
    UsageError
        It cannot be read, is empty, or a line makes no sense; with the number of that line.
    """
    path = Path(path)
    names = {rule.label.casefold(): rule.id for rule in rules}
    names |= {rule.id.casefold(): rule.id for rule in rules}
    labels, mistakes = [], []
    for number, cells in _rows(path):
        try:
            labels.append(_label(cells, names))
        except ValueError as error:
            mistakes.append(f"{path}, line {number}: {error}")
    if mistakes:
        more = f" (and {len(mistakes) - 1} more such lines)" if len(mistakes) > 1 else ""
        raise UsageError(mistakes[0] + more)
    if not labels:
        raise UsageError(f"{path} has no label: {EXAMPLE}")
    return tuple(sorted(labels))


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """Number and the three cells of each line."""
    try:
        lines = read_user_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"reading labels from {path}: {reason}: {EXAMPLE}") from None
    audacity = path.suffix.lower() == ".txt"
    # a label that spans frequencies has a second line in Audacity, which begins with a backslash
    numbered = [
        (number, line)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.startswith(("#", "\\"))
    ]
    reader = csv.reader((line for _, line in numbered), delimiter="\t" if audacity else ",")
    try:
        rows = [(number, row) for (number, _), row in zip(numbered, reader, strict=False)]
    except csv.Error as error:
        raise UsageError(f"reading labels from {path}: {error}: {EXAMPLE}") from None
    if audacity or not rows:
        return rows
    header = [cell.strip() for cell in rows[0][1]]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UsageError(f"{path}, line {rows[0][0]}: no column {', '.join(missing)}: {EXAMPLE}")
    places = [header.index(name) for name in COLUMNS]
    return [(number, [row[p] for p in places if p < len(row)]) for number, row in rows[1:]]


def _label(cells: Sequence[str], names: dict[str, str]) -> Label:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"{len(cells)} cells: {EXAMPLE}")
    start_s, end_s = (_seconds(cell) for cell in cells[:2])
    if end_s < start_s:
        raise ValueError(f"it ends at {end_s:g} s before it starts at {start_s:g} s: exchange them")
    name = cells[2].strip()
    if name.casefold() not in names:
        known = ", ".join(sorted(set(names.values())))
        raise ValueError(f"there is no rule {name!r}: the rules are {known}")
    return Label(start_s, end_s, names[name.casefold()])


def _seconds(cell: str) -> float:
    try:
        seconds = float(cell)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{cell.strip()!r} is no time in seconds: {EXAMPLE}")
    return seconds
