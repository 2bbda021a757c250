"""Faults of a microphone, injected while elsa-rt hears it."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import NamedTuple

from tests.faults.microphone import NAME, Microphone
from tests.faults.running import Running, is_event, is_hearing
from tests.faults.table import Row, missing, seconds
from tests.faults.truth import Gap, alerts_lost

BEFORE_S, GAP_S, AFTER_S = 10.0, 8.0, 24.0
JACK_MISSING = "needs a JACK server (apt-get install jackd2)"


class Outcome(NamedTuple):
    """What came of a fault."""

    gap: Gap  # nothing of what was played in it can raise an alert
    detected: str
    recovered: str
    told: str
    lost: str = ""  # beside the samples that elsa-rt has counted since the gap began


Inject = Callable[[Microphone, Running], Outcome]


def _fault(name: str, after_s: float = AFTER_S) -> Callable[[Inject], Callable[[Path], Row]]:
    """The row ``name`` of a fault that is injected some seconds after elsa-rt began to hear.

    Sound is played for ``after_s`` more before alerts are counted.
    """

    def of(inject: Inject) -> Callable[[Path], Row]:
        @wraps(inject)
        def row(directory: Path) -> Row:
            if shutil.which("jackd") is None:
                return missing(name, JACK_MISSING)
            microphone = Microphone()
            try:
                microphone.start()
                run = Running(directory, NAME, env=microphone.environment)
                try:
                    run.wait_for(is_hearing)
                    time.sleep(BEFORE_S)
                    came = inject(microphone, run)
                    time.sleep(after_s)
                    lost = came.lost or f"{run.lost_samples(came.gap.began):,} samples, counted"
                    alerts = alerts_lost(microphone.sounds(), run, [came.gap])
                    return Row(name, came.detected, came.recovered, lost, alerts, came.told)
                finally:
                    run.end()
            finally:
                microphone.close()

        return row

    return of


def _comes_back(microphone: Microphone, run: Running, rate: int, others: int) -> Outcome:
    """Server and microphone are killed and come back after a while."""
    microphone.kill()
    began = time.monotonic()
    detected = run.wait_for(is_event("deaf"), began)
    time.sleep(max(0.0, began + GAP_S - time.monotonic()))
    microphone.start(rate, others)
    return _recovered(run, began, time.monotonic(), detected)


def _recovered(run: Running, began: float, back: float, detected: float | None) -> Outcome:
    """What came of a microphone that went at ``began`` and was there again at ``back``."""
    heard = run.wait_for(is_event("hearing"), began)
    again = None if heard is None else max(0.0, began + heard - back)
    gap = Gap(began, began + (heard or 0))
    return Outcome(gap, seconds(detected), seconds(again), "event, state, notice")


@_fault(f"the sound server and the microphone are killed, {GAP_S:.0f} s")
def sound_server_killed(microphone: Microphone, run: Running) -> Outcome:
    """The sound server and its microphone are killed for eight seconds."""
    return _comes_back(microphone, run, 48_000, 0)


@_fault("the microphone comes back under another number and at 44.1 kHz")
def another_number(microphone: Microphone, run: Running) -> Outcome:
    """The microphone comes back behind two others and at another rate."""
    return _comes_back(microphone, run, 44_100, 2)


@_fault(f"the microphone comes back under another name, {GAP_S:.0f} s later under its own")
def renamed(microphone: Microphone, run: Running) -> Outcome:
    """The microphone comes back under another name, which must not be opened, then its own."""
    microphone.kill()
    began = time.monotonic()
    detected = run.wait_for(is_event("deaf"), began)
    microphone.start(name="Cardioid")
    time.sleep(GAP_S)
    stranger = run.wait_for(is_event("hearing"), began, limit_s=0.1)
    microphone.kill()
    microphone.start()
    came = _recovered(run, began, time.monotonic(), detected)
    return came if stranger is None else came._replace(told="never: another one was opened")


@_fault(f"the program of the microphone ends, the sound server goes on, {GAP_S:.0f} s")
def client_restarts(microphone: Microphone, run: Running) -> Outcome:
    """The program that the sound server gets the microphone from ends and starts again."""
    microphone.unplug()
    began = time.monotonic()
    detected = run.wait_for(is_event("deaf"), began)
    time.sleep(max(0.0, began + GAP_S - time.monotonic()))
    microphone.plug_in()
    came = _recovered(run, began, time.monotonic(), detected)
    return came._replace(lost="the silence, which is no loss")


@_fault("PortAudio aborts (SIGABRT in the process that captures)")
def portaudio_aborts(_: Microphone, run: Running) -> Outcome:
    """The process that captures is ended as abort() ends it."""
    pid = run.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    began = time.monotonic()
    for child in map(int, children):
        os.kill(child, signal.SIGABRT)
    time.sleep(0.5)
    detected = run.notice("is opened again", began)
    recovered = run.wait_for(is_hearing, time.monotonic())
    again = None if recovered is None else recovered + 0.5
    gap = Gap(began, time.monotonic())
    return Outcome(gap, seconds(detected), seconds(again), "state, notice")


@_fault(f"elsa-rt is stopped for {GAP_S:.0f} s (SIGSTOP), a microphone", after_s=0.0)
def stopped_listener(_: Microphone, run: Running) -> Outcome:
    """SIGSTOP for eight seconds while a microphone that waits for nobody goes on."""
    began = time.monotonic()
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(GAP_S)
    run.process.send_signal(signal.SIGCONT)
    back = time.monotonic()
    time.sleep(AFTER_S)
    heard = [(at, line) for at, line in run.lines if is_hearing(line) and at > back]
    least = min((at - line["time_s"] for at, line in heard), default=0.0)
    late = (at - back for at, line in heard if at - line["time_s"] < least + 0.3)
    caught_up = next(late, None)
    again = f"{seconds(caught_up)} until it hears what sounds now"
    return Outcome(Gap(began, back + (caught_up or 0)), "at once", again, "notice")


FAULTS = (
    sound_server_killed,
    another_number,
    renamed,
    client_restarts,
    portaudio_aborts,
    stopped_listener,
)
