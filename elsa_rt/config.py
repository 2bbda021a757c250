"""Every setting of a listener, and the only home of its defaults.

The options of the command line are made from these fields: an underscore becomes a hyphen,
the metadata is its help.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from elsa_rt.audio.ambisonics import FORMATS, MOUNTS, Format, Mount
from elsa_rt.errors import UsageError

SAMPLE_FORMATS = ("s16", "s24", "s32", "f32")
"""Little-endian PCM that standard input may carry."""

ENGINES = ("auto", "onnx")

MAX_PROMPT_CHARACTERS = 500


def _setting(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True)
class Config:
    """What to listen to, for what, and when to say so."""

    prompts: tuple[str, ...] = ()

    # the microphone and its signal
    format: Format = _setting("ambix", "what the channels are", choices=FORMATS)
    channels: tuple[int, ...] | None = _setting(
        None, "which four channels to use, counted from 1, e.g. 1,2,3,4 (default: the first four)"
    )
    mount: Mount = _setting("upright", "how the microphone is mounted", choices=MOUNTS)
    yaw_deg: float = _setting(0.0, "the microphone is turned left by this many degrees")
    pitch_deg: float = _setting(0.0, "its nose is dipped by this many degrees")
    roll_deg: float = _setting(0.0, "its left side is lifted by this many degrees")
    rate: int | None = _setting(None, "sampling rate in Hz of a microphone or of standard input")
    sample_format: str = _setting("s16", "samples on standard input", choices=SAMPLE_FORMATS)
    input_channels: int | None = _setting(
        None, "how many channels a microphone is opened with, or standard input carries"
    )
    realtime: bool = _setting(False, "play a file at its own speed instead of as fast as possible")

    # the model
    bundle: str | None = _setting(None, "directory of a model bundle (default: the one inside)")
    engine: str = _setting("auto", "what runs the model", choices=ENGINES)
    threads: int = _setting(1, "threads of the model")

    # alerts
    alert_start: float = _setting(0.6, "score 0..1 that starts an alert")
    alert_end: float = _setting(0.35, "score 0..1 below which an alert may end")
    alert_confirm_s: float = _setting(0.2, "seconds that the score must hold before the start")
    alert_release_s: float = _setting(0.8, "seconds below the end score before the end")

    def __post_init__(self) -> None:
        if not 0 < self.alert_end <= self.alert_start <= 1:
            raise UsageError(
                f"alert scores: end {self.alert_end} and start {self.alert_start} must keep "
                "0 < end <= start <= 1: change --alert-start or --alert-end"
            )
        for name in ("alert_confirm_s", "alert_release_s"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} is {getattr(self, name)}: it cannot be negative")
        if self.threads < 1:
            raise UsageError(f"--threads is {self.threads}: at least 1 is needed")
        if self.channels is not None and (
            len(self.channels) != 4 or len(set(self.channels)) != 4 or min(self.channels) < 1
        ):
            raise UsageError(
                f"--channels {self.channels}: four different channels counted from 1 are needed, "
                "e.g. --channels 1,2,3,4"
            )
