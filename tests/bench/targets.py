"""Jobs in turns, and what came of them beside what was aimed at."""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Jobs = dict[str, Callable[[], Any]]
Found = dict[str, NDArray[np.float64]]  # microseconds: p50, p95, p99

QUANTILES = (0.5, 0.95, 0.99)

RECORD = "ELSA_RT_BENCH_RECORD"
"""Environment variable: the file that targets and what was measured are kept in."""


def in_turns(jobs: Jobs, rounds: int, *, run: int = 1, warm_up: int = 10) -> Found:
    """Microseconds of processor time of each job.

    A turn is ``run`` times the same, so that a small job is not judged by the caches of a large
    one that goes before it.
    """
    spent: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(warm_up + rounds):
        for name, job in jobs.items():
            for _ in range(run):
                begun = time.thread_time_ns()
                job()
                spent[name].append((time.thread_time_ns() - begun) / 1e3)
    return {name: np.quantile(x[warm_up * run :], QUANTILES) for name, x in spent.items()}


def quantile_table(found: Found, unit: str) -> Iterator[str]:
    """Markdown lines."""
    yield f"| {unit} | p50 | p95 | p99 |"
    yield "|---|--:|--:|--:|"
    for name, values in found.items():
        digits = 3 if unit == "ms" else 0
        yield f"| {name} | {' | '.join(f'{value:,.{digits}f}' for value in values)} |"


class Target(NamedTuple):
    """What was aimed at, and what was measured."""

    what: str
    measured: float
    limit: float
    unit: str = ""
    at_least: bool = False

    @property
    def kept(self) -> bool:
        """Whether it was reached; NaN never is."""
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    @property
    def aim(self) -> str:
        """What was aimed at, in words."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}".rstrip()

    @property
    def found(self) -> str:
        """What was measured, in words."""
        return f"{self.measured:.3g} {self.unit}".rstrip()


def judge(targets: list[Target], bench: str = "") -> bool:
    """Print targets and what was measured as Markdown; whether all are kept.

    Under the name ``bench`` they are recorded, if the environment names a file by `RECORD`.
    """
    if bench and os.environ.get(RECORD):
        _record(Path(os.environ[RECORD]), bench, targets)
    print("\n| | target | measured | |\n|---|--:|--:|---|")
    for each in targets:
        verdict = "WITHIN" if each.kept else "EXCEEDS"
        print(f"| {each.what} | {each.aim} | {each.found} | {verdict} |")
    kept = all(each.kept for each in targets)
    print(f"\n**{'WITHIN' if kept else 'EXCEEDS'} BUDGET**")
    return kept


def _record(path: Path, bench: str, targets: Sequence[Target]) -> None:
    from tests.bench.material import machine

    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    kept[bench] = {
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "load": round(os.getloadavg()[0], 1),
        "rows": [target._asdict() for target in targets],
    }
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
