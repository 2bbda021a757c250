"""The curves of a soak as tables of the guide's page *reliability*."""

from __future__ import annotations

from pathlib import Path

import elsa_rt.guide
from tests.soak.curve import Point, read_curve
from tests.soak.picture import soak_picture

PAGE = Path(elsa_rt.guide.__file__).parent / "reliability.md"
PICTURE = PAGE.parent / "images" / "soak.svg"
BEGIN, END = "<!-- made by python -m tests.soak --write -->\n", "<!-- end of the soak -->\n"
TITLES = {
    "fastest": "As fast as it goes",
    "realtime": "In real time, from a virtual microphone of ALSA at 48 kHz",
}
HEAD = (
    "| sound, h | memory, MB | capture, MB | files | threads | step p50, ms | step p99, ms "
    "| behind, s | lost samples | alerts |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
)


def row(point: Point) -> str:
    """A line of the table."""
    return (
        f"| {point.sound_h:.2f} | {point.resident_mb:.1f} | {point.capture_mb:.1f} "
        f"| {point.files} | {point.threads} | {point.step_p50_ms:.2f} | {point.step_p99_ms:.2f} "
        f"| {point.behind_s:.2f} | {point.lost_samples} | {point.alerts} |\n"
    )


def write(directory: Path) -> None:
    """Put every second point of each curve into the page, and all of them into its picture."""
    soaks = {
        title: read_curve(directory / f"{name}.jsonl")
        for name, title in TITLES.items()
        if (directory / f"{name}.jsonl").is_file()
    }
    made = f"![Memory, cost of a step and delay](images/{PICTURE.name})\n\n"
    for title, points in soaks.items():
        made += f"{title}:\n\n{HEAD}" + "".join(map(row, points[1::2])) + "\n"
    PICTURE.write_text(soak_picture(soaks), "utf-8")
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(before + BEGIN + "\n" + made + END + after, "utf-8")
