"""Words that messages share."""

from __future__ import annotations


def counted(count: int, what: str, plural: str = "s") -> str:
    """'1 row', '2,000 rows', '3 near misses' with the ``plural`` "es"."""
    return f"{count:,} {what}{plural if count != 1 else ''}"
