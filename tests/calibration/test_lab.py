"""The lab: sweeps on simulated capsules become filters that point right."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from calibration import lab
from calibration.capsule_signals import plane_wave_responses
from elsa_rt.audio.ambisonics import angles_from_direction
from elsa_rt.config import Config
from elsa_rt.microphones.capsules import layout, sphere_grid
from tests.support.microphones import encoding_of

Capture = pytest.CaptureFixture[str]

RATE = 48_000
RADIUS_M = 0.015
CAPSULES = layout("type-i")[[2, 0, 3, 1]]
GAINS = np.array([1.0, -0.8, 1.2, 0.9])  # of channels that nobody has matched, one inverted


def heard(towards: NDArray[np.float64], signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """What pressure capsules in a rigid sphere, in an order of their own, record (d, 4, n)."""
    count = 2 * len(signal)
    hz = np.fft.rfftfreq(count, 1 / RATE)
    responses = np.zeros((len(hz), len(towards), 4), complex)
    responses[1:] = plane_wave_responses(CAPSULES, towards, hz[1:], RADIUS_M, rigid=True)
    spectrum = np.fft.rfft(signal, count) * np.exp(-2j * np.pi * hz * 0.004)
    return np.fft.irfft(responses * spectrum[:, None, None] * GAINS, count, axis=0).transpose(
        1, 2, 0
    )


def test_a_sweep_becomes_an_impulse() -> None:
    sweep = lab.exponential_sweep(RATE, 1.0)
    late = np.zeros((1, 2 * RATE))
    late[0, 500 : 500 + len(sweep)] = 0.5 * sweep
    response = lab.impulse_responses(late, sweep)
    assert response[0].argmax() == 500
    assert np.abs(response[0, 600:]).max() < 0.02 * response[0, 500]


@pytest.mark.parametrize("reference", [False, True])
def test_measured_filters_point_right(
    reference: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*argv: str) -> str:
        monkeypatch.setattr(sys, "argv", ["lab", *argv])
        assert lab.main() == 0
        return capsys.readouterr().out

    run("sweep", str(tmp_path / "sweep.wav"), "--seconds", "0.2")
    sweep, _ = soundfile.read(tmp_path / "sweep.wav")
    argv = ["filters", str(tmp_path / "lab.yaml"), "--sweep", str(tmp_path / "sweep.wav")]
    grid = sphere_grid(26)
    for number, (towards, samples) in enumerate(zip(grid, heard(grid, sweep), strict=True)):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, 0.5 * samples.T, RATE, subtype="FLOAT")
        azimuth, elevation = angles_from_direction(towards)
        argv.append(f"--at={azimuth:.2f},{elevation:.2f}={path}")
    if reference:
        at = np.zeros(2 * len(sweep))
        at[192 : 192 + len(sweep)] = 0.5 * sweep
        soundfile.write(tmp_path / "reference.wav", at, RATE, subtype="FLOAT")
        argv += ["--reference", str(tmp_path / "reference.wav")]
    out = run(*argv)
    assert float(out.split(": ")[1].split(" degrees")[0]) < 4

    made = encoding_of(Config(microphone=str(tmp_path / "lab.yaml")), 32_000)
    directions = sphere_grid(60)
    for hz in (500, 1_000, 2_000):
        responses = plane_wave_responses(
            CAPSULES, directions, np.array([float(hz)]), RADIUS_M, rigid=True
        )[0]
        foa = (responses * GAINS) @ made.mix(hz, 32_000).T
        flow = (foa[:, :1].conj() * foa[:, [3, 1, 2]]).real
        cosines = np.sum(flow * directions, 1) / np.linalg.norm(flow, axis=1)
        assert np.degrees(np.arccos(cosines.min())) < 6, hz
        if reference:
            assert np.abs(foa[:, 0]).mean() == pytest.approx(1, abs=0.1)


def test_what_the_lab_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys, "argv", ["lab", "filters", "x.yaml", "--sweep", "missing.wav"])
    assert lab.main() == 1
    assert "cannot read missing.wav" in capsys.readouterr().err
    path = tmp_path / "sweep.wav"
    soundfile.write(path, lab.exponential_sweep(RATE, 0.1), RATE)
    argv = ["lab", "filters", "x.yaml", "--sweep", str(path), "--at", f"0,0={path}"]
    monkeypatch.setattr(sys, "argv", argv)
    assert lab.main() == 1
    assert "1 channels at 48000 Hz, four" in capsys.readouterr().err
