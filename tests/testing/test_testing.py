"""What users test their own programs with: it works, it is small, and it is what is built."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import elsa_rt
from elsa_rt import Listener, ModelBundle, testing
from elsa_rt.errors import DeviceError
from elsa_rt.testing.bundle import DIRECTORY
from tests.support.tiny_bundle import ship


def test_a_scene_is_heard_by_the_tiny_bundle() -> None:
    source = testing.scene(
        testing.SoundAt("hum", 1.0, 3.0, azimuth_deg=90),
        testing.SoundAt("hiss", 4.0, 5.0, azimuth_deg=180),
        seconds=6,
    )
    listener = Listener(
        ["a hum", "a hiss", "a dog"], source, bundle=testing.tiny_bundle().path,
        on_notice=lambda _: None,
    )  # fmt: skip
    assert [(a.state, a.prompt, a.words) for h in listener for a in h.alerts] == [
        ("start", "a hum", "left"), ("end", "a hum", "left"),
        ("start", "a hiss", "behind"), ("end", "a hiss", "behind"),
    ]  # fmt: skip


def test_what_ships_is_what_is_built(tmp_path: Path) -> None:
    built, shipped = ModelBundle.load(ship(tmp_path / "tiny")), testing.tiny_bundle()
    for name in ("audio_encoder.onnx", "text_encoder.onnx", "tokenizer.json"):
        assert built.files[name] == shipped.files[name], "run tests.support.tiny_bundle.ship()"
    with np.load(built.file("scores.npz")) as one, np.load(shipped.file("scores.npz")) as other:
        assert all(np.allclose(one[name], other[name], equal_nan=True) for name in one
                   if one[name].dtype.kind == "f")  # fmt: skip
    assert sum(path.stat().st_size for path in DIRECTORY.iterdir()) < 250_000


def test_it_can_be_the_default_for_a_while() -> None:
    with testing.use_tiny_bundle() as bundle:
        assert ModelBundle.load().path == bundle.path
        assert elsa_rt.embed_text(["a hum"]).shape == (1, 512)
    assert ModelBundle.load().path != bundle.path


def test_a_fake_microphone_is_live() -> None:
    microphone = testing.FakeMicrophone()
    microphone.give(testing.sound("hum", 1.0, 0))
    microphone.give(testing.sound("hum", 1.0, 0))
    first, second = islice(microphone, 2)
    assert (first.start, second.start) == (0, 16_000)
    microphone.fail(DeviceError("unplugged"))
    with pytest.raises(DeviceError, match="unplugged"):
        next(iter(microphone))
    microphone.end()
    assert list(microphone) == []
    microphone.close()
    assert list(microphone) == []


def test_neither_torch_nor_onnx_is_needed() -> None:
    code = (
        "import sys, elsa_rt, elsa_rt.testing as t\n"
        "listener = elsa_rt.Listener(['a hum'], bundle=t.tiny_bundle().path)\n"
        "print(*[m for m in ('torch', 'onnx', 'pytest') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
