"""What a bundle hears in homes of training clips: what prompts are told from day after day."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import SOUNDING
from elsa_rt.errors import UsageError
from export.data.clips import kinds
from export.scenes.home import World
from export.scenes.home_hours import BACKGROUND, HomeRecording, hear_world

STREAMS = 320  # of two minutes: eleven hours
EVERY = 4  # steps: neighbours are alike
HEARD_S, LINGERS_S = 0.3, 3.0
"""A sound is what is remembered from so long after its onset on; it may be until so long after its
end."""


class HomeSteps(NamedTuple):
    """Some n of the active steps of homes, and which of L labels they are."""

    embedding: NDArray[np.float32]  # (n, D)
    true: NDArray[np.bool_]  # (n, L): the label sounds, or a kind of it
    unsure: NDArray[np.bool_]  # (n, L): it may be what is remembered, or something wider sounds


def hear_homes(
    bundle: ModelBundle, work: Path, cache: Path | None, streams: int = STREAMS
) -> HomeSteps:
    """Hear ``streams`` of the training side of ``work``; ``cache`` keeps what was heard."""
    world = World(work, "training")
    kind_of = kinds(world.labels[: world.trained])
    heard = hear_world(bundle, world, BACKGROUND, streams, cache)
    parts = [steps_of(one, i % EVERY, bundle.step_s, kind_of) for i, one in enumerate(heard)]
    if not any(len(part.embedding) for part in parts):
        raise UsageError(
            f"hearing {streams} streams of homes: no step was active: take more --streams, or "
            "train the model longer"
        )
    return HomeSteps(*map(np.concatenate, zip(*parts, strict=True)))


def steps_of(
    heard: HomeRecording, first: int, step_s: float, kind_of: NDArray[np.bool_]
) -> HomeSteps:
    """Every `EVERY`-th step of a stream from ``first`` on; ``kind_of`` as of `kinds`."""
    chosen = np.arange(first, len(heard.activity), EVERY)
    chosen = chosen[heard.activity[chosen] > SOUNDING]
    at = (chosen + 1) * step_s
    true = np.zeros((len(at), len(kind_of)), bool)
    about = true.copy()
    related = kind_of | kind_of.T
    for event in heard.events:
        if event.label >= 0:
            true[(at > event.start_s + HEARD_S) & (at <= event.end_s)] |= kind_of[event.label]
            about[(at > event.start_s) & (at <= event.end_s + LINGERS_S)] |= related[event.label]
    return HomeSteps(heard.embedding[chosen].astype(np.float32), true, about & ~true)
