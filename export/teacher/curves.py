"""The log of a training run as a picture."""

from __future__ import annotations

import json
from pathlib import Path

PANELS = {
    "losses": ("contrast", "label", "tag_names", "direction", "distance", "floor", "t30"),
    "direction, degrees": ("direction_median_deg", "direction_mean_deg", "direction_p90_deg"),
    "factors off": ("distance_factor", "floor_factor", "t30_factor"),
    "words, share right": ("label_top1", "label_top5", "place_4way"),
    "retrieval": ("text_r1", "text_r5", "text_r10", "sound_r1", "sound_r5", "sound_r10"),
}
"""What is drawn together; the names are those of the log."""


def draw_curves(log: Path, picture: Path) -> None:
    """Draw the values of a ``log.jsonl`` over the steps as a PNG."""
    from matplotlib.figure import Figure  # without pyplot: it needs no display

    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    figure = Figure(figsize=(4 * len(PANELS), 3.4))
    figure.subplots_adjust(0.03, 0.13, 0.99, 0.9)
    for axes, (title, names) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for name in names:
            points = [(line["step"], line[name]) for line in lines if name in line]
            if points:
                axes.plot(*zip(*points, strict=True), label=name, marker="." * (len(points) < 40))
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
    figure.savefig(picture, dpi=90)
