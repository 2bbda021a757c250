"""The program ``elsa-rt``, also as ``python -m elsa_rt``.

Ctrl-C while Python still loads the program ends it as it ends any other, without a traceback:
`elsa_rt.interrupts` sees to that with the first line of the package.
"""

import sys

from elsa_rt.cli import main
from elsa_rt.interrupts import end_at_once, end_in_order


def start() -> int:
    """Run the program; while it runs Ctrl-C ends in order what it interrupts."""
    try:
        end_in_order()
        return main()
    finally:
        end_at_once()  # what Python has left to do prints a traceback otherwise


if __name__ == "__main__":
    sys.exit(start())
