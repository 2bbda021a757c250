"""Picture of the guide's page *architecture*: the way of the data through the rooms, as SVG.

python -m tests.guide.picture --write
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from tests.guide.reference import PAGES

PATH = PAGES / "images" / "architecture.svg"


class Stage(NamedTuple):
    """One box on the way: its room, what it does, and what leaves it."""

    room: str
    does: str
    gives: str


STAGES = (
    Stage("sources", "microphone, file, pipe, array", "Block: (channels, n), position, losses"),
    Stage("microphones", "profile, format, mount, resampling", "AmbiX (4, n) at the model's rate"),
    Stage("features", "log-mel and intensity per band", "frames (hops, 8, mels), 10 ms each"),
    Stage(
        "encoder",
        "one step of the stateful model",
        "embedding (K, 512), direction, activity",
    ),
    Stage("scoring", "similarity to prompts, calibrated", "scores of every rule"),
    Stage("tracking", "births, deaths, association", "tracks with direction and uncertainty"),
    Stage("alerting", "confirmation, hysteresis, cooldown", "alerts: start, update, end"),
    Stage("listener", "all of it for one stream", "Hearing, every 80 ms"),
    Stage("outputs", "JSON, MQTT, page, terminal, Python", ""),
)

SIDE = {
    "microphones": ("calibrate", "measures the user's microphone"),
    "features": ("diagnostics", "watches the signal, tells faults"),
    "scoring": ("prompts", "sentences to vectors and regions"),
    "alerting": ("rules", "what is asked for, as plain data"),
}
"""Rooms beside the way, by the stage that they serve."""

WIDTH, ROW, BOX, LEFT, TOP = 860, 74, 44, 40, 20
BOX_WIDTH, SIDE_LEFT, SIDE_WIDTH = 380, 580, 240


def svg() -> Iterator[str]:
    """Lines of the picture; colours follow the reader's light or dark scheme."""
    height = TOP + ROW * len(STAGES)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="system-ui, sans-serif" font-size="13" role="img" '
        'aria-label="The way of the data from the source to the outputs">'
    )
    yield "<style>"
    yield "text{fill:#1a1d21}.dim{fill:#5b6470}.box{fill:#eef2f6;stroke:#9aa7b5}"
    yield ".side{fill:none;stroke:#9aa7b5;stroke-dasharray:4 3}.way{stroke:#0b6bcb;stroke-width:2}"
    yield "@media(prefers-color-scheme:dark){text{fill:#e8ecf1}.dim{fill:#a4afbb}"
    yield ".box{fill:#232a32;stroke:#5b6775}}"
    yield "</style>"
    yield '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" orient="auto"'
    yield ' markerWidth="7" markerHeight="7">'
    yield '<path d="M0 0L8 4L0 8z" fill="#0b6bcb"/></marker>'
    for number, stage in enumerate(STAGES):
        yield from _stage(TOP + ROW * number, stage, last=number == len(STAGES) - 1)
    yield "</svg>"


def _stage(top: int, stage: Stage, last: bool) -> Iterator[str]:
    middle = LEFT + BOX_WIDTH // 2
    yield _box("box", LEFT, top, BOX_WIDTH)
    yield f'<text x="{LEFT + 14}" y="{top + 27}" font-weight="600">{stage.room}</text>'
    yield f'<text class="dim" x="{LEFT + 124}" y="{top + 27}">{escape(stage.does)}</text>'
    if not last:
        below = top + BOX
        tip = 'marker-end="url(#tip)"'
        yield _line("way", (middle, below), (middle, top + ROW - 2), tip)
        yield f'<text class="dim" x="{middle + 12}" y="{below + 20}">{escape(stage.gives)}</text>'
    if stage.room in SIDE:
        room, does = SIDE[stage.room]
        level = top + BOX // 2
        yield _box("side", SIDE_LEFT, top, SIDE_WIDTH)
        yield f'<text x="{SIDE_LEFT + 14}" y="{top + 19}" font-weight="600">{room}</text>'
        yield f'<text class="dim" x="{SIDE_LEFT + 14}" y="{top + 36}">{escape(does)}</text>'
        yield _line("side", (SIDE_LEFT, level), (LEFT + BOX_WIDTH, level))


def _box(kind: str, left: int, top: int, width: int) -> str:
    return f'<rect class="{kind}" x="{left}" y="{top}" width="{width}" height="{BOX}" rx="6"/>'


def _line(kind: str, start: tuple[int, int], end: tuple[int, int], more: str = "") -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" {more}/>'


def main() -> int:
    """Print the picture, or write it into the guide."""
    parser = argparse.ArgumentParser(prog="python -m tests.guide.picture")
    parser.add_argument("--write", action="store_true", help=f"write {PATH.name}")
    text = "\n".join(svg()) + "\n"
    if parser.parse_args().write:
        PATH.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
