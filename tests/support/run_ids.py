"""Ids in JSON lines, apart from the run that they come from."""

from __future__ import annotations

import re
from typing import Any


def without_run(value: Any) -> Any:
    """Ids without the name of their run, which is never the same."""
    if isinstance(value, dict):
        return {name: without_run(one) for name, one in value.items()}
    if isinstance(value, list):
        return [without_run(one) for one in value]
    return re.sub(r"-[0-9a-f]{12}(-\d{6})$", r"\1", value) if isinstance(value, str) else value
