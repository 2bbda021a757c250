"""Hear what sounds where, in real time, and ask for it in your own words.

Listening
    Listener      hears a source, or the blocks that you push
    Listeners     several microphones, heard by one model that steps once for all
    Listening     a listener that runs on a thread: the handle to stop and join it
    Hearing       what it gives for every step: activity, direction, scores, tracks, alerts
    Score         how well one prompt fits
    Track         a sound that is followed: direction, its uncertainty and speed, distance
    Alert         a prompt begins to be heard, goes on or ends
    Health        how well it hears: state, reasons, what was lost
    HealthEvent   a change of health, such as deaf
    Config        every setting, with its default
    Rule          what to listen for, where, when, and how readily it alerts
    Region        a part of the space around the listener
    Schedule      windows of the week

Sound
    Block         a run of samples
    ArraySource   samples in memory as a source
    Source        what every source is: derive from it to bring your own
    devices       the microphones that there are
    DeviceInfo    one of them

Model
    ModelBundle   a trained model on disk, checked before it runs
    AudioEncoder  the loaded model, to share among listeners
    PromptBank    encoded prompts, to share among listeners
    embed_text    embeddings of texts in the space of the sounds

Memory
    Memory        a store of the past, to be asked in words and directions
    Recollection  its answer: the best rows, and when and where such sounds were heard
    Remembered    one row: a sound that was heard, or a minute

Errors
    ElsaError     root of all that is raised on purpose
    UsageError    what was asked for makes no sense
    SourceError   a file, pipe or array that is not usable audio
    DeviceError   a microphone that is missing, unfit or gone
    BundleError   a model bundle that is absent, damaged or of another kind
    EngineError   an inference engine that cannot be had or failed
    StoreError    a memory of the past that cannot be read or written

Importing this package is cheap: a name loads what it needs when it is first used.
"""

from __future__ import annotations

from elsa_rt.interrupts import end_at_once, is_program

if is_program():
    end_at_once()  # before anything else is loaded

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elsa_rt.telemetry import switch_off
from elsa_rt.version import __version__

switch_off()  # before anything can load ONNX Runtime

if TYPE_CHECKING:
    from elsa_rt.audio.block import Block
    from elsa_rt.config import Config
    from elsa_rt.encoder.audio import AudioEncoder
    from elsa_rt.encoder.bundle import ModelBundle
    from elsa_rt.errors import (
        BundleError,
        DeviceError,
        ElsaError,
        EngineError,
        SourceError,
        StoreError,
        UsageError,
    )
    from elsa_rt.health import Health, HealthEvent
    from elsa_rt.hearing import Alert, Hearing, Score, Track
    from elsa_rt.listener import Listener
    from elsa_rt.listeners import Listeners
    from elsa_rt.listening.background import Listening
    from elsa_rt.memory.memory import Memory
    from elsa_rt.memory.recollection import Recollection
    from elsa_rt.memory.row import Remembered
    from elsa_rt.prompts.bank import PromptBank, embed_text
    from elsa_rt.rules.region import Region
    from elsa_rt.rules.rule import Rule
    from elsa_rt.rules.schedule import Schedule
    from elsa_rt.sources.array import ArraySource
    from elsa_rt.sources.base import Source
    from elsa_rt.sources.devices import DeviceInfo, devices

__all__ = [
    "Alert",
    "ArraySource",
    "AudioEncoder",
    "Block",
    "BundleError",
    "Config",
    "DeviceError",
    "DeviceInfo",
    "ElsaError",
    "EngineError",
    "Health",
    "HealthEvent",
    "Hearing",
    "Listener",
    "Listeners",
    "Listening",
    "Memory",
    "ModelBundle",
    "PromptBank",
    "Recollection",
    "Region",
    "Remembered",
    "Rule",
    "Schedule",
    "Score",
    "Source",
    "SourceError",
    "StoreError",
    "Track",
    "UsageError",
    "__version__",
    "devices",
    "embed_text",
]

_HOMES = {
    "elsa_rt.audio.block": ("Block",),
    "elsa_rt.sources.array": ("ArraySource",),
    "elsa_rt.sources.base": ("Source",),
    "elsa_rt.sources.devices": ("DeviceInfo", "devices"),
    "elsa_rt.config": ("Config",),
    "elsa_rt.encoder.audio": ("AudioEncoder",),
    "elsa_rt.encoder.bundle": ("ModelBundle",),
    "elsa_rt.errors": (
        "BundleError",
        "DeviceError",
        "ElsaError",
        "EngineError",
        "SourceError",
        "StoreError",
        "UsageError",
    ),
    "elsa_rt.health": ("Health", "HealthEvent"),
    "elsa_rt.hearing": ("Alert", "Hearing", "Score", "Track"),
    "elsa_rt.listener": ("Listener",),
    "elsa_rt.listeners": ("Listeners",),
    "elsa_rt.listening.background": ("Listening",),
    "elsa_rt.memory.memory": ("Memory",),
    "elsa_rt.memory.recollection": ("Recollection",),
    "elsa_rt.memory.row": ("Remembered",),
    "elsa_rt.prompts.bank": ("PromptBank", "embed_text"),
    "elsa_rt.rules.region": ("Region",),
    "elsa_rt.rules.rule": ("Rule",),
    "elsa_rt.rules.schedule": ("Schedule",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
