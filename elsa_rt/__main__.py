"""The program ``elsa-rt``, also as ``python -m elsa_rt``.

Ctrl-C while Python still loads the program ends it as it ends any other, without a traceback:
`elsa_rt.interrupts` sees to that with the first line of the package.
"""

import sys

from elsa_rt.interrupts import end_at_once, end_in_order


def start() -> int:
    """Run the program; while it runs Ctrl-C ends in order what it interrupts."""
    try:
        from elsa_rt.cli import load, main

        load(sys.argv[1:])
    except (ImportError, MemoryError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        print(
            f"elsa-rt: loading the program: {reason}: if there is memory enough (ulimit -v), "
            "install it again: pip install --force-reinstall elsa-rt",
            file=sys.stderr,
        )
        return 1
    try:
        end_in_order()
        return main()
    finally:
        end_at_once()  # what Python has left to do prints a traceback otherwise


if __name__ == "__main__":
    sys.exit(start())
