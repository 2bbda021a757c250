"""SIGTERM at random moments of the start: the right exit code, and never a traceback.

python -m tests.faults.sweep --count 200
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import time
from collections import Counter

SPAN_S = 2.5
ALLOWED = {
    128 + signal.SIGTERM,  # ended in order
    -signal.SIGTERM,  # before Python had taken the signal: a shell shows the same 143
    0,  # the scene was over
}


def main() -> int:
    """Sweep; print how the processes ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.sweep")
    parser.add_argument("--count", type=int, default=200)
    dice, codes, wrong = random.Random(0), Counter[int](), 0
    for _ in range(parser.parse_args().count):
        process = subprocess.Popen(
            [sys.executable, "-m", "elsa_rt", "listen", "--demo", "--realtime", "--json"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        moment = dice.uniform(0, SPAN_S)
        time.sleep(moment)
        process.terminate()
        _, said = process.communicate(timeout=20)
        codes[process.returncode] += 1
        if process.returncode not in ALLOWED or b"Traceback" in said:
            wrong += 1
            print(f"after {moment:.3f} s: code {process.returncode}: {said[-300:]!r}")
    print(dict(codes), f"{wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
