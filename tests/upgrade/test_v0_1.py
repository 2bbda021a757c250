"""Files of version 0.1, as they were then: this version reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from elsa_rt import Block, Listener
from elsa_rt.errors import UsageError
from elsa_rt.microphones.profile_file import read_profile
from elsa_rt.rules_file.reader import read_rules
from elsa_rt.testing import sound

OLD = Path(__file__).parent / "v0_1"


def test_rules(tmp_path: Path) -> None:
    shutil.copy(OLD / "rules.yaml", tmp_path)
    assert len(read_rules(tmp_path / "rules.yaml").rules) >= 4


def test_profile() -> None:
    profile = read_profile(OLD / "profile.yaml")
    assert profile.channels is not None
    assert len(profile.channels) == 4


def test_bundle() -> None:
    listener = Listener(["a hum"], bundle=str(OLD / "bundle"), on_notice=lambda text: None)
    noise = np.random.default_rng(0).normal(0, 0.01, (4, 16_000)).astype(np.float32)
    hearings = listener.push(Block(noise, 16_000))
    assert len(hearings) == 10


def test_site() -> None:
    """A place in which it hums and hisses for a quarter of the time, learned with that bundle."""
    foa = np.random.default_rng(5).normal(0, 1e-4, (4, 64_000)).astype(np.float32)
    foa[:, 32_000:48_000] += sound("hum", 1, 74, 0, 16_000)
    best, alerts = [], []
    for site in (None, str(OLD / "site.npz")):
        listener = Listener(
            ["a hum"], bundle=str(OLD / "bundle"), site=site, on_notice=lambda text: None
        )
        heard = list(listener.push(Block(foa, 16_000)))
        best.append(max(hearing.scores[0].score for hearing in heard))
        alerts.append(sum(alert.state == "start" for hearing in heard for alert in hearing.alerts))
    without, with_site = best
    assert without > 0.6, "a hum is rare elsewhere"
    assert with_site < 0.5, "and not there: it comes more often than once an hour"
    assert alerts == [1, 0]


def test_a_site_of_another_model_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="learn it with elsa-rt calibrate site again"):
        Listener(["a hum"], site=str(OLD / "site.npz"), on_notice=lambda text: None)
