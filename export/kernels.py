"""Compile the kernels of `elsa_rt` for each kind of processors, into the files that are shipped.

    python -m export kernels

Any machine writes the files of all kinds: Numba translates a kernel into LLVM's language, which
LLVM optimises and compiles for each. A test says when a kernel has changed since.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

import elsa_rt
from elsa_rt.jit.kernel import Kernel
from elsa_rt.jit.numba_compiler import llvm_text
from elsa_rt.jit.object_file import MACHINES, Image, address_of
from elsa_rt.jit.shipped import TARGETS, WIDTH, Target, file_of, lanes

ROOMS = (
    "elsa_rt.features", "elsa_rt.encoder.compiled", "elsa_rt.microphones", "elsa_rt.diagnostics",
    "elsa_rt.scoring", "elsa_rt.outputs",
)  # fmt: skip

WANTED = {"NUMBA_OPT": "0"}
"""Environment variables: Numba, which knows this processor alone, optimises nothing."""


def kernels() -> Iterator[Kernel]:
    """Every kernel of `elsa_rt`."""
    seen = set[int]()
    for room in ROOMS:
        for module in pkgutil.iter_modules(importlib.import_module(room).__path__, room + "."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, Kernel) and id(value) not in seen:
                    seen.add(id(value))
                    yield value


def object_code(text: str, kind: Target) -> bytes:
    """The object file of a ``text`` in LLVM's language, for a ``kind`` of processors.

    The passes are those of Numba, and one that makes vectors of statements that stand side by
    side: it halves the time of a kernel that has many sums.

    Raises
    ------
    OSError
        It needs more than `elsa_rt.jit.object_file` can load.
    """
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(f"{kind.machine}-unknown-linux-gnu").create_target_machine(
        cpu=kind.processor, features=kind.features, opt=3, reloc="static", codemodel="large"
    )
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = target.triple, str(target.target_data)
    for level in (0, 3):
        tuning = llvm.create_pipeline_tuning_options(level)
        tuning.loop_vectorization = tuning.slp_vectorization = level > 0
        builder = llvm.create_pass_builder(target, tuning)
        passes = builder.getModulePassManager()
        if not level:  # loops that are turned first are more often made vectors of
            passes.add_loop_rotate_pass()
            passes.add_instruction_combine_pass()
            passes.add_jump_threading_pass()
        passes.add_refprune_pass()
        passes.run(module, builder)
    code = bytes(target.emit_object(module))
    Image(code, MACHINES[kind.machine]).at(0, address_of)
    return code


def main(argv: Sequence[str] | None = None) -> None:
    """Write the file of each kind of processors."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.parse_args(argv)
    if WANTED.items() <= os.environ.items():
        _write(lanes())
        return
    for width in sorted({target.lanes for target in TARGETS.values()}):
        wanted = os.environ | WANTED | {WIDTH: str(width)}
        subprocess.run([sys.executable, "-m", "export.kernels"], env=wanted, check=True)


def _write(width: int) -> None:
    """Write the files of the kinds whose vectors have ``width`` lanes."""
    targets = {name: target for name, target in TARGETS.items() if target.lanes == width}
    found: defaultdict[str, dict[str, NDArray[np.generic]]] = defaultdict(dict)
    for kernel in kernels():
        text, function = llvm_text(kernel.load(), kernel.arguments)
        sizes = []
        for name, target in targets.items():
            code = np.frombuffer(object_code(text, target), np.uint8)
            found[name][f"{kernel.digest}.code"] = code
            found[name][f"{kernel.digest}.name"] = np.array(function)
            sizes.append(f"{name} {code.size:,}")
        print(f"{kernel.module} {kernel.function}, bytes: {', '.join(sizes)}", flush=True)
    for name, arrays in found.items():
        file = file_of(name)
        file.parent.mkdir(exist_ok=True)
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        print(f"{file.relative_to(next(iter(elsa_rt.__path__)))}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
