"""DC and rumble: what is added, and that the high-pass takes it away again."""

from __future__ import annotations

import numpy as np
import pytest

from export.evaluate.below_hearing import ADDED, DEEP_HZ, LEVEL, RUMBLE_HZ, disturbed, high_passed
from export.scenes.trials import RATE, About, Staged, Wet

COUNT = 4 * RATE
ABOUT = About(0, 1, 20.0, np.array([1.0, 0, 0]), 1.0, 0.3, 20.0)


def added(name: str) -> np.ndarray:
    return ADDED[name](COUNT, np.random.default_rng(3))


def test_all_is_of_one_level_and_another_on_each_channel() -> None:
    assert not added("nothing").any()
    for name in list(ADDED)[1:]:
        made = added(name)
        assert made.shape == (4, COUNT)
        assert np.sqrt((made.astype(float) ** 2).mean()) == pytest.approx(LEVEL, rel=0.02)
    assert (added("DC") == added("DC")[:, :1]).all()
    for name in list(ADDED)[2:]:
        assert len(np.unique(added(name)[:, RATE])) == 4


@pytest.mark.parametrize(
    ("name", "band_hz"),
    [("rumble, 5 to 12 Hz", RUMBLE_HZ), ("noise, 25 to 80 Hz", DEEP_HZ)],
)
def test_noise_lies_in_its_band(name: str, band_hz: tuple[float, float]) -> None:
    power = (np.abs(np.fft.rfft(added(name)[0] * np.hanning(COUNT))) ** 2).astype(float)
    hz = np.fft.rfftfreq(COUNT, 1 / RATE)
    inside = (hz > band_hz[0] / 1.3) & (hz < band_hz[1] * 1.3)
    assert power[inside].sum() > 0.97 * power.sum()


@pytest.mark.parametrize(
    ("name", "weaker_db"),
    [("DC", 100), ("drift, 0.5 Hz", 60), ("rumble, 5 to 12 Hz", 30)],  # its skirt is audible
)
def test_the_high_pass_leaves_the_sound(name: str, weaker_db: float) -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, (4, COUNT)).astype(np.float32)
    trial = Staged(ABOUT, sound, Wet(sound, sound[0]), 0.1)
    clean, spoilt = high_passed(trial), high_passed(disturbed(trial, added(name)))
    left = (spoilt.foa - clean.foa)[:, RATE:]  # once the filter has settled
    assert np.sqrt((left.astype(float) ** 2).mean()) < LEVEL * 10 ** (-weaker_db / 20)
