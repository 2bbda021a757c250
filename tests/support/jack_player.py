"""Plays an array as a JACK client, over and over: ``python jack_player.py NAME samples.npy``.

Prints the time of the monotonic clock at which each pass begins.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

import jack
import numpy as np

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


def main(name: str, path: str) -> None:
    """Play until terminated; the server hangs if a client goes without taking its leave."""
    samples = np.load(path)
    client = connect(name)
    ports = [client.outports.register(f"channel{index + 1:02d}") for index in range(len(samples))]
    place = np.arange(client.blocksize)
    begins: list[float] = []

    def process(frames: int) -> None:
        nonlocal place
        if place[0] // samples.shape[1] == len(begins):
            begins.append(time.monotonic())
        for port, channel in zip(ports, samples, strict=True):
            port.get_array()[:] = channel.take(place, mode="wrap")
        place += frames

    client.set_process_callback(process)
    told = 0
    with client:
        while signal.sigtimedwait(ENDS, 0.05) is None:
            for begin in begins[told:]:
                print(begin, flush=True)
                told += 1


if __name__ == "__main__":
    # in every thread that JACK starts from here on, too
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    jack.set_error_function(lambda _: None)
    main(*sys.argv[1:])
