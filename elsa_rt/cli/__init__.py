"""The command ``elsa-rt``: a module a command, and the one gate that every error leaves through.

The module of a command is loaded when it is asked for.

Exit codes: 0 done, also when the reader of a pipe had enough; 1 it could not be done; 2 it was
asked wrongly; 130 and 143 ended by Ctrl-C and SIGTERM, after the open alerts were ended.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from elsa_rt.cli.options import Help, Parser
from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.version import __version__

COMMANDS = (
    "listen", "init", "serve", "recall", "remember", "forget", "memory", "check", "replay",
    "report", "feedback", "tune", "explain", "embed", "embed-text", "devices", "microphones",
    "calibrate", "doctor", "support", "bench", "compile", "warmup", "info", "guide",
)  # fmt: skip
"""Each is a module of this package."""

DESCRIPTION = """\
Hears what sounds where, and answers to your own sentences.

  elsa-rt listen --demo                        a scene to try it on, no microphone needed
  elsa-rt listen --prompt "a glass breaking"   the default microphone, which needs 4 channels
  elsa-rt listen room.wav --prompt "a dog"     a first-order ambisonic recording
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``elsa-rt`` with ``argv``, by default the process's own; returns the exit code."""
    argv = sys.argv[1:] if argv is None else argv
    debug = False
    try:
        _open_streams()
        if nul := next((word for word in argv if "\0" in word), None):
            raise UsageError(f"{nul!r} has a NUL in it, which no text and no file name may have")
        arguments = parser(load(argv)).parse_args(argv)
        debug = arguments.debug
        code: int = arguments.run(arguments) or 0
        sys.stdout.flush()
        return code
    except ElsaError as error:
        if debug:
            traceback.print_exc()
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        return _reader_left()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if debug:
            traceback.print_exc()
        _drop_unwritten()
        return _fail(f"{error}: {_cure(error)}", 1)
    except MemoryError as error:
        if debug:
            traceback.print_exc()
        return _fail(f"out of memory ({error}): give it more memory, or a smaller input", 1)
    except BaseException as error:  # a library in Rust may panic, which is no Exception
        if isinstance(error, (SystemExit, GeneratorExit)):
            raise
        if debug:
            traceback.print_exc()
        cure = "" if debug else ": run it again with --debug and report what it prints"
        return _fail(f"internal error, {type(error).__name__}: {error}{cure}", 1)


def parser(commands: Sequence[str] = COMMANDS) -> Parser:
    """The parser of ``commands``; the modules of others are not loaded."""
    top = Parser(
        prog="elsa-rt",
        description=DESCRIPTION,
        epilog="elsa-rt COMMAND --help tells more.",
        formatter_class=Help,
    )
    top.add_argument("--version", action="version", version=f"elsa-rt {__version__}")
    top.set_defaults(run=lambda _: top.print_help(), debug=False)
    parsers = top.add_subparsers(metavar="COMMAND")
    for name in commands:
        _module_of(name).add(parsers)
    return top


def load(argv: Sequence[str]) -> Sequence[str]:
    """Load the command that ``argv`` begins with, all where it begins with none; their names."""
    asked = argv[:1] if argv and argv[0] in COMMANDS else COMMANDS
    for name in asked:
        _module_of(name)
    return asked


def _module_of(command: str) -> Any:
    return import_module(f"elsa_rt.cli.{command.replace('-', '_')}")


def _open_streams() -> None:
    """Let those of the standard streams that are closed lead nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a sign that it cannot show is no error
            stream.reconfigure(errors="backslashreplace" if _is_utf(stream) else "replace")


def _is_utf(stream: io.TextIOWrapper) -> bool:
    return stream.encoding.lower().replace("-", "").startswith("utf")


def _cure(error: OSError) -> str:
    """What to do about an operating system's error that nobody has worded better."""
    if error.errno == errno.ENOMEM or "map" in str(error):
        return "there is not enough memory: close other programs, or raise the limit (ulimit -v)"
    if error.errno == errno.ENOSPC:
        return "there is no room: free some, or name another place"
    if error.filename is not None:
        return "see that it is there, and that this user may use it"
    return "see where standard input and output lead, and for room there"


def _fail(message: str, code: int) -> int:
    print(f"elsa-rt: {message}", file=sys.stderr)
    return code


def _drop_unwritten() -> None:
    """Let what standard output cannot take lead nowhere."""
    try:
        sys.stdout.flush()
    except OSError:
        _lead_nowhere()


def _reader_left() -> int:
    _lead_nowhere()
    return 0


def _lead_nowhere() -> None:
    # the interpreter flushes stdout once more at its exit, and must find nobody to complain to
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
