"""Directions and distances in words, and the borders between the words.

A horizontal word alone covers 35 degrees to both sides of its centre; in the 20 degrees between
two of them both are said: "front, left".
"""

from __future__ import annotations

SECTORS = (("front", 0.0), ("behind", 180.0), ("left", 90.0), ("right", -90.0))
"""Horizontal words in the order they are spoken, with the azimuth of their centre in degrees."""

ALONE_DEG = 35.0
"""So far from its centre a horizontal word stands alone."""

REACH_DEG = 90.0 - ALONE_DEG
"""From here on a horizontal word is not said any more: its neighbour stands alone."""

ELEVATED_DEG = 40.0
"""Beyond this elevation a direction is above, or below on the other side."""

STEEP_DEG = 75.0
"""Beyond this elevation the azimuth means nothing and is not said."""

NEAR_M = 1.0
FAR_M = 2.0
"""Closer than the one is near, beyond the other is far; nothing is said between them."""


def azimuth_words(azimuth_deg: float) -> tuple[str, ...]:
    """One or two of front, behind, left, right; any angle, left is positive."""
    return tuple(
        word
        for word, centre in SECTORS
        if abs((azimuth_deg - centre + 180.0) % 360.0 - 180.0) < REACH_DEG
    )


def elevation_word(elevation_deg: float) -> str | None:
    """Above, below, or None near the horizon; -90..90, up is positive."""
    if abs(elevation_deg) <= ELEVATED_DEG:
        return None
    return "above" if elevation_deg > 0 else "below"


def distance_word(distance_m: float) -> str | None:
    """Near, far, or None between them."""
    if distance_m < NEAR_M:
        return "near"
    return "far" if distance_m > FAR_M else None


def direction_words(
    azimuth_deg: float, elevation_deg: float, distance_m: float | None = None
) -> str:
    """Everything that is to be said about a place: "behind, left", "above", "front, far"."""
    words = [] if abs(elevation_deg) > STEEP_DEG else list(azimuth_words(azimuth_deg))
    more = (
        elevation_word(elevation_deg),
        None if distance_m is None else distance_word(distance_m),
    )
    return ", ".join([*words, *(word for word in more if word)])
