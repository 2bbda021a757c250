"""Everyday sounds from formulas: training material and demo scenes without recordings.

    synthesise(label, rng, rate)     one draw of a sound; `LABELS` says which there are
    speak(text, voice, rng, rate)    a sentence through espeak-ng

Each draw differs in pitch, pace, material, repetition and detail.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import UsageError
from export.synthesis import alarms, bells, impacts, machines, nature
from export.synthesis.elements import Rng, Samples, finish, record
from export.synthesis.speech import speak

__all__ = ["LABELS", "speak", "synthesise"]

_MAKERS: dict[str, Callable[[Rng, int], Samples]] = {
    "smoke alarm": alarms.smoke_alarm,
    "alarm clock": alarms.alarm_clock,
    "telephone ringing": alarms.telephone,
    "doorbell": bells.doorbell,
    "siren": alarms.siren,
    "car horn": alarms.car_horn,
    "bicycle bell": bells.bicycle_bell,
    "church bells": bells.church_bells,
    "clock tick": impacts.clock_tick,
    "door knock": impacts.door_knock,
    "glass breaking": impacts.glass_breaking,
    "mouse click": impacts.mouse_click,
    "keyboard typing": impacts.keyboard_typing,
    "engine": machines.engine,
    "rain": nature.rain,
    "whistle": nature.whistle,
    "dog": nature.dog,
    "clapping": impacts.clapping,
    "beep": alarms.beep,
}

LABELS: tuple[str, ...] = tuple(_MAKERS)
"""Every label that `synthesise` knows."""


def synthesise(label: str, rng: np.random.Generator, rate: int = 48_000) -> NDArray[np.float32]:
    """One draw of a sound, (n,) of 0.3 to 5 s with a peak of 1.

    Raises UsageError for a label that is not in `LABELS`.
    """
    if label not in _MAKERS:
        raise UsageError(f"synthesis of {label!r}: choose one of {', '.join(LABELS)}")
    return finish(record(_MAKERS[label](rng, rate), rng, rate), rate)
