"""What a recording says of itself is used or contradicted aloud, also when heard in pieces."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles, plane_wave
from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.features.intensity import IntensityFeatures
from elsa_rt.microphones.library import profile_of
from elsa_rt.recordings.pieces import Piece, find_recordings, read_header
from elsa_rt.recordings.reading import PieceReader

RATE = 16_000
SECONDS = 4


@pytest.fixture
def samples() -> NDArray[np.float32]:
    """AmbiX (4, n): noise from azimuth 60, elevation 20."""
    noise = np.random.default_rng(3).normal(0, 0.1, RATE * SECONDS)
    wave = plane_wave(direction_from_angles(60.0, 20.0))
    return np.asarray(wave[:, None] * noise, np.float32)


def wav(path: Path, samples: NDArray[np.float32], promised: int) -> Path:
    """A WAV of 16 bits whose header promises so many bytes."""
    soundfile.write(path, samples.T, RATE, subtype="PCM_16")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"data") + 4
    raw[at : at + 4] = promised.to_bytes(4, "little")
    raw[4:8] = (promised + at - 4).to_bytes(4, "little")
    path.write_bytes(raw)
    return path


def heard(path: Path, bundle: Path, said: list[str], config: Config | None = None) -> float:
    """Seconds that are heard of the only piece; their gains must be those of the plane wave."""
    config = (config or Config()).changed(bundle=str(bundle))
    loaded = ModelBundle.load(config.bundle)
    recording = read_header(path, config, said.append)
    profile = profile_of(config)
    features = IntensityFeatures(loaded.features, profile.coincidence_hz)
    reader = PieceReader(Piece(recording, 0), loaded, config, profile, features)
    foa = np.concatenate([step.foa for step in reader], axis=1)
    gains = foa @ foa[0] / (foa[0] @ foa[0])
    np.testing.assert_allclose(gains, plane_wave(direction_from_angles(60.0, 20.0)), atol=0.02)
    assert np.count_nonzero(foa[0]) / loaded.features.rate == pytest.approx(
        recording.seconds, abs=0.1
    )
    return recording.seconds


@pytest.mark.parametrize("promised", [0, RATE * 8])
def test_a_header_that_promises_too_little(
    tmp_path: Path, bundle: Path, samples: NDArray[np.float32], promised: int
) -> None:
    said: list[str] = []
    path = wav(tmp_path / "lies.wav", samples, promised)
    assert heard(path, bundle, said) == SECONDS
    (line,) = said
    assert f"its header promises {promised:,} bytes of samples, {RATE * SECONDS * 8:,}" in line


def test_a_header_that_promises_too_much(
    tmp_path: Path, bundle: Path, samples: NDArray[np.float32]
) -> None:
    said: list[str] = []
    path = wav(tmp_path / "cut.wav", samples, RATE * SECONDS * 8 + 1000)
    assert heard(path, bundle, said) == SECONDS
    assert said == [
        f"{path} is cut short after 4.00 s: its header promises 513,036 bytes, 512,036 are there"
    ]


def test_a_declared_format(tmp_path: Path, bundle: Path, samples: NDArray[np.float32]) -> None:
    w, y, z, x = samples
    path = tmp_path / "scene.amb"
    fuma = np.stack([w / np.sqrt(2), x, y, z], axis=1)
    soundfile.write(path, fuma, RATE, "PCM_24", format="WAVEX")
    raw = path.read_bytes()  # the identifier of B-format in place of plain PCM
    plain = bytes.fromhex("0100000000001000800000aa00389b71")
    form = bytes.fromhex("010000002107d3118644c8c1ca000000")
    assert raw.count(plain) == 1
    path.write_bytes(raw.replace(plain, form))
    said: list[str] = []
    assert heard(path, bundle, said) == SECONDS
    assert said == [f"{path} declares fuma: it is heard as that"]
    assert heard(path, bundle, said, Config(format="fuma")) == SECONDS


def test_two_files_in_one(tmp_path: Path, bundle: Path, samples: NDArray[np.float32]) -> None:
    path = wav(tmp_path / "two.wav", samples, RATE * SECONDS * 8)
    path.write_bytes(path.read_bytes() * 2)
    said: list[str] = []
    assert heard(path, bundle, said) == SECONDS
    (line,) = said
    assert "another file follows its samples" in line


def test_flac_of_a_pipe_tells_no_length(
    tmp_path: Path, bundle: Path, samples: NDArray[np.float32]
) -> None:
    path = tmp_path / "pipe.flac"
    soundfile.write(path, samples.T, RATE, subtype="PCM_16")
    raw = bytearray(path.read_bytes())
    raw[21] &= 0xF0  # STREAMINFO: the number of samples, 36 bits
    raw[22:26] = bytes(4)
    path.write_bytes(raw)
    said: list[str] = []
    assert heard(path, bundle, said) == SECONDS
    assert said == []
    target = tmp_path / "report.html"
    assert main(["report", str(path), "--bundle", str(bundle), "-o", str(target)]) == 0
    assert target.stat().st_size > 1000


def test_names_that_are_no_utf_8(
    tmp_path: Path, bundle: Path, samples: NDArray[np.float32], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.wav")
    wav(tmp_path / "plain.wav", samples, RATE * SECONDS * 8).rename(path)
    said: list[str] = []
    assert heard(path, bundle, said) == SECONDS
    given = ["--bundle", str(bundle)]
    store, target = tmp_path / "past", tmp_path / "report.html"
    assert main(["remember", str(path), "--store", str(store), *given, "--jobs", "1"]) == 0
    assert main(["remember", str(tmp_path), "--store", str(store), *given, "--jobs", "1"]) == 0
    assert "1 recording" in capsys.readouterr().out
    assert main(["report", str(path), *given, "-o", str(target)]) == 0
    assert "caf\\xe9.wav" in target.read_text("utf-8")


def test_raw_samples_need_to_be_told_of(tmp_path: Path, samples: NDArray[np.float32]) -> None:
    raw = tmp_path / "scene.raw"
    raw.write_bytes((samples.T * 32767).astype("<i2").tobytes())
    said: list[str] = []
    assert not list(find_recordings([tmp_path], said.append, said.append))
    assert "holds raw samples, which carry no header" in said[0]
    assert said[0].endswith("it is left out")


def test_an_example_of_raw_samples(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "scene.raw"
    raw.write_bytes(bytes(8000))
    argv = ["listen", "--demo", "--bundle", str(bundle), "--example", f"dog={raw}"]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert "holds raw samples, which carry no header" in said
    cure = said.split("e.g. ")[1].strip()
    assert shlex.split(cure)[0] == "ffmpeg"
    done = subprocess.run(shlex.split(cure), cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "scene-converted.wav").frames == 4000


@pytest.mark.parametrize("place", ["fifo", "/dev/zero"])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    if place == "fifo":
        os.mkfifo(path)
    said: list[str] = []
    assert not list(find_recordings([path], said.append, lambda _: None))
    assert said == [f"reading {path}: it is no regular file; it is left out"]
