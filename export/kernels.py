"""Compile the kernels of `elsa_rt` for each kind of processors, into the files that are shipped.

    python -m export kernels

Run it on a machine of each kind: it writes the file of that one. A test says when a kernel has
changed since.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

import elsa_rt
from elsa_rt.jit.kernel import Kernel
from elsa_rt.jit.numba_compiler import compile_kernel
from elsa_rt.jit.object_file import address_of, load
from elsa_rt.jit.shipped import TARGETS, file_of

ROOMS = (
    "elsa_rt.features", "elsa_rt.encoder.compiled", "elsa_rt.microphones", "elsa_rt.diagnostics",
    "elsa_rt.scoring", "elsa_rt.outputs",
)  # fmt: skip


def kernels() -> Iterator[Kernel]:
    """Every kernel of `elsa_rt`."""
    seen = set[int]()
    for room in ROOMS:
        for module in pkgutil.iter_modules(importlib.import_module(room).__path__, room + "."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Kernel) and id(value) not in seen:
                    seen.add(id(value))
                    yield value


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file for the processors of this machine's kind."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.parse_args(argv)
    machine = platform.machine()
    target = TARGETS.get(machine)
    if target is None:
        raise SystemExit(f"error: no kind of processors is called {machine}: see elsa_rt.jit")
    wanted = {"NUMBA_CPU_NAME": target.name, "NUMBA_CPU_FEATURES": target.features}
    if not wanted.items() <= os.environ.items():  # Numba reads them when it is imported
        command = [sys.executable, "-m", "export.kernels"]
        sys.exit(subprocess.run(command, env=os.environ | wanted, check=False).returncode)
    found: dict[str, NDArray[np.generic]] = {}
    for kernel in kernels():
        made = compile_kernel(kernel.load(), kernel.arguments)
        load(made, address_of)  # which refuses what needs Numba to run
        found[f"{kernel.digest}.code"] = np.frombuffer(made.code, np.uint8)
        found[f"{kernel.digest}.name"] = np.array(made.name)
        print(f"{kernel.module} {kernel.function}: {len(made.code):,} bytes")
    file = file_of(machine)
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(file, **found)  # type: ignore[arg-type]
    print(f"{file.relative_to(next(iter(elsa_rt.__path__)))}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
