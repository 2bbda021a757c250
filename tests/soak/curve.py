"""What is measured of a process that listens for hours: one point for each stretch of sound."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

STEP_S = 0.08


@dataclasses.dataclass(frozen=True)
class Point:
    """One stretch of a soak; figures of time are of the CPU, so that other programs do not show."""

    sound_h: float  # since the start
    resident_mb: float  # of this process
    capture_mb: float  # of the processes that it started
    files: int
    threads: int
    step_p50_ms: float
    step_p99_ms: float
    behind_s: float  # sound that came in and is in no hearing yet
    lost_samples: int
    alerts: int  # that began in this stretch


def children(pid: int) -> list[int]:
    """Processes that ``pid`` started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in found]


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Curve:
    """Points of a soak, written down as they come."""

    def __init__(self, path: Path, points: int, steps: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._path.write_text("")
        self._every = max(1, steps // points)
        self._spent: list[float] = []
        self._steps = self._alerts = 0
        self.points: list[Point] = []

    def step(self, spent_s: float, alerts: int) -> bool:
        """Take one step; whether a stretch is full and `mark` is due."""
        self._spent.append(spent_s)
        self._steps += 1
        self._alerts += alerts
        return self._steps % self._every == 0

    def mark(self, behind_s: float, lost_samples: int) -> None:
        """Close a stretch."""
        pid = os.getpid()
        p50, p99 = 1000 * np.quantile(self._spent, [0.5, 0.99])
        point = Point(
            round(self._steps * STEP_S / 3600, 3),
            round(resident_mb(pid), 1),
            round(sum(map(resident_mb, children(pid))), 1),
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
            round(float(p50), 2),
            round(float(p99), 2),
            round(behind_s, 3),
            lost_samples,
            self._alerts,
        )
        self._spent.clear()
        self._alerts = 0
        self.points.append(point)
        with self._path.open("a") as file:
            file.write(json.dumps(dataclasses.asdict(point)) + "\n")
        print(*dataclasses.astuple(point), sep="\t", flush=True)


def read_curve(path: Path) -> list[Point]:
    """The points that a soak wrote down."""
    return [Point(**json.loads(line)) for line in path.read_text().splitlines()]


def faults(points: list[Point], growth_mb: float) -> Iterator[str]:
    """What is not flat, judged after the first tenth."""
    rest = points[len(points) // 10 :]
    first, last = rest[0], rest[-1]
    grown = last.resident_mb + last.capture_mb - first.resident_mb - first.capture_mb
    if grown > growth_mb:
        yield f"memory grew by {grown:.1f} MB"
    if len({(point.files, point.threads) for point in rest}) > 1:
        yield "files or threads are left over"
    if last.lost_samples:
        yield f"{last.lost_samples} samples were lost"
    if abs(last.behind_s - first.behind_s) > 0.2:
        yield f"time drifted by {last.behind_s - first.behind_s:.3f} s"
    half = len(rest) // 2
    if half:
        early, late = (
            float(np.median([point.step_p99_ms for point in part]))
            for part in (rest[:half], rest[half:])
        )
        if late > 1.25 * early:
            yield f"the 99th percentile of a step rose from {early:.2f} to {late:.2f} ms"
    least, most = (pick(point.alerts for point in rest) for pick in (min, max))
    if least < 0.9 * most:
        yield f"between {least} and {most} alerts began in stretches of the same sound"
