"""Stages of a microphone straight from settings."""

from __future__ import annotations

from elsa_rt.config import Config
from elsa_rt.microphones.encoding import Encoding, encoding
from elsa_rt.microphones.library import profile_of
from elsa_rt.microphones.to_foa import ToFoa


def to_foa(config: Config, channels: int, rate: int, model_rate: int) -> ToFoa:
    """The first stage of a listener with ``config``."""
    return ToFoa(profile_of(config), channels, rate, model_rate)


def encoding_of(config: Config, rate: int) -> Encoding:
    """How the microphone of ``config`` is encoded."""
    return encoding(profile_of(config), rate)
