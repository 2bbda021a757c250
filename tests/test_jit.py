"""Machine code that is kept: the same numbers without the compiler, and Numba's where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from elsa_rt import cache, jit
from elsa_rt.features.intensity import ANALYSE, IntensityFeatures

RUN = """
import sys
import numpy as np
from elsa_rt.features.intensity import IntensityFeatures
foa = np.random.default_rng(1).normal(0, 0.1, (4, 1603)).astype(np.float32)
frames = IntensityFeatures().step(foa)
print("numba" in sys.modules, frames.mel.tobytes().hex()[:4000], frames.power.tobytes().hex())
"""


def start(directory: Path) -> str:
    environment = {**os.environ, "ELSA_RT_CACHE": str(directory)}
    command = [sys.executable, "-c", RUN]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=300
    ).stdout


@pytest.mark.slow
def test_a_second_start_needs_no_compiler_and_hears_the_same(tmp_path: Path) -> None:
    first, second = start(tmp_path / "cache"), start(tmp_path / "cache")
    assert first.startswith("True ")
    assert second.startswith("False ")
    assert first.split()[1:] == second.split()[1:]
    (kept,) = (tmp_path / "cache" / "kernels").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])  # a damaged file is made anew
    third = start(tmp_path / "cache")
    assert third.startswith("True ")
    assert third.split()[1:] == first.split()[1:]


def test_without_machine_code_numba_calls_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    foa = np.random.default_rng(2).normal(0, 0.1, (4, 1603)).astype(np.float32)
    linked = IntensityFeatures().step(foa)

    def refuse(*_: object) -> None:
        raise OSError("no LLVM here")

    jit._machine_code.cache_clear()
    monkeypatch.setattr(jit, "_key", refuse)
    called = IntensityFeatures().step(foa)
    jit._machine_code.cache_clear()
    for one, other in zip(linked, called, strict=True):
        np.testing.assert_array_equal(one, other)


def test_machine_code_is_for_one_processor_and_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    llvm = pytest.importorskip("llvmlite.binding")

    class Other:
        def __getattr__(self, name: str) -> object:
            return getattr(llvm, name)

        @staticmethod
        def get_host_cpu_name() -> str:
            return "another"

    here = jit._key(ANALYSE, llvm)
    assert here == jit._key(ANALYSE, llvm)
    assert here != jit._key(ANALYSE, Other())
    assert here != jit._key(jit.Kernel(ANALYSE.module, "cut", "i"), llvm)


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
