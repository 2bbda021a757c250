"""Bad input: a correct run, or one clear message with its cure; never a traceback."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.cli import main
from tests.support.tiny_bundle import rewrite

RATE = 16_000

Capture = pytest.CaptureFixture[str]


def refused(capsys: Capture, code: int, *argv: str | Path) -> str:
    """Run it, and see that it ends with ``code``, no output, and one message."""
    assert main([str(arg) for arg in argv]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("elsa-rt: ")
    assert err.count("elsa-rt: ") == 1
    assert "Traceback" not in err
    return err


def wav(path: Path, samples: NDArray[np.float32], subtype: str = "FLOAT") -> Path:
    soundfile.write(path, samples.T, RATE, subtype=subtype)
    return path


@pytest.fixture
def listen(bundle: Path) -> list[str]:
    return ["listen", "--bundle", str(bundle), "--prompt", "a hum"]


def test_a_file_of_two_channels(
    tmp_path: Path, scene: NDArray[np.float32], listen: list[str], capsys: Capture
) -> None:
    path = wav(tmp_path / "stereo.wav", scene[:2])
    message = refused(capsys, 1, *listen, path)
    assert "2 channels" in message
    assert "four are needed" in message


def test_a_channel_that_the_file_does_not_have(
    recording: Path, listen: list[str], capsys: Capture
) -> None:
    message = refused(capsys, 2, *listen, recording, "--channels", "1,2,3,9")
    assert "has only 4 channels" in message


@pytest.mark.parametrize("channels", ["1,2,3", "1,1,2,3", "0,1,2,3", "a,b,c,d", "1,2,3,4,5"])
def test_channels_that_cannot_be(
    recording: Path, listen: list[str], channels: str, capsys: Capture
) -> None:
    message = refused(capsys, 2, *listen, recording, "--channels", channels)
    assert "--channels" in message


@pytest.mark.parametrize(
    ("option", "value", "cure"),
    [("--rate", "48000", "is at 16000 Hz: leave out"), ("--channels", "6", "has 4 channels")],
)
def test_a_file_that_is_not_what_was_said(
    recording: Path, listen: list[str], option: str, value: str, cure: str, capsys: Capture
) -> None:
    message = refused(capsys, 2, *listen, recording, option, value)
    assert f"{option} {value}: " in message
    assert cure in message


def test_a_file_shorter_than_a_frame(
    tmp_path: Path, scene: NDArray[np.float32], listen: list[str], capsys: Capture
) -> None:
    assert main([*listen, str(wav(tmp_path / "short.wav", scene[:, :100]))]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("elsa-rt: nothing was heard")


def test_an_empty_file(tmp_path: Path, listen: list[str], capsys: Capture) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    assert "is empty" in refused(capsys, 1, *listen, path)


def test_a_file_with_a_header_and_nothing_else(
    tmp_path: Path, listen: list[str], capsys: Capture
) -> None:
    path = wav(tmp_path / "header.wav", np.zeros((4, 0), np.float32))
    assert "no samples" in refused(capsys, 1, *listen, path)


def test_a_truncated_file_is_heard_to_where_it_ends(
    tmp_path: Path, recording: Path, listen: list[str], capsys: Capture
) -> None:
    path = tmp_path / "cut.wav"
    data = recording.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert main([*listen, str(path)]) == 0
    out, err = capsys.readouterr()
    assert '"prompt": "a hum"' in out
    assert len(err.splitlines()) == 1
    assert "cut short after 3.00 s" in err


def test_a_missing_file(tmp_path: Path, listen: list[str], capsys: Capture) -> None:
    message = refused(capsys, 2, *listen, tmp_path / "nothing.wav")
    assert "No such file" in message
    assert "elsa-rt devices" in message


def test_an_unknown_container(tmp_path: Path, listen: list[str], capsys: Capture) -> None:
    path = tmp_path / "words.wav"
    path.write_text("this is no sound " * 100, encoding="utf-8")
    assert "convert it" in refused(capsys, 1, *listen, path)


def test_a_directory(tmp_path: Path, listen: list[str], capsys: Capture) -> None:
    assert "is a directory" in refused(capsys, 2, *listen, tmp_path)


def test_nan_and_infinity_become_silence_and_are_said(
    tmp_path: Path, scene: NDArray[np.float32], listen: list[str], capsys: Capture
) -> None:
    samples = scene.copy()
    samples[1, 100:110] = np.nan
    samples[2, 200:205] = np.inf
    path = wav(tmp_path / "nan.wav", samples)
    assert main([*listen, str(path)]) == 0
    out, err = capsys.readouterr()
    assert "15 samples were NaN" in err

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    assert [json.loads(line, parse_constant=refuse) for line in out.splitlines()]
    assert '"words": "left"' in out


def test_silence_raises_no_alert(tmp_path: Path, listen: list[str], capsys: Capture) -> None:
    path = wav(tmp_path / "silence.wav", np.zeros((4, 6 * RATE), np.float32))
    assert main([*listen, str(path)]) == 0
    out, err = capsys.readouterr()
    lines = [json.loads(line) for line in out.splitlines()]
    assert sum(line["type"] == "hearing" for line in lines) == 60
    (deaf,) = [line for line in lines if line["type"] == "health"]
    assert (deaf["event"], deaf["state"], deaf["time_s"]) == ("deaf", "DEGRADED", 3.0)
    assert '"alert"' not in out
    assert "Infinity" not in out
    assert "digital silence" in err


def test_clipping_is_said_and_heard_through(
    tmp_path: Path, scene: NDArray[np.float32], listen: list[str], capsys: Capture
) -> None:
    path = wav(tmp_path / "clipped.wav", np.clip(scene * 100, -1, 1), "PCM_16")
    assert main([*listen, str(path)]) == 0
    out, err = capsys.readouterr()
    assert "clipping" in err
    assert len(out.splitlines()) >= 60


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--format", "b-format"),
        ("--mount", "sideways"),
        ("--engine", "steam"),
        ("--rate", "fast"),
        ("--sample-format", "u8"),
        ("--yaw-deg", "nan"),
        ("--threads", "0"),
        ("--alert-start", "1.5"),
        ("--alert-release-s", "-1"),
        ("--input-channels", "0"),
    ],
)
def test_a_setting_that_cannot_be(
    recording: Path, listen: list[str], option: str, value: str, capsys: Capture
) -> None:
    message = refused(capsys, 2, *listen, recording, option, value)
    assert value in message


@pytest.mark.parametrize("rate", ["0", "-48000", "10000000"])
def test_a_rate_that_cannot_be(rate: str, listen: list[str], capsys: Capture) -> None:
    argv = [*listen, "-", "--channels", "4", f"--rate={rate}"]
    assert rate in refused(capsys, 2, *argv)


def test_raw_samples_that_nobody_described(
    listen: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO(np.random.default_rng(0).integers(0, 256, 40_000, np.uint8).tobytes())
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(raw))
    message = refused(capsys, 2, *listen, "-")
    assert "--rate 48000 --channels 4 --sample-format s16" in message


def test_a_missing_microphone(listen: list[str], capsys: Capture) -> None:
    message = refused(capsys, 1, *listen, "no such microphone")
    assert "no such microphone" in message or "apt-get install libportaudio2" in message


def test_without_prompts_it_names_what_it_hears(
    recording: Path, bundle: Path, capsys: Capture
) -> None:
    assert main(["listen", str(recording), "--bundle", str(bundle)]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    hearings = [line for line in lines if line["type"] == "hearing"]
    assert hearings
    assert all(line["scores"] == [] for line in hearings)
    assert any(line["labels"] for line in hearings)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [("", "is empty"), ("  ", "is empty"), ("x" * 10_000, "10000 characters"), ("?!", "no word")],
)
def test_a_prompt_that_says_nothing(
    recording: Path, bundle: Path, prompt: str, reason: str, capsys: Capture
) -> None:
    message = refused(capsys, 2, "listen", recording, "--bundle", bundle, "--prompt", prompt)
    assert reason in message
    assert len(message) < 500


def test_a_prompt_in_another_language_is_heard_with_a_warning(
    recording: Path, listen: list[str], capsys: Capture
) -> None:
    assert main([*listen, str(recording), "--prompt", "разбитое стекло"]) == 0
    out, err = capsys.readouterr()
    assert "English" in err
    assert '"words": "left"' in out


def test_a_prompt_file_that_is_missing(listen: list[str], tmp_path: Path, capsys: Capture) -> None:
    message = refused(capsys, 2, *listen, "--prompts", tmp_path / "none.txt")
    assert "none.txt" in message


def test_the_demo_brings_its_own_sound(recording: Path, capsys: Capture) -> None:
    assert "--demo" in refused(capsys, 2, "listen", "--demo", recording)


@pytest.mark.parametrize("damage", ["missing", "changed", "no model", "other features"])
def test_a_bundle_that_is_damaged_or_of_another_kind(
    recording: Path, bundle: Path, tmp_path: Path, damage: str, capsys: Capture
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle, damaged)
    if damage == "missing":
        shutil.rmtree(damaged)
    elif damage == "changed":
        with (damaged / "audio_encoder.onnx").open("ab") as file:
            file.write(b"!")
    elif damage == "no model":
        (damaged / "model.yaml").unlink()
    else:
        rewrite(damaged, features={"rate": 16_000, "rooms": 3})
    message = refused(capsys, 1, "listen", recording, "--prompt", "hum", "--bundle", damaged)
    assert str(damaged) in message


@pytest.mark.parametrize("target", ["missing/out.npz", "."])
def test_a_place_that_cannot_be_written(
    recording: Path, bundle: Path, tmp_path: Path, target: str, capsys: Capture
) -> None:
    message = refused(capsys, 2, "embed", recording, "--bundle", bundle, "-o", tmp_path / target)
    assert "writing" in message


def test_an_unknown_command_and_an_unknown_option(capsys: Capture) -> None:
    assert "elsa-rt --help" in refused(capsys, 2, "hear")
    assert "--loud" in refused(capsys, 2, "listen", "--loud")


@pytest.mark.parametrize("command", ["check", "listen", "embed-text", "microphones", "explain"])
def test_a_word_with_a_nul(command: str, capsys: Capture) -> None:
    assert "'a\\x00b' has a NUL in it" in refused(capsys, 2, command, "a\0b")
