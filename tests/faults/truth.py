"""What was really played, and which of it was alerted to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from elsa_rt.demo import demo_scene
from tests.faults.running import Running

LATE_S = 5.0
"""So long after a sound began its alert may come; the machine may be busy."""

WARM_S = 1.0
"""So long after a gap stages have begun anew: what sounds then may be missed."""


class Sound(NamedTuple):
    """One sound of the scene as it was played; times of the monotonic clock."""

    prompt: str
    began: float
    ended: float


class Gap(NamedTuple):
    """A time in which nothing could be heard."""

    began: float
    ended: float


def sounds_of_pass(began: float, ended: float) -> Iterator[Sound]:
    """Sounds of a pass of the scene that began and, whole or not, ended at these times."""
    for event in demo_scene()["events"]:
        sound = Sound(event["prompt"], began + event["start_s"], began + event["end_s"])
        if sound.ended <= ended:
            yield sound


def alerts_lost(sounds: Sequence[Sound], run: Running, gaps: Sequence[Gap] = ()) -> str:
    """How many of the sounds outside the gaps got no alert, of how many: "0 of 9".

    What was played is the truth: a sound counts if it began after the first hearing and its alert
    had the time to come before the last.
    """
    heard = [at for at, line in run.lines if line["type"] == "hearing"]
    starts = [
        (at, line["prompt"])
        for at, line in run.lines
        if line["type"] == "alert" and line["state"] == "start"
    ]
    due = [
        sound
        for sound in sounds
        if heard[0] + WARM_S < sound.began
        and sound.began + LATE_S < heard[-1]
        and not any(
            sound.began < gap.ended + WARM_S and sound.ended > gap.began - WARM_S for gap in gaps
        )
    ]
    lost = [
        sound
        for sound in due
        if not any(
            prompt == sound.prompt and sound.began <= at <= sound.began + LATE_S
            for at, prompt in starts
        )
    ]
    return f"{len(lost)} of {len(due)}"
