"""``elsa-rt listen`` as a process, and what it says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elsa_rt.demo import demo_prompts

Line = dict[str, Any]


class Running:
    """``elsa-rt listen`` with the prompts of the scene; each line and notice with its time.

    Times are those of the monotonic clock, which all processes share.
    """

    def __init__(self, directory: Path, *argv: str, prompts: bool = True, **how: Any) -> None:
        asked = [word for prompt in demo_prompts() for word in ("--prompt", prompt)]
        command = [sys.executable, "-m", "elsa_rt", "listen", *argv, *(asked if prompts else ())]
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **how,
        )  # fmt: skip
        self.lines: list[tuple[float, Line]] = []
        self.notices: list[tuple[float, str]] = []
        self._held = threading.Event()
        self._threads = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_notices, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            while self._held.is_set() and self.process.poll() is None:
                time.sleep(0.05)
            self.lines.append((time.monotonic(), json.loads(line)))

    def _read_notices(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notices.append((time.monotonic(), line.decode(errors="replace").strip()))

    def wait_for(
        self, what: Callable[[Line], bool], since: float = 0.0, limit_s: float = 60.0
    ) -> float | None:
        """Seconds after ``since`` of the first line that is ``what``."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            for at, line in list(self.lines):
                if at >= since and what(line):
                    return at - since
            time.sleep(0.05)
        return None

    def notice(self, part: str, since: float) -> float | None:
        """Seconds after ``since`` of the first notice that has ``part`` in it."""
        return next((at - since for at, text in self.notices if at >= since and part in text), None)

    def hold(self) -> None:
        """Read no more of its standard output."""
        self._held.set()

    def lost_samples(self, since: float = 0.0) -> int:
        """Samples that it counted as lost after ``since``, up to now."""
        counts = [(at, line["dropped"]) for at, line in self.lines if is_hearing(line)]
        before = [count for at, count in counts if at < since]
        return counts[-1][1] - (before[-1] if before else 0) if counts else 0

    def open_alerts(self) -> int:
        """Alerts that began and did not end."""
        state = {line["id"]: line["state"] for _, line in self.lines if line["type"] == "alert"}
        return sum(last != "end" for last in state.values())

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for thread in self._threads:
            thread.join(5)
        return code


def is_event(name: str) -> Callable[[Line], bool]:
    """Whether a line is the health event ``name``."""
    return lambda line: line["type"] == "health" and line["event"] == name


def is_hearing(line: Line) -> bool:
    """Whether a line is a hearing."""
    return bool(line["type"] == "hearing")
