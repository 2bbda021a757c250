"""Measured figures of a bundle, written into its manifest and its model card."""

from __future__ import annotations

from pathlib import Path

import yaml

from elsa_rt.encoder.bundle import MANIFEST
from export.bundles.card import write_card
from export.bundles.tables import Report


def record_measured(bundle: Path, report: Report, work: Path) -> None:
    """Put a report (`export.evaluate.report.compact`) into the manifest; write the card anew."""
    path = bundle / MANIFEST
    manifest = yaml.safe_load(path.read_text("utf-8"))
    manifest["measured"] = report
    text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")
    write_card(bundle, work)
