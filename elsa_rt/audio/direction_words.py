"""Directions in words, and the borders between the words.

A horizontal word alone covers 35 degrees to both sides of its centre; in the 20 degrees between
two of them both are said: "front, left".
"""

from __future__ import annotations

from elsa_rt.audio.ambisonics import wrapped_deg

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
"""Closer than the one is near, beyond the other is far, in prompts; a distance that was heard is
given in metres, too rough to be put into a word."""


def azimuth_words(azimuth_deg: float) -> tuple[str, ...]:
    """One or two of front, behind, left, right; any angle, left is positive."""
    azimuth_deg = wrapped_deg(azimuth_deg)
    off_deg = abs(azimuth_deg)
    words: tuple[str, ...] = (
        ("front",) if off_deg < REACH_DEG else ("behind",) if off_deg > 180 - REACH_DEG else ()
    )
    if ALONE_DEG < off_deg < 180 - ALONE_DEG:
        words += ("left",) if azimuth_deg > 0 else ("right",)
    return words


def elevation_word(elevation_deg: float) -> str | None:
    """Above, below, or None near the horizon; -90..90, up is positive."""
    if abs(elevation_deg) <= ELEVATED_DEG:
        return None
    return "above" if elevation_deg > 0 else "below"


def direction_words(azimuth_deg: float, elevation_deg: float) -> str:
    """Everything that is to be said about a direction: "behind, left", "above", "front"."""
    words = [] if abs(elevation_deg) > STEEP_DEG else list(azimuth_words(azimuth_deg))
    elevation = elevation_word(elevation_deg)
    return ", ".join([*words, elevation] if elevation else words)
