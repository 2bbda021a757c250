"""Numbers and directions as they stand in JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elsa_rt.hearing.track import Angles


def angles(name: str, direction: Angles | None) -> dict[str, Any]:
    """A direction in the world's axes; nothing where there is none."""
    if direction is None:
        return {}
    return {
        f"{name}_azimuth_deg": number(direction.azimuth_deg, 1),
        f"{name}_elevation_deg": number(direction.elevation_deg, 1),
    }


def significant(value: float) -> float | None:
    """Three significant digits; None for what is not finite."""
    return float(f"{value:.3g}") if math.isfinite(value) else None


def number(value: float, digits: int) -> float | None:
    """``digits`` decimals; None for what is not finite."""
    return round(float(value), digits) if math.isfinite(value) else None
