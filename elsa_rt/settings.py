"""The settings of `Config` by name and type, for editors and type checkers.

``Listener(engine="onnx", ...)`` takes them by name. `elsa_rt.config` holds their defaults, ranges
and meaning; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import Literal, TypedDict

from elsa_rt.audio.ambisonics import Format, Mount
from elsa_rt.rules.rule import Rule

SampleFormat = Literal["s16", "s24", "s24-in-32", "s32", "f32"]
"""Little-endian PCM that standard input may carry."""

Engine = Literal["auto", "onnx", "compiled", "tensorrt", "tensorrt-rtx"]
Precision = Literal["auto", "fp32", "fp16", "int8"]
Provider = Literal["cpu", "cuda"]
Frame = Literal["microphone", "world"]


class AlertSettings(TypedDict, total=False):
    """What ``Listener.change_rules`` may change, too."""

    false_alarms_per_hour: float
    alert_start: float | None
    alert_end: float | None
    site: str | PathLike[str] | None
    alert_confirm_s: float
    alert_release_s: float
    alert_cooldown_s: float
    alert_update_s: float | None
    alert_at_most: str | None
    alert_group: bool
    feedback: str | PathLike[str] | None
    feedback_half_life_days: float
    feedback_keep_days: float
    why: bool


class ListenerSettings(AlertSettings, total=False):
    """What a `Listener` takes by name: all fields of `Config` but the prompts."""

    rules: Iterable[Rule]
    frame: Frame
    run: str
    microphone: str | PathLike[str] | None
    format: Format | None
    channels: Iterable[int] | None
    mount: Mount | None
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    north_deg: float | None
    rate: int | None
    wait_for_device: bool
    sample_format: SampleFormat
    input_channels: int | None
    realtime: bool
    bundle: str | PathLike[str] | None
    engine: Engine
    precision: Precision
    provider: Provider
    compile: bool
    threads: int
    known_sounds: int | None
    sounds: int
    track_release_s: float
    remember: str | PathLike[str] | None
    remember_days: float | None
    remember_max_mb: float


class Settings(ListenerSettings, total=False):
    """All fields of `Config`."""

    prompts: Iterable[str]
