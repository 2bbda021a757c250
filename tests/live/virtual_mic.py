"""Virtual four-channel microphones that PortAudio cannot tell from real ones.

    with virtual_microphone(samples, 48_000) as mic:   # ALSA: every sample arrives, in time
        subprocess.run([..., mic.device], env=mic.env)
    with jack_microphone(samples, 48_000) as mic:      # JACK: who stalls loses sound for real

Neither touches a user's own sound settings; both take their processes and files with them.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import os
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.support.jack_server import PLAYER, JackServer

ALSA_CONFIG = Path("/usr/share/alsa/alsa.conf")
DEVICE = "foamic"
PERIOD_S = 0.01
READ_CHECK_S = 0.001
BUFFERED = 5
"""Periods that PortAudio takes at once when the stream starts."""


class VirtualMicrophone(NamedTuple):
    """What a program needs to hear it."""

    device: str
    env: dict[str, str]
    rate: int


def alsa_lacks() -> str:
    """Why `virtual_microphone` cannot work here; empty if it can."""
    if not ctypes.util.find_library("portaudio"):
        return "needs PortAudio: apt-get install libportaudio2"
    return "" if ALSA_CONFIG.is_file() else f"needs ALSA's {ALSA_CONFIG}"


@contextlib.contextmanager
def virtual_microphone(
    samples: NDArray[np.float32], rate: int, *, repeat: bool = False, name: str = DEVICE
) -> Iterator[VirtualMicrophone]:
    """An ALSA device that plays ``samples`` (channels, n) at its own pace, then silence.

    They are rounded to 16 bits. The first waits until somebody reads; a program that is held up
    loses nothing, the device waits for it and makes up for the time. Made for `MicrophoneSource`,
    which asks for periods of 10 ms. With ``repeat`` they begin again instead of the silence; they
    last a multiple of 10 ms then.
    """
    channels = len(samples)
    pcm = np.clip(np.round(samples * 2.0**15), -(2**15), 2**15 - 1)
    with tempfile.TemporaryDirectory(prefix="virtual-mic-") as folder:
        fifo = Path(folder, "foa.fifo")
        os.mkfifo(fifo)
        config = Path(folder, "alsa.conf")
        config.write_text(_alsa_config(fifo, channels, rate, name))
        period = round(rate * PERIOD_S) * channels * 2
        with _feeding(fifo, pcm.astype("<i2").T.tobytes(), period, repeat):
            yield VirtualMicrophone(name, {**os.environ, "ALSA_CONFIG_PATH": str(config)}, rate)


def _alsa_config(fifo: Path, channels: int, rate: int, name: str) -> str:
    return f"""<{ALSA_CONFIG}>
pcm.foaraw {{ type file; slave.pcm {{ type null }}; file /dev/null; infile "{fifo}"; format "raw" }}
pcm."{name}" {{
    type plug
    slave {{ pcm "foaraw" format S16_LE channels {channels} rate {rate} }}
    route_policy copy
    hint {{ show on description "virtual ambisonic microphone" }}
}}
"""


@contextlib.contextmanager
def _feeding(fifo: Path, pcm: bytes, period: int, repeat: bool) -> Iterator[None]:
    """Write ``pcm`` at the pace of a clock, ``period`` bytes at a time, then zeros for ever."""
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    done = threading.Event()
    feeder = threading.Thread(target=_feed, args=(pipe, pcm, period, repeat, done), daemon=True)
    feeder.start()
    try:
        yield
    finally:
        done.set()
        feeder.join()
        os.close(pipe)


def _feed(pipe: int, pcm: bytes, period: int, repeat: bool, done: threading.Event) -> None:
    # ALSA's plugin takes each read for complete: the first fills its whole buffer and every
    # later one a period, so exactly that must lie in the pipe, never less and never more
    os.write(pipe, pcm[: BUFFERED * period].ljust(BUFFERED * period, b"\0"))
    position = BUFFERED * period
    due = 0.0
    pause = READ_CHECK_S
    while not done.wait(pause):
        pause = READ_CHECK_S
        if _waiting(pipe):
            continue
        os.write(pipe, pcm[position : position + period].ljust(period, b"\0"))
        position += period
        if repeat:
            position %= len(pcm)
        now = time.monotonic()
        due = (due or now) + PERIOD_S  # a reader that was late gets the rest faster
        pause = max(pause, due - now)


def _waiting(pipe: int) -> int:
    """How many bytes nobody has read yet."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@contextlib.contextmanager
def jack_microphone(
    samples: NDArray[np.float32], rate: int, *, names: Sequence[str] = (DEVICE,)
) -> Iterator[VirtualMicrophone]:
    """A JACK client that plays ``samples`` (channels, n) over and over, on a server of its own.

    The server's clock waits for nobody: a program that is held up overflows. End the program
    before leaving: the server hangs on clients that are killed. With several ``names`` as many
    clients play, and the first is the device.
    """
    with tempfile.TemporaryDirectory(prefix="virtual-mic-") as folder, contextlib.ExitStack() as at:
        path = Path(folder, "samples.npy")
        np.save(path, samples.astype(np.float32))
        server = JackServer()
        at.callback(server.close)
        server.start(rate)
        player = [sys.executable, str(PLAYER), str(path), *names]
        ready = at.enter_context(_running(player, server.environment)).stdout
        assert ready is not None
        if not ready.readline():
            raise RuntimeError(f"the player did not reach the JACK server {server.name}")
        yield VirtualMicrophone(names[0], server.environment, rate)


@contextlib.contextmanager
def _running(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=env, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
