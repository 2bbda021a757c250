"""A microphone of a sound server that hears the scene: JACK, and a client that plays it."""

from __future__ import annotations

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
from tests.faults.truth import Sound, sounds_of_pass
from tests.support.jack_server import PLAYER, JackServer

NAME = "Ambeo"


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
