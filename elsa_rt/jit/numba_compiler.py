"""The gate to Numba: kernels compiled, for each other and into object files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from importlib import import_module
from typing import Any

from elsa_rt.errors import ElsaError
from elsa_rt.files import cache_directory
from elsa_rt.jit.object_file import ObjectFile

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
    """``kernel`` for calls through Numba itself, kept by Numba within the cache of elsa-rt.

    It is for arguments that `Kernel` has no type for, where a start may import Numba.
    """
    from numba import njit

    config: Any = import_module("numba.core.config")
    before = config.CACHE_DIR  # the user's own, or nothing: beside the sources
    try:
        config.CACHE_DIR = before or str(cache_directory() / "numba")
        function = njit(cache=True, nogil=True)(kernel)
    except (RuntimeError, OSError, ElsaError):  # no directory to keep it in
        return njit(nogil=True)(kernel)
    finally:
        config.CACHE_DIR = before

    @wraps(kernel)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except OSError:  # no room to keep it: it is compiled by now, and has not run yet
            return function(*arguments)

    return call


def compile_kernel(function: Callable[..., Any], arguments: Sequence[str]) -> ObjectFile:
    """Compile ``function`` for this processor, with arguments of the types of `Kernel.arguments`.

    The compiled function takes a row of int64 in which the arguments stand: an integer as it is,
    an array as its address and its shape.
    """
    entry = _compiled_entry(function, arguments)
    library = entry._library
    code = library._codegen._tm.emit_object(library._final_module)
    return ObjectFile(code, entry._wrapper_name)


def llvm_text(function: Callable[..., Any], arguments: Sequence[str]) -> tuple[str, str]:
    """The same in LLVM's language, and the name of the compiled function in it.

    It is of no processor where Numba optimises nothing: environment variable ``NUMBA_OPT=0``.
    """
    entry = _compiled_entry(function, arguments)
    return str(entry._library._final_module), entry._wrapper_name


def _compiled_entry(function: Callable[..., Any], arguments: Sequence[str]) -> Any:
    numba: Any = import_module("numba")
    types = numba.types
    return numba.cfunc(types.int64(types.CPointer(types.int64)), error_model="numpy")(
        _entry(function, arguments)
    )


def _entry(function: Callable[..., Any], arguments: Sequence[str]) -> Callable[..., Any]:
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
    def bytes_(_context: Any, address: Any) -> Any:
        return types.CPointer(types.uint8)(address), _as_pointer

    @extending.intrinsic
    def integers(_context: Any, address: Any) -> Any:
        return types.CPointer(types.int64)(address), _as_pointer

    given, at = [], 0
    for kind in arguments:
        axes = int(kind[1:] or 0)
        if axes:
            shape = ", ".join(f"row[{at + 1 + axis}]" for axis in range(axes))
            pointer = {"f": "floats", "d": "doubles", "i": "integers", "b": "bytes_"}[kind[0]]
            given.append(f"carray({pointer}(row[{at}]), ({shape},))")
        else:
            given.append(f"row[{at}]")
        at += 1 + axes
    scope: dict[str, Any] = {
        "function": function, "carray": numba.carray,
        "floats": floats, "doubles": doubles, "integers": integers, "bytes_": bytes_,
    }  # fmt: skip
    source = f"def entry(row):\n    return function({', '.join(given)})"
    exec(source, scope)  # nosec B102
    made: Callable[..., Any] = scope["entry"]
    return made


def _as_pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))
