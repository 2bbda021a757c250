"""Plays an array as a JACK client, over and over: ``python scene_player.py NAME samples.npy``.

Prints the time of the monotonic clock at which each pass begins.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import jack
import numpy as np


def connect(name: str) -> Any:
    """A client of the server named by the environment, once it is up."""
    until = time.monotonic() + 10
    while True:
        try:
            return jack.Client(name, no_start_server=True)
        except jack.JackOpenError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def main(name: str, path: str) -> None:
    """Play until killed."""
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
        while True:
            time.sleep(0.05)
            for begin in begins[told:]:
                print(begin, flush=True)
                told += 1


if __name__ == "__main__":
    jack.set_error_function(lambda _: None)
    main(*sys.argv[1:])
