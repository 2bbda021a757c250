"""The guided calibration on a real PortAudio stream from virtual capsules."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from calibration.trials import RATE, make, record
from elsa_rt.calibrate.directions import GUIDED, announced
from elsa_rt.microphones.profile_file import read_profile
from tests.live.virtual_mic import virtual_microphone

LIMIT_S = 180
NOISE_S = 5.5


@pytest.mark.usefixtures("alsa")
def test_the_conversation_ends_with_a_profile(command: list[str], tmp_path: Path) -> None:
    truth = make(7)
    places = tuple(announced(name).towards for name in GUIDED)
    claps = record(truth.device, np.random.default_rng(1), places)
    samples = np.concatenate([truth.noise[:, : round(NOISE_S * RATE)], claps], axis=1)
    with virtual_microphone(samples, RATE) as mic:
        done = subprocess.run(
            [*command, "calibrate", "microphone", mic.device, "--name", "virtual", "--each", "1",
             "--check-s", "1", "--noise-s", "4"],
            env={**mic.env, "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True, timeout=LIMIT_S, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for part in ("1 of 3", "straight above it: 1 heard", "good", "--microphone virtual"):
        assert part in done.stdout
    profile = read_profile(tmp_path / "elsa-rt" / "microphones" / "virtual.yaml")
    assert profile.device == (mic.device,)
    assert profile.channels == tuple((np.argsort(truth.device.order) + 1).tolist())
    assert profile.yaw_deg == pytest.approx(truth.yaw_deg, abs=2)


@pytest.mark.usefixtures("alsa")
def test_the_doctor_listens(command: list[str], bundle: Path) -> None:
    samples = make(7).noise
    with virtual_microphone(samples, RATE) as mic:
        done = subprocess.run(
            [*command, "doctor", mic.device, "--format", "a-format", "--bundle", str(bundle),
             "--listen-s", "2", "--json"],
            env=mic.env, capture_output=True, timeout=LIMIT_S, text=True,
        )  # fmt: skip
    assert "Traceback" not in done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert mic.device in checks["device"]["found"]
    for name in ("channels", "rate", "signal", "format"):
        assert checks[name]["state"] == "ok", checks[name]
