"""A microphone profile: what the channels of one microphone are, and how sure that is.

``calibration/README.md`` tells what may stand in the YAML file of a profile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import (
    CARDIOID,
    FORMATS,
    MOUNTS,
    Format,
    Mount,
    direction_from_angles,
)
from elsa_rt.microphones.capsules import Capsules, layout


@dataclass(frozen=True)
class Profile:
    """One microphone. None, or an empty tuple, is what is not known.

    Attributes
    ----------
    formats : what its channels can be; the first is what they are unless told
    channels : the four to use, counted from 1, in the order of ``formats`` or of the capsules
    silent : those of them that carry nothing by design
    order : "type-i", "type-ii", or four (azimuth, elevation) in degrees, of the capsules
    body : "open" capsules in free air, or set into a "rigid" sphere
    limit_hz : above it directions are wrong; None leaves it to the radius
    signs, gains_db, delays_us : what each of the four channels is off by
    filters : npz of measured FIR filters
    yaw_deg : its own front is turned left by this
    warning, refused : what its user must know; the second is why it cannot be used, with a cure
    sources : where each figure comes from
    residual_deg : what its calibration left, where it has one
    turn_deg : yaw, pitch and roll of the whole microphone, which settings add to its mount
    """

    name: str
    title: str
    about: str = ""
    formats: tuple[Format, ...] = FORMATS
    channels: tuple[int, ...] | None = None
    silent: tuple[int, ...] = ()
    device: tuple[str, ...] = ()
    rates: tuple[int, ...] = ()
    mount: Mount = MOUNTS[0]
    order: str | tuple[tuple[float, float], ...] | None = None
    radius_mm: float | None = None
    directivity: float | None = None
    body: str = "open"
    limit_hz: float | None = None
    signs: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    gains_db: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    delays_us: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    filters: Path | None = None
    yaw_deg: float = 0.0
    warning: str | None = None
    refused: str | None = None
    sources: dict[str, str] = field(default_factory=dict)
    residual_deg: float | None = None
    path: Path | None = None
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def format(self) -> Format:
        """Format of the channels."""
        return self.formats[0]

    @property
    def capsules(self) -> Capsules:
        """Geometry of A-format: a cardioid tetrahedron of no size where nothing is known."""
        order = self.order or "type-i"
        return Capsules(
            layout(order) if isinstance(order, str) else _unit_vectors(order),
            (self.radius_mm or 0.0) / 1000,
            CARDIOID if self.directivity is None else self.directivity,
            self.body == "rigid",
        )

    @property
    def coincidence_hz(self) -> float | None:
        """Above it directions are wrong; None where that is not known."""
        if self.limit_hz is None and self.radius_mm:
            return self.capsules.coincidence_hz
        return self.limit_hz

    @property
    def notices(self) -> list[str]:
        """Warnings to show when listening begins."""
        return [f"microphone {self.title}: {self.warning}"] if self.warning else []


def _unit_vectors(order: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    azimuth, elevation = np.transpose(order)
    return direction_from_angles(azimuth, elevation)
