"""The guided calibration, with a source in memory: what it asks for, and when it goes on."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from calibration.trials import RATE, make, record
from elsa_rt import ArraySource
from elsa_rt.calibrate.calibration import calibrate
from elsa_rt.calibrate.directions import GUIDED, announced
from elsa_rt.calibrate.recording import FourChannelReader
from elsa_rt.config import Config
from elsa_rt.errors import SourceError
from elsa_rt.microphones.library import find_profile
from elsa_rt.screens import guide
from elsa_rt.screens.guide import Guide
from tests.calibrate.test_microphone import NUMBERS, PLACES

Samples = NDArray[np.float32]

BASE = Config(microphone="tetrahedron")


def led(samples: Samples, *, terminal: bool = False, block: int = 480) -> tuple[Guide, StringIO]:
    """A guide that hears ``samples``, and what it writes."""
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, height=40, color_system=None)
    return Guide(FourChannelReader(ArraySource(samples, RATE, block), BASE), console), out


@pytest.mark.slow
@pytest.mark.parametrize("terminal", [False, True])
def test_it_leads_from_meters_to_a_profile(terminal: bool) -> None:
    truth = make(7)
    twice = tuple(announced(name).towards for name in GUIDED for _ in range(2))
    claps = record(truth.device, np.random.default_rng(1), twice)
    start = truth.noise[:, : round(3.5 * RATE)]
    talk, out = led(np.concatenate([start, claps], axis=1), terminal=terminal)
    assert talk.check(1.0, ()) == []
    noise = talk.noise(2.0)
    takes = talk.claps(PLACES, 2)
    assert noise.shape == (4, 2 * RATE)
    assert [len(take.onsets) for take in takes] == [2] * 5
    found = calibrate(takes, noise, find_profile("tetrahedron"), RATE, NUMBERS, "a test")
    assert found.profile.yaw_deg == pytest.approx(truth.yaw_deg, abs=2)
    assert found.profile.channels == tuple((np.argsort(truth.device.order) + 1).tolist())
    said = out.getvalue()
    for part in ("1 of 3", "all four are alive", "2 of 3", "3 of 3", "straight above it: 2 heard"):
        assert part in said
    assert ("channel 1" in said) == terminal


def test_a_dead_channel_is_named() -> None:
    samples = make(7).noise[:, : 2 * RATE].copy()
    samples[2] = 0
    talk, out = led(samples)
    (fault,) = talk.check(1.0, ())
    assert fault.fatal
    assert "channel 3 is dead" in out.getvalue()


def test_nobody_claps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guide, "WAIT_S", 2.0)
    talk, _ = led(make(7).noise)
    with pytest.raises(SourceError, match="no clap was heard for 2 s"):
        talk.claps(PLACES, 1)


def test_a_source_that_ends() -> None:
    talk, _ = led(make(7).noise[:, :RATE])
    with pytest.raises(SourceError, match="give --noise and --claps"):
        talk.noise(2.0)
