"""A reader of standard output that is stuck is told, and that it reads again."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace

import pytest

from elsa_rt.cli import watched_output
from elsa_rt.cli.watched_output import WatchedOutput
from tests.support.hearings import until


def test_a_stuck_reader_is_told_while_it_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(watched_output, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    reading, writing = os.pipe()
    said: list[str] = []
    told = threading.Event()

    def notice(text: str) -> None:
        said.append(text)
        told.set()

    with os.fdopen(writing, "w") as stream, WatchedOutput(stream, notice, 0.2).watching() as out:
        out.write("a line\n")
        out.flush()
        now_s[0] = 100.0
        time.sleep(0.5)  # the watcher looks every 0.1 s
        assert said == [], "nothing is being written"

        def read() -> None:
            until(lambda: out._since is not None)
            now_s[0] += 0.3
            assert told.wait(20)
            assert len(said) == 1
            now_s[0] += 2.0
            left = 200_007  # all that is written
            while left:
                left -= len(os.read(reading, left))

        reader = threading.Thread(target=read)
        reader.start()
        out.write("x" * 200_000)  # more than a pipe holds
        out.flush()
        reader.join()
    assert "its reader has taken no line for 0.2 s, and listening waits for it" in said[0]
    assert said[1] == "standard output is read again; listening waited 2.3 s for it"
    assert len(said) == 2
    os.close(reading)
