"""Speech detection by the model's known sounds, for clips that may hold none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.hearing import Hearing
from elsa_rt.scoring.known_sounds import KnownSounds

VOICES = frozenset(
    ("speech", "man speaking", "woman speaking", "child speaking", "shouting", "crowd", "laughing")
)
"""Labels that may hold words."""

MIN_PROBABILITY = 0.1
"""Probability of a voice from which it counts as heard: low, as a word that is kept does harm."""


def speech_detector(bundle: ModelBundle) -> Callable[[Hearing], bool] | None:
    """A function that tells of a hearing whether a voice is in it; None without such labels."""
    known = KnownSounds(bundle)
    voices = np.array([name in VOICES for name in known.names])
    if not voices.any():
        return None

    def is_speech(hearing: Hearing) -> bool:
        return bool(known.probabilities(hearing.embedding)[voices].max() >= MIN_PROBABILITY)

    return is_speech
