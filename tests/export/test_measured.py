"""Measured responses and recorded backgrounds: taken in as they are, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.errors import ElsaError, SourceError, UsageError
from export.acoustics.measured import RATE, gather_backgrounds, gather_responses
from export.acoustics.room_set import LEAD_S, RESPONSE_S
from export.prepare import main as prepare

HEADER = "file,azimuth_deg,elevation_deg,distance_m"


def decaying(t30: float, rate: int) -> NDArray[np.float64]:
    """A direct sound from the left after 10 ms and a diffuse decay (n, 4)."""
    time = np.arange(rate) / rate
    tail = np.random.default_rng(0).normal(0, 0.02, (rate, 4)) * 10 ** (-3 * time / t30)[:, None]
    tail[: rate // 100] = 0
    tail[rate // 100] += 0.5 * plane_wave(direction_from_angles(90, 0))
    return tail


def manifest(folder: Path, rows: str, header: str = HEADER) -> Path:
    (folder / "halls").mkdir(exist_ok=True)
    path = folder / "halls.csv"
    path.write_text(f"{header}\n{rows}\n")
    return path


@pytest.mark.parametrize("rate", [32_000, 48_000])
def test_responses_become_rows_like_those_of_rooms(tmp_path: Path, rate: int) -> None:
    path = manifest(tmp_path, "one.wav,90,0,1.5,40\none.wav,90,0,1.5,", HEADER + ",floor_m2")
    soundfile.write(tmp_path / "halls" / "one.wav", decaying(0.6, rate), rate, "FLOAT")
    rows = gather_responses([path, path])
    assert {len(values) for values in rows.values()} == {4}
    assert rows["responses"].shape == (4, 4, int(RESPONSE_S * RATE))
    assert np.abs(rows["responses"][0, 0]).argmax() == int(LEAD_S * RATE)
    direct = rows["responses"][0][:, int(LEAD_S * RATE)]
    assert direct == pytest.approx(plane_wave(direction_from_angles(90, 0)), abs=0.15)
    assert rows["t30"] == pytest.approx([0.6] * 4, rel=0.1)
    assert rows["floor"][0] == 40
    assert np.isnan(rows["floor"][1])
    assert rows["direction"][0] == pytest.approx([0, 1, 0], abs=1e-6)
    assert not rows["validation"].any()


@pytest.mark.parametrize(
    ("header", "row", "said"),
    [
        ("file,azimuth_deg", "one.wav,90", "needs a row for each file and the columns"),
        (HEADER, "one.wav,left,0,1", "line 2: azimuth_deg, elevation_deg, distance_m are numbers"),
        (HEADER, "two.wav,90,0,1", "two.wav"),
        (HEADER, "stereo.wav,90,0,1", "2 channels"),
    ],
)
def test_bad_manifests_are_refused(tmp_path: Path, header: str, row: str, said: str) -> None:
    path = manifest(tmp_path, row, header)
    soundfile.write(tmp_path / "halls" / "one.wav", decaying(0.6, RATE), RATE, "FLOAT")
    soundfile.write(tmp_path / "halls" / "stereo.wav", decaying(0.6, RATE)[:, :2], RATE, "FLOAT")
    with pytest.raises(ElsaError, match=said):
        gather_responses([path])


def background(seconds: float, rate: int, channels: int = 4) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(0, 0.02, (int(seconds * rate), channels))


def test_backgrounds_are_resampled_and_cut_to_first_order(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    soundfile.write(tmp_path / "a.wav", background(5, 16_000, 9), 16_000, "FLOAT")
    soundfile.write(tmp_path / "deeper" / "b.flac", background(4.5, 48_000), 48_000)
    gathered = gather_backgrounds(tmp_path)
    assert gathered["bounds"].tolist() == [0, 5 * RATE, 5 * RATE + int(4.5 * RATE)]
    assert gathered["samples"].shape == (4, gathered["bounds"][-1])
    assert gathered["samples"].dtype == np.int16
    assert np.abs(gathered["samples"][:, : 5 * RATE]).max() == 32767
    assert not gathered["validation"].any()


def test_dead_channels_and_short_backgrounds_are_refused(tmp_path: Path) -> None:
    dead = background(5, RATE)
    dead[:, 2] = 0
    soundfile.write(tmp_path / "dead.wav", dead, RATE, "FLOAT")
    with pytest.raises(SourceError, match=r"dead.wav: nothing but zeros on channel 3"):
        gather_backgrounds(tmp_path)
    soundfile.write(tmp_path / "dead.wav", background(2, RATE), RATE, "FLOAT")
    with pytest.raises(SourceError, match=r"lasts 2.0 s, 4 s are needed"):
        gather_backgrounds(tmp_path)
    (tmp_path / "dead.wav").unlink()
    with pytest.raises(UsageError, match="no sound files"):
        gather_backgrounds(tmp_path)


def test_prepare_says_what_is_wrong_with_them_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = [str(tmp_path / "work"), "--manifest", "clips.csv", "--sentences", "minilm"]
    for option, code in (("--responses", 2), ("--backgrounds", 2)):
        with pytest.raises(SystemExit) as left:
            prepare([*needed, option, str(tmp_path / "nowhere")])
        assert left.value.code == code
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert said.count("\n") == 1
        assert "nowhere" in said
