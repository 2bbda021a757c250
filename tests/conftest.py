"""What many tests share: a tiny model, a recording it understands, the command as a process."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from elsa_rt.testing import sound
from tests.support.tiny_bundle import make_bundle

RATE = 16_000

SLOW = (
    "export", "live", "calibrate", "calibration", "test_packaging.py", "cli/test_process.py",
    "encoder/test_windowed.py", "cli/test_rules.py", "cli/test_recall.py", "screens/test_page.py",
    "screens/test_web.py", "screens/test_web_api.py", "memory/test_remember.py",
    "outputs/test_mqtt.py", "outputs/test_ros2.py", "outputs/test_clips.py",
    "outputs/test_foxglove.py", "sources/test_containers.py", "bench/test_gpu_check.py",
    "jit/test_kernel.py", "scoring/test_site.py", "recordings/test_batch.py", "test_hostile.py",
)  # fmt: skip
"""Folders and files whose tests take seconds each: marked ``slow`` as a whole."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep what a start computes away from the user's cache, and from one run to the next.

    Programs that the tests start can be interrupted, even where a shell runs pytest in the
    background and therefore lets it ignore SIGINT.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = tempfile.TemporaryDirectory(prefix="elsa-rt-cache-")
    config.add_cleanup(folder.cleanup)
    os.environ["ELSA_RT_CACHE"] = folder.name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    slow = tuple(str(Path(__file__).parent / name) for name in SLOW)
    for item in items:
        if str(item.path).startswith(slow):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that knows a hum from a hiss."""
    return make_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture(scope="session")
def scene() -> NDArray[np.float32]:
    """AmbiX (4, n) at 16 kHz: from 1 to 3 s a hum on the left, from 4 to 5 s a hiss behind."""
    samples = np.random.default_rng(5).normal(0, 1e-4, (4, 6 * RATE)).astype(np.float32)
    samples[:, RATE : 3 * RATE] += sound("hum", 2, 90, 0, RATE)
    samples[:, 4 * RATE : 5 * RATE] += sound("hiss", 1, 180, 10, RATE)
    return samples


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, scene: NDArray[np.float32]) -> Path:
    """The scene as a file."""
    path = tmp_path_factory.mktemp("recordings") / "scene.wav"
    soundfile.write(path, np.round(scene.T * 2**15).astype(np.int16), RATE)
    return path


@pytest.fixture(scope="session")
def command() -> list[str]:
    """``elsa-rt`` as it was installed beside this interpreter, else as a module."""
    script = Path(sys.executable).with_name("elsa-rt")
    return [str(script)] if os.access(script, os.X_OK) else [sys.executable, "-m", "elsa_rt"]
