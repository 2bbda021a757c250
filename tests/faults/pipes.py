"""Faults of a pipe, of the process and of the clock: the scene is written to standard input."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from elsa_rt.demo import demo_path
from tests.faults.running import Running, is_event, is_hearing
from tests.faults.table import Row, missing, seconds
from tests.faults.truth import Gap, Sound, alerts_lost, sounds_of_pass

CHUNK_S = 0.02
BEFORE_S, GAP_S, AFTER_S = 10.0, 8.0, 24.0
STUCK_S = 8.0
"""So long a pipe that nobody reads takes to be full."""


def raw_scene() -> tuple[bytes, int]:
    """The built-in scene as 16-bit samples, and its rate."""
    samples, rate = soundfile.read(demo_path(), dtype="int16", always_2d=True)
    return np.ascontiguousarray(samples).tobytes(), rate


class Feeder:
    """Writes the scene into a file descriptor in real time, over and over; knows what it wrote."""

    def __init__(self, descriptor: int, *, waits: bool = True) -> None:
        self._descriptor = descriptor
        if not waits:  # as a microphone: what the pipe does not take is lost
            os.set_blocking(descriptor, False)
        self.paused, self.stopped = threading.Event(), threading.Event()
        self.sounds: list[Sound] = []
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def _feed(self) -> None:
        raw, rate = raw_scene()
        size = round(rate * CHUNK_S) * 8
        chunks = len(raw) // size
        scene = list(sounds_of_pass(0.0, chunks * CHUNK_S))
        began: dict[str, float] = {}
        due = time.monotonic()
        with contextlib.suppress(OSError):
            while not self.stopped.is_set():
                for chunk in range(chunks):
                    while self.paused.is_set() and not self.stopped.is_set():
                        time.sleep(CHUNK_S)
                        due = time.monotonic()
                    if self.stopped.is_set():
                        return
                    with contextlib.suppress(BlockingIOError):
                        os.write(self._descriptor, raw[chunk * size : (chunk + 1) * size])
                    self._note(scene, chunk * CHUNK_S, began)
                    due += CHUNK_S
                    time.sleep(max(0.0, due - time.monotonic()))

    def _note(self, scene: list[Sound], at_s: float, began: dict[str, float]) -> None:
        now = time.monotonic()
        for sound in scene:
            if at_s <= sound.began < at_s + CHUNK_S:
                began[sound.prompt] = now
            if at_s <= sound.ended < at_s + CHUNK_S:
                self.sounds.append(Sound(sound.prompt, began[sound.prompt], now))

    def stop(self) -> None:
        """End the writing."""
        self.stopped.set()
        self._thread.join(2)


def live(directory: Path, *more: str, waits: bool = True, **how: Any) -> tuple[Running, Feeder]:
    """A listener on a pipe that has begun to hear, and who writes into the pipe."""
    _, rate = raw_scene()
    run = Running(directory, "-", "--rate", str(rate), "--channels", "4", *more, **how)
    assert run.process.stdin is not None
    feeder = Feeder(run.process.stdin.fileno(), waits=waits)
    run.wait_for(is_hearing)
    return run, feeder


def stalled_writer(directory: Path) -> Row:
    """The program before the pipe hangs."""
    run, feeder = live(directory)
    time.sleep(BEFORE_S)
    feeder.paused.set()
    began = time.monotonic()
    detected = run.wait_for(is_event("deaf"), began)
    time.sleep(max(0.0, began + GAP_S - time.monotonic()))
    feeder.paused.clear()
    back = time.monotonic()
    recovered = run.wait_for(is_event("hearing"), back)
    time.sleep(AFTER_S)
    feeder.stop()
    run.end()
    lost = alerts_lost(feeder.sounds, run, [Gap(began, back + (recovered or 0))])
    return Row(f"the program before the pipe hangs, {GAP_S:.0f} s", seconds(detected),
               seconds(recovered), "what it did not send", lost,
               "event, state, notice")  # fmt: skip


def killed_writer(directory: Path) -> Row:
    """The writer of a FIFO is killed: the stream ends, and so does the program."""
    run, feeder = live(directory)
    time.sleep(AFTER_S)
    feeder.stop()
    assert run.process.stdin is not None
    began = time.monotonic()
    run.process.stdin.close()
    code = run.process.wait(20)
    ended = time.monotonic() - began
    run.end()
    return Row("the writer of the pipe is killed", seconds(ended),
               f"ends, code {code}; the service manager starts it again", "0 samples",
               f"{alerts_lost(feeder.sounds, run)}; {run.open_alerts()} without an end",
               "exit code")  # fmt: skip


def stopped_process(directory: Path) -> Row:
    """SIGSTOP for five seconds: the pipe makes its writer wait."""
    run, lost, recovered, _ = _stopped(directory, waits=True)
    return Row("elsa-rt is stopped for 5 s (SIGSTOP), a pipe that waits", "at once",
               seconds(recovered), f"{run.lost_samples()} samples: the pipe holds the writer up",
               lost, "-")  # fmt: skip


def stopped_beside_a_microphone(directory: Path) -> Row:
    """SIGSTOP for five seconds: the writer goes on, and what the pipe does not hold is lost."""
    _, lost, recovered, said = _stopped(directory, waits=False)
    return Row("the same, a pipe whose writer does not wait", seconds(said), seconds(recovered),
               "what the pipe did not hold, said and not counted", lost, "notice")  # fmt: skip


def _stopped(directory: Path, *, waits: bool) -> tuple[Running, str, float | None, float | None]:
    run, feeder = live(directory, waits=waits)
    time.sleep(BEFORE_S)
    began = time.monotonic()
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(5)
    run.process.send_signal(signal.SIGCONT)
    back = time.monotonic()
    recovered = run.wait_for(is_hearing, back)
    time.sleep(AFTER_S)
    feeder.stop()
    run.end()
    lost = alerts_lost(feeder.sounds, run, [Gap(began, back)])
    return run, lost, recovered, run.notice("stood still", back)


def stuck_reader(directory: Path) -> Row:
    """The reader of standard output hangs; one SIGTERM must end elsa-rt."""
    _, rate = raw_scene()
    run = Running(directory, "-", "--rate", str(rate), "--channels", "4")
    assert run.process.stdin is not None
    feeder = Feeder(run.process.stdin.fileno())
    run.wait_for(is_hearing)
    run.hold()
    began = time.monotonic()
    while time.monotonic() < began + STUCK_S + 12 and run.notice("standard output", began) is None:
        time.sleep(0.1)
    detected = run.notice("standard output", began)
    asked = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    try:
        code = run.process.wait(10)
        ended = f"ends {time.monotonic() - asked:.1f} s after SIGTERM, code {code}"
    except subprocess.TimeoutExpired:
        ended = "does not end after SIGTERM"
    feeder.stop()
    run.end(signal.SIGKILL)
    return Row("the reader of standard output hangs, then SIGTERM", seconds(detected), ended,
               "the pipe holds the writer up", "those that nobody reads", "notice")  # fmt: skip


def clock_shifted(directory: Path) -> Row:
    """The wall clock jumps an hour ahead and back, by libfaketime."""
    fault = "the wall clock jumps by an hour and back"
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        return missing(fault, "needs libfaketime (apt-get install faketime)")
    stamp = directory / "shift"
    stamp.write_text("+0")
    environment = {
        **os.environ, "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(stamp),
        "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    run, feeder = live(directory, env=environment)
    for shift in ("+1h", "+0"):
        time.sleep(BEFORE_S)
        stamp.write_text(shift)
    time.sleep(BEFORE_S)
    feeder.stop()
    run.end()
    times = [line["time_s"] for _, line in run.lines if is_hearing(line)]
    return Row(fault, "-", "at once", f"{run.lost_samples()} samples, no step is longer than "
               f"{max(np.diff(times)):.2f} s", alerts_lost(feeder.sounds, run), "-")  # fmt: skip


FAULTS = (
    stalled_writer,
    killed_writer,
    stopped_process,
    stopped_beside_a_microphone,
    stuck_reader,
    clock_shifted,
)
