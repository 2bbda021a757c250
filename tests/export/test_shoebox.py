"""The workshop's rooms: their physics, against pyroomacoustics and against what was asked."""

from __future__ import annotations

import numpy as np
import pyroomacoustics as pra
import pytest
from pyroomacoustics.directivities import CardioidFamily, DirectionVector
from scipy.signal import butter, sosfiltfilt

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from export.acoustics.arrivals import COINCIDENT, SOUND_SPEED, Arrivals, record
from export.acoustics.reverberation import reverberation_time
from export.acoustics.room_set import FLOOR_M2, HEIGHT_M, LEAD_S, draw_place, gather_rooms
from export.acoustics.shoebox import Room, Source, build_room, images, reverberate, room_response
from export.settings import FEATURES

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


@pytest.mark.parametrize("t60", [0.15, 0.3, 0.6, 1.2, 2.5])
def test_rooms_decay_as_asked(t60: float) -> None:
    rng = np.random.default_rng(5)
    ratios = []
    for _ in range(5):
        place = draw_place(rng, t60)
        source = place.listener + place.distance[0] * place.direction[0]
        response = room_response(place.size, source, place.listener, t60, RATE, rng)
        ratios.append(reverberation_time(response[0], RATE) / t60)
    assert np.median(ratios) == pytest.approx(1, abs=0.06)
    assert ratios == pytest.approx([1] * 5, abs=0.35 if t60 < 0.2 else 0.1)


def test_reverberation_time_is_that_of_a_known_decay() -> None:
    time = np.arange(RATE) / RATE
    decay = np.random.default_rng(0).normal(size=RATE) * 10 ** (-3 * time / 0.5)
    assert reverberation_time(decay, RATE) == pytest.approx(0.5, rel=0.05)
    assert np.isnan(reverberation_time(np.zeros(100), RATE))


def test_images_are_those_of_pyroomacoustics() -> None:
    rate, source, reflects, seconds = 32_000, np.array([4.2, 3.6, 1.9]), 0.8, 0.05
    pra.constants.set("rir_hpf_enable", False)
    box = pra.ShoeBox(ROOM, fs=rate, materials=pra.Material(1 - reflects**2), max_order=12)
    box.add_source(source)
    # W is an omnidirectional microphone, Y, Z and X are figures of eight
    for azimuth, colatitude, omni in ((0, 90, 1), (90, 90, 0), (0, 0, 0), (0, 90, 0)):
        towards = DirectionVector(azimuth, colatitude, degrees=True)
        box.add_microphone(EARS, directivity=CardioidFamily(towards, p=omni, gain=1))
    box.compute_rir()
    late = pra.constants.get("frac_delay_length") // 2
    theirs = np.stack([channel[0][late:][: int(seconds * rate)] for channel in box.rir])

    room = Room(ROOM, (1, 1), np.full((2, 6), np.log(reflects)), scatter=0)
    emitter = Source(source, np.array([1.0, 0, 0]))
    reach = 1.2 * seconds * SOUND_SPEED
    arrivals = images(room, emitter, EARS, reach, 0, np.random.default_rng(0))
    ours = record(arrivals, COINCIDENT, rate, theirs.shape[1])
    # both round off the last octave, each in its own way
    low = butter(6, 10_000, fs=rate, output="sos")
    inner = slice(0, int(0.9 * seconds * rate))
    for one, other in zip(*(sosfiltfilt(low, x)[:, inner] for x in (theirs, ours)), strict=True):
        assert np.corrcoef(one, other)[0, 1] >= 0.999
        assert np.abs(other).max() == pytest.approx(np.abs(one).max(), rel=0.01)


def test_the_tail_goes_on_where_images_would() -> None:
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(6):
        source, ears = rng.uniform(0.5, ROOM - 0.5, (2, 3))
        room = build_room(ROOM, (0.5, 0.5), rng.uniform(0, 0.6), rng)
        emitter = Source(source, np.array([1.0, 0, 0]))
        ours = reverberate(room, emitter, ears, rng)
        mirrors = room._replace(scatter=0)
        full = images(mirrors, emitter, ears, 0.16 * SOUND_SPEED, 0.08, rng)
        direct = float(ours.time[0])
        differences.append(
            [level_db(ours, direct + a, direct + b) - level_db(full, direct + a, direct + b)
             for a, b in ((0.001, 0.04), (0.04, 0.08), (0.08, 0.12))]
        )  # fmt: skip
    assert np.mean(differences, axis=0) == pytest.approx([0, 0, 0], abs=1.0)


def level_db(arrivals: Arrivals, start: float, stop: float) -> float:
    """Energy of the arrivals between two times in seconds."""
    inside = (arrivals.time >= start) & (arrivals.time < stop)
    return float(10 * np.log10((arrivals.low[inside] ** 2).sum()))


def test_a_source_that_faces_away_is_heard_by_the_walls() -> None:
    source, shares = np.array([4.0, 3.0, 1.4]), []
    room = build_room(ROOM, (0.4, 0.4), 0.2, np.random.default_rng(2))
    away = (source - EARS) / np.linalg.norm(source - EARS)
    for facing in (-away, away):
        beam = Source(source, facing, omni=(0.5, 0.5))
        arrivals = reverberate(room, beam, EARS, np.random.default_rng(3))
        energy = arrivals.low**2
        shares.append(energy[0] / energy[1:].sum())
    assert shares[0] > 20 * shares[1]


def test_source_outside_the_room_is_refused() -> None:
    with pytest.raises(ValueError, match="does not lie inside"):
        room_response(ROOM, [7, 1, 1], EARS, 0.3, RATE, np.random.default_rng(0))


def test_places_keep_to_their_ranges() -> None:
    rng = np.random.default_rng(4)
    places = [draw_place(rng, t60, points=5) for t60 in (0.15, 0.5, 2.0) for _ in range(30)]
    for place in places:
        assert FLOOR_M2[0] <= place.size[:2].prod() <= FLOOR_M2[1]
        assert HEIGHT_M[0] <= place.size[2] <= HEIGHT_M[1]
        sources = place.listener + place.distance[:, None] * place.direction
        assert ((sources > 0) & (sources < place.size)).all()
        steps = np.diff(np.unwrap(np.arctan2(place.direction[:, 1], place.direction[:, 0])))
        assert steps == pytest.approx([steps[0]] * 4)  # it goes round at an even pace
    far = np.array([place.distance[0] for place in places])
    assert (far > 2.5).mean() > 0.35
    elevation = np.degrees(np.arcsin([place.direction[0, 2] for place in places]))
    assert 48 < np.abs(elevation).max() < 76


def test_rooms_are_rows_of_one_table() -> None:
    gathered = gather_rooms(12, 1, 3)
    rows = len(gathered["path"])
    assert {len(values) for values in gathered.values()} == {rows}
    assert gathered["responses"].dtype == np.float16
    assert gathered["validation"].sum() >= 1
    assert np.isfinite(gathered["t30"]).all()
    # the direct sound stands where all of them have it, at gain 1 but for beams and dull tops
    lead = int(LEAD_S * FEATURES.rate)
    direct = np.abs(gathered["responses"][:, 0, lead - 12 : lead + 13]).max(axis=1)
    assert ((direct > 0.2) & (direct < 1.6)).all()
    assert np.median(direct) == pytest.approx(1, abs=0.25)
    assert np.abs(gathered["responses"][:, 0, : lead - 20]).max() < 0.1
    again = gather_rooms(12, 1, 3)
    assert all(np.array_equal(gathered[name], again[name]) for name in gathered)
