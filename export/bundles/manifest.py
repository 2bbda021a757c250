"""The manifest of a bundle whose files changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from elsa_rt.encoder.bundle import MANIFEST


def rehash(bundle: Path) -> None:
    """Make the hashes of the manifest those of the files as they are."""
    path = bundle / MANIFEST
    manifest = yaml.safe_load(path.read_text("utf-8"))
    manifest["files"] = {
        name: hashlib.sha256((bundle / name).read_bytes()).hexdigest() for name in manifest["files"]
    }
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")
