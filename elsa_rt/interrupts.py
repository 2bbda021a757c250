"""Ctrl-C while the program ``elsa-rt`` loads: it ends at once, without a traceback.

Importing `elsa_rt` elsewhere, as a library, changes no signal.
"""

from __future__ import annotations

# signal itself loads enum and re, in the middle of which Ctrl-C may come
import _signal as signals  # type: ignore[import-not-found]
import sys


def end_at_once() -> None:
    """Let Ctrl-C end the process by itself; under ``nohup`` it stays ignored."""
    if signals.getsignal(signals.SIGINT) is signals.default_int_handler:
        signals.signal(signals.SIGINT, signals.SIG_DFL)


def end_in_order() -> None:
    """Let Ctrl-C raise KeyboardInterrupt again: there is somebody to take it."""
    if signals.getsignal(signals.SIGINT) == signals.SIG_DFL:
        signals.signal(signals.SIGINT, signals.default_int_handler)


def is_program() -> bool:
    """Whether this process was started as ``elsa-rt`` or ``python -m elsa_rt``."""
    if not sys.argv:
        return False
    first = sys.argv[0]  # "-m" until Python has found the module
    if first == "-m":
        return "elsa_rt" in sys.orig_argv
    return first in sys.orig_argv and first.replace("\\", "/").rpartition("/")[2] == "elsa-rt"
