"""Text with ``{field}`` in it, filled from an alert: no code, no attribute access, no surprises.

    {words}                a field of the alert's JSON
    {azimuth_deg:.0f}      the same, formatted
    {{ and }}              braces themselves

Fields that do not exist in an alert, such as ``duration_s`` at its start, become empty. ``also`` is
what joined it, where alerts are grouped: " (also a wolf 0.61)".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert

FIELDS = (
    "type", "state", "id", "prompt", "time_s", "score", "azimuth_deg", "elevation_deg", "words",
    "world_azimuth_deg", "world_elevation_deg", "rule", "event", "track", "uncertainty_deg",
    "speed_deg_s", "distance_m", "peak", "mean", "false_alarms_per_hour", "onset_s", "latency_s",
    "duration_s", "surer", "also", "at", "device",
)  # fmt: skip
"""What a template may name: the fields of an alert, what joined it in words, the time of day and
this device's name."""

_PART = re.compile(r"\{\{|\}\}|\{([A-Za-z_]+)(?::([^{}]*))?\}|[{}]")

_FORMAT = re.compile(r"[+]?(?:\.\d)?[dfg%]|")

_TEXTS = {"type", "state", "id", "prompt", "words", "rule", "event", "track",
          "surer", "also", "at", "device"}  # fmt: skip


@dataclass(frozen=True)
class Template:
    """A text with fields.

    Raises
    ------
    UsageError
        A field is unknown, a format makes no sense, or a brace stands alone.
    """

    text: str

    def __post_init__(self) -> None:
        for found in _PART.finditer(self.text):
            name, form = found[1], found[2] or ""
            if found[0] in ("{{", "}}"):
                continue
            if name is None:
                raise UsageError(
                    f"template {self.text[:40]!r}: a lone {found[0]}: write {found[0] * 2} for it"
                )
            if name not in FIELDS:
                near = get_close_matches(name, FIELDS, 1) or FIELDS
                raise UsageError(
                    f"template {self.text[:40]!r}: unknown field {{{name}}}: "
                    f"did you mean {', '.join(near)}?"
                )
            if not _FORMAT.fullmatch(form) or (form and name in _TEXTS):
                raise UsageError(
                    f"template {self.text[:40]!r}: {{{name}:{form}}}: formats are .0f to .9f, for "
                    "numbers alone"
                )

    def fill(self, fields: Mapping[str, Any], *, in_json: bool = False) -> str:
        """The text for the alert ``fields``; ``in_json`` escapes values as parts of a string."""

        def value(found: re.Match[str]) -> str:
            if found[1] is None:
                return found[0][0]
            given = fields.get(found[1])
            if given is None:
                return ""
            text = format(given, found[2]) if found[2] else str(given)
            return json.dumps(text, ensure_ascii=False)[1:-1] if in_json else text

        return _PART.sub(value, self.text)


def worded(alert: Alert, fields: Mapping[str, Any]) -> dict[str, Any]:
    """``fields`` of ``alert``, and what joined it in words."""
    return {**fields, "also": f" (also {alert.also})" if alert.joined else ""}


SAMPLE: dict[str, Any] = {
    "type": "alert", "state": "start", "id": "1", "prompt": "a \"dog\" barking", "time_s": 1.0,
    "score": 0.9, "azimuth_deg": 170.0, "elevation_deg": 0.0, "words": "behind", "rule": "dog",
    "at": "2026-01-31T22:00:00.000Z", "device": "elsa",
}  # fmt: skip
"""An alert to try a template with."""


def check_template(text: str) -> None:
    """Refuse ``text`` that is no template."""
    Template(text)
