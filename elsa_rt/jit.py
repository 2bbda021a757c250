"""Compilation of Numba kernels, cached on disk where a cache directory exists."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

# where colorama is installed, Numba has it write an escape sequence to standard output at exit
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")

from numba import njit


def compiled(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """``kernel`` as machine code that lets other threads run meanwhile."""
    try:
        return njit(cache=True, nogil=True)(kernel)
    except RuntimeError:  # no directory to keep it in: a service without a home
        return njit(nogil=True)(kernel)
