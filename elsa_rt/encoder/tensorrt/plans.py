"""Engine plans on disk, each with a sidecar that is checked before anything of it is loaded.

A plan runs code of its own, so only those are loaded that this user wrote and nobody changed.
The file's name says what the plan is for; the sidecar says what it was made by and for which GPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from elsa_rt.errors import EngineError
from elsa_rt.files import cache_directory, replacing

SCHEMA = 1
DIGEST_BYTES = hashlib.sha256().digest_size

PLAN_FIELDS = {
    "engine_version": "{engine} {}",
    "gpu": "the GPU {}",
    "capability": "compute capability {}",
    "driver": "driver {}",
    "cuda": "CUDA {}",
}
"""What must be the same where a plan is built and where it runs, and how it is called."""


class PlanError(EngineError):
    """A plan that is absent or must not be loaded; building it again cures that."""


@dataclass(frozen=True)
class PlanKey:
    """Identity of a plan; without ``gpu``, ``driver`` and ``cuda`` if built for another machine."""

    bundle: str
    model: str  # sha256 of the ONNX file
    engine: str
    precision: str
    streams: int
    engine_version: str
    capability: str  # "8.9"
    gpu: str = ""
    driver: str = ""
    cuda: str = ""

    @property
    def file(self) -> str:
        """Name of the plan."""
        streams = f"-{self.streams}" if self.streams > 1 else ""
        return f"{self.bundle}-{self.model[:12]}-{self.engine}-{self.precision}{streams}.plan"

    @property
    def kernels_file(self) -> str:
        """Name of what TensorRT-RTX compiled for the plan on this machine."""
        return self.file.removesuffix(".plan") + ".kernels"


def keep_plan(key: PlanKey, plan: bytes, directory: Path | None = None) -> Path:
    """Write ``plan`` and its sidecar, whole or not at all; returns the plan's path."""
    directory = directory or cache_directory()
    path = directory / key.file
    sidecar = {
        "schema": SCHEMA,
        **asdict(key),
        "bytes": len(plan),
        "sha256": hashlib.sha256(plan).hexdigest(),
    }
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sidecar(path).unlink(missing_ok=True)
        _write(path, plan)
        _write(_sidecar(path), json.dumps(sidecar, indent=1).encode())
    except OSError as error:
        raise EngineError(
            f"keeping the plan {path}: {error.strerror}: make room there, or set ELSA_RT_CACHE "
            "to a directory of your own"
        ) from None
    return path


def find_plan(key: PlanKey, directory: Path | None = None) -> bytes:
    """The plan for ``key``, after its sidecar and every byte of it were checked.

    Raises
    ------
    PlanError
        There is none, or it is stale, foreign, truncated or was changed.
    """
    path = (directory or cache_directory()) / key.file
    if not path.is_file() or not _sidecar(path).is_file():
        raise PlanError(f"there is no {key.engine} plan {path} yet: {_cure(key)}")
    for file in (path, _sidecar(path)):
        _check_owner(file)
    sidecar = _read(path, key)
    for name, words in PLAN_FIELDS.items():
        built, here = str(sidecar.get(name)), str(getattr(key, name))
        if built != here and (built or name in ("engine_version", "capability")):
            say = words.replace("{engine}", key.engine)
            raise PlanError(
                f"the plan {path} was built for {say.format(built)}, here is {say.format(here)}: "
                f"{_cure(key)}"
            )
    for name in ("bundle", "model", "engine", "precision", "streams"):
        if str(sidecar.get(name)) != str(getattr(key, name)):  # JSON's true is no 1 here
            raise PlanError(
                f"the plan {path} is of another {name}, {sidecar.get(name)}: {_cure(key)}"
            )
    plan = path.read_bytes()
    if str(len(plan)) != str(sidecar.get("bytes")):
        raise PlanError(
            f"the plan {path} has {len(plan)} bytes, {sidecar.get('bytes')} were written: "
            f"{_cure(key)}"
        )
    if hashlib.sha256(plan).hexdigest() != sidecar.get("sha256"):
        raise PlanError(f"the plan {path} was changed since it was built: {_cure(key)}")
    return plan


def keep_kernels(key: PlanKey, kernels: bytes) -> None:
    """Write what was compiled for the plan of ``key``, behind its hash, whole or not at all."""
    directory = cache_directory()
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write(directory / key.kernels_file, hashlib.sha256(kernels).digest() + kernels)
    except OSError as error:
        raise EngineError(
            f"keeping {directory / key.kernels_file}: {error.strerror}: make room there, or set "
            "ELSA_RT_CACHE to a directory of your own"
        ) from None


def find_kernels(key: PlanKey) -> bytes:
    """Compiled kernels of the plan of ``key``; empty if none can be trusted.

    Whether it fits driver and GPU is for TensorRT-RTX to say, which compiles anew if not.
    """
    path = cache_directory() / key.kernels_file
    if not path.is_file():
        return b""
    try:
        _check_owner(path)
    except PlanError:
        return b""
    content = path.read_bytes()
    digest, kernels = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return kernels if hashlib.sha256(kernels).digest() == digest else b""


def _read(path: Path, key: PlanKey) -> dict[str, Any]:
    try:
        sidecar = json.loads(_sidecar(path).read_text("utf-8"))
    except (ValueError, OSError, RecursionError):
        sidecar = None
    if not isinstance(sidecar, dict) or str(sidecar.get("schema")) != str(SCHEMA):
        raise PlanError(f"{_sidecar(path)} is not of this elsa-rt: {_cure(key)}")
    return sidecar


def _check_owner(path: Path) -> None:
    status = path.stat()
    if status.st_uid not in (os.getuid(), 0) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PlanError(
            f"{path} belongs to another user, or others may write to it; a plan runs code of its "
            f"own: remove it, and set ELSA_RT_CACHE to a directory of your own"
        )


def _cure(key: PlanKey) -> str:
    streams = f" --streams {key.streams}" if key.streams > 1 else ""
    return f"elsa-rt compile --engine {key.engine} --precision {key.precision}{streams}"


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def _write(path: Path, content: bytes) -> None:
    with replacing(path, private=True) as part:
        part.write_bytes(content)
