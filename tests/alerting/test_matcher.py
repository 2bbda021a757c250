"""Scores, levels, tracks and alerts together."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.alerting.matcher import Matched, Matcher
from elsa_rt.config import Config
from elsa_rt.encoder.audio import AudioEncoder
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.features.energy_flow import EnergyFlow
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.hearing import Alert
from elsa_rt.prompts.bank import PromptBank
from elsa_rt.rules.region import Region
from elsa_rt.rules.rule import Rule
from elsa_rt.scoring import feedback
from elsa_rt.testing import sound

RATE = 16_000
LOUD = Rule("loud", level_dbfs=-30.0)
LOUD_BEHIND = Rule("loud-behind", level_dbfs=-30.0, region=Region(azimuth_deg=(145.0, -145.0)))
LOUD_HUM = Rule("loud-hum", ("a hum",), level_dbfs=-30.0)
HUM = Rule("hum", ("a hum",))

Foa = NDArray[np.float32]


@pytest.fixture(scope="module")
def encoder(bundle: Path) -> AudioEncoder:
    return AudioEncoder(ModelBundle.load(bundle))


def hear(
    encoder: AudioEncoder, rules: Sequence[Rule], foa: Foa, config: Config | None = None
) -> Iterator[tuple[Matched, tuple[Alert, ...]]]:
    """What each step came to, and its alerts; at the end those that the end closes."""
    bundle, config = encoder.bundle, config or Config()
    matcher = Matcher(PromptBank.encode(bundle, rules), config, bundle)
    frames = IntensityFeatures(bundle.features).step(foa)
    sounds = encoder.streams().lanes[0].step(frames, foa)
    flows = EnergyFlow(bundle.step_frames).step(frames)
    for index, (one, flow) in enumerate(zip(sounds, flows, strict=True)):
        time_s = (index + 1) * bundle.step_s
        matched = matcher.step(time_s, one, one, flow)
        yield matched, matched.alerts
    yield matched, matcher.finish(time_s).alerts


def starts(steps: Iterator[tuple[Matched, tuple[Alert, ...]]]) -> dict[str, Alert]:
    alerts = [alert for _, told in steps for alert in told]
    return {alert.rule: alert for alert in alerts if alert.state == "start"}


@pytest.mark.parametrize(
    ("kind", "azimuth", "level", "told"),
    [
        ("hiss", 180, 0.2, {"loud", "loud-behind"}),
        ("hiss", 0, 0.2, {"loud"}),
        ("hiss", 180, 0.01, set()),
        ("hum", 180, 0.2, {"loud", "loud-behind", "loud-hum", "hum"}),
        ("hum", 180, 0.01, {"hum"}),
    ],
)
def test_loud_noise_words_and_both(
    encoder: AudioEncoder, kind: str, azimuth: float, level: float, told: set[str]
) -> None:
    foa = sound(kind, 1, azimuth, level=level)
    found = starts(hear(encoder, (LOUD, LOUD_BEHIND, LOUD_HUM, HUM), foa))
    assert found.keys() == told
    for alert in found.values():
        assert alert.words == ("behind" if azimuth else "front")
    if "loud" in told:
        assert found["loud"].time_s == pytest.approx(0.1)  # no confirmation
        assert len({alert.event for alert in found.values()}) == 1


def test_all_that_is_told_of_a_rule_has_its_label(encoder: AudioEncoder) -> None:
    hum = replace(HUM, confirm_s=0.0)
    ((first, _), *_) = hear(encoder, (LOUD, hum), sound("hum", 0.5, 0))
    assert [score.prompt for score in first.scores] == ["loud", "a hum"]
    assert [alert.prompt for alert in first.alerts] == ["a hum", "loud"]  # words lead


@pytest.mark.slow
def test_fifteen_minutes_do_not_fill_the_memory(
    encoder: AudioEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sounds that come and go everywhere, told with updates."""
    bundle = encoder.bundle
    rules = (LOUD, LOUD_BEHIND, LOUD_HUM, HUM)
    config = Config(alert_update_s=0.5, alert_cooldown_s=0.3)
    monkeypatch.setattr(feedback, "MAX_ALERTS", 50)  # that can be judged: full after a minute
    matcher = Matcher(PromptBank.encode(bundle, rules), config, bundle)
    foa = np.hstack([sound("hum", 0.5, azimuth) for azimuth in range(-180, 180, 40)])
    foa = np.hstack([foa, 0 * foa[:, : 2 * RATE]])
    frames = IntensityFeatures(bundle.features).step(foa)
    sounds = encoder.streams().lanes[0].step(frames, foa)
    heard = list(zip(sounds, EnergyFlow(bundle.step_frames).step(frames), strict=True))
    told = 0
    blocks = []
    for step in range(9_000):
        if step % 3_000 == 0:
            gc.collect()
            blocks.append(sys.getallocatedblocks())
        one, flow = heard[step % len(heard)]
        told += len(matcher.step(step * bundle.step_s, one, one, flow).alerts)
    assert told > 700
    assert blocks[-1] - blocks[1] < 300
