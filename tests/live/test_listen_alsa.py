"""The installed command on a real PortAudio stream from a virtual ambisonic microphone."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.testing import sound
from tests.live.virtual_mic import virtual_microphone
from tests.support.run_ids import without_run

RATE = 48_000
LENGTH_S = 5
LIMIT_S = 60

Line = dict[str, Any]


@pytest.fixture(scope="module")
def samples() -> NDArray[np.float32]:
    """AmbiX (4, n): a hum on the left from 1 to 2 s, a hiss on the right from 3 to 4 s."""
    noise = np.random.default_rng(11).normal(0, 1e-4, (4, LENGTH_S * RATE)).astype(np.float32)
    noise[:, RATE : 2 * RATE] += sound("hum", 1, 90, 0, RATE)
    noise[:, 3 * RATE : 4 * RATE] += sound("hiss", 1, -90, 0, RATE)
    return noise


@contextlib.contextmanager
def listening(command: list[str], env: dict[str, str]) -> Iterator[Iterator[Line]]:
    """The lines of a command that hears a microphone; it must end well at Ctrl-C."""
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            yield map(json.loads, process.stdout)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=LIMIT_S)
            assert process.returncode == 130, errors
            assert b"Traceback" not in errors
        finally:
            process.kill()


def until(lines: Iterator[Line], time_s: float) -> list[Line]:
    """All lines up to the hearing at ``time_s``."""
    taken = []
    for line in lines:
        taken.append(line)
        if line["type"] == "hearing" and line["time_s"] >= time_s:
            return taken
    raise AssertionError(f"the command ended before {time_s} s: {taken[-3:]}")


@pytest.mark.usefixtures("alsa")
def test_live_hears_what_the_file_holds(
    command: list[str], bundle: Path, tmp_path: Path, samples: NDArray[np.float32]
) -> None:
    options = ["--bundle", str(bundle), "--prompt", "a hum", "--prompt", "a hiss", "--json"]
    with (
        virtual_microphone(samples, RATE) as mic,
        listening([*command, "listen", mic.device, *options], mic.env) as lines,
    ):
        live = until(lines, LENGTH_S - 0.1)

    path = tmp_path / "same.wav"
    soundfile.write(path, np.round(samples.T * 2**15).astype(np.int16), RATE)
    file = subprocess.run(
        [*command, "listen", str(path), *options], capture_output=True, timeout=LIMIT_S, check=True
    )
    expected = [json.loads(line) for line in file.stdout.splitlines()]

    assert [line.pop("at")[-1] for line in live] == ["Z"] * len(live)
    assert without_run(live) == without_run(expected[: len(live)])
    started = {
        line["prompt"]: line
        for line in live
        if line["type"] == "alert" and line["state"] == "start"
    }
    assert started["a hum"]["azimuth_deg"] == pytest.approx(90, abs=3)
    assert started["a hum"]["words"] == "left"
    assert 1.0 < started["a hum"]["time_s"] < 1.6
    assert started["a hiss"]["azimuth_deg"] == pytest.approx(-90, abs=3)
    assert started["a hiss"]["words"] == "right"
    assert 3.0 < started["a hiss"]["time_s"] < 3.6


@pytest.mark.usefixtures("alsa")
def test_a_microphone_of_two_channels(command: list[str], bundle: Path) -> None:
    with virtual_microphone(np.zeros((2, RATE), np.float32), RATE) as mic:
        refused = subprocess.run(
            [*command, "listen", mic.device, "--bundle", str(bundle), "--prompt", "a hum",
             "--input-channels", "2"],
            env=mic.env, capture_output=True, timeout=LIMIT_S, text=True,
        )  # fmt: skip
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "2 channels, four are needed" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.usefixtures("alsa")
def test_devices_lists_the_microphone(command: list[str]) -> None:
    with virtual_microphone(np.zeros((4, RATE), np.float32), RATE) as mic:
        listed = subprocess.run(
            [*command, "devices"], env=mic.env, capture_output=True, timeout=LIMIT_S, text=True
        )
    assert listed.returncode == 0
    assert mic.device in listed.stdout
