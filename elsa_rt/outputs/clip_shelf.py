"""Where the output ``clips`` keeps the sound of alerts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from elsa_rt.files import expanded
from elsa_rt.outputs.base import OutputSettings
from elsa_rt.outputs.clips import ClipsSettings

_NAME = re.compile(r"[\w.-]+")


class ClipShelf:
    """The directories that clips are written into."""

    def __init__(self, outputs: Iterable[OutputSettings] = ()) -> None:
        self._directories = [
            expanded(one.directory) for one in outputs if isinstance(one, ClipsSettings)
        ]

    def find(self, rule: str, alert: str) -> Path | None:
        """The clip of ``alert``; None where there is none, or none any more."""
        if not (_NAME.fullmatch(rule) and _NAME.fullmatch(alert)) or "." in (rule[0], alert[0]):
            return None
        found = (folder / rule / f"{alert}.flac" for folder in self._directories)
        return next((path for path in found if path.is_file()), None)

    def place(self, rule: str, alert: str) -> str | None:
        """The file that the clip of ``alert`` is written to, if it is kept at all."""
        if not self._directories:
            return None
        return str((self._directories[0] / rule / f"{alert}.flac").absolute())
