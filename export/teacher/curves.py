"""The log of a training run as a picture."""

from __future__ import annotations

import json
from pathlib import Path


def draw_curves(log: Path, picture: Path) -> None:
    """Draw every value of a ``log.jsonl`` over the steps, one panel each, as a PNG."""
    from matplotlib.figure import Figure  # without pyplot: it needs no display

    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    names = list(dict.fromkeys(name for line in lines for name in line if name != "step"))
    if not names:
        return
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(4 * columns, 2.6 * rows), layout="constrained")
    for axes, name in zip(figure.subplots(rows, columns, squeeze=False).flat, names, strict=False):
        points = [(line["step"], line[name]) for line in lines if name in line]
        axes.plot(*zip(*points, strict=True), marker="." if len(points) < 40 else "")
        axes.set_title(name)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=90)
