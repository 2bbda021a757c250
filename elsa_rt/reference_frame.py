"""Directions of a listener that moves: as the microphone has them, and as the world has them."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.ambisonics import angles_from_direction, direction_from_angles
from elsa_rt.audio.block import Block
from elsa_rt.audio.direction_words import direction_words
from elsa_rt.audio.orientation import Orientation
from elsa_rt.encoder.bundle import ModelBundle
from elsa_rt.encoder.output import EncoderOutput
from elsa_rt.errors import UsageError
from elsa_rt.hearing import Alert, Angles, Hearing, Track
from elsa_rt.notices import OnNotice, log_notice
from elsa_rt.settings import Frame

AHEAD_S = 2.0
"""A reading whose stamp is further ahead of the sound than this belongs to another clock."""

CLOCK_JUMPED = 5
"""So many late readings in a row mean that their clock was set back."""

Placed = TypeVar("Placed", Alert, Track)


class ReferenceFrame:
    """Follows the orientation of one stream; without any it changes nothing.

    Parameters
    ----------
    bundle : ModelBundle
    frame : "microphone" or "world"
        Whose axes the features, and so the prompts and the words, are in.
    on_notice : callable
        Takes what the user should know.
    """

    def __init__(self, bundle: ModelBundle, frame: Frame, on_notice: OnNotice = log_notice) -> None:
        features = bundle.features
        self._rate = features.rate
        self._world = frame == "world"
        # the sound of a step lies, on average, so long before its end
        self._middle_s = (bundle.step_samples - features.hop + features.window) / 2 / self._rate
        self._orientation = Orientation()
        self._late = 0  # readings in a row that are older than the last
        self._said: set[str] = set()
        self._on_notice = on_notice
        self.reset()

    def reset(self) -> None:
        """The next block is the first of a new stream; the last orientation holds on."""
        self._orientation.restart()
        self._end_s: float | None = None  # stream time at the end of the last block
        self._clock_s: float | None = None  # what to add to the capture clock for stream time
        self._turn = np.eye(3)  # from the microphone to the world, at the present step

    def set(
        self, quaternion: ArrayLike, time_s: float | None = None, captured_s: float | None = None
    ) -> None:
        """Take a reading at ``time_s`` of the stream, or at ``captured_s`` of the capture clock."""
        if time_s is not None and captured_s is not None:
            raise UsageError("orientation: give time_s or captured_s, not both")
        stamped = captured_s is not None
        if time_s is None and self._clock_s is not None:
            captured_s = time.monotonic() if captured_s is None else captured_s
            time_s = captured_s + self._clock_s
        elif captured_s is not None and self._end_s is not None:
            raise UsageError(
                "orientation: captured_s is a time of the capture clock, and the blocks of this "
                "stream carry none: give time_s"
            )
        end_s = self._end_s or 0.0
        at_s = end_s if time_s is None else time_s
        if stamped and self._end_s is not None and at_s > end_s + AHEAD_S:
            self._skip(f"its stamp is {at_s - end_s:.1f} s ahead of the sound")
            return
        if self._orientation.add(quaternion, at_s):
            self._late = 0
            return
        self._late += 1
        if self._late < CLOCK_JUMPED:
            self._skip("its stamp is older than that of the one before")
            return
        # all that come now are older: their clock was set back, and is followed
        self._late = 0
        self._orientation.forget_after(at_s)
        if not self._orientation.add(quaternion, at_s):
            self._orientation.restart(at_s)
            self._orientation.add(quaternion, at_s)

    def _skip(self, why: str) -> None:
        """Leave out a reading; it is said for the first of a kind."""
        if why[:24] not in self._said:
            self._said.add(why[:24])
            self._on_notice(
                f"an orientation was skipped: {why}; give captured_s= in seconds of "
                "time.monotonic, or no stamp at all, in the order of time. It is said once"
            )

    def add(self, block: Block) -> None:
        """Take note of the next block."""
        self._end_s = (block.start + block.samples.shape[1]) / block.rate
        if block.captured_s is not None:
            self._clock_s = block.start / block.rate - block.captured_s

    @property
    def turns_sound(self) -> bool:
        """Whether `to_frame` changes anything."""
        return self._world and self._orientation.known

    def to_frame(
        self, foa: NDArray[np.float32], time_s: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """AmbiX (4, n) of the microphone in the axes of the frame, heard at ``time_s`` (n,)."""
        if not self.turns_sound:
            return foa
        turned = foa.copy()
        vectors = foa[[3, 1, 2]].T[:, :, None]  # (n, 3, 1) in x, y, z
        turned[[3, 1, 2]] = (self._orientation.at(time_s) @ vectors)[:, :, 0].T
        return turned

    def in_world(self, time_s: float, sound: EncoderOutput) -> EncoderOutput:
        """``sound`` of the step that ended at ``time_s`` with its directions in world axes."""
        if not self._orientation.known:
            return sound
        self._turn = self._orientation.at(time_s - self._middle_s)
        if self._world:
            return sound
        return sound._replace(direction=(sound.direction @ self._turn.T).astype(np.float32))

    def place(self, hearing: Hearing) -> Hearing:
        """``hearing`` with both bearings; its direction is in the axes of the frame before."""
        if not self._orientation.known:
            return hearing
        here, world = self._both(hearing.direction)
        closed = direction_from_angles(hearing.flow_azimuth_deg, hearing.flow_elevation_deg)
        closed_here, flow_world = self._both(closed)
        angles, closed_angles = _angles(here), _angles(closed_here)
        return replace(
            hearing,
            azimuth_deg=angles.azimuth_deg,
            elevation_deg=angles.elevation_deg,
            direction=here.astype(np.float32),
            flow_azimuth_deg=closed_angles.azimuth_deg,
            flow_elevation_deg=closed_angles.elevation_deg,
            world=_angles(world),
            flow_world=_angles(flow_world),
            alerts=self.place_alerts(hearing.alerts),
            tracks=self.place_each(hearing.tracks),
        )

    def place_alerts(self, alerts: tuple[Alert, ...]) -> tuple[Alert, ...]:
        """Alerts, and what joined them, with both bearings."""
        return tuple(
            replace(one, joined=self.place_each(one.joined)) if one.joined else one
            for one in self.place_each(alerts)
        )

    def place_each(self, placed: tuple[Placed, ...]) -> tuple[Placed, ...]:
        """Alerts or tracks of the world with both bearings, as of the present step."""
        if not self._orientation.known:
            return placed
        return tuple(map(self._place, placed))

    def _place(self, placed: Placed) -> Placed:
        world = Angles(placed.azimuth_deg, placed.elevation_deg)
        here = _angles(self._turn.T @ direction_from_angles(*world))
        words = direction_words(*(world if self._world else here))
        return replace(
            placed,
            azimuth_deg=here.azimuth_deg,
            elevation_deg=here.elevation_deg,
            words=words,
            world=world,
        )

    def _both(
        self, direction: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A direction of the frame as the microphone and as the world has it."""
        given = np.asarray(direction, np.float64)
        return (self._turn.T @ given, given) if self._world else (given, self._turn @ given)


def _angles(direction: NDArray[np.float64]) -> Angles:
    return Angles(*angles_from_direction(direction))
