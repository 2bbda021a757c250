"""Machine code that is shipped or kept: the same numbers without the compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elsa_rt.features.intensity import ANALYSE, IntensityFeatures
from elsa_rt.jit import kernel as kernels
from elsa_rt.jit import processor, shipped
from elsa_rt.jit.kernel import Kernel
from elsa_rt.jit.object_file import MACHINES, Image, address_of
from export.kernels import kernels as all_kernels

RUN = """
import sys
import numpy as np
from elsa_rt.jit import shipped
if {compile}:
    shipped.find = lambda *_: None
from elsa_rt.features.intensity import IntensityFeatures
foa = np.random.default_rng(1).normal(0, 0.1, (4, 1603)).astype(np.float32)
frames = IntensityFeatures().step(foa)
np.save(sys.argv[1], np.concatenate([frames.mel.ravel(), frames.power]))
print("numba" in sys.modules, "llvmlite" in sys.modules)
"""


def start(directory: Path, *, compile: bool) -> tuple[str, np.ndarray]:
    environment = {**os.environ, "ELSA_RT_CACHE": str(directory)}
    out = directory.with_suffix(".npy")
    said = subprocess.run(
        [sys.executable, "-c", RUN.format(compile=compile), str(out)],
        env=environment, capture_output=True, text=True, check=True, timeout=300,
    ).stdout  # fmt: skip
    return said, np.load(out)


@pytest.mark.slow
def test_what_was_compiled_is_kept_and_gives_the_same(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, second = start(cache, compile=True), start(cache, compile=True)
    assert first[0] == "True True\n"
    assert second[0] == "False False\n"
    np.testing.assert_array_equal(first[1], second[1])
    (kept,) = (cache / "kernels").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:1000])  # a damaged file is made anew
    third = start(cache, compile=True)
    assert third[0] == "True True\n"
    np.testing.assert_array_equal(first[1], third[1])


@pytest.mark.slow
@pytest.mark.skipif(
    shipped.find(ANALYSE.digest) is None, reason="no machine code is shipped for this processor"
)
def test_what_is_shipped_gives_the_same_as_what_is_compiled(tmp_path: Path) -> None:
    said, numbers = start(tmp_path / "shipped", compile=False)
    assert said == "False False\n"
    assert not (tmp_path / "shipped").exists()
    _, compiled = start(tmp_path / "compiled", compile=True)
    np.testing.assert_allclose(numbers, compiled, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", shipped.TARGETS)
def test_every_kernel_is_shipped_as_its_source_stands(target: str) -> None:
    with np.load(shipped.file_of(target)) as kept:
        there = {name.partition(".")[0] for name in kept.files}
    lanes = shipped.TARGETS[target].lanes
    wanted = {kernel.digest_of(lanes) for kernel in all_kernels()}
    assert there == wanted, "run python -m export kernels"


@pytest.mark.parametrize("target", shipped.TARGETS)
def test_what_is_shipped_can_be_loaded_by_its_kind_of_processors(target: str) -> None:
    """Every relocation is known, and every function it calls is one of the C library."""
    kind = shipped.TARGETS[target]
    with np.load(shipped.file_of(target)) as kept:
        for kernel in all_kernels():
            digest = kernel.digest_of(kind.lanes)
            image = Image(kept[f"{digest}.code"].tobytes(), MACHINES[kind.machine])
            assert len(image.at(0x7F12_3456_7000, address_of)) == image.size
            assert 0 <= image.offset_of(str(kept[f"{digest}.name"])) < image.size


def test_without_machine_code_numba_calls_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    foa = np.random.default_rng(2).normal(0, 0.1, (4, 1603)).astype(np.float32)
    linked = IntensityFeatures().step(foa)

    def refuse(*_: object) -> None:
        raise OSError("memory cannot be made executable")

    kernels._machine_code.cache_clear()
    monkeypatch.setattr(kernels, "load", refuse)
    called = IntensityFeatures().step(foa)
    kernels._machine_code.cache_clear()
    for one, other in zip(linked, called, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("address", [kernels._told, kernels._read])
def test_the_address_of_an_array(address: Callable[[np.ndarray], int]) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    assert kernels.elements_of is kernels._read, "this NumPy keeps it elsewhere: calls are slower"
    assert address(array[1:]) == array.ctypes.data + 12 * 4
    assert address(array[:0]) == array.ctypes.data


def test_machine_code_is_for_one_source_and_what_is_kept_for_one_processor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert ANALYSE.digest != Kernel(ANALYSE.module, "cut", "i").digest
    assert ANALYSE.digest_of(8) != ANALYSE.digest_of(16)
    key = kernels._key(ANALYSE)
    assert key == kernels._key(ANALYSE)
    monkeypatch.setattr(processor, "description", lambda: "another")
    assert key != kernels._key(ANALYSE)


def test_a_processor_is_given_the_best_that_it_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = (shipped.TARGETS[name].needs for name in ("x86-64-v3", "x86-64-v4"))
    monkeypatch.delenv(shipped.WIDTH, raising=False)
    monkeypatch.setattr(shipped, "flags", lambda: newer | {"amx_tile"})
    assert shipped.target_of("x86_64") == "x86-64-v4"
    assert shipped.target_of("aarch64") == "aarch64"
    assert shipped.target_of("riscv64") is None
    monkeypatch.setenv(shipped.WIDTH, "8")
    assert shipped.target_of("x86_64") == "x86-64-v3"
    monkeypatch.delenv(shipped.WIDTH)
    monkeypatch.setattr(shipped, "flags", lambda: newer - {"avx512dq"})
    assert shipped.target_of("x86_64") == "x86-64-v3"
    assert shipped.find(ANALYSE.digest_of(8), "x86_64") is not None
    monkeypatch.setattr(shipped, "flags", lambda: older - {"fma"})
    assert shipped.target_of("x86_64") is None
    assert shipped.find(ANALYSE.digest_of(8), "x86_64") is None


WIDTHS = """
import sys
import numpy as np
from elsa_rt.config import Config
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.compiled.model import CompiledAudio
from elsa_rt.jit import shipped
model = CompiledAudio(ModelBundle.load(), Config(), 5)
stream, rng = model.stream(), np.random.default_rng(3)
for _ in range(20):
    heard = stream.run(rng.normal(0, 1, model.frames_shape).astype(np.float32))
np.savez(sys.argv[1], *heard)
print(shipped.lanes())
"""


@pytest.mark.slow
@pytest.mark.skipif(shipped.lanes() == shipped.NARROW, reason="this processor has no AVX-512")
def test_both_widths_of_vectors_hear_the_same(tmp_path: Path) -> None:
    found = []
    for lanes in ("8", "16"):
        out = tmp_path / f"{lanes}.npz"
        said = subprocess.run(
            [sys.executable, "-c", WIDTHS, str(out)], env={**os.environ, shipped.WIDTH: lanes},
            capture_output=True, text=True, check=True, timeout=300,
        ).stdout  # fmt: skip
        assert said == f"{lanes}\n"
        with np.load(out) as heard:
            found.append([heard[name] for name in heard.files])
    for narrow, wide in zip(*found, strict=True):
        np.testing.assert_allclose(wide, narrow, rtol=0, atol=2e-5)
