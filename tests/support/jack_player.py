"""Plays an array as JACK clients, over and over: ``python jack_player.py samples.npy NAME...``.

Prints the time of the monotonic clock at which each pass of the first begins.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import Any

import jack
import numpy as np
from numpy.typing import NDArray

ENDS = {signal.SIGTERM, signal.SIGINT}


def connect(name: str) -> Any:
    """A client of the server named by the environment, once it is up."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return jack.Client(name, no_start_server=True)
        except jack.JackOpenError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def play(name: str, samples: NDArray[np.float32], begins: list[float]) -> Any:
    """A client that plays once it is activated, and notes when each pass ``begins``."""
    client = connect(name)
    ports = [client.outports.register(f"channel{index + 1:02d}") for index in range(len(samples))]
    place = np.arange(client.blocksize)

    def process(frames: int) -> None:
        nonlocal place
        if place[0] // samples.shape[1] == len(begins):
            begins.append(time.monotonic())
        for port, channel in zip(ports, samples, strict=True):
            port.get_array()[:] = channel.take(place, mode="wrap")
        place += frames

    client.set_process_callback(process)
    return client


def main(path: str, first: str, *names: str) -> None:
    """Play until terminated; the server hangs if a client goes without taking its leave."""
    samples = np.load(path)
    begins: list[float] = []
    told = 0
    with contextlib.ExitStack() as clients:
        clients.enter_context(play(first, samples, begins))
        for name in names:
            clients.enter_context(play(name, samples, []))
        while signal.sigtimedwait(ENDS, 0.05) is None:
            for begin in begins[told:]:
                print(begin, flush=True)
                told += 1


if __name__ == "__main__":
    # in every thread that JACK starts from here on, too
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    jack.set_error_function(lambda _: None)
    main(*sys.argv[1:])
