"""Faults of a microphone: a JACK server of its own, and a client that plays the scene on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import soundfile
import soxr

from elsa_rt.demo import demo_path
from tests.faults.running import Running, is_event, is_hearing
from tests.faults.table import Row, missing, seconds
from tests.faults.truth import Gap, Sound, alerts_lost, sounds_of_pass
from tests.support.jack_server import PLAYER, JackServer

NAME = "Ambeo"
BEFORE_S, GAP_S, AFTER_S = 10.0, 8.0, 24.0
JACK_MISSING = "needs a JACK server (apt-get install jackd2)"


class Microphone:
    """A JACK server with a microphone of four channels that hears the scene, over and over."""

    def __init__(self) -> None:
        self._server = JackServer()
        self.environment = self._server.environment
        self._players: list[subprocess.Popen[bytes]] = []
        self._passes: list[tuple[float, float]] = []  # begin and end of each
        self._folder = tempfile.TemporaryDirectory(prefix="elsa-rt-scene-")

    def start(self, rate: int = 48_000, others: int = 0, name: str = NAME) -> None:
        """Start the server, ``others`` clients before the microphone, and the microphone."""
        self._server.start(rate)
        path = self._scene(rate)
        for other in [f"Aardvark {number}" for number in range(others)]:
            self._play(other, path)
        self._plug_in(path, name)

    def plug_in(self) -> None:
        """Start the microphone alone, the server goes on."""
        self._plug_in(self._scene(48_000), NAME)

    def unplug(self) -> None:
        """End the microphone in order, as a program that is started anew; the server goes on."""
        player = self._players.pop()
        player.terminate()
        player.wait()
        self._end_pass(time.monotonic())

    def _scene(self, rate: int) -> Path:
        scene, scene_rate = soundfile.read(demo_path(), dtype="float32", always_2d=True)
        path = Path(self._folder.name, f"{rate}.npy")
        np.save(path, np.ascontiguousarray(soxr.resample(scene, scene_rate, rate).T))
        return path

    def _plug_in(self, path: Path, name: str) -> None:
        player = self._play(name, path)
        threading.Thread(target=self._note, args=(player,), daemon=True).start()
        while player.poll() is None and not (self._passes and self._passes[-1][1] == np.inf):
            time.sleep(0.05)

    def _play(self, name: str, path: Path) -> subprocess.Popen[bytes]:
        player = subprocess.Popen(
            [sys.executable, str(PLAYER), str(path), name],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._players.append(player)
        return player

    def _note(self, player: subprocess.Popen[bytes]) -> None:
        """Keep when each pass began, as the player says it."""
        assert player.stdout is not None
        for line in player.stdout:
            self._end_pass(float(line))
            self._passes.append((float(line), np.inf))

    def _end_pass(self, at: float) -> None:
        if self._passes and self._passes[-1][1] == np.inf:
            self._passes[-1] = (self._passes[-1][0], at)

    def kill(self) -> None:
        """Kill server and clients."""
        for player in reversed(self._players):
            player.kill()
            player.wait()
        self._players.clear()
        self._server.kill()
        self._end_pass(time.monotonic())

    def sounds(self) -> list[Sound]:
        """What it has played."""
        self._end_pass(time.monotonic())
        return [sound for begin, end in self._passes for sound in sounds_of_pass(begin, end)]

    def close(self) -> None:
        """Kill, and remove what is left."""
        self.kill()
        self._server.close()
        self._folder.cleanup()


def _begin(directory: Path) -> tuple[Microphone, Running]:
    microphone = Microphone()
    microphone.start()
    run = Running(directory, NAME, env=microphone.environment)
    run.wait_for(is_hearing)
    time.sleep(BEFORE_S)
    return microphone, run


def _lost(run: Running, since: float) -> str:
    return f"{run.lost_samples(since):,} samples, counted"


def _comes_back(directory: Path, fault: str, rate: int, others: int) -> Row:
    """Server and microphone are killed and come back after a while."""
    if shutil.which("jackd") is None:
        return missing(fault, JACK_MISSING)
    microphone, run = _begin(directory)
    try:
        microphone.kill()
        began = time.monotonic()
        detected = run.wait_for(is_event("deaf"), began)
        time.sleep(max(0.0, began + GAP_S - time.monotonic()))
        microphone.start(rate, others)
        back = time.monotonic()
        recovered = run.wait_for(is_event("hearing"), began)
        time.sleep(AFTER_S)
        heard = began + (recovered or 0)
        sounds = microphone.sounds()
        return Row(fault, seconds(detected), seconds(max(0.0, heard - back)), _lost(run, began),
                   alerts_lost(sounds, run, [Gap(began, heard)]),
                   "event, state, notice")  # fmt: skip
    finally:
        run.end()
        microphone.close()


def sound_server_killed(directory: Path) -> Row:
    """The sound server and its microphone are killed for eight seconds."""
    fault = f"the sound server and the microphone are killed, {GAP_S:.0f} s"
    return _comes_back(directory, fault, 48_000, 0)


def another_number(directory: Path) -> Row:
    """The microphone comes back behind two others and at another rate."""
    fault = "the microphone comes back under another number and at 44.1 kHz"
    return _comes_back(directory, fault, 44_100, 2)


def renamed(directory: Path) -> Row:
    """The microphone comes back under another name, which must not be opened, then its own."""
    fault = f"the microphone comes back under another name, {GAP_S:.0f} s later under its own"
    if shutil.which("jackd") is None:
        return missing(fault, JACK_MISSING)
    microphone, run = _begin(directory)
    try:
        microphone.kill()
        began = time.monotonic()
        detected = run.wait_for(is_event("deaf"), began)
        microphone.start(name="Cardioid")
        time.sleep(GAP_S)
        stranger = run.wait_for(is_event("hearing"), began, limit_s=0.1)
        microphone.kill()
        microphone.start()
        back = time.monotonic()
        recovered = run.wait_for(is_event("hearing"), began)
        heard = began + (recovered or 0)
        time.sleep(AFTER_S)
        sounds = microphone.sounds()
        told = "event, state, notice" if stranger is None else "never: another one was opened"
        return Row(fault, seconds(detected), seconds(max(0.0, heard - back)), _lost(run, began),
                   alerts_lost(sounds, run, [Gap(began, heard)]), told)  # fmt: skip
    finally:
        run.end()
        microphone.close()


def client_restarts(directory: Path) -> Row:
    """The program that the sound server gets the microphone from ends and starts again."""
    fault = f"the program of the microphone ends, the sound server goes on, {GAP_S:.0f} s"
    if shutil.which("jackd") is None:
        return missing(fault, JACK_MISSING)
    microphone, run = _begin(directory)
    try:
        microphone.unplug()
        began = time.monotonic()
        detected = run.wait_for(is_event("deaf"), began)
        time.sleep(max(0.0, began + GAP_S - time.monotonic()))
        microphone.plug_in()
        back = time.monotonic()
        recovered = run.wait_for(is_event("hearing"), began)
        heard = began + (recovered or 0)
        time.sleep(AFTER_S)
        sounds = microphone.sounds()
        return Row(fault, seconds(detected), seconds(heard - back if recovered else None),
                   "the silence, which is no loss", alerts_lost(sounds, run, [Gap(began, heard)]),
                   "event, state, notice")  # fmt: skip
    finally:
        run.end()
        microphone.close()


def portaudio_aborts(directory: Path) -> Row:
    """The process that captures is ended as abort() ends it."""
    fault = "PortAudio aborts (SIGABRT in the process that captures)"
    if shutil.which("jackd") is None:
        return missing(fault, JACK_MISSING)
    microphone, run = _begin(directory)
    try:
        pid = run.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        began = time.monotonic()
        for child in map(int, children):
            os.kill(child, signal.SIGABRT)
        time.sleep(0.5)
        detected = run.notice("is opened again", began)
        recovered = run.wait_for(is_hearing, time.monotonic())
        heard = time.monotonic()
        time.sleep(AFTER_S)
        sounds = microphone.sounds()
        return Row(fault, seconds(detected), seconds((recovered or 0) + 0.5), _lost(run, began),
                   alerts_lost(sounds, run, [Gap(began, heard)]), "state, notice")  # fmt: skip
    finally:
        run.end()
        microphone.close()


def stopped_listener(directory: Path) -> Row:
    """SIGSTOP for eight seconds while a microphone that waits for nobody goes on."""
    fault = f"elsa-rt is stopped for {GAP_S:.0f} s (SIGSTOP), a microphone"
    if shutil.which("jackd") is None:
        return missing(fault, JACK_MISSING)
    microphone, run = _begin(directory)
    try:
        began = time.monotonic()
        run.process.send_signal(signal.SIGSTOP)
        time.sleep(GAP_S)
        run.process.send_signal(signal.SIGCONT)
        back = time.monotonic()
        time.sleep(AFTER_S)
        sounds = microphone.sounds()
        behind = [at - line["time_s"] for at, line in run.lines if is_hearing(line) and at > back]
        caught_up = next(
            (at - back for at, line in run.lines
             if is_hearing(line) and at > back and at - line["time_s"] < min(behind) + 0.3),
            None,
        )  # fmt: skip
        gap = Gap(began, back + (caught_up or 0))
        return Row(fault, "at once", f"{seconds(caught_up)} until it hears what sounds now",
                   _lost(run, began), alerts_lost(sounds, run, [gap]), "notice")  # fmt: skip
    finally:
        run.end()
        microphone.close()


FAULTS = (
    sound_server_killed,
    another_number,
    renamed,
    client_restarts,
    portaudio_aborts,
    stopped_listener,
)
