"""Names for rows: the known sounds that an embedding is nearest to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.hearing import Label
from elsa_rt.scoring.known_sounds import KnownSounds

Namer = Callable[[NDArray[np.float32]], tuple[Label, ...]]
"""Gives the known sounds nearest to an embedding (D,), the best first."""

LABELS_KEPT = 3


def namer_of(bundle: ModelBundle) -> Namer:
    """Names by the labels of ``bundle``; none where it has none."""
    return partial(KnownSounds.of(bundle).nearest, n=LABELS_KEPT)
