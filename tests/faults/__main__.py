"""The fault table of the guide's page *reliability*.

    python -m tests.faults                   run every fault, print the table
    python -m tests.faults --write           and put it into the page
    python -m tests.faults broker_killed     run some; with --write their rows alone are made anew

Each fault is injected for real into ``elsa-rt listen`` as a process that hears the built-in scene,
over and over. Seconds are of the wall clock. Alerts that are lost are counted against the sounds
that were played outside the gap. Ends with 1 if one is lost or a fault could not be injected.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.faults import devices, files, network, pipes
from tests.faults.table import Row, line, write

FAULTS = (*devices.FAULTS, *pipes.FAULTS, *files.FAULTS, *network.FAULTS)


WRONG = re.compile(
    r"not tried|never|does not end|\b0 of 0\b"
    r"|\b[1-9]\d* (?:of \d+|torn|too few|ids twice|without an end)\b"
)


def is_wrong(row: Row) -> bool:
    """Whether alerts or lines were lost, a fault was not noticed, or nothing was tried."""
    return WRONG.search(" ".join(row[1:])) is not None


def main() -> int:
    """Run the faults and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--write", action="store_true", help="put the table into the guide")
    parser.add_argument("only", nargs="*", choices=[[], *(f.__name__ for f in FAULTS)])
    given = parser.parse_args()
    rows = []
    for fault in FAULTS:
        if given.only and fault.__name__ not in given.only:
            continue
        directory = Path(tempfile.mkdtemp(prefix="elsa-rt-fault-"))
        try:
            rows.append(fault(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        print(line(rows[-1]), flush=True)
    if given.write:
        write(rows, whole=not given.only)
    return 1 if any(map(is_wrong, rows)) else 0


if __name__ == "__main__":
    sys.exit(main())
