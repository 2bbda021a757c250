"""Kernels as Python calls them: machine code that is shipped, kept from before, or compiled now."""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable, Sequence
from functools import cache as once
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from elsa_rt import cache
from elsa_rt.jit import processor, shipped
from elsa_rt.jit.object_file import Loaded, ObjectFile, address_of, load
from elsa_rt.jit.shipped import lanes


class Kernel:
    """A compiled function of a module, called from Python.

    Parameters
    ----------
    module, function : where it is defined
    arguments : str
        The type of each argument: ``i`` an int64, ``f2`` a C-contiguous float32 array of two axes;
        ``d`` is float64, ``b`` uint8.
    uses : names of other modules whose kernels it calls
    """

    def __init__(
        self, module: str, function: str, arguments: str, uses: Sequence[str] = ()
    ) -> None:
        self.module, self.function = module, function
        self.arguments = tuple(arguments.split())
        self.uses = tuple(uses)

    @cached_property
    def digest(self) -> str:
        """Hash of what the function is made of, and of the width of its vectors."""
        return self.digest_of(lanes())

    def digest_of(self, lanes: int) -> str:
        """The same for vectors of so many ``lanes``."""
        parts = [self.function.encode(), " ".join(self.arguments).encode(), b"%d" % lanes]
        for name in (self.module, *self.uses, "elsa_rt.jit.numba_compiler"):
            spec = find_spec(name)
            if spec is not None and spec.origin is not None:
                parts.append(Path(spec.origin).read_bytes())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]

    def load(self) -> Callable[..., Any]:
        """The function for Numba, which this imports."""
        function: Callable[..., Any] = getattr(import_module(self.module), self.function)
        return function

    @property
    def is_ready(self) -> bool:
        """Whether it runs without being compiled first."""
        try:
            return (shipped.find(self.digest) or _kept(self)) is not None
        except Exception:  # no file of this processor
            return False

    def prepare(self) -> None:
        """Compile it and keep it, unless it is ready; that may take half a minute."""
        _machine_code(self)

    def bind(self, *fixed: Any) -> Callable[..., int]:
        """The function with its first arguments, arrays that stay where they are, given."""
        code = _machine_code(self)
        if code is None:
            function = self.load()
            return lambda *rest: int(function(*fixed, *rest))
        return _Bound(self, code, fixed)


class _Bound:
    """A call of machine code; arguments stand in a row of int64: numbers, or address and shape."""

    def __init__(self, kernel: Kernel, code: Loaded, fixed: Sequence[Any]) -> None:
        self._call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address)
        widths = [1 if len(kind) == 1 else 1 + int(kind[1:]) for kind in kernel.arguments]
        row = np.zeros(sum(widths), np.int64)
        self._row, self._at = row.data, elements_of(row)
        self._kept = code, fixed  # they must live as long as their addresses
        self._rest = sum(widths[: len(fixed)])
        self._set(0, fixed)

    def __call__(self, *rest: Any) -> int:
        self._set(self._rest, rest)
        return self._call(self._at)

    def _set(self, at: int, arguments: Sequence[Any]) -> None:
        row = self._row
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                row[at] = elements_of(argument)
                for size in argument.shape:
                    at += 1
                    row[at] = size
            else:
                row[at] = argument
            at += 1


def _told(array: np.ndarray) -> int:
    """Address of the elements of ``array``, as NumPy tells it."""
    address: int = array.__array_interface__["data"][0]
    return address


def _read(array: np.ndarray) -> int:
    """The same, from where NumPy keeps it: behind the header of the object."""
    return ctypes.c_int64.from_address(id(array) + object.__basicsize__).value


def _elements_of() -> Callable[[np.ndarray], int]:
    """The faster of the two, a fifth of the time, if it is right in this Python and NumPy."""
    arrays = [np.empty(size, np.float32) for size in (0, 1, 1000)]
    arrays += [arrays[-1][7:], arrays[-1].reshape(10, 100)[2:]]
    return _read if all(_read(array) == _told(array) for array in arrays) else _told


elements_of = _elements_of()


@once
def _machine_code(kernel: Kernel) -> Loaded | None:
    """Of ``kernel``, compiled for it where there is none; None where it must be Numba's."""
    try:
        file = shipped.find(kernel.digest) or _kept(kernel) or _compile(kernel)
        return load(file, address_of)
    except Exception:  # a processor or a Numba of another make: Numba's own way always works
        return None


def _kept(kernel: Kernel) -> ObjectFile | None:
    kept = cache.load("kernels", _key(kernel))
    return None if kept is None else ObjectFile(kept["code"].tobytes(), str(kept["name"]))


def _compile(kernel: Kernel) -> ObjectFile:
    """Compile ``kernel`` for this processor, and keep it for later starts."""
    from elsa_rt.jit.numba_compiler import compile_kernel

    made = compile_kernel(kernel.load(), kernel.arguments)
    arrays = {"code": np.frombuffer(made.code, np.uint8), "name": np.array(made.name)}
    cache.save("kernels", _key(kernel), arrays)
    return made


def _key(kernel: Kernel) -> str:
    """What the machine code depends on: sources, compiler, processor."""
    from importlib.metadata import version

    return cache.digest(
        kernel.digest, version("numba"), version("llvmlite"), processor.description()
    )
