"""The installed command when sound is really lost."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from elsa_rt.testing import sound
from tests.live.virtual_mic import jack_microphone

RATE = 48_000
LIMIT_S = 60
STALL_S = 1.5


@pytest.mark.usefixtures("jack_server")
def test_lost_sound_is_counted_and_the_run_goes_on(command: list[str], bundle: Path) -> None:
    hum = sound("hum", 5, 90, 0, RATE)
    with jack_microphone(hum, RATE) as mic:
        process = subprocess.Popen(
            [*command, "listen", mic.device, "--bundle", str(bundle), "--prompt", "a hum"],
            env=mic.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        with process:
            lines = map(json.loads, process.stdout)
            hearings = (line for line in lines if line["type"] == "hearing")
            first = next(hearings)
            assert first["dropped"] == 0
            process.send_signal(signal.SIGSTOP)
            time.sleep(STALL_S)
            process.send_signal(signal.SIGCONT)
            after = next(line for line in hearings if line["dropped"] > 0)
            later = [next(hearings) for _ in range(10)]
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 143, errors
    assert b"lost" in errors
    assert b"Traceback" not in errors
    lost_s = after["dropped"] / RATE
    assert STALL_S / 2 < lost_s < 2 * STALL_S
    assert later[-1]["dropped"] >= after["dropped"]
    assert after["time_s"] > first["time_s"] + lost_s - 0.2
    assert {line["words"] for line in later} == {"left"}
