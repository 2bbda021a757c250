"""A signal at random moments of the start: the right exit code, and never a traceback.

    python -m tests.faults.sweep --count 200 --signal TERM

A process that dies of the signal itself, as Python had not taken it yet, shows the same code in a
shell. Ctrl-C (``--signal INT``) while Python itself loads cannot be taken: a traceback in which no
line is of elsa-rt is counted as Python's.
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
PYTHON_S = 0.02
"""Before it there is nothing but the start of Python."""


def main() -> int:
    """Sweep; print how the processes ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.sweep")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--signal", default="TERM", choices=("TERM", "INT", "HUP"))
    given = parser.parse_args()
    number = signal.Signals[f"SIG{given.signal}"]
    signal.signal(number, signal.SIG_DFL)  # in the background it may be ignored, by children too
    dice, codes, wrong, pythons = random.Random(0), Counter[int](), 0, 0
    for _ in range(given.count):
        process = subprocess.Popen(
            [sys.executable, "-m", "elsa_rt", "listen", "--demo", "--realtime", "--json"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        moment = dice.uniform(PYTHON_S, SPAN_S)
        time.sleep(moment)
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        codes[process.returncode] += 1
        if b"Traceback" in said and b"elsa_rt" not in said:
            pythons += 1
            continue
        if process.returncode not in (128 + number, -number) or b"Traceback" in said:
            wrong += 1
            print(f"after {moment:.3f} s: code {process.returncode}: {said.decode()[-1000:]}")
    print(dict(codes), f"{wrong} wrong, {pythons} while Python itself was loading")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
