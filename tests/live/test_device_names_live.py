"""Whatever `elsa-rt devices` lists opens by its name, on real PortAudio streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.live.virtual_mic import (
    ALSA_CONFIG,
    DEVICE,
    VirtualMicrophone,
    jack_microphone,
    virtual_microphone,
)

RATE = 48_000
ROOT = Path(__file__).parents[2]
NAMES = ("1234", "1", "0", "mic", "Foo, Bar", 'Küche "Nord" it\'s', "録音", "a/b.wav", "%s; `ls`")

OPEN_ALL = """
from elsa_rt.config import Config
from elsa_rt.sources.devices import devices
from elsa_rt.sources.open import open_source
for device in devices():
    with open_source(device.name, Config(), print, supervised={supervised}) as source:
        block = next(block for block in source if block.samples.shape[1])
        print(ascii((device.name, source.name, source.channels)))
"""


def python(mic: VirtualMicrophone, code: str) -> list[str]:
    """The lines that a script prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, timeout=120,
        env={**mic.env, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def listed(mic: VirtualMicrophone) -> str:
    """What `elsa-rt devices` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "elsa_rt", "devices"], cwd=ROOT, capture_output=True, timeout=60,
        env={**mic.env, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.usefixtures("jack_server")
@pytest.mark.parametrize("supervised", [False, True])
def test_every_name_of_jack_opens_its_device(supervised: bool) -> None:
    with jack_microphone(np.zeros((4, RATE), np.float32), RATE, names=NAMES) as mic:
        lines = python(mic, OPEN_ALL.format(supervised=supervised))
        shown = listed(mic)
    assert lines == [ascii((name, name, 4)) for name in NAMES]
    assert [name for name in NAMES if name not in shown] == []


@pytest.mark.usefixtures("alsa")
@pytest.mark.parametrize("name", ["1234", "7", "Küche"])
def test_a_microphone_of_alsa_is_heard_by_its_name(name: str) -> None:
    ramp = np.tile(np.arange(RATE) % 1000 / 2**15, (4, 1)).astype(np.float32)
    code = (
        "from elsa_rt.config import Config\nfrom elsa_rt.sources.open import open_source\n"
        "import sys\n"
        f"with open_source({name!r}, Config(), print, supervised=True) as source:\n"
        "    block = next(block for block in source if block.samples.any())\n"
        "    print(ascii(source.name), block.samples.shape[0])\n"
    )
    with virtual_microphone(ramp, RATE, name=name) as mic:
        assert python(mic, code) == [f"{name!a} 4"]


@pytest.mark.usefixtures("jack_server", "alsa")
def test_one_name_in_two_systems_is_told_apart(tmp_path: Path) -> None:
    config = tmp_path / "alsa.conf"
    config.write_text(
        f'<{ALSA_CONFIG}>\npcm.{DEVICE} {{ type null hint {{ show on description "x" }} }}\n'
    )
    code = (
        "from elsa_rt.errors import DeviceError\n"
        "from elsa_rt.sources.device_names import find_device, known\n"
        f"try: find_device({DEVICE!r})\n"
        "except DeviceError as error: print(str(error).splitlines()[0])\n"
        f"device = find_device('{DEVICE}, jack')\n"
        "print(device.host_api, find_device(known(device)) == device)\n"
    )
    with jack_microphone(np.zeros((4, RATE), np.float32), RATE) as mic:
        both = mic._replace(env={**mic.env, "ALSA_CONFIG_PATH": str(config)})
        refused, found = python(both, code)
    assert refused.startswith(f"microphone '{DEVICE}' fits 2 devices, give more of the name, name")
    assert found == "JACK Audio Connection Kit True"


@pytest.mark.usefixtures("alsa")
def test_a_name_that_is_no_utf_8_hides_no_other_device(tmp_path: Path) -> None:
    config = tmp_path / "alsa.conf"
    null = '{ type plug slave.pcm { type null } hint { show on description "x" } }\n'
    names = [f'pcm."{name}" {null}'.encode("latin-1") for name in ("Küche", "Bad")]
    config.write_bytes(f"<{ALSA_CONFIG}>\n".encode() + b"".join(names))
    mic = VirtualMicrophone("Bad", {**os.environ, "ALSA_CONFIG_PATH": str(config)}, RATE)
    assert listed(mic).splitlines()[0] == (
        "0: b'K\\xfcche', ALSA: its name is no UTF-8, so it cannot be opened: rename it"
    )
    code = "from elsa_rt.sources.device_names import find_device\nprint(find_device('bad').index)\n"
    assert python(mic, code) == ["1"]
    heard = subprocess.run(
        [sys.executable, "-m", "elsa_rt", "listen", "Küche", "--prompt", "a bell"],
        cwd=ROOT, env={**mic.env, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=60,
    )  # fmt: skip
    assert heard.returncode in (1, 2)
    assert b"Traceback" not in heard.stderr
    assert "no microphone fits 'Küche'" in heard.stderr.decode()
