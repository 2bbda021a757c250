"""Files of version 0.1, as they were then: this version reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from elsa_rt import Block, Listener
from elsa_rt.microphones.profile_file import read_profile
from elsa_rt.rules_file.reader import read_rules

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
