"""Health of a listener: state, reasons, lost samples."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

HealthState = Literal["HEALTHY", "DEGRADED", "RECOVERING", "FAILED"]
"""State of a stream.

HEALTHY     sound comes, all channels carry signal, nothing was lost lately
DEGRADED    it is heard with faults: loss, overload, faulty channels, clipping, a muted microphone
RECOVERING  no sound comes; the source is waited for or opened again
FAILED      nothing can be heard, and waiting does not mend it: the source ended with an error, or
            what comes does not move
"""

HEALTH_STATES: tuple[HealthState, ...] = ("HEALTHY", "DEGRADED", "RECOVERING", "FAILED")


@dataclass(frozen=True)
class Health:
    """The health of a stream at one moment; ``Listener.health`` makes it."""

    state: HealthState = "HEALTHY"  # HEALTHY, DEGRADED, RECOVERING or FAILED
    deaf: bool = False  # nothing of the room can be heard
    reasons: tuple[str, ...] = ()  # why the state is not HEALTHY, the worst first
    lost_samples: int = 0  # since the source was opened
    lag_s: float = 0.0  # how far listening is behind the sound, computing aside
    silent_s: float = 0.0  # for how long no sound has come, 0 while it comes
    restarts: int = 0  # how often the source was opened again

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, as JSON has them."""
        fields = asdict(self)
        return fields | {
            "reasons": list(self.reasons),
            "lag_s": round(self.lag_s, 3),
            "silent_s": round(self.silent_s, 3),
        }


@dataclass(frozen=True)
class HealthEvent:
    """A change of health; the hearing in which it shows carries it."""

    event: Literal["deaf", "hearing", "state"]  # deaf, hearing again, or another state
    time_s: float  # stream time
    health: Health  # its fields stand in the JSON line itself

    def as_dict(self) -> dict[str, Any]:
        """The object of its JSON line, ``"type": "health"``."""
        return {
            "type": "health",
            "event": self.event,
            "time_s": round(self.time_s, 3),
            **self.health.as_dict(),
        }
