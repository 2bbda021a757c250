"""Hours of sound at the fastest pace: memory, descriptors, threads and time must stay flat.

    python -m tests.soak --hours 24

Exits with 1 if memory grows by more than 10 MB after the first tenth, a descriptor or thread is
left over, or time drifts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile

from elsa_rt import Block, Listener
from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.outputs.jsonl import JsonLines
from elsa_rt.outputs.rotating import JsonlFile, RotatingFile

GROWTH_MB = 10.0


def resident_mb() -> float:
    """Resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> int:
    """Listen, and print a line for each twentieth of the way."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--hours", type=float, default=0.5, help="of sound (default: 0.5)")
    hours = parser.parse_args().hours
    samples, rate = soundfile.read(demo_path(), dtype="float32", always_2d=True)
    sound = np.ascontiguousarray(samples.T)
    listener = Listener(list(demo_prompts()), on_notice=print)
    size, begun = round(0.08 * rate), time.monotonic()
    steps = int(hours * 3600 / 0.08)
    print("| sound h | RSS MB | files | threads | step p50 ms | step p99 ms |")
    print("|---|--:|--:|--:|--:|--:|")
    seen: list[tuple[float, int, int]] = []
    with tempfile.TemporaryDirectory() as directory:
        file = RotatingFile(JsonlFile(f"{directory}/a.jsonl", max_mb=5, keep=3), print)
        lines, spent, last = JsonLines(file), list[float](), 0.0
        for step in range(steps):
            at = step * size % (sound.shape[1] - size)
            block = Block(sound[:, at : at + size].copy(), rate, step * size)
            before = time.perf_counter()
            hearings = listener.push(block)
            spent.append(time.perf_counter() - before)
            for hearing in hearings:
                lines.show(hearing)
                last = hearing.time_s
            if (step + 1) % max(1, steps // 20) == 0:
                files = len(os.listdir("/proc/self/fd"))
                seen.append((resident_mb(), files, threading.active_count()))
                p50, p99 = 1000 * np.quantile(spent, [0.5, 0.99])
                print(f"| {(step + 1) * 0.08 / 3600:.2f} | {seen[-1][0]:.1f} | {files} | "
                      f"{seen[-1][2]} | {p50:.2f} | {p99:.2f} |", flush=True)  # fmt: skip
                spent.clear()
        file.close()
    grown = seen[-1][0] - seen[len(seen) // 10][0]
    drift = steps * size / rate - last
    print(f"\n{steps * 0.08 / 3600:.2f} h in {time.monotonic() - begun:.0f} s; memory grew by "
          f"{grown:+.1f} MB, time is behind by {drift:.3f} s")  # fmt: skip
    flat = len({row[1:] for row in seen}) == 1
    return 0 if flat and grown < GROWTH_MB and 0 <= drift < 0.2 else 1


if __name__ == "__main__":
    sys.exit(main())
