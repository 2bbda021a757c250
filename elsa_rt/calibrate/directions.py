"""Directions as people announce them: "front", "left", "30,45"."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.errors import UsageError

NAMED = {
    "front": (0.0, 0.0),
    "left": (90.0, 0.0),
    "behind": (180.0, 0.0),
    "right": (-90.0, 0.0),
    "above": (0.0, 90.0),
    "below": (0.0, -90.0),
}
"""Azimuth and elevation in degrees."""

GUIDED = ("front", "left", "behind", "right", "above")
"""Where somebody who calibrates goes, in this order."""

GUIDED_FLAT = GUIDED[:4]
"""The same for microphones that hear no height."""

MIN_CLAPS = 4
SPREAD = 0.1
"""Of the least axis of the directions against all: less is a plane, and up is down in it."""


class Announced(NamedTuple):
    """A direction and what it is called."""

    name: str
    towards: NDArray[np.float64]  # (3,), unit vector


def announced(text: str) -> Announced:
    """The direction called ``text``: one of `NAMED`, or "AZIMUTH,ELEVATION" in degrees.

    Raises
    ------
    UsageError
        It is neither.
    """
    name = text.strip().casefold()
    if name in NAMED:
        return Announced(name, direction_from_angles(*NAMED[name]))
    try:
        azimuth, elevation = (float(part) for part in name.split(","))
        if not (abs(azimuth) <= 360 and abs(elevation) <= 90):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"direction {text!r}: give {', '.join(NAMED)}, or azimuth,elevation in degrees, "
            "left and up positive, e.g. 45,0"
        ) from None
    return Announced(f"{azimuth:g},{elevation:g}", direction_from_angles(azimuth, elevation))


def check_spread(directions: list[Announced], *, horizontal: bool = False) -> None:
    """Refuse directions that cannot tell a microphone's order: too few, or all in one plane."""
    different = {one.name for one in directions}
    if len(different) < MIN_CLAPS:
        raise UsageError(
            f"claps came from {len(different)} directions ({', '.join(sorted(different))}): "
            f"at least {MIN_CLAPS} are needed, best {', '.join(GUIDED)}"
        )
    axes = np.linalg.svd(np.stack([one.towards for one in directions]), compute_uv=False)
    if not horizontal and axes[2] < SPREAD * axes[0]:
        raise UsageError(
            "all claps came from one plane, so that above and below cannot be told: add one from "
            "above"
        )
