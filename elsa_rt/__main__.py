"""The program ``elsa-rt``, also as ``python -m elsa_rt``.

Ctrl-C while Python still loads the program ends it as it ends any other, without a traceback.
"""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # under nohup it is ignored
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from elsa_rt.cli import main


def start() -> int:
    """Run the program; from now on Ctrl-C ends in order what it interrupts."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


if __name__ == "__main__":
    sys.exit(start())
