"""What the terminal view costs while it is watched: processor time, pictures, characters.

    python -m tests.bench.terminal

Hearings of the built-in scene with 20 prompts come at their pace into a view on a pseudo-terminal;
the thread that draws is measured alone, at four sizes.
"""

from __future__ import annotations

import os
import pty
import struct
import sys
import threading
import time
from typing import Any, cast

from rich.console import Console

from elsa_rt.demo import demo_path, demo_prompts
from elsa_rt.hearing import Hearing
from elsa_rt.listener import Listener
from elsa_rt.screens.terminal import TerminalView
from tests.bench.material import machine
from tests.bench.targets import Target, judge

PROMPTS = 20
WATCHED_S = 16.0
SIZES = ((60, 16), (80, 24), (120, 40), (200, 60))
MOST_SHARE, MOST_PICTURES = 1.0, 5.0


def main() -> int:
    """Measure each size, and say whether the aims are met."""
    print(machine())
    prompts = [*demo_prompts(), *(f"a sound number {n}" for n in range(PROMPTS))][:PROMPTS]
    listener = Listener(prompts, demo_path(), why=True, known_sounds=3)
    hearings = list(listener)
    step_s = listener.bundle.step_s
    targets = []
    for size in SIZES:
        share, pictures, characters = watched(listener, hearings, step_s, size)
        name = f"{size[0]} x {size[1]}"
        targets += [
            Target(f"{name}: share of a core", 100 * share, MOST_SHARE, "%"),
            Target(f"{name}: pictures a second", pictures, MOST_PICTURES + 0.2, ""),
        ]
        print(f"{name}: {characters / 1000:.1f} kB a second are written")
    return 0 if judge(targets) else 1


def watched(
    listener: Listener, hearings: list[Hearing], step_s: float, size: tuple[int, int]
) -> tuple[float, float, float]:
    """Share of a core of the drawing thread, pictures and characters a second."""
    leader, follower = pty.openpty()
    _resize(follower, size)
    threading.Thread(target=_drain, args=(leader,), daemon=True).start()
    with os.fdopen(follower, "w") as stream:
        console = Console(file=stream, force_terminal=True, color_system="truecolor")
        view = TerminalView(console, source="bench", model="bench", known=listener.known)
        paint: Any = view._painter.paint
        pictures = list[float]()

        def counted(*what: object) -> None:
            paint(*what)
            pictures.append(time.thread_time())

        cast(Any, view._painter).paint = counted
        with view:
            began, number = time.monotonic(), 0
            while (now := time.monotonic() - began) < WATCHED_S:
                if number < len(hearings) and now >= number * step_s:
                    view.show(hearings[number])
                    number += 1
                time.sleep(step_s / 4)
            spent, count, written = pictures[-1], len(pictures), view._painter.written
    return spent / WATCHED_S, count / WATCHED_S, written / WATCHED_S


def _resize(terminal: int, size: tuple[int, int]) -> None:
    import fcntl
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65_536):
            pass
    except OSError:
        pass


if __name__ == "__main__":
    sys.exit(main())
