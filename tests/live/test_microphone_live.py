"""`MicrophoneSource` against real PortAudio streams."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.live.virtual_mic import (
    ALSA_CONFIG,
    VirtualMicrophone,
    jack_microphone,
    virtual_microphone,
)

RATE = 48_000
ROOT = Path(__file__).parents[2]


def command(mic: VirtualMicrophone, count: int, out: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "tests.live.capture", mic.device, str(count), str(out)]
    return subprocess.Popen(
        arguments, cwd=ROOT, env=mic.env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def python(mic: VirtualMicrophone, code: str) -> str:
    """What a script prints, or the error that ends it."""
    header = (
        "from elsa_rt.sources.open import open_source\n"
        "from elsa_rt.config import Config\n"
        "from elsa_rt.errors import ElsaError\n"
        "def attempt(*source, **settings):\n"
        "    try:\n"
        "        with open_source(*source, Config(**settings), print) as source:\n"
        "            print('open', source.name, source.rate, source.channels)\n"
        "    except ElsaError as error:\n"
        "        print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", header + code],
        cwd=ROOT, env={**mic.env, "PYTHONPATH": str(ROOT)}, text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def counter(count: int, channels: int = 4) -> NDArray[np.float32]:
    """Sample n of channel c is (n + 1) / 2**22: exact in float32, and it tells its own place."""
    ramp = (np.arange(count) + 1) / 2**22
    return np.tile(ramp, (channels, 1)).astype(np.float32)


@pytest.mark.usefixtures("alsa")
def test_captures_every_sample_in_its_place(tmp_path: Path) -> None:
    fed = np.random.default_rng(0).uniform(-1, 1, (4, 3 * RATE)).astype(np.float32)
    with virtual_microphone(fed, RATE) as mic:
        process = command(mic, 2 * RATE, tmp_path / "got.npz")
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    got = np.load(tmp_path / "got.npz")
    assert got["rate"] == RATE
    assert got["dropped"].sum() == 0
    count = got["samples"].shape[1]
    assert count >= 2 * RATE
    assert np.abs(got["samples"] - fed[:, :count]).max() <= 1 / 2**15
    np.testing.assert_array_equal(got["start"], np.cumsum(got["size"]) - got["size"])
    assert got["size"].max() <= 0.1 * RATE
    # once the first second has settled it, the capture clock runs with the samples
    clock = got["captured"] - got["start"] / RATE
    assert np.ptp(clock[got["start"] > RATE]) < 0.05


@pytest.mark.usefixtures("jack_server")
def test_a_true_overflow_is_counted_and_capture_goes_on(tmp_path: Path) -> None:
    with jack_microphone(counter(60 * RATE), RATE) as mic:
        process = command(mic, 3 * RATE, tmp_path / "got.npz")
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGCONT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    got = np.load(tmp_path / "got.npz")
    place = np.round(got["samples"][0].astype(float) * 2**22).astype(int)  # counter of the device
    (gaps,) = np.nonzero(np.diff(place) != 1)
    lost = place[gaps + 1] - place[gaps] - 1
    # a busy machine may lose a little more, before or after: the stall is the largest gap
    stall = lost.argmax()
    assert 0.3 * RATE < lost[stall] < 0.8 * RATE, "the overflow is a real gap"
    # a busy machine also stops the server for moments, and its counter with it: the clock tells
    elapsed = (got["captured"][-1] - got["captured"][0]) * RATE
    missing = elapsed - got["size"][:-1].sum()
    assert lost.sum() - 0.1 * RATE < got["dropped"].sum()
    assert abs(got["dropped"].sum() - max(missing, lost.sum())) < 0.1 * RATE
    noticed = got["start"][got["dropped"].argmax()]
    assert noticed - (gaps[stall] + lost[: stall + 1].sum()) < 1.5 * RATE, "noticed too late"
    assert place[-1] - place[gaps[stall]] > RATE, "capture went on"
    np.testing.assert_array_equal(
        got["start"], np.cumsum(got["size"] + got["dropped"]) - got["size"]
    )


@pytest.mark.usefixtures("jack_server")
def test_what_does_not_fit_the_device_is_said() -> None:
    with jack_microphone(np.zeros((2, RATE), np.float32), RATE) as mic:
        said = python(
            mic,
            "attempt('foamic')\nattempt('no such thing')\nattempt(99)\n"
            "attempt('foamic', input_channels=4)\n",
        ).splitlines()
    text = "\n".join(said)
    assert "SourceError microphone foamic has 2 channels, four are needed" in text
    assert "no microphone fits 'no such thing', and no file has that name; there are" in text
    assert "DeviceError no microphone fits 99" in text
    assert re.search(r"0: foamic, JACK .* \(2 in, 48000 Hz\)", text)
    assert "DeviceError microphone foamic has 2 input channels, not --channels 4" in text


@pytest.mark.usefixtures("jack_server")
def test_an_unfit_rate_lists_what_fits() -> None:
    with jack_microphone(np.zeros((4, RATE), np.float32), RATE) as mic:
        said = python(mic, "attempt(0, rate=44100)\nattempt('mic')\n")
    assert "cannot open microphone foamic with 4 channels at 44100 Hz" in said
    assert "with 4 channels it takes 48000 Hz" in said
    assert "open foamic 48000 4" in said


@pytest.mark.usefixtures("alsa")
def test_part_of_a_name_that_fits_several_lists_them() -> None:
    with virtual_microphone(np.zeros((4, RATE), np.float32), RATE) as mic:
        said = python(mic, "attempt('FOA')\nattempt('FoaMic')\nattempt('amic')\n")
    assert "DeviceError microphone 'FOA' fits 2 devices, give more of the name" in said
    assert said.count("open foamic 48000 4") == 2


@pytest.mark.usefixtures("jack_server")
def test_a_microphone_that_vanishes_ends_with_one_message() -> None:
    code = (
        "import elsa_rt.sources.microphone as microphone\n"
        "microphone.MUTE_S = 1.0\n"
        "source = open_source('foamic', Config(), print)\n"
        "print('heard', next(iter(source)).samples.shape[0], flush=True)\n"
        "try:\n"
        "    for block in source: pass\n"
        "except ElsaError as error: print(type(error).__name__, error, flush=True)\n"
        "import os; os._exit(0)\n"  # PortAudio itself may hang on a server that is gone
    )
    header = "from elsa_rt.sources.open import open_source\nfrom elsa_rt.config import Config\n"
    header += "from elsa_rt.errors import ElsaError\n"
    with jack_microphone(np.zeros((4, RATE), np.float32), RATE) as mic:
        process = subprocess.Popen(
            [sys.executable, "-c", header + code], cwd=ROOT, text=True,
            env={**mic.env, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "heard 4\n"
    with process:
        said, _ = process.communicate(timeout=30)
    assert said.startswith("DeviceError microphone foamic went silent after")


@pytest.mark.usefixtures("alsa")
def test_a_reader_that_is_held_up_loses_exactly_what_is_said() -> None:
    ramp = np.tile((np.arange(3 * RATE) % 30_000) / 2**15, (4, 1)).astype(np.float32)
    code = (
        "import time\nimport numpy as np\nimport elsa_rt.sources.microphone as microphone\n"
        "microphone.RING_S = 0.1\n"
        "with open_source('foamic', Config(), print) as source:\n"
        "    for block in source:\n"
        "        print(*np.round(block.samples[0, [0, -1]] * 2**15), block.start, block.dropped)\n"
        "        if block.start < 9600: time.sleep(0.3)\n"
        "        if block.start > 48000: break\n"
    )
    with virtual_microphone(ramp, RATE) as mic:
        said = python(mic, code)
    blocks = np.array([line.split() for line in said.splitlines()], float)
    first, last, start, dropped = blocks.T
    assert dropped.sum() > 0.1 * RATE
    np.testing.assert_array_equal((first[1:] - last[:-1] - 1) % 30_000, dropped[1:])
    np.testing.assert_array_equal(start % 30_000, first)


@pytest.mark.usefixtures("alsa")
def test_a_sound_server_is_warned_of(tmp_path: Path) -> None:
    config = tmp_path / "alsa.conf"
    pulse = 'pcm.pulse { type null hint { show on description "a sound server" } }'
    config.write_text(f"<{ALSA_CONFIG}>\n{pulse}\n")
    mic = VirtualMicrophone("pulse", {**os.environ, "ALSA_CONFIG_PATH": str(config)}, RATE)
    said = python(mic, "attempt('pulse')\n").splitlines()
    assert said[0].startswith("microphone pulse belongs to a sound server, which may mix")
    assert said[1].startswith("open pulse")


@pytest.mark.usefixtures("alsa")
def test_no_microphone_at_all() -> None:
    mic = VirtualMicrophone("", dict(os.environ), RATE)
    none = "import elsa_rt.sources.devices as devices\ndevices.devices = list\n"
    said = python(mic, none + "attempt(None)\nattempt('zylia')\n").splitlines()
    nothing = "no device records at all: is one plugged in (arecord -l)?"
    assert said[0] == f"DeviceError there is no default microphone; {nothing}"
    assert said[1].startswith("DeviceError no microphone fits 'zylia'")
    assert said[1].endswith(nothing)


def test_a_missing_portaudio_says_what_to_install() -> None:
    mic = VirtualMicrophone("", dict(os.environ), RATE)
    hidden = "import ctypes.util\nctypes.util.find_library = lambda name: None\n"
    assert "the PortAudio library is missing" in (said := python(mic, hidden + "attempt(None)\n"))
    assert "apt-get install libportaudio2" in said
