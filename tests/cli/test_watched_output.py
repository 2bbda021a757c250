"""A reader of standard output that is stuck is told, and that it reads again."""

from __future__ import annotations

import os
import threading
import time

from elsa_rt.cli.watched_output import WatchedOutput


def test_a_stuck_reader_is_told_while_it_is_stuck() -> None:
    reading, writing = os.pipe()
    said: list[str] = []
    told = threading.Event()

    def notice(text: str) -> None:
        said.append(text)
        told.set()

    with os.fdopen(writing, "w") as stream, WatchedOutput(stream, notice, 0.2).watching() as out:
        out.write("a line\n")
        out.flush()
        time.sleep(0.5)
        assert said == [], "nothing is being written"

        def read() -> None:
            assert told.wait(20)
            assert len(said) == 1
            left = 200_007  # all that is written
            while left:
                left -= len(os.read(reading, left))

        reader = threading.Thread(target=read)
        reader.start()
        out.write("x" * 200_000)  # more than a pipe holds
        out.flush()
        reader.join()
    assert "its reader has taken no line for 0.2 s, and listening waits for it" in said[0]
    assert said[1].startswith("standard output is read again; listening waited ")
    assert len(said) == 2
    os.close(reading)
