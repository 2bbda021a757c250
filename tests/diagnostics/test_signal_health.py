"""SignalHealth: each trouble is said with its number, and silence when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.diagnostics.signal_health import SignalHealth

RATE = 48_000


def noise(seconds: float = 3.0, channels: int = 4) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.05, (channels, round(seconds * RATE))).astype(np.float32)


def notices(
    samples: NDArray[np.float32], health: SignalHealth | None = None, size: int = 4800
) -> list[str]:
    health = health or SignalHealth()
    said = []
    for start in range(0, samples.shape[1], size):
        said += health.step(Block(samples[:, start : start + size], RATE, start))
    return said


def test_a_sound_signal_gets_no_word() -> None:
    assert notices(noise()) == []


def test_loss_is_said_at_once_then_gathered() -> None:
    health = SignalHealth()
    said = [
        health.step(Block(noise(0.1), RATE, 4800 * k, dropped=480 if k % 10 == 0 else 0))
        for k in range(210)
    ]
    assert "lost 480 samples (10 ms) of the microphone, 480 in all" in said[0][0]
    assert "lost 4,800 samples (100 ms) of the microphone, 5,280 in all" in said[100][0]
    assert sum(map(len, said)) == 3


@pytest.mark.parametrize("size", [1, 63, 4800])
def test_clipping(size: int) -> None:
    samples = noise(1.0)
    samples[1, 1000:1010] = 1.0
    samples[2, 2000:2004] = -1.0
    said = notices(samples, size=size)
    assert len(said) == 1
    assert said[0].startswith("clipping: ")
    assert "on channel" in said[0]
    assert "gain" in said[0]


def test_clipping_counts_and_names_channels() -> None:
    samples = noise(0.1)
    samples[1, 1000:1010] = 1.0
    samples[3, 2000:2004] = -1.0
    assert "14 samples stand at full scale on channels 2, 4" in notices(samples)[0]


def test_single_full_scale_samples_are_peaks() -> None:
    samples = noise()
    samples[0, ::50] = 1.0
    assert notices(samples) == []


def test_unusable_samples() -> None:
    samples = noise()
    samples[0, 100:105] = np.nan
    samples[1, 100] = np.inf
    said = notices(samples)
    assert len(said) == 1
    assert said[0].startswith("6 samples were NaN")


def test_dead_channel() -> None:
    samples = noise(12.0)
    samples[2] = 0
    said = notices(samples)
    assert len(said) == 1  # not again within a minute
    assert "nothing but zeros on channel 3 while others have signal" in said[0]


def test_a_copied_channel() -> None:
    samples = noise()
    samples[3] = samples[1] * np.float32(0.7)
    (said,) = notices(samples)
    assert said.startswith("channels 2, 4 carry one another's signal")


def test_the_remix_of_a_sound_server() -> None:
    samples = noise()
    samples[2:] = (samples[0] - samples[1]) / np.float32(np.sqrt(2))
    samples = np.round(samples * 2**15) / np.float32(2**15)
    (said,) = notices(samples.astype(np.float32))
    assert said.startswith("channels 1, 2, 3, 4 carry one another's signal")


def test_a_plane_wave_with_the_noise_of_a_microphone_is_fine() -> None:
    wave = noise(channels=1) * np.array([[1], [0.5], [0.2], [0.84]], np.float32)
    assert notices(wave + np.float32(0.002) * noise(channels=4)[:, ::-1]) == []


def test_digital_silence_is_said_after_five_seconds_not_before() -> None:
    assert notices(np.zeros((4, 4 * RATE), np.float32)) == []
    (said,) = notices(np.zeros((4, 20 * RATE), np.float32))
    assert said.startswith("only digital silence for 5 s")


def test_only_chosen_channels_count() -> None:
    samples = noise(channels=6)
    samples[[0, 5]] = 0
    assert notices(samples, SignalHealth((2, 3, 4, 5))) == []
    assert "on channel 6 while" in notices(samples, SignalHealth((2, 3, 4, 6)))[0]


def test_reset_forgets_what_was_said() -> None:
    health = SignalHealth()
    samples = noise(1.0)
    samples[0, :10] = np.nan
    assert len(notices(samples, health)) == 1
    assert notices(samples, health) == []
    health.reset()
    assert len(notices(samples, health)) == 1


def test_blocks_need_not_say_where_they_start() -> None:
    health = SignalHealth()
    clipped = np.ones((4, 4800), np.float32)
    said = [notice for _ in range(250) for notice in health.step(Block(clipped, RATE))]
    assert len([notice for notice in said if "clipping" in notice]) == 3  # in 25 s


def test_the_end_says_what_is_left_and_no_more() -> None:
    health = SignalHealth()
    samples = noise(2.0)
    samples[1, 1000:1010] = samples[1, 60_000:60_005] = 1.0
    (first,) = notices(samples, health)
    (last,) = health.finish()
    assert "10 samples stand" in first
    assert "5 samples stand" in last
    assert health.finish() == []


def test_samples_stay_as_they_are() -> None:
    samples = noise(0.1)
    samples[0, 0] = np.nan
    before = samples.copy()
    notices(samples)
    np.testing.assert_array_equal(samples, before)
