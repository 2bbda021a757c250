"""A JACK server of one's own: its name, its clock that waits for nobody, and what it leaves behind.

JACK keeps a table of eight servers in shared memory. One that was killed stays in it, and after
eight no server starts any more: `forget_the_dead` takes those of these tests out again.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import importlib.util
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

PLAYER = Path(__file__).with_name("jack_player.py")
PREFIX = "elsa-rt-test-"
PERIODS_A_SECOND = 100

SHARED = Path("/dev/shm")
MAGIC, HEADER_BYTES, ENTRY_BYTES = 0x4A41434B, 2136, 268  # of JACK 2's registry
SERVERS_AT, SERVERS = 24, 8
SERVER = struct.Struct("i260s")  # process and name


def jack_lacks() -> str:
    """Why `JackServer` cannot work here; empty if it can."""
    if not ctypes.util.find_library("portaudio"):
        return "needs PortAudio: apt-get install libportaudio2"
    if not shutil.which("jackd"):
        return "needs a JACK server: apt-get install jackd2"
    return "" if importlib.util.find_spec("jack") else "needs pip install JACK-Client"


class JackServer:
    """A server with a name of its own; ``environment`` leads its clients to it."""

    def __init__(self) -> None:
        self.name = f"{PREFIX}{os.getpid()}-{time.monotonic_ns() % 10**6}"
        self.environment = {
            **os.environ, "JACK_DEFAULT_SERVER": self.name, "JACK_NO_AUDIO_RESERVATION": "1",
            "JACK_NO_START_SERVER": "1",
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, rate: int) -> None:
        """Start it at ``rate`` Hz, also after it was killed."""
        forget_the_dead()
        self._process = subprocess.Popen(
            ["jackd", "--no-realtime", "--name", self.name, "-d", "dummy", "-r", str(rate),
             "-p", str(rate // PERIODS_A_SECOND), "-C", "0", "-P", "0"],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill(self) -> None:
        """Kill it, as a fault does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """End it, and remove what it and its clients leave behind."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
        self.kill()
        for rest in SHARED.glob(f"jack*_{self.name}_*"):
            rest.unlink(missing_ok=True)
        forget_the_dead()


def forget_the_dead() -> None:
    """Take servers of these tests that are gone out of JACK's table; nobody else's."""
    registry = SHARED / "jack-shm-registry"
    if not registry.is_file():
        return
    with registry.open("r+b", buffering=0) as file:
        magic, header, entry = struct.unpack("I12xii", file.read(SERVERS_AT))
        if (magic, header, entry) != (MAGIC, HEADER_BYTES, ENTRY_BYTES):
            return  # of another version: left alone
        for slot in range(SERVERS):
            at = SERVERS_AT + slot * SERVER.size
            process, name = SERVER.unpack(os.pread(file.fileno(), SERVER.size, at))
            ours = name.startswith(f"jack-{os.getuid()}:{PREFIX}".encode())
            if ours and process and not Path("/proc", str(process)).exists():
                os.pwrite(file.fileno(), bytes(SERVER.size), at)
