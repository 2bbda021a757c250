"""Bring a source of your own: here frames of four channels from a network socket.

The other side sends float32 samples, interleaved, W Y Z X, at 16 kHz:

python examples/own_source.py 127.0.0.1 5005 "a dog barking"
"""

import socket
import sys
from collections.abc import Iterator

import numpy as np

import elsa_rt


class SocketSource(elsa_rt.Source):
    """Frames from a TCP connection."""

    rate, channels, live = 16_000, 4, True

    def __init__(self, host: str, port: int) -> None:
        self.name = f"{host}:{port}"
        self._socket = socket.create_connection((host, port))

    def __iter__(self) -> Iterator[elsa_rt.Block]:
        start, waiting = 0, b""
        while arrived := self._socket.recv(1 << 16):
            waiting += arrived
            whole = len(waiting) // 16 * 16  # four channels of four bytes
            samples = np.frombuffer(waiting[:whole], "<f4").reshape(-1, 4).T  # (4, n)
            waiting = waiting[whole:]
            if samples.shape[1]:
                yield elsa_rt.Block(np.ascontiguousarray(samples), self.rate, start)
                start += samples.shape[1]

    def close(self) -> None:
        """Hang up; closing twice does nothing."""
        self._socket.close()


if len(sys.argv) < 4:
    sys.exit(__doc__)
host, port, *prompts = sys.argv[1:]
with elsa_rt.Listener(prompts, SocketSource(host, int(port))) as listener:
    for hearing in listener:
        for alert in hearing.alerts:
            print(f"{alert.time_s:.1f} s  {alert.state}  {alert.prompt}")
