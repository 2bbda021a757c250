"""exec: a program of your own for each alert, the alert as JSON on its standard input.

The command is a list of arguments and never goes through a shell. One runs at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import Any, ClassVar

from elsa_rt.errors import UsageError
from elsa_rt.files import expanded
from elsa_rt.hearing import Alert, Hearing
from elsa_rt.outputs.base import Surroundings
from elsa_rt.outputs.jsonl import utc_now
from elsa_rt.outputs.settings import setting
from elsa_rt.outputs.templates import Template, check_template, worded
from elsa_rt.outputs.webhook import STATES
from elsa_rt.outputs.worker import Refused, Worker

KILL_AFTER_S = 1.0
"""Time between the request to end and the end by force."""

MAX_SHOWN = 200


@dataclass(frozen=True)
class ExecSettings:
    """A program for each alert."""

    type: ClassVar[str] = "exec"
    about: ClassVar[str] = "a program of your own for each alert, which it gets on standard input"
    needs: ClassVar[tuple[str, str] | None] = None

    command: tuple[str, ...] = setting(
        "the program and its arguments, a list; {prompt}, {words}, ... in arguments are filled in",
        check=check_template,
    )
    when: str = setting("which alerts: their start, their end, or both", "start", choices=STATES)
    timeout_s: float = setting("seconds that it may run", 10.0, least=0.1, most=3600)
    capacity: int = setting("alerts that wait at most", 100, least=1, most=100_000)

    def __post_init__(self) -> None:
        if not self.command or not self.command[0].strip():
            raise UsageError("exec: the command is empty: write [program, argument, ...]")
        if "{" in self.command[0]:
            raise UsageError(
                f"exec: {self.command[0]!r}: the program itself cannot come from an alert"
            )

    def open(self, surroundings: Surroundings) -> ExecOutput:
        return ExecOutput(self, surroundings)


class ExecOutput:
    """Runs the command, one alert after the other."""

    def __init__(self, settings: ExecSettings, surroundings: Surroundings) -> None:
        program = settings.command[0]
        if program.startswith("~"):
            program = str(expanded(program))
        found = shutil.which(program)
        if found is None:
            raise UsageError(
                f"exec: there is no program {program}: see its name, or make it executable with "
                f"chmod +x {program}"
            )
        self._settings, self._program = settings, found
        self.worker: Worker[tuple[Alert, dict[str, Any]]] = Worker(
            f"exec {os.path.basename(program)}",
            self._execute,
            surroundings.on_notice,
            capacity=settings.capacity,
        )

    def show(self, hearing: Hearing) -> None:
        for alert in hearing.alerts:
            if alert.state == self._settings.when or (
                self._settings.when == "both" and alert.state != "update"
            ):
                self.worker.put((alert, {**alert.as_dict(), "at": utc_now()}))

    def notice(self, text: str) -> None:
        """Nothing: notices are for people at the terminal."""

    def close(self) -> None:
        self.worker.close(self._settings.timeout_s + 2 * KILL_AFTER_S)

    def _execute(self, told: tuple[Alert, dict[str, Any]]) -> None:
        alert, fields = told
        words = worded(alert, fields)
        arguments = [Template(text).fill(words) for text in self._settings.command[1:]]
        try:
            process = subprocess.Popen(
                [self._program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # so that what it starts ends with it
            )
        except OSError as error:
            raise Refused(f"it cannot be started: {error.strerror}: see the program") from None
        with process:
            text = (json.dumps(fields, allow_nan=False) + "\n").encode()
            try:
                _, errors = process.communicate(text, self._settings.timeout_s)
            except subprocess.TimeoutExpired:
                _end(process)
                raise Refused(
                    f"it ran for more than {self._settings.timeout_s:g} s and was ended: let it do "
                    "long work in the background, or set timeout_s"
                ) from None
        if process.returncode:
            last = errors.decode("utf-8", "replace").strip().rpartition("\n")[2][:MAX_SHOWN]
            raise Refused(f"it ended with {process.returncode}" + (f": {last}" if last else ""))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(KILL_AFTER_S)
