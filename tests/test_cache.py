"""Arrays that are kept from start to start: found again, forgotten in turn, never in the way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elsa_rt import cache

LITTLE = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))  # as a disk with no more room than this
"""
RECALL = """
import numpy as np
from elsa_rt.jit.numba_compiler import called

def twice(x):
    for i in range(x.size):
        x[i] *= 2

x = np.ones(3)
called(twice)(x)
print(x.tolist())
"""


@pytest.fixture(autouse=True)
def _own_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails here is not told to the tests that come after in this process."""
    monkeypatch.setattr(cache, "_failures", [])


def run(program: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "ELSA_RT_CACHE": str(directory)}
    command = [sys.executable, "-c", LITTLE + program]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_what_cannot_be_kept_is_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "here"))
    assert cache.load("kind", "key") is None
    cache.save("kind", "key", {"x": np.arange(3)})
    kept = cache.load("kind", "key")
    assert kept is not None
    assert kept["x"].tolist() == [0, 1, 2]
    file = tmp_path / "here" / "kind" / "key.npz"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"no arrays")
    assert cache.load("kind", "key") is None
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path / "file"))
    cache.save("kind", "key", {"x": np.arange(3)})
    assert cache.load("kind", "key") is None


def test_the_oldest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSA_RT_CACHE", str(tmp_path))
    for index in range(cache.MOST_FILES + 3):
        cache.save("kind", f"key{index}", {"x": np.array([index])})
        path = tmp_path / "kind" / f"key{index}.npz"
        os.utime(path, (index, index))
    assert cache.load("kind", "key0") is None
    assert len(list((tmp_path / "kind").iterdir())) == cache.MOST_FILES
    assert cache.load("kind", f"key{cache.MOST_FILES + 2}") is not None


def test_keys_tell_what_they_are_of_apart() -> None:
    one = np.arange(4, dtype=np.float32)
    keys = {
        cache.digest("a", "bc"), cache.digest("ab", "c"), cache.digest(one),
        cache.digest(one.reshape(2, 2)), cache.digest(one.astype(np.float64)),
    }  # fmt: skip
    assert len(keys) == 5
    assert cache.digest(one, "x") == cache.digest(one.copy(), "x")


@pytest.mark.slow
def test_a_start_without_room_for_its_kernels_hears_and_says_so(tmp_path: Path) -> None:
    listen = "from elsa_rt.cli import main; sys.exit(main(['listen', '--demo', '--alerts-only']))"
    done = run(listen, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"state": "start"') >= 6
    assert done.stderr.count("the cache cannot be written") == 1
    assert "File too large" in done.stderr
    assert "set ELSA_RT_CACHE" in done.stderr
    assert list(tmp_path.rglob("*.part")) == []


@pytest.mark.slow
def test_warmup_without_room_fails(tmp_path: Path) -> None:
    done = run("from elsa_rt.cli import main; sys.exit(main(['warmup']))", tmp_path)
    assert done.returncode == 1
    assert "the next start takes as long; free room, or set ELSA_RT_CACHE" in done.stderr


@pytest.mark.slow
def test_a_loop_that_cannot_be_kept_runs_once(tmp_path: Path) -> None:
    done = run(RECALL, tmp_path)
    assert (done.returncode, done.stdout) == (0, "[2.0, 2.0, 2.0]\n"), done.stderr
