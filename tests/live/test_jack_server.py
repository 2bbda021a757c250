"""JACK servers that are killed leave nothing that keeps the next from starting."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.live.virtual_mic import jack_microphone
from tests.support.jack_server import SERVERS, SHARED, JackServer

RATE = 48_000
LIMIT_S = 10


def registered(server: JackServer) -> bool:
    registry = SHARED / "jack-shm-registry"
    return registry.exists() and server.name.encode() in registry.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("jack_server")
def test_more_servers_were_killed_than_the_table_of_jack_holds() -> None:
    for _ in range(SERVERS + 1):
        server = JackServer()
        server.start(RATE)
        deadline = time.monotonic() + LIMIT_S
        while not registered(server):
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        server.kill()
    with jack_microphone(np.zeros((4, RATE), np.float32), RATE) as mic:
        assert mic.rate == RATE
    assert not registered(server)
