"""Files that are written whole or not at all, and the directories where elsa-rt keeps its own."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
import zlib
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

MOST_ARRAY_BYTES = 256_000_000
MOST_TEXT_BYTES = 4_000_000
"""Files of users are bounded: more is a mistake, or meant to do harm."""


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Write to the yielded temporary file; it replaces ``path`` unless an exception is raised.

    The temporary file lies beside ``path`` under a name that nobody can foresee, and is flushed to
    the disk before it takes the place of ``path``. ``private`` files are readable by their owner
    alone; others have the permissions of what they replace, or follow the umask.
    """
    handle, name = mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.chmod(0o600 if private else _mode(path))
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


def load_arrays(path: Path, most_bytes: int = MOST_ARRAY_BYTES) -> dict[str, NDArray[Any]]:
    """Arrays of numbers or text by name from a NumPy file; nothing in it can run or explode.

    Raises
    ------
    OSError
        It cannot be read, or is no regular file.
    ValueError
        It is no file of such arrays, or they take more than ``most_bytes``.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is no regular file")
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > most_bytes:
            raise ValueError(f"its arrays take {size:,} bytes, {most_bytes:,} are allowed")
        with np.load(path, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
    except (zipfile.BadZipFile, EOFError, KeyError, zlib.error, NotImplementedError) as error:
        raise ValueError(f"it is no NumPy archive, or damaged ({error})") from None
    for name, array in found.items():
        if array.dtype.kind not in "biufcU":
            raise ValueError(f"its array {name} holds {array.dtype}: numbers are needed")
    return found


def read_user_text(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> str:
    """UTF-8 text of a file of the user, at most ``most_bytes`` long.

    Raises
    ------
    OSError
        It cannot be read, is no regular file, or longer.
    UnicodeDecodeError
        It is not UTF-8.
    """
    path = Path(path)
    status = path.stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, "it is no regular file")
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise OSError(errno.EFBIG, f"it has more than {most_bytes:,} bytes")
    return data.decode("utf-8-sig")


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
        return expanded(given)
    return _own(platformdirs.user_cache_path, Path("/var/cache"))


def expanded(path: str | os.PathLike[str]) -> Path:
    """``path`` with the home directory in place of "~".

    Raises
    ------
    UsageError
        It begins with "~", and that user or the own home directory is unknown.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UsageError(
            f"{os.fspath(path)}: that home directory is unknown: write the whole path, or set HOME"
        ) from None


def _own(of_user: Any, without_home: Path) -> Path:
    """The user's directory, or the system's for a service that has no home directory."""
    try:
        path: Path = of_user(APP, appauthor=False)
    except RuntimeError:  # newer releases of platformdirs find no "~"
        return without_home / APP
    return path if path.is_absolute() else without_home / APP


def _mode(path: Path) -> int:
    """Permissions of ``path``, or those of a new file."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
