"""Calibration: from claps and noise of simulated capsules back to the truth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from calibration.simulated_rooms import Device, diffuse_noise
from calibration.trials import GOALS, RATE, Recording, judge, make, record, solve
from elsa_rt.audio.ambisonics import (
    angles_from_direction,
    decode_matrix,
    direction_from_angles,
    rotation,
)
from elsa_rt.calibrate.calibration import (
    Calibration,
    Take,
    calibrate,
    hears_no_height,
    split_claps,
)
from elsa_rt.calibrate.claps import find_claps
from elsa_rt.calibrate.diffuse import polarity
from elsa_rt.calibrate.directions import GUIDED, announced, check_spread
from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.diagnostics.channel_faults import find_faults
from elsa_rt.diagnostics.format_check import format_doubt
from elsa_rt.errors import SourceError, UsageError
from elsa_rt.microphones.capsules import Capsules, layout
from elsa_rt.microphones.library import find_profile
from elsa_rt.microphones.profile import Profile
from elsa_rt.microphones.profile_file import write_profile
from tests.support.microphones import to_foa

NUMBERS = (1, 2, 3, 4)
PLACES = [announced(name) for name in GUIDED]
TOWARDS = tuple(place.towards for place in PLACES)

Capture = pytest.CaptureFixture[str]
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def recording() -> Recording:
    """One trial: an imperfect tetrahedron, claps from five places, and noise."""
    return make(3)


@pytest.fixture(scope="module")
def found(recording: Recording) -> Calibration:
    return solve(recording)


@pytest.fixture(scope="module")
def files(recording: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with claps.wav and noise.wav of the trial."""
    path = tmp_path_factory.mktemp("calibration")
    soundfile.write(path / "claps.wav", recording.claps.T, RATE, subtype="PCM_24")
    soundfile.write(path / "noise.wav", recording.noise.T, RATE, subtype="PCM_24")
    return path


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "elsa-rt" / "microphones"


@pytest.fixture(scope="module")
def tetrahedron() -> Samples:
    """Diffuse noise of a faultless tetrahedron."""
    device = Device(Capsules(layout("type-i"), 0.015))
    noise = diffuse_noise(device, RATE, 3, np.random.default_rng(0))
    return (0.05 * noise).astype(np.float32)


@pytest.mark.parametrize("seed", [3, 11, 12])
def test_the_truth_is_found_again(seed: int, recording: Recording, found: Calibration) -> None:
    if seed != 3:
        recording = make(seed)
        found = solve(recording)
    outcome = judge(recording, found)
    assert outcome.right
    assert all(e <= goal for e, goal in zip(outcome.errors, GOALS.values(), strict=True))
    assert outcome.radius_error_mm < 1
    assert found.verdict == "good"
    assert found.doubts == ()
    assert 0 < found.solution.gain_error_db < 0.1
    assert 0 < found.solution.delay_error_us < 1
    assert max(angle.before_deg for angle in found.angles) > 30


def test_a_new_sound_is_heard_where_it_is(
    recording: Recording, found: Calibration, tmp_path: Path
) -> None:
    write_profile(found.profile, tmp_path / "found.yaml")
    towards = direction_from_angles(-35, 20)
    samples = record(recording.device, np.random.default_rng(8), (towards,))
    stage = to_foa(Config(microphone=str(tmp_path / "found.yaml")), 4, RATE, 16_000)
    foa = np.concatenate([stage.step(samples), stage.flush()], axis=1)
    (onset,) = find_claps(samples, RATE)
    w, y, z, x = foa[:, onset // 3 - 8 : onset // 3 + 40]
    assert angles_from_direction([w @ x, w @ y, w @ z]) == pytest.approx((-35, 20), abs=6)


def test_claps_alone_are_enough_but_for_the_noise_to_agree(recording: Recording) -> None:
    takes = split_claps(recording.claps, RATE, PLACES)
    base = find_profile("tetrahedron")
    outcome = judge(recording, calibrate(takes, None, base, RATE, NUMBERS, "a test"))
    assert outcome.right
    assert outcome.errors[0] < 0.3


def test_hands_that_are_not_quite_where_they_should_be() -> None:
    recording = make(21, misplaced_deg=4.0)
    found = solve(recording)
    assert judge(recording, found).right
    assert judge(recording, found).errors[2] < 6
    assert 1 < found.residual_deg < 12


@pytest.mark.parametrize("form", ["ambix", "fuma"])
def test_the_components_of_b_format_are_put_in_order(form: Any) -> None:
    device = Device(Capsules(layout("type-i"), 1e-5), turn=rotation(-20, 0, 0))
    claps = record(device, np.random.default_rng(4), TOWARDS)
    straight = np.linalg.inv(decode_matrix(form)) @ decode_matrix("a-format") @ claps
    mixed = (straight[[2, 0, 3, 1]] * [[1], [1], [-1], [1]]).astype(np.float32)
    found = calibrate(
        split_claps(mixed, RATE, PLACES), None, Profile("", "B", formats=(form,)), RATE, NUMBERS, ""
    )
    assert found.profile.channels == (2, 4, 1, 3)
    assert found.profile.signs == (1, 1, 1, -1)
    assert found.profile.yaw_deg == pytest.approx(-20, abs=2)
    assert found.verdict == "good"


def test_a_flat_square_is_put_in_order_by_horizontal_claps() -> None:
    base = find_profile("respeaker-4-mic")
    device = Device(base.capsules, (3, 1, 2, 0), turn=rotation(-19, 0, 0))
    flat = PLACES[:4]
    claps = record(device, np.random.default_rng(2), TOWARDS[:4])
    found = calibrate(split_claps(claps, RATE, flat), None, base, RATE, (2, 3, 4, 5), "a test")
    assert found.profile.channels == (5, 3, 4, 2)
    assert found.profile.yaw_deg == pytest.approx(-19, abs=2)
    assert found.verdict == "good"
    assert found.profile.warning == base.warning
    check_spread(flat, horizontal=hears_no_height(base))


def test_claps_from_the_wrong_places_are_not_to_be_trusted(recording: Recording) -> None:
    takes = split_claps(recording.claps, RATE, PLACES)
    wrong = [replace(take, at=PLACES[(number + 2) % 5]) for number, take in enumerate(takes)]
    found = calibrate(wrong, None, find_profile("tetrahedron"), RATE, NUMBERS, "a test")
    assert found.verdict == "not to be trusted"


def test_a_step_among_the_claps_is_left_out(recording: Recording) -> None:
    takes = split_claps(recording.claps, RATE, PLACES)
    front, left = takes[0], takes[1]
    length = front.samples.shape[1]
    spoilt = Take(
        front.at,
        np.concatenate([front.samples] * 2, axis=1),
        (front.onsets[0], front.onsets[0] + length, left.onsets[0]),
    )
    found = calibrate(
        [spoilt, *takes[1:]], None, find_profile("tetrahedron"), RATE, NUMBERS, "a test"
    )
    assert found.doubts == ("1 of 3 sounds from front were unlike the others and left out",)
    assert judge(recording, found).right


def test_an_echo_is_no_clap_and_silence_has_none(recording: Recording) -> None:
    onsets = np.array(find_claps(recording.claps, RATE)) / RATE
    np.testing.assert_allclose(onsets, 0.5 + 1.2 * np.arange(5) + 0.0042, atol=0.003)
    assert find_claps(np.zeros((4, RATE), np.float32), RATE) == []
    assert find_claps(recording.noise, RATE) == []


def test_four_claps_for_five_places(recording: Recording) -> None:
    with pytest.raises(SourceError, match=r"4 claps found .* 5 directions announced"):
        split_claps(recording.claps[:, : 4 * RATE + 10_000], RATE, PLACES)


def test_faults_are_found_and_named(tetrahedron: Samples) -> None:
    def faults(change: Any) -> list[tuple[str, str]]:
        samples = tetrahedron.copy()
        change(samples)
        return [(kind, text) for kind, text in find_faults(samples, RATE, (3, 5, 7, 9))]

    def dead(s: Samples) -> None:
        s[1] = 0

    def weak(s: Samples) -> None:
        s[2] *= 0.05

    def repeats(s: Samples) -> None:
        s[2] = np.resize(s[2, :4_096], s.shape[1])

    def hums(s: Samples) -> None:
        s[2] = 0.1 * np.sin(2 * np.pi * 50 * np.arange(s.shape[1]) / RATE)
        s[2] += np.random.default_rng(0).normal(0, 1e-6, s.shape[1])

    def clips(s: Samples) -> None:
        s[0] = np.clip(60 * s[0], -1, 1)

    def copied(s: Samples) -> None:
        s[3] = s[0]

    def inverted(s: Samples) -> None:
        s[3] = -0.5 * s[0]

    def mixed(s: Samples) -> None:
        s[3] = 0.5 * s[0] - 0.5 * s[1]

    assert faults(lambda s: None) == []
    for change, kind, words in (
        (dead, "dead", "channel 5 is dead"),
        (weak, "weak", "channel 7 is 26 dB weaker"),
        (repeats, "repeat", "come again and again on channel 7 while others go on"),
        (hums, "dead", "channel 7 has nothing above"),
        (clips, "clip", "channel 3 clips"),
        (copied, "same", "channel 9 is the same as channel 3"),
        (inverted, "same", "channel 9 is the same, inverted, as channel 3"),
        (mixed, "mixed", "channels 3, 5, 9 are remixed"),
    ):
        ((found_kind, text),) = faults(change)
        assert (found_kind, words in text) == (kind, True), text
    assert "is it muted" in faults(lambda s: s.fill(0))[0][1].replace("the microphone", "it")


def test_an_inverted_capsule_is_told_from_noise(tetrahedron: Samples) -> None:
    samples = tetrahedron * np.array([[1], [1], [-1], [1]], np.float32)
    assert polarity(samples, RATE).tolist() == [1, 1, -1, 1]


def test_noise_contradicts_a_wrong_format(tetrahedron: Samples) -> None:
    ambix = decode_matrix("a-format") @ tetrahedron
    fuma = np.linalg.inv(decode_matrix("fuma")) @ ambix
    kinds: dict[str, Any] = {"a-format": tetrahedron, "ambix": ambix, "fuma": fuma}
    for true, samples in kinds.items():
        assert format_doubt(samples, RATE, true) is None
    assert "looks like A-format" in str(format_doubt(tetrahedron, RATE, "ambix"))
    assert "looks like B-format" in str(format_doubt(ambix, RATE, "a-format"))
    assert "try --format fuma" in str(format_doubt(fuma, RATE, "ambix"))
    assert "try --format ambix" in str(format_doubt(ambix, RATE, "fuma"))
    assert "order of --channels" in str(format_doubt(ambix[[1, 0, 2, 3]], RATE, "ambix"))


def test_directions_and_their_spread() -> None:
    assert announced(" Left ").towards == pytest.approx([0, 1, 0], abs=1e-9)
    assert announced("-90,0").towards == pytest.approx([0, -1, 0], abs=1e-9)
    for text in ("up", "10", "0,100", "a,b"):
        with pytest.raises(UsageError, match="azimuth,elevation"):
            announced(text)
    check_spread(PLACES)
    with pytest.raises(UsageError, match="from 2 directions"):
        check_spread(PLACES[:2])
    with pytest.raises(UsageError, match="add one from above"):
        check_spread(PLACES[:4])
    check_spread(PLACES[:4], horizontal=True)


def test_the_command_on_recordings(
    files: Path, own: Path, recording: Recording, capsys: Capture
) -> None:
    argv = ["calibrate", "microphone", "--claps", str(files / "claps.wav"),
            "--noise", str(files / "noise.wav")]  # fmt: skip
    assert main([*argv, "--name", "desk"]) == 0
    out = capsys.readouterr().out
    for part in ("residual angle", "good", "elsa-rt listen --microphone desk", "FLU"):
        assert part in out
    profile = find_profile("desk")
    assert profile.path == own / "desk.yaml"
    assert profile.yaw_deg == pytest.approx(recording.yaw_deg, abs=2)
    assert "from recordings, 5 claps" in profile.sources["yaw_deg"]
    assert main(["microphones"]) == 0
    assert "calibrated, " in capsys.readouterr().out

    assert main([*argv, "--json", "--output", str(own / "other.yaml")]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["verdict"] == "good"
    assert result["path"] == str(own / "other.yaml")
    assert [one["direction"] for one in result["directions"]] == list(GUIDED)


def test_the_command_with_a_file_for_each_direction(
    files: Path, own: Path, recording: Recording, capsys: Capture
) -> None:
    argv = ["calibrate", "microphone"]
    for number, name in enumerate(GUIDED):
        start = round((0.2 + 1.2 * number) * RATE)
        path = own.parent.parent / f"{name}.wav"
        soundfile.write(path, recording.claps.T[start : start + RATE], RATE, subtype="PCM_24")
        argv += ["--clap", f"{name}={path}"]
    assert main(argv) == 0
    assert find_profile("mine").yaw_deg == pytest.approx(recording.yaw_deg, abs=2)


def test_what_the_command_refuses(files: Path, own: Path, capsys: Capture) -> None:
    def refused(code: int, *argv: str) -> str:
        assert main(["calibrate", "microphone", *argv]) == code
        return capsys.readouterr().err

    claps = str(files / "claps.wav")
    assert "either live or from recordings" in refused(2, "hw:1", "--claps", claps)
    assert "--noise is for recordings" in refused(2, "--noise", claps)
    assert "DIRECTION=FILE" in refused(2, "--clap", "left.wav")
    assert "make a name" in refused(2, "--claps", claps, "--name", "a/b")
    assert "is a .yaml file" in refused(
        2, "--claps", claps, "--output", str(own.parent.parent / "x")
    )
    assert "claps found" in refused(1, "--claps", claps, "--directions", "front left right above")
    assert "did you mean" in refused(2, "--claps", claps, "--microphone", "tetraheder")
    wrong = "above right left front behind"
    message = refused(1, "--claps", claps, "--directions", wrong)
    assert "nothing was written" in message
    assert not own.exists()


def test_a_dead_channel_stops_it(files: Path, own: Path, tmp_path: Path, capsys: Capture) -> None:
    samples, rate = soundfile.read(files / "claps.wav")
    samples[:, 2] = 0
    soundfile.write(tmp_path / "dead.wav", samples, rate)
    assert main(["calibrate", "microphone", "--claps", str(tmp_path / "dead.wav")]) == 1
    assert "channel 3 is dead" in capsys.readouterr().err
