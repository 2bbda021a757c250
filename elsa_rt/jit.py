"""Kernels as machine code, and how a start comes by them without the compiler.

Numba compiles a kernel once. Its machine code is kept in the cache, and later starts hand it to
LLVM's linker alone: Numba itself, which takes 130 MB and half a second, is then never imported.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache as once
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt import cache

# where colorama is installed, Numba has it write an escape sequence to standard output at exit
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """``kernel`` as a part of those that call it, down to a `Kernel`; it raises nothing.

    It is inlined before it is typed: each would otherwise be optimised once for itself and again
    within every caller, and a first start takes seconds longer.
    """
    from numba import njit

    return njit(nogil=True, error_model="numpy", inline="always")(kernel)


def called(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """``kernel`` for calls through Numba itself, kept in its own cache.

    It is for arguments that `Kernel` has no type for, where a start may import Numba.
    """
    from numba import njit

    try:
        return njit(cache=True, nogil=True)(kernel)
    except RuntimeError:  # no directory to keep it in: a service without a home
        return njit(nogil=True)(kernel)


class Kernel:
    """A compiled function of a module, called from Python.

    Parameters
    ----------
    module, function : where it is defined
    arguments : str
        The type of each argument: ``i`` an int64, ``f2`` a C-contiguous float32 array of two axes;
        ``d`` is float64.
    uses : names of other modules whose kernels it calls
    """

    def __init__(
        self, module: str, function: str, arguments: str, uses: Sequence[str] = ()
    ) -> None:
        self.module, self.function = module, function
        self.arguments = tuple(arguments.split())
        self.uses = tuple(uses)

    def bind(self, *fixed: Any) -> Callable[..., int]:
        """The function with its first arguments, arrays that stay where they are, given."""
        address = _machine_code(self)
        if address is None:
            function = getattr(import_module(self.module), self.function)
            return lambda *rest: int(function(*fixed, *rest))
        return _Bound(self, address, fixed)


class _Bound:
    """A call of machine code; arguments stand in a row of int64: numbers, or address and shape."""

    def __init__(self, kernel: Kernel, address: int, fixed: Sequence[Any]) -> None:
        self._call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(address)
        widths = [1 if len(kind) == 1 else 1 + int(kind[1:]) for kind in kernel.arguments]
        self._row = np.zeros(sum(widths), np.int64)
        self._at = self._row.__array_interface__["data"][0]
        self._fixed = fixed  # they must live as long as their addresses
        self._rest = sum(widths[: len(fixed)])
        self._set(0, fixed)

    def __call__(self, *rest: Any) -> int:
        self._set(self._rest, rest)
        return self._call(self._at)

    def _set(self, at: int, arguments: Sequence[Any]) -> None:
        row = self._row
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                row[at] = argument.__array_interface__["data"][0]
                for size in argument.shape:
                    at += 1
                    row[at] = size
            else:
                row[at] = argument
            at += 1


@once
def _machine_code(kernel: Kernel) -> int | None:
    """Address of ``kernel``, out of the cache or compiled for it; None where it must be Numba's."""
    try:
        import llvmlite.binding as llvm

        key = _key(kernel, llvm)
        kept = cache.load("kernels", key)
        if kept is None:
            kept = _compile(kernel)
            cache.save("kernels", key, kept)
        return _link(kept, llvm)
    except Exception:  # an LLVM or a Numba of another make: Numba's own way always works
        return None


def _key(kernel: Kernel, llvm: Any) -> str:
    """What the machine code depends on: sources, compiler, processor."""
    sources = []
    for name in (kernel.module, *kernel.uses, __name__):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            sources.append(Path(spec.origin).read_bytes())
    features = llvm.get_host_cpu_features().flatten()
    return cache.digest(
        kernel.function, " ".join(kernel.arguments), *sources,
        version("numba"), version("llvmlite"), llvm.get_host_cpu_name(), features,
    )  # fmt: skip


def _compile(kernel: Kernel) -> dict[str, NDArray[Any]]:
    """Machine code of ``kernel`` as an object file, its name, and the names that it may call."""
    numba: Any = import_module("numba")
    types = numba.types
    function = getattr(import_module(kernel.module), kernel.function)
    entry = numba.cfunc(types.int64(types.CPointer(types.int64)), error_model="numpy")(
        _entry(kernel, function)
    )
    library = entry._library
    module = library._final_module
    calls = [f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm")]
    return {
        "object": np.frombuffer(library._codegen._tm.emit_object(module), np.uint8),
        "name": np.array(entry._wrapper_name),
        "calls": np.array(calls, np.str_),
    }


def _entry(kernel: Kernel, function: Callable[..., Any]) -> Callable[..., Any]:
    """A Numba function of a row of int64 that calls ``function`` with what stands there."""
    numba, extending = map(import_module, ("numba", "numba.extending"))
    types: Any = numba.types

    @extending.intrinsic
    def floats(_context: Any, address: Any) -> Any:
        return types.CPointer(types.float32)(address), _as_pointer

    @extending.intrinsic
    def doubles(_context: Any, address: Any) -> Any:
        return types.CPointer(types.float64)(address), _as_pointer

    @extending.intrinsic
    def integers(_context: Any, address: Any) -> Any:
        return types.CPointer(types.int64)(address), _as_pointer

    given, at = [], 0
    for kind in kernel.arguments:
        axes = int(kind[1:] or 0)
        if axes:
            shape = ", ".join(f"row[{at + 1 + axis}]" for axis in range(axes))
            pointer = {"f": "floats", "d": "doubles", "i": "integers"}[kind[0]]
            given.append(f"carray({pointer}(row[{at}]), ({shape},))")
        else:
            given.append(f"row[{at}]")
        at += 1 + axes
    scope: dict[str, Any] = {
        "function": function, "carray": numba.carray,
        "floats": floats, "doubles": doubles, "integers": integers,
    }  # fmt: skip
    exec(f"def entry(row):\n    return function({', '.join(given)})", scope)  # of the line above
    made: Callable[..., Any] = scope["entry"]
    return made


def _as_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


def _link(kept: dict[str, NDArray[Any]], llvm: Any) -> int:
    """Put the machine code into this process; returns its address."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    nowhere = ctypes.cast(ctypes.CDLL(None).abort, ctypes.c_void_p).value
    for name in kept["calls"].tolist():
        # calls that only the paths of exceptions make, and kernels raise none
        if llvm.address_of_symbol(name) is None:
            llvm.add_symbol(name, nowhere)
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(kept["object"].tobytes()))
    engine.finalize_object()
    _ENGINES.append(engine)
    address = engine.get_function_address(str(kept["name"]))
    if not address:
        raise OSError("the machine code has no such function")
    return int(address)


_ENGINES: list[Any] = []
"""They own the memory of the machine code."""
