"""Skips, with the reason, what this machine cannot do."""

from __future__ import annotations

import pytest

from tests.live.virtual_mic import alsa_lacks
from tests.support.jack_server import jack_lacks


@pytest.fixture
def alsa() -> None:
    """For tests that use `virtual_microphone`."""
    if reason := alsa_lacks():
        pytest.skip(reason)


@pytest.fixture
def jack_server() -> None:
    """For tests that use `jack_microphone`."""
    if reason := jack_lacks():
        pytest.skip(reason)
