"""The doctor: every trouble is a line with its cure, and the exit code tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from calibration.simulated_rooms import Device, diffuse_noise
from elsa_rt import Block
from elsa_rt.audio.ambisonics import decode_matrix
from elsa_rt.cli import main
from elsa_rt.config import Config
from elsa_rt.diagnostics import computer, microphone
from elsa_rt.diagnostics.check import Check
from elsa_rt.errors import DeviceError
from elsa_rt.microphones.capsules import Capsules, layout
from elsa_rt.sources.devices import DeviceInfo
from tests.support.tiny_bundle import make_bundle

RATE = 48_000

Capture = pytest.CaptureFixture[str]
Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def capsules() -> Samples:
    """A-format noise (4, n)."""
    device = Device(Capsules(layout("type-i"), 0.015))
    noise = diffuse_noise(device, RATE, 2.5, np.random.default_rng(0))
    return (0.05 * noise).astype(np.float32)


def wav(path: Path, samples: Samples) -> str:
    soundfile.write(path, samples.T, RATE, subtype="FLOAT")
    return str(path)


def examined(
    capsys: Capture, code: int, bundle: Path, *argv: str
) -> dict[str, list[dict[str, Any]]]:
    """What the doctor says of each name."""
    assert main(["doctor", "--json", "--bundle", str(bundle), *argv]) == code
    said = json.loads(capsys.readouterr().out)
    assert said["ok"] == (code == 0)
    checks: dict[str, list[dict[str, Any]]] = {}
    for check in said["checks"]:
        checks.setdefault(check["name"], []).append(check)
    return checks


def test_a_good_recording(capsules: Samples, bundle: Path, tmp_path: Path, capsys: Capture) -> None:
    path = wav(tmp_path / "a.wav", capsules)
    checks = examined(capsys, 0, bundle, path, "--format", "a-format")
    engines = {"engine", "onnx", "tensorrt", "tensorrt-rtx"}
    assert set(checks) == engines | {
        "model", "cache", "processor", "profile", "level", "signal", "format",
    }  # fmt: skip
    assert "device" not in checks
    assert {check["state"] for name in ("model", "signal", "format") for check in checks[name]} == {
        "ok"
    }
    assert "tiny 1, sha256" in checks["model"][0]["found"]


def test_a_header_that_lies_is_said(
    capsules: Samples, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    path = wav(tmp_path / "a.wav", capsules)
    raw = bytearray(Path(path).read_bytes())
    at = raw.index(b"data") + 4
    promised = int.from_bytes(raw[at : at + 4], "little")
    raw[at : at + 4] = (promised // 2).to_bytes(4, "little")
    Path(path).write_bytes(raw)
    checks = examined(capsys, 0, bundle, path, "--format", "a-format")
    (said,) = checks["file"]
    assert said["state"] == "warning"
    assert f"promises {promised // 2:,} bytes of samples, {promised:,} are there" in said["found"]


def test_a_format_that_the_sound_contradicts(
    capsules: Samples, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    checks = examined(capsys, 0, bundle, wav(tmp_path / "a.wav", capsules))
    assert checks["format"][0]["state"] == "warning"
    assert "looks like A-format" in checks["format"][0]["found"]
    fuma = np.linalg.inv(decode_matrix("fuma")) @ decode_matrix("a-format") @ capsules
    path = wav(tmp_path / "f.wav", fuma.astype(np.float32))
    checks = examined(capsys, 0, bundle, path, "--format", "ambix")
    assert "try --format fuma" in checks["format"][0]["found"]


def test_a_dead_channel_fails(
    capsules: Samples, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    samples = capsules.copy()
    samples[1] = 0
    checks = examined(capsys, 1, bundle, wav(tmp_path / "dead.wav", samples))
    assert checks["signal"][0]["state"] == "failure"
    assert "channel 2 is dead" in checks["signal"][0]["found"]


def test_a_copy_that_comes_later_fails(
    capsules: Samples, bundle: Path, tmp_path: Path, capsys: Capture
) -> None:
    samples = capsules.copy()
    samples[3] = np.roll(samples[0], 480)
    path = wav(tmp_path / "later.wav", samples)
    checks = examined(capsys, 1, bundle, path, "--format", "a-format")
    assert checks["signal"][0]["state"] == "failure"
    assert "channel 4 is channel 1 480 samples (10.0 ms) later" in checks["signal"][0]["found"]


def test_a_damaged_model_fails_and_the_page_says_so(tmp_path: Path, capsys: Capture) -> None:
    broken = make_bundle(tmp_path / "broken")
    (broken / "audio_encoder.onnx").write_bytes(b"no model")
    assert main(["doctor", "--bundle", str(broken), "--listen-s", "0", "x.wav"]) == 1
    out = capsys.readouterr().out
    assert "✗" in out
    assert "damaged" in out
    assert "1 failed" in out


def test_a_missing_device_fails_once(
    bundle: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_: object) -> DeviceInfo:
        raise DeviceError("no microphone fits 'x'")

    monkeypatch.setattr("elsa_rt.sources.device_names.find_device", none)
    checks = examined(capsys, 1, bundle, "x")
    assert checks["device"][0]["found"] == "no microphone fits 'x'"
    assert "sound" not in checks


@pytest.mark.parametrize(
    ("device", "opens", "expected"),
    [
        (DeviceInfo(3, "hw:1", "ALSA", 4, 48_000, False), True, {"channels": "ok", "rate": "ok"}),
        (DeviceInfo(0, "pulse", "ALSA", 32, 48_000, True), True, {"sound server": "warning"}),
        (DeviceInfo(1, "webcam", "ALSA", 2, 48_000, False), True, {"channels": "failure"}),
        (DeviceInfo(3, "hw:1", "ALSA", 4, 48_000, False), False, {"rate": "failure"}),
        (
            DeviceInfo(3, "ReSpeaker 4 Mic Array (UAC1.0)", "ALSA", 6, 16_000, False),
            True,
            {"profile": "warning"},
        ),
    ],
)
def test_devices(
    device: DeviceInfo, opens: bool, expected: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elsa_rt.sources.device_names.find_device", lambda _: device)
    monkeypatch.setattr("elsa_rt.sources.devices.accepts", lambda *_: opens)
    checks = {check.name: check for check in microphone.check_device("x", Config())}
    for name, state in expected.items():
        assert checks[name].state == state
        assert bool(checks[name].cure) == (state != "ok")


class Live:
    """A source with a clock: it loses some sound, and its quartz is slow by ``ppm``."""

    name, rate, channels, live = "virtual", RATE, 4, True

    def __init__(self, samples: Samples, dropped: int, ppm: float) -> None:
        self._samples, self._dropped, self._ppm = samples, dropped, ppm

    def __iter__(self) -> Any:
        for start in range(0, self._samples.shape[1], 4_800):
            lost = self._dropped if start == 48_000 else 0
            captured_s = 100 + start / RATE * (1 + 1e-6 * self._ppm)
            yield Block(self._samples[:, start : start + 4_800], RATE, start, lost, captured_s)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open."""


def test_loss_and_drift_of_a_live_microphone(
    capsules: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def checks(dropped: int, ppm: float) -> dict[str, Check]:
        live = Live(np.tile(capsules, 2), dropped, ppm)
        monkeypatch.setattr(microphone, "open_source", lambda *_: live)
        return {c.name: c for c in microphone.check_sound("x", Config(format="a-format"), 5)}

    well = checks(0, 40)
    assert (well["loss"].state, well["clock"].state) == ("ok", "ok")
    assert "+40 ppm" in well["clock"].found
    assert checks(100, 0)["loss"].state == "warning"
    assert checks(RATE, 0)["loss"].state == "failure"
    assert checks(0, 5_000)["clock"].state == "warning"


def test_permissions_and_governor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no sound card" in computer.check_permissions(tmp_path).found
    (tmp_path / "pcmC1D0c").touch()
    assert computer.check_permissions(tmp_path).state == "ok"
    monkeypatch.setattr("os.access", lambda *_: False)
    denied = computer.check_permissions(tmp_path)
    assert (denied.state, "pcmC1D0c" in denied.found) == ("failure", True)
    assert "usermod -aG audio" in denied.cure

    assert computer.check_governor(tmp_path).state == "ok"
    place = tmp_path / "devices/system/cpu/cpu0/cpufreq"
    place.mkdir(parents=True)
    (place / "scaling_governor").write_text("powersave\n", encoding="ascii")
    slow = computer.check_governor(tmp_path)
    assert (slow.state, "cpupower" in slow.cure) == ("warning", True)


def test_what_the_doctor_does_not_do(capsys: Capture) -> None:
    assert main(["doctor", "-"]) == 2
    assert "standard input" in capsys.readouterr().err
    assert main(["doctor", "--listen-s", "-1"]) == 2
    assert "0..3600" in capsys.readouterr().err
