"""The workshop's physics and words: rooms, microphones, noise, names of data sets."""

from __future__ import annotations

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.features.intensity import IntensityFeatures
from export.arrivals import SOUND_SPEED
from export.background import diffuse_noise
from export.clips import source_group, trim, unify
from export.rooms import room_response

RATE = 16_000
ROOM = np.array([6.0, 5.0, 3.0])
EARS = np.array([2.5, 2.0, 1.4])


@pytest.mark.parametrize(
    ("azimuth", "elevation"), [(0, 0), (90, 0), (-90, 10), (180, -20), (45, 30)]
)
def test_direct_sound_is_a_plane_wave_from_the_source(azimuth: float, elevation: float) -> None:
    direction = direction_from_angles(azimuth, elevation)
    source = EARS + 1.2 * direction
    response = room_response(ROOM, source, EARS, 0.2, RATE, np.random.default_rng(0))
    peak = int(np.abs(response[0]).argmax())
    assert peak == pytest.approx(1.2 / SOUND_SPEED * RATE, abs=1)
    taps = response[:, peak - 4 : peak + 5].sum(axis=1)
    assert taps / taps[0] == pytest.approx(plane_wave(direction), abs=0.05)
    # its gain is 1 / distance where neither the rumble filter nor the sinc's edge reaches
    spectrum = np.abs(np.fft.rfft(response[0, peak - 8 : peak + 9], 256))
    assert spectrum[16:65] == pytest.approx(1 / 1.2, rel=0.05)  # 1 to 4 kHz


def test_longer_reverberation_decays_longer() -> None:
    decays, source = [], np.array([3.5, 3.0, 1.4])
    for t60 in (0.2, 0.4, 0.8):
        response = room_response(ROOM, source, EARS, t60, RATE, np.random.default_rng(0))
        energy = np.cumsum(response[0, ::-1].astype(float) ** 2)[::-1]
        decays.append(np.argmax(energy < 1e-2 * energy[0]) / RATE)
    assert decays == sorted(decays)
    assert decays[2] > 2 * decays[0]


def test_source_outside_the_room_is_refused() -> None:
    with pytest.raises(ValueError, match="does not lie inside"):
        room_response(ROOM, [7, 1, 1], EARS, 0.3, RATE, np.random.default_rng(0))


def test_diffuse_noise_comes_from_everywhere() -> None:
    noise = diffuse_noise(8 * RATE, RATE, np.random.default_rng(2)).astype(float)
    assert (noise[0] ** 2).mean() == pytest.approx(1, abs=1e-3)
    assert (noise[1:] ** 2).mean(axis=1) == pytest.approx([1 / 3] * 3, rel=0.15)
    frames = IntensityFeatures().step((0.1 * noise).astype(np.float32))
    assert np.linalg.norm(frames.intensity.sum(0)) < 0.1 * frames.energy.sum()


def test_labels_of_both_data_sets_meet() -> None:
    assert unify("crying_baby") == unify("crying baby") == "crying baby"
    assert unify("door_knock") == "door knock"
    assert unify("an unknown_thing") == "an unknown thing"


@pytest.mark.parametrize(
    ("source", "credit", "group"),
    [
        ("", "x https://freesound.org/people/x/sounds/1234/", "freesound:1234"),
        ("a: wavs/p225/p225_024.wav", "CSTR VCTK p225", "CSTR VCTK p225:p225"),
        ("a: dig_wood.2.ogg", "somebody", "a: dig_wood"),
    ],
)
def test_recordings_of_one_source_share_a_group(source: str, credit: str, group: str) -> None:
    assert source_group("", source, credit) == group


def test_trim_keeps_what_sounds() -> None:
    mono = np.zeros(RATE, np.float32)
    mono[4000:8000] = 0.25
    cut = trim(mono, RATE)
    assert 4000 <= cut.size <= 4640
    assert cut.max() == 1
    assert trim(np.zeros(100, np.float32), RATE).size == 0
