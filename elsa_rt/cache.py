"""Arrays that took long to compute, kept from start to start under the hash of what they came from.

A cache that cannot be read or written is an empty one: nothing fails, a start takes longer.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import ElsaError
from elsa_rt.files import cache_directory, replacing
from elsa_rt.version import __version__

MOST_FILES = 64
"""Of one kind, unless told; the one that was not written for longest goes first."""

_failures: list[str] = []


def digest(*parts: str | bytes | NDArray[Any]) -> str:
    """A key of 32 characters: the same for the same parts and this version of elsa-rt alone."""
    found = hashlib.sha256(__version__.encode())
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype.str}{part.shape}".encode())
            part = np.ascontiguousarray(part).tobytes()
        elif isinstance(part, str):
            part = part.encode()
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()[:32]


def load(kind: str, key: str) -> dict[str, NDArray[Any]] | None:
    """Arrays by name that `save` was given under ``key``; None where there are none."""
    try:
        # of a damaged file that it opened itself NumPy would leave open what it read
        with _path(kind, key).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ElsaError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def save(kind: str, key: str, arrays: Mapping[str, NDArray[Any]], most: int = MOST_FILES) -> None:
    """Keep ``arrays`` under ``key``, readable by their owner alone: prompts are private.

    Of the kind ``most`` are kept.
    """
    try:
        path = _path(kind, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, private=True) as part, part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        _forget(sorted(path.parent.glob("*.npz"), key=_written)[:-most])
    except (OSError, ElsaError) as error:
        fail(error)
    give_back()


def fail(error: Exception) -> None:
    """Take note that something could not be kept."""
    _failures[:] = [f"the cache cannot be written ({error}): the next start takes as long"]


def give_back() -> None:
    """Return the memory of what was loaded or computed, which C would keep, to the system."""
    with contextlib.suppress(OSError, AttributeError):  # only the C library of GNU can
        ctypes.CDLL(None).malloc_trim(0)


def failure() -> str | None:
    """What the last `save` that failed in this process met; None where none did."""
    return f"{_failures[0]}; free room, or set ELSA_RT_CACHE" if _failures else None


def _forget(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process removed it
        return 0.0


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """A directory inside the cache that is gone afterwards.

    Raises
    ------
    OSError
        There is no room for it.
    """
    home = cache_directory()
    home.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=home) as folder:
        yield Path(folder)


def _path(kind: str, key: str) -> Path:
    return cache_directory() / kind / f"{key}.npz"
