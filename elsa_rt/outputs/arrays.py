"""Arrays in a compressed NumPy file that is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elsa_rt.errors import ElsaError, UsageError
from elsa_rt.replacing import replacing


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


def save_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write ``arrays`` by their names; what was at ``path`` stays until the new file is whole."""
    try:
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise ElsaError(
            f"writing {path}: {error.strerror}: see that the place is writable and not full"
        ) from error
