"""Sounds from formulas: they keep their form, differ from draw to draw, and are what they say."""

from __future__ import annotations

import shutil
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elsa_rt.errors import ElsaError, UsageError
from export.synthesis import LABELS, speak, synthesise
from export.synthesis.elements import add, decay, fade, modes, noise, record, resonate, tone

RATE = 48_000
OCTAVES = np.array([62.5, 125, 250, 500, 1000, 2000, 4000, 8000, 16000])  # Hz, centres


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@lru_cache
def draw(label: str, seed: int, rate: int = RATE) -> NDArray[np.float32]:
    return synthesise(label, rng(seed), rate)


def power(sound: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies in Hz and the power of each bin."""
    bins = np.abs(np.fft.rfft(np.asarray(sound, np.float64))) ** 2
    return np.fft.rfftfreq(sound.size, 1 / RATE).astype(np.float64), bins


def levels(sound: NDArray[np.floating]) -> NDArray[np.float64]:
    """Power of each octave in dB of the whole."""
    f, bins = power(sound)
    bands = [bins[(f >= c / 2**0.5) & (f < c * 2**0.5)].sum() for c in OCTAVES]
    return np.asarray(10 * np.log10(np.array(bands) / bins.sum() + 1e-9))


def share_between(sound: NDArray[np.floating], low: float, high: float) -> float:
    f, bins = power(sound)
    return float(bins[(f >= low) & (f < high)].sum() / bins.sum())


def envelope(sound: NDArray[np.floating], seconds: float) -> NDArray[np.float64]:
    """Mean power of one slice after the other."""
    size = round(seconds * RATE)
    slices = sound[: sound.size // size * size].astype(float).reshape(-1, size)
    return np.asarray(np.mean(slices**2, axis=1))


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_draw_is_a_short_sound_with_a_peak_of_one(label: str, rate: int) -> None:
    for seed in range(2):
        sound = draw(label, seed, rate)
        assert sound.dtype == np.float32
        assert sound.ndim == 1
        assert 0.3 * rate <= sound.size <= 5 * rate
        assert np.isfinite(sound).all()
        assert np.abs(sound).max() == pytest.approx(1)
        assert abs(float(sound.mean())) < 0.01


@pytest.mark.parametrize("label", LABELS)
def test_a_seed_gives_the_same_draw_again(label: str) -> None:
    np.testing.assert_array_equal(synthesise(label, rng(1)), draw(label, 1))


@pytest.mark.parametrize("label", LABELS)
def test_draws_differ_in_length_or_colour(label: str) -> None:
    draws = [draw(label, seed) for seed in range(4)]
    for one, other in combinations(draws, 2):
        apart = np.abs(levels(one) - levels(other)).max()
        assert apart > 1 or abs(one.size - other.size) > 0.05 * RATE


def test_an_unknown_label_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="'yodel'.*smoke alarm"):
        synthesise("yodel", rng(0))


def test_a_smoke_alarm_sounds_near_3_kilohertz() -> None:
    for seed in range(8):
        f, bins = power(draw("smoke alarm", seed))
        assert 2800 < f[np.argmax(bins)] < 3500


def test_glass_breaks_at_once_and_high_up() -> None:
    for seed in range(8):
        sound = draw("glass breaking", seed)
        assert share_between(sound, 1500, RATE / 2) > 0.8
        assert envelope(sound, 0.3)[0] > 10 * envelope(sound, 0.3)[-1]


def test_a_knock_is_low_and_comes_in_blows() -> None:
    for seed in range(8):
        sound = draw("door knock", seed)
        assert share_between(sound, 40, 1500) > 0.8
        loud = envelope(sound, 0.02)
        assert np.median(loud) < 0.05 * loud.max()


def test_a_siren_moves_its_pitch() -> None:
    for seed in range(6):
        sound = draw("siren", seed)
        slices = [sound[k : k + 4096] for k in range(RATE // 2, sound.size - 4096, RATE // 8)]
        f = np.fft.rfftfreq(4096, 1 / RATE)
        centres = [
            np.average(f, weights=np.abs(np.fft.rfft(s * np.hanning(4096))) ** 2) for s in slices
        ]
        assert max(centres) > 1.1 * min(centres)


def test_modes_fall_by_60_db_in_their_decay_time() -> None:
    ring = modes(1000, 0.5, 1.0, RATE, rng(0))
    assert ring.size == 0.5 * RATE
    loud = 10 * np.log10(envelope(ring, 0.05))
    assert loud[0] - loud[-1] == pytest.approx(60 * 0.45 / 0.5, abs=0.5)


def test_a_mode_that_would_alias_is_left_out() -> None:
    assert not modes(0.46 * RATE, 0.1, 1.0, RATE, rng(0)).any()
    assert not tone(0.46 * RATE, [1.0], 100, RATE).any()
    assert share_between(tone(9000, [1.0] * 5, RATE, RATE), 0, 20_000) == pytest.approx(1)


def test_noise_keeps_to_its_band() -> None:
    sound = noise(4 * RATE, RATE, rng(0), 500, 2000)
    assert np.std(sound) == pytest.approx(1)
    inside, below, above = levels(sound)[[4, 1, 7]]
    # two octaves out, at 12 dB an octave, from a band two octaves wide
    assert inside - below > 12
    assert inside - above > 12


def test_a_resonance_peaks_at_its_gain() -> None:
    impulse = np.zeros(RATE)
    impulse[0] = 1
    f, bins = power(resonate(impulse, RATE, [1000], [100], [2.0]))
    assert f[np.argmax(bins)] == pytest.approx(1000, abs=5)
    assert np.sqrt(bins.max()) == pytest.approx(2, rel=0.01)
    half = f[bins > bins.max() / 2]
    assert half[-1] - half[0] == pytest.approx(100, abs=4)


def test_what_sticks_out_of_a_track_is_lost() -> None:
    track = np.zeros(100)
    add(track, np.ones(50), 0.8, 100)
    assert track.sum() == 20
    add(track, np.ones(50), 5.0, 100)
    assert track.sum() == 20


def test_envelopes_start_and_end_where_they_should() -> None:
    assert decay(RATE, RATE, 1.0)[[0, -1]] == pytest.approx([1, 1e-3], rel=1e-3)
    flanks = fade(1000, 1000, 0.1, 0.2)
    assert flanks[100:800] == pytest.approx(1)
    assert flanks[[0, -1]] == pytest.approx(0, abs=1e-3)


def test_recording_keeps_the_sound_and_drops_the_rumble() -> None:
    sound = tone(500, [1.0], RATE, RATE)
    heard = record(sound + tone(5, [1.0], RATE, RATE), rng(1), RATE)
    assert share_between(heard[:RATE], 490, 510) > 0.9
    assert share_between(heard[:RATE], 0, 20) < 0.01


needs_espeak = pytest.mark.skipif(
    shutil.which("espeak-ng") is None, reason="espeak-ng is not installed: apt-get install it"
)


@needs_espeak
def test_speech_is_as_long_as_its_text_and_varies_with_the_draw() -> None:
    short = speak("Hello.", "en-gb", rng(0))
    long = speak("Hello, is there anybody who could open the door for me?", "en-gb", rng(0))
    assert short.dtype == np.float32
    assert np.abs(short).max() == pytest.approx(1)
    assert 0.2 * RATE < short.size < 0.5 * long.size
    assert share_between(long, 80, 5000) > 0.9
    assert long.size != speak("Hello, is there anybody who could open the door for me?",
                              "en-gb", rng(1)).size  # fmt: skip


@needs_espeak
def test_text_that_looks_like_an_option_is_spoken() -> None:
    assert speak("--version", "en-gb", rng(0), 16_000).size > 4_000


@needs_espeak
@pytest.mark.parametrize(
    ("text", "voice", "said"), [("Hello", "xx-nowhere", "xx-nowhere"), ("", "en-gb", "silent")]
)
def test_what_cannot_be_spoken_is_said(text: str, voice: str, said: str) -> None:
    with pytest.raises(ElsaError, match=said):
        speak(text, voice, rng(0))


def test_a_missing_espeak_names_its_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ElsaError, match="apt-get install espeak-ng"):
        speak("Hello", "en-gb", rng(0))
