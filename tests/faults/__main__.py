"""The fault table of the guide's page *reliability*.

    python -m tests.faults            run every fault, print the table
    python -m tests.faults --write    and put it into the page

Each fault is injected into ``elsa-rt listen`` as a process. Seconds are of the wall clock.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

import elsa_rt.guide
from elsa_rt.demo import demo_path

PAGE = Path(elsa_rt.guide.__file__).parent / "reliability.md"
BEGIN, END = "<!-- made by python -m tests.faults --write -->\n", "<!-- end -->\n"
CHUNK_S = 0.02


class Row(NamedTuple):
    """One fault and what came of it."""

    fault: str
    detected: str  # seconds, or how
    recovered: str
    lost: str
    alerts_lost: str
    told: str


class Running:
    """``elsa-rt listen`` in a process, with what it says, each line with its time."""

    def __init__(self, directory: Path, *argv: str, **how: Any) -> None:
        command = [sys.executable, "-m", "elsa_rt", "listen", *argv]
        self.process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **how,
        )  # fmt: skip
        self.lines: list[tuple[float, dict[str, Any]]] = []
        self.notices: list[tuple[float, str]] = []
        self._threads = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_notices, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), json.loads(line)))

    def _read_notices(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.notices.append((time.monotonic(), line.decode(errors="replace").strip()))

    def wait_for(
        self, what: Callable[[dict[str, Any]], bool], since: float, limit_s: float = 30.0
    ) -> float | None:
        """Seconds after ``since`` of the first line that is ``what``."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            for at, line in list(self.lines):
                if at >= since and what(line):
                    return at - since
            time.sleep(0.05)
        return None

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for thread in self._threads:
            thread.join(5)
        return code


def raw_scene() -> tuple[bytes, int]:
    """The built-in scene as 16-bit samples, and its rate."""
    samples, rate = soundfile.read(demo_path(), dtype="int16", always_2d=True)
    return np.ascontiguousarray(samples).tobytes(), rate


class Feeder:
    """Writes the scene into a file descriptor in real time, over and over."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.paused, self.stopped = threading.Event(), threading.Event()
        self.written = 0
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        raw, rate = raw_scene()
        size = round(rate * CHUNK_S) * 8
        due = time.monotonic()
        with contextlib.suppress(OSError):
            while not self.stopped.is_set():
                if self.paused.is_set():
                    time.sleep(CHUNK_S)
                    due = time.monotonic()
                    continue
                at = self.written % (len(raw) - size)
                os.write(self._descriptor, raw[at : at + size])
                self.written += size
                due += CHUNK_S
                time.sleep(max(0.0, due - time.monotonic()))

    def stop(self) -> None:
        """End the writing."""
        self.stopped.set()
        self._thread.join(2)


def is_event(name: str) -> Callable[[dict[str, Any]], bool]:
    """Whether a line is the health event ``name``."""
    return lambda line: line["type"] == "health" and line["event"] == name


def is_hearing(line: dict[str, Any]) -> bool:
    """Whether a line is a hearing."""
    return line["type"] == "hearing"


def live(directory: Path, *more: str, **how: Any) -> Running:
    """A listener on a pipe."""
    _, rate = raw_scene()
    options = ["-", "--rate", str(rate), "--channels", "4", "--prompt", "glass breaking"]
    return Running(directory, *options, *more, **how)


def seconds(value: float | None) -> str:
    """A figure of the table."""
    return "never" if value is None else f"{value:.1f} s"


def stalled_writer(directory: Path) -> Row:
    """The program before the pipe hangs for eight seconds."""
    run = live(directory)
    assert run.process.stdin is not None
    feeder = Feeder(run.process.stdin.fileno())
    run.wait_for(is_hearing, 0.0)
    time.sleep(3)
    feeder.paused.set()
    begun = time.monotonic()
    detected = run.wait_for(is_event("deaf"), begun)
    time.sleep(max(0.0, begun + 8 - time.monotonic()))
    feeder.paused.clear()
    back = time.monotonic()
    recovered = run.wait_for(is_event("hearing"), back)
    feeder.stop()
    run.end()
    return Row("the program before the pipe hangs, 8 s", seconds(detected), seconds(recovered),
               "what it did not send", "0 outside the gap", "event, state, notice")  # fmt: skip


def killed_writer(directory: Path) -> Row:
    """The writer of a FIFO is killed: the stream ends, and so does the program."""
    run = live(directory)
    assert run.process.stdin is not None
    feeder = Feeder(run.process.stdin.fileno())
    run.wait_for(is_hearing, 0.0)
    time.sleep(2)
    feeder.stop()
    begun = time.monotonic()
    run.process.stdin.close()
    code = run.process.wait(20)
    return Row("the writer of the pipe is killed", seconds(time.monotonic() - begun),
               f"ends, code {code}; the service manager starts it again", "0",
               "0, open ones end", "exit code")  # fmt: skip


def stopped_process(directory: Path) -> Row:
    """SIGSTOP for five seconds."""
    run = live(directory)
    assert run.process.stdin is not None
    feeder = Feeder(run.process.stdin.fileno())
    run.wait_for(is_hearing, 0.0)
    time.sleep(2)
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    run.process.send_signal(signal.SIGCONT)
    begun = time.monotonic()
    recovered = run.wait_for(is_hearing, begun)
    feeder.stop()
    run.end()
    return Row("elsa-rt is stopped for 5 s (SIGSTOP), a pipe that waits", "at once",
               seconds(recovered), "0: the pipe holds the writer up", "0", "-")  # fmt: skip


def stuck_reader(directory: Path) -> Row:
    """The reader of standard output hangs; one SIGTERM must end elsa-rt."""
    _, rate = raw_scene()
    command = [sys.executable, "-m", "elsa_rt", "listen", "-", "--rate", str(rate),
               "--channels", "4", "--prompt", "glass breaking"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    feeder = Feeder(process.stdin.fileno())
    process.stdout.readline()
    time.sleep(8)  # the pipe is full by then
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(10)
        ended = f"ends after {time.monotonic() - begun:.1f} s, code {code}"
    except subprocess.TimeoutExpired:
        process.kill()
        ended = "does not end"
    feeder.stop()
    return Row("the reader of standard output hangs, then SIGTERM", "-", ended,
               "the pipe holds the writer up", "ends that nobody reads", "exit code")  # fmt: skip


def killed(directory: Path) -> Row:
    """Kill -9 while lines are written, and a new start into the same file."""
    rules = directory / "kill.yaml"
    rules.write_text(
        "rules: [{prompt: glass breaking}]\noutputs: [{type: jsonl, path: k.jsonl, what: all}]\n"
    )
    _, rate = raw_scene()
    for _ in range(3):
        run = Running(
            directory, "-", "--rate", str(rate), "--channels", "4", "--config", "kill.yaml"
        )
        assert run.process.stdin is not None
        feeder = Feeder(run.process.stdin.fileno())
        run.wait_for(is_hearing, 0.0)
        time.sleep(1)
        run.end(signal.SIGKILL)
        feeder.stop()
    lines = (directory / "k.jsonl").read_text().splitlines()
    broken = 0
    for line in lines:
        try:
            json.loads(line)
        except ValueError:
            broken += 1
    return Row(f"kill -9, three times into one file of {len(lines)} lines", "-", "next start",
               f"{broken} torn lines", "those open have no end", "-")  # fmt: skip


def full_disk(directory: Path) -> Row:
    """The file of lines may not grow: as on a full disk."""
    rules = directory / "full.yaml"
    rules.write_text(
        "rules: [{prompt: glass breaking}]\noutputs: [{type: jsonl, path: /dev/full, what: all}]\n"
    )
    begun = time.monotonic()
    run = Running(directory, str(demo_path()), "--config", "full.yaml")
    run.process.wait(60)
    run.end()
    said = [at - begun for at, text in run.notices if "lost" in text]
    return Row("no room on the disk", seconds(said[0] if said else None),
               "tried again every 5 s", "lines, counted in the file",
               "0 on standard output", "notice with the count")  # fmt: skip


def clock_shifted(directory: Path) -> Row:
    """The wall clock jumps an hour ahead and back, by libfaketime."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        return Row("the wall clock jumps by an hour", "libfaketime is missing", "", "", "", "")
    stamp = directory / "shift"
    stamp.write_text("+0")
    environment = {
        **os.environ, "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    run = live(directory, env=environment)
    assert run.process.stdin is not None
    feeder = Feeder(run.process.stdin.fileno())
    run.wait_for(is_hearing, 0.0)
    for shift in ("+1h", "+0"):
        time.sleep(2)
        stamp.write_text(shift)
    time.sleep(2)
    feeder.stop()
    run.end()
    times = [line["time_s"] for _, line in run.lines if is_hearing(line)]
    gap = max(np.diff(times))
    return Row("the wall clock jumps by an hour and back", "-", "at once",
               f"0, no step is longer than {gap:.2f} s", "0", "-")  # fmt: skip


JACK_CLIENT = """
import sys, time, jack, numpy
client = jack.Client("Ambeo", servername=sys.argv[1])
ports = [client.outports.register(f"out_{k}") for k in range(4)]
dice = numpy.random.default_rng(0)

@client.set_process_callback
def process(frames):
    for port in ports:
        port.get_array()[:] = dice.normal(0, 0.01, frames)

client.activate()
time.sleep(300)
"""


class Jack:
    """A JACK server with a microphone of four channels called Ambeo."""

    def __init__(self) -> None:
        server = f"elsa-rt-{os.getpid()}"
        self.environment = {
            **os.environ, "JACK_DEFAULT_SERVER": server, "JACK_NO_AUDIO_RESERVATION": "1",
            "JACK_NO_START_SERVER": "1",
        }  # fmt: skip
        self._commands = (
            ["jackd", "--no-realtime", "--name", server, "-d", "dummy", "-r", "48000", "-p", "480",
             "-C", "0", "-P", "0"],
            [sys.executable, "-c", JACK_CLIENT, server],
        )  # fmt: skip
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start server and microphone."""
        for command in self._commands:
            self._processes.append(
                subprocess.Popen(
                    command, env=self.environment, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
            time.sleep(2)

    def kill(self) -> None:
        """Kill both."""
        for process in reversed(self._processes):
            process.kill()
            process.wait()
        self._processes.clear()


def sound_server_killed(directory: Path) -> Row:
    """The sound server and its microphone are killed for eight seconds."""
    fault = "the sound server and the microphone are killed, 8 s"
    if shutil.which("jackd") is None:
        return Row(fault, "jackd is missing", "", "", "", "")
    jack = Jack()
    jack.start()
    run = Running(directory, "Ambeo", "--prompt", "glass breaking", env=jack.environment)
    try:
        run.wait_for(is_hearing, 0.0)
        time.sleep(3)
        jack.kill()
        begun = time.monotonic()
        detected = run.wait_for(is_event("deaf"), begun)
        time.sleep(max(0.0, begun + 8 - time.monotonic()))
        jack.start()
        back = time.monotonic()
        recovered = run.wait_for(is_event("hearing"), back - 2, 60)
        lost = [line["lost_samples"] for _, line in run.lines if line["type"] == "health"]
        return Row(fault, seconds(detected), seconds(recovered), f"{lost[-1]:,} samples, counted",
                   "0 outside the gap", "event, state, notice")  # fmt: skip
    finally:
        run.end()
        jack.kill()


FAULTS = (
    sound_server_killed, stalled_writer, killed_writer, stopped_process, stuck_reader, killed,
    full_disk, clock_shifted,
)  # fmt: skip


def table(rows: list[Row]) -> Iterator[str]:
    """Markdown lines."""
    yield "| fault | detected after | recovered after | lost | alerts lost | told |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def main() -> int:
    """Run the faults and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("--write", action="store_true", help="put the table into the guide")
    parser.add_argument("only", nargs="*", choices=[[], *(f.__name__ for f in FAULTS)])
    arguments = parser.parse_args()
    rows = []
    for fault in FAULTS:
        if arguments.only and fault.__name__ not in arguments.only:
            continue
        directory = Path(tempfile.mkdtemp(prefix="elsa-rt-fault-"))
        try:
            rows.append(fault(directory))
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        print(f"| {' | '.join(rows[-1])} |", flush=True)
    if arguments.write:
        page = PAGE.read_text("utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        made = "".join(f"{line}\n" for line in table(rows))
        PAGE.write_text(before + BEGIN + made + END + after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
