"""SignalHealth: each trouble is said with its number, and silence when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.audio.block import Block
from elsa_rt.diagnostics.comparison import TURNS, Comparison
from elsa_rt.diagnostics.delays import delayed
from elsa_rt.diagnostics.rails import rail_counts
from elsa_rt.diagnostics.signal_health import SignalHealth

RATE = 48_000


def noise(seconds: float = 3.0, channels: int = 4, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
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
        health.step(Block(noise(0.1, seed=k), RATE, 4800 * k, dropped=480 if k % 10 == 0 else 0))
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
    health = SignalHealth()
    assert notices(samples, health) == []
    assert "14 samples stand at a rail on channels 2, 4" in health.finish()[0]


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
    samples = noise()
    samples[2, 100] = np.nan
    assert notices(samples)[0].startswith("1 sample was NaN")


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


def test_digital_silence_is_said_after_three_seconds_not_before() -> None:
    assert notices(np.zeros((4, 2 * RATE), np.float32)) == []
    (said,) = notices(np.zeros((4, 20 * RATE), np.float32))
    assert said.startswith("only digital silence for 3 s")


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
    samples += noise(1.0, seed=1)
    assert notices(samples, health) == []
    health.reset()
    assert len(notices(samples, health)) == 1


def test_blocks_need_not_say_where_they_start() -> None:
    health = SignalHealth()
    said = []
    for k in range(250):
        clipped = np.clip(noise(0.1, seed=k) * 20, -1, 1)
        said += health.step(Block(clipped, RATE))
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


# --- the kinds of faults, each at several values ---------------------------------------------


def plane_wave(seconds: float = 6.0, sensor: float = 1e-3, seed: int = 1) -> NDArray[np.float32]:
    """Bursts of a plane wave from the front left and above, with the noise of four capsules."""
    rng = np.random.default_rng(seed)
    count = round(seconds * RATE)
    burst = 0.1 * rng.standard_normal(count) * (np.arange(count) / RATE % 1.0 < 0.5)
    gains = np.array([[1.0], [0.81], [0.34], [0.47]])
    return (gains * burst + sensor * rng.standard_normal((4, count))).astype(np.float32)


def kinds(
    samples: NDArray[np.float32], size: int = 4800, *, capsules: bool = False
) -> dict[str, float]:
    """Kinds of faults, each with the second at which it was first in force."""
    health = SignalHealth(capsules=capsules)
    seen: dict[str, float] = {}
    for start in range(0, samples.shape[1], size):
        health.step(Block(samples[:, start : start + size], RATE, start))
        for kind in health.faults:
            seen.setdefault(kind, (start + size) / RATE)
    return seen


@pytest.mark.parametrize("value", [0.0, 1 / 2**15, -1 / 2**15, 0.02, -0.3, 0.98, 1.0])
@pytest.mark.parametrize("channel", [0, 2])
def test_a_channel_that_stands_still_at_any_value_is_dead(channel: int, value: float) -> None:
    samples = plane_wave()
    samples[channel] = value
    kind = "deaf" if channel == 0 else "dead"  # without W nothing is heard
    seen = kinds(samples)
    assert set(seen) == {kind}
    assert seen[kind] <= 5
    assert set(kinds(samples, capsules=True)) == {"dead"}


@pytest.mark.parametrize("base", [0.0, 0.25, -0.5])
def test_a_channel_that_toggles_in_its_last_bit_is_dead(base: float) -> None:
    samples = plane_wave()
    toggling = np.random.default_rng(0).integers(0, 2, samples.shape[1])
    samples[1] = base + toggling.astype(np.float32) / 2**15
    assert set(kinds(samples)) == {"dead"}


@pytest.mark.parametrize("value", [-1 / 2**15, 0.1, 0.98])
def test_a_stream_that_stands_still_is_stuck(value: float) -> None:
    seen = kinds(np.full((4, 6 * RATE), value, np.float32))
    assert set(seen) == {"stuck"}
    assert seen["stuck"] <= 5


def test_zeros_are_muted_not_stuck() -> None:
    seen = kinds(np.zeros((4, 6 * RATE), np.float32))
    assert set(seen) == {"mute"}
    assert seen["mute"] <= 5


@pytest.mark.parametrize("period", [64, 480, 1_024, 4_800, 48_000])
def test_a_buffer_that_comes_again_and_again(period: int) -> None:
    samples = plane_wave(7.0)
    start = RATE
    again = samples[:, start - period : start]
    samples[:, start:] = np.tile(again, 6 * RATE // period + 1)[:, : samples.shape[1] - start]
    seen = kinds(samples)
    assert "repeat" in seen
    assert seen["repeat"] - 1 <= 5


def test_a_made_tone_is_no_buffer() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 1_000 * np.arange(6 * RATE) / RATE)
    samples = (np.array([[1], [0.8], [0.3], [0.5]]) * np.round(tone * 2**15) / 2**15).astype("f4")
    assert "repeat" not in kinds(samples)


@pytest.mark.parametrize("gains", [(0, 1, 0, 0), (0.5, -0.5, 0, 0), (0.4, 0.3, 0, 0.2)])
@pytest.mark.parametrize("bits", [16, 24, 0])
def test_copies_and_sums_are_told_however_they_are_rounded(
    gains: tuple[float, ...], bits: int
) -> None:
    samples = plane_wave()
    samples[2] = np.array(gains, np.float32) @ samples
    if bits:
        samples = (np.round(samples * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)
    assert "same" in kinds(samples)


@pytest.mark.parametrize("samples_later", [1, 7, 64, 480, 4_096, -1_024])
@pytest.mark.parametrize("bits", [16, 24, 0])
@pytest.mark.parametrize("gain", [1.0, -0.4])
def test_a_copy_that_comes_later_is_told(samples_later: int, bits: int, gain: float) -> None:
    samples = plane_wave()
    samples[2] = np.float32(gain) * np.roll(samples[1], samples_later)
    if bits:
        samples = (np.round(samples * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)
    seen = kinds(samples)
    assert set(seen) == {"same"}
    assert seen["same"] <= 5
    first, later = (2, 3) if samples_later > 0 else (3, 2)
    how = ", inverted," if gain < 0 else ""
    told = f"channel {later} is channel {first}{how} {abs(samples_later):,} samples"
    assert any(notice.startswith(told) for notice in notices(samples))


@pytest.mark.parametrize("block", [63, 3_840, RATE, 5 * RATE])
def test_a_copy_that_comes_later_is_told_however_the_sound_is_cut(block: int) -> None:
    samples = plane_wave(10.0)
    samples[2] = np.roll(samples[1], 480)
    assert set(kinds(samples, block)) == {"same"}


def test_what_is_compared_is_read_in_three_pieces_at_most() -> None:
    samples = plane_wave(4.0)
    samples[2] = np.roll(samples[1], 480)
    comparison = Comparison((1, 2, 3, 4), RATE, capsules=True)
    comparison.add(samples)
    for turn in range(TURNS):
        history, said, pieces = samples.copy(), set[str](), 0
        for found in comparison.step(history, RATE, np.ones(4, bool)):
            said |= {found[0]} if found else set()
            pieces += comparison.reads
            if not comparison.reads:  # other sound has come
                history[:] = np.nan
        assert pieces <= 3
        assert "same" in said or turn < TURNS - 1
    assert "same" in said


@pytest.mark.parametrize("spacing_m", [0.0144, 0.05])
def test_capsules_that_hear_a_wave_one_after_the_other_are_no_copies(spacing_m: float) -> None:
    rng = np.random.default_rng(5)
    count = 6 * RATE
    spectrum = np.fft.rfft(0.2 * rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE)
    for whole in (False, True):  # samples between the capsules
        late = np.arange(4) * (round(spacing_m / 343 * RATE) / RATE if whole else spacing_m / 343)
        wave = np.fft.irfft(spectrum * np.exp(-2j * np.pi * hertz * late[:, None]), count)
        samples = (wave + 1e-4 * rng.standard_normal((4, count))).astype(np.float32)
        assert "same" not in kinds(samples, capsules=True)


@pytest.mark.parametrize("hertz", [50, 440, 1_000, 3_000])
def test_a_tone_is_not_its_own_copy(hertz: float) -> None:
    at = 2 * np.pi * hertz * np.arange(6 * RATE) / RATE
    samples = 0.2 * np.sin(at + np.arange(4)[:, None])  # as capsules hear it
    assert delayed(samples, np.ones(4, bool)) == []


def test_blips_of_the_last_bit_are_no_copies() -> None:
    blips = np.random.default_rng(2).random((4, 6 * RATE)) < 1e-4
    assert "same" not in kinds((blips / 2**15).astype(np.float32))


@pytest.mark.parametrize("decibels", [-26, -16, 16])
@pytest.mark.parametrize("capsules", [True, False])
def test_another_gain(decibels: float, capsules: bool) -> None:
    samples = noise(6.0) * np.float32(0.02) + plane_wave() * (not capsules)
    samples[2] *= np.float32(10 ** (decibels / 20))
    seen = kinds(samples, capsules=capsules)
    assert set(seen) == {"gain"}
    assert seen["gain"] <= 5


@pytest.mark.parametrize("channel", [0, 3])
@pytest.mark.parametrize("period", [480, 1_024, 48_000])
def test_one_channel_that_repeats_a_buffer_is_dead(channel: int, period: int) -> None:
    samples = plane_wave(7.0)
    again = samples[channel, RATE - period : RATE]
    samples[channel, RATE:] = np.tile(again, 6 * RATE // period + 1)[: 6 * RATE]
    seen = kinds(samples)
    kind = "dead" if channel else "deaf"
    assert kind in seen
    assert seen[kind] - 1 <= 5
    assert "repeat" not in seen


def below(samples: NDArray[np.float32], hertz: float) -> NDArray[np.float32]:
    """What of ``samples`` (n,) lies below ``hertz``, on 24 bits."""
    spectrum = np.fft.rfft(samples)
    spectrum[round(hertz * len(samples) / RATE) :] = 0
    return (np.round(np.fft.irfft(spectrum) * 2**23) / 2**23).astype(np.float32)


@pytest.mark.parametrize("others", [24_000, 12_000, 8_000])
@pytest.mark.parametrize("share", [0.25, 0.5])
def test_half_the_bandwidth(others: float, share: float) -> None:
    samples = np.array([below(row, others) for row in noise(6.0)])
    samples[3] = below(samples[3], others * share)
    seen = kinds(samples)
    assert set(seen) == {"narrow"}
    assert seen["narrow"] <= 5


def test_a_channel_of_hum_alone_is_dead() -> None:
    samples = noise(6.0) * np.float32(0.02) + plane_wave()
    time_s = np.arange(samples.shape[1]) / RATE
    hum = sum(0.1 / n * np.sin(2 * np.pi * 50 * n * time_s) for n in (1, 2, 3, 5, 7))
    samples[2] = hum + np.random.default_rng(3).normal(0, 1e-5, samples.shape[1])
    seen = kinds(samples)
    assert set(seen) == {"dead"}
    assert seen["dead"] <= 5


def test_hum_on_a_channel_that_hears_is_no_dead_channel() -> None:
    samples = noise(6.0) * np.float32(0.02) + plane_wave()
    samples[2] += 0.1 * np.sin(2 * np.pi * 50 * np.arange(samples.shape[1]) / RATE)
    assert "dead" not in kinds(samples)


def test_a_bird_in_the_null_of_a_channel_is_no_lack_of_bandwidth() -> None:
    """Y hears nothing of what is straight in front, but the rumble from the left."""
    bird = noise(6.0, 1, seed=4)[0]
    bird -= below(bird, 4_000)
    rumble = below(noise(6.0, 1, seed=5)[0], 1_500)
    samples = 1e-3 * noise(6.0)
    samples += np.outer([1, 0.03, 0.04, 1], bird) + np.outer([1, 1, 0.3, 0.2], rumble)
    assert "narrow" not in kinds(samples.astype(np.float32))


@pytest.mark.parametrize("rail", [0.05, 0.5, 0.98, 1.0, 4.0])
@pytest.mark.parametrize("wobble", [0.0, 1e-3])
def test_clipping_at_a_rail_of_any_level(rail: float, wobble: float) -> None:
    samples = noise(2.0)
    samples[1] = np.clip(samples[1] * 30 * rail, -rail, rail)
    samples[1] += wobble * rail * np.random.default_rng(1).normal(0, 0.3, samples.shape[1])
    assert set(kinds(samples)) == {"clip"}


@pytest.mark.parametrize("begin", [0, 1021, 1022, 1023, 1024, 2997])
@pytest.mark.parametrize("sign", [-1, 1])
def test_three_samples_at_a_rail_are_seen_wherever_they_are(begin: int, sign: int) -> None:
    x = np.random.default_rng(5).uniform(-0.5, 0.5, (4, 3000))
    x[2, begin : begin + 3] = sign
    x[1, [begin, begin + 2]] = 1  # two peaks, and no run
    assert rail_counts(x).tolist() == [0, 0, 3, 0]


def test_one_steep_peak_with_a_flat_top_is_no_rail() -> None:
    samples = noise(4.0) * 0.01
    samples[3, RATE : RATE + 6] = [0.02, 0.0499, 0.05, 0.05, 0.0499, 0.02]
    assert "clip" not in kinds(samples)
    for again in range(2):
        samples[3, (2 + again) * RATE // 2 + 9 :][:6] = [0.02, 0.0499, 0.05, 0.05, 0.0499, 0.02]
    assert "clip" in kinds(samples)


def test_samples_above_full_scale_are_no_clipping() -> None:
    time_s = np.arange(4 * RATE) / RATE
    samples = plane_wave(4.0) + 4 * np.sin(2 * np.pi * 440 * time_s) * [[1], [0.8], [0.3], [0.5]]
    assert kinds(samples.astype(np.float32)) == {}


@pytest.mark.parametrize("hz", [0.2, 8, 50, 440])
@pytest.mark.parametrize("bits", [16, 24])
def test_the_top_of_a_slow_wave_is_no_rail(hz: float, bits: int) -> None:
    time_s = np.arange(4 * RATE) / RATE
    samples = noise(4.0) * 0.001 + (0.5 * np.sin(2 * np.pi * hz * time_s))
    samples[3] = 0.7 * np.sin(2 * np.pi * hz * time_s)
    samples = np.round(samples * 2 ** (bits - 1)) / 2 ** (bits - 1)
    assert "clip" not in kinds(samples.astype(np.float32))


@pytest.mark.parametrize("offset", [(0.3, 0.2, -0.1, 0.25), (0.05, 0, 0, 0)])
def test_dc_is_no_fault_while_listening(offset: tuple[float, ...]) -> None:
    assert kinds(noise(6.0) * np.float32(0.02) + np.array(offset, np.float32)[:, None]) == {}


@pytest.mark.parametrize("azimuth", [0, 45, 90, 180])
@pytest.mark.parametrize("pause", [True, False])
def test_a_wave_along_an_axis_is_no_fault(azimuth: float, pause: bool) -> None:
    rng = np.random.default_rng(2)
    count = 6 * RATE
    wave = 0.1 * rng.standard_normal(count)
    if pause:
        wave *= np.arange(count) / RATE % 1.0 < 0.5
    a = np.radians(azimuth)
    gains = np.array([[1], [np.sin(a)], [0], [np.cos(a)]])
    samples = gains * wave + 1e-3 * rng.standard_normal((4, count))
    assert kinds(samples.astype(np.float32)) == {}
