"""Files that are written whole or not at all, and the directories where elsa-rt keeps its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from elsa_rt.errors import ElsaError, UsageError

APP = "elsa-rt"


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Write to the yielded temporary file; it replaces ``path`` unless an exception is raised.

    The temporary file lies beside ``path`` under a name that nobody can foresee, and is flushed to
    the disk before it takes the place of ``path``. ``private`` files are readable by their owner
    alone; others follow the umask.
    """
    handle, name = mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.chmod(0o600 if private else 0o666 & ~_umask())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def check_target(path: str | Path) -> Path:
    """``path`` where a file can come to be, or a UsageError before any work is done."""
    path = Path(path)
    if path.is_dir():
        raise UsageError(f"writing {path}: it is a directory: name a file, e.g. -o out.npz")
    if not path.parent.is_dir():
        raise UsageError(
            f"writing {path}: there is no directory {path.parent}: mkdir -p {path.parent}"
        )
    return path


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]], *, private: bool = False) -> None:
    """Write ``arrays`` by name into one compressed NumPy file, see `replacing`."""
    try:
        with replacing(path, private=private) as part, part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise ElsaError(
            f"writing {path}: {error.strerror}: see that the place is writable and not full"
        ) from error


def config_directory() -> Path:
    """Directory of what a user wrote, e.g. microphone profiles: ``~/.config/elsa-rt``."""
    return _own(platformdirs.user_config_path, Path("/etc"))


def data_directory() -> Path:
    """Directory of what elsa-rt learned, e.g. sites: ``~/.local/share/elsa-rt``."""
    return _own(platformdirs.user_data_path, Path("/var/lib"))


def cache_directory() -> Path:
    """Directory of what can be made again: ``ELSA_RT_CACHE``, else ``~/.cache/elsa-rt``."""
    given = os.environ.get("ELSA_RT_CACHE")
    if given:
        return Path(os.path.expanduser(given))
    return _own(platformdirs.user_cache_path, Path("/var/cache"))


def _own(of_user: Any, without_home: Path) -> Path:
    """The user's directory, or the system's for a service that has no home directory."""
    path: Path = of_user(APP, appauthor=False)
    return path if path.is_absolute() else without_home / APP


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
