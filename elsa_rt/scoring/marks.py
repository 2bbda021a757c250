"""What people said of alerts, and what was heard in them: a mark, and its line of JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.scoring.statistics import COARSE

SOUNDS = 8
"""Steps of an alert that are kept, evenly spread over those that held its score."""

Verdict = Literal["false", "right"]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

Sounds = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class AlertSounds:
    """What was heard in one alert."""

    alert: str  # its id
    rule: str  # id of its rule
    prompt: str
    at: float  # Unix time of its onset
    azimuth_deg: float  # in the axes of the rule's region, or of the world once those are known
    elevation_deg: float
    score: float  # the highest
    duration_s: float  # 0 while it is open
    fits: str  # what compressed the sounds, see `elsa_rt.scoring.site.fits_of`
    sounds: Sounds  # (n, 64)
    margin: float = 0.0  # log odds by which its highest step passed the threshold
    joined: str = ""  # id of the alert that was told in its place, where alerts are grouped
    kept: float = 0.0  # Unix time at which it was put into the store

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vector (3,)."""
        return direction_from_angles(self.azimuth_deg, self.elevation_deg)

    def as_dict(self) -> dict[str, Any]:
        """Its line in the file, but for ``type``."""
        return {
            "alert": self.alert,
            "rule": self.rule,
            "prompt": self.prompt,
            "at": round(self.at, 2),
            "azimuth_deg": round(self.azimuth_deg, 1),
            "elevation_deg": round(self.elevation_deg, 1),
            "score": round(self.score, 4),
            "duration_s": round(self.duration_s, 2),
            "margin": round(self.margin, 2),
            **({"joined": self.joined} if self.joined else {}),
            "kept": round(self.kept, 2),
            "fits": self.fits,
            "sounds": base64.b64encode(self.sounds.tobytes()).decode(),
        }

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> AlertSounds:
        """That of a line of the file.

        Raises
        ------
        ValueError, TypeError, KeyError
            The line is damaged.
        """
        sounds = np.frombuffer(base64.b64decode(fields["sounds"], validate=True), np.int8)
        names = ("at", "azimuth_deg", "elevation_deg", "score", "duration_s")
        numbers = {name: float(fields[name]) for name in names}
        whole = sounds.size > 0 and sounds.size % COARSE == 0
        if not whole or not np.isfinite(list(numbers.values())).all():
            raise ValueError("it is damaged")
        return cls(
            alert=str(fields["alert"]),
            rule=str(fields["rule"]),
            prompt=str(fields["prompt"]),
            fits=str(fields["fits"]),
            sounds=sounds.reshape(-1, COARSE),
            margin=float(np.nan_to_num(float(fields.get("margin", 0.0)))),
            joined=str(fields.get("joined", "")),
            kept=float(np.nan_to_num(float(fields.get("kept", numbers["at"])))),
            **numbers,
        )


@dataclass(frozen=True, eq=False)
class Mark:
    """What somebody said of an alert."""

    heard: AlertSounds
    verdict: Verdict
    marked: float  # Unix time

    def weight(self, now: float, half_life_days: float) -> float:
        """How much it counts at ``now``, 0..1: half as much with every half-life."""
        days = max(0.0, now - self.marked) / 86_400
        return float(0.5 ** (days / half_life_days))

    def as_dict(self) -> dict[str, Any]:
        """Its line in the file, but for ``type``."""
        verdict = {"verdict": self.verdict, "marked": round(self.marked, 2)}
        return {**self.heard.as_dict(), **verdict}


def spread(sounds: list[Sounds]) -> Sounds:
    """At most `SOUNDS` of ``sounds``, evenly spread, as one array (n, 64)."""
    if len(sounds) <= SOUNDS:
        return np.stack(sounds)
    apart = (len(sounds) - 1) / (SOUNDS - 1)
    return np.stack([sounds[round(index * apart)] for index in range(SOUNDS)])
