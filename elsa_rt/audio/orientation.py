"""Orientation of the listener in the world over time, interpolated between readings.

quaternion  (x, y, z, w) of ROS, unit length; takes vectors of the listener to the world's
time        seconds of the stream; between two readings it turns evenly, before the first and
            after the last it stands still
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.ambisonics import rotation
from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce

KEPT = 8192
"""Readings that are remembered at least half: some seconds even of a fast sensor."""


def as_quaternion(
    quaternion: ArrayLike | None, yaw_deg: float, pitch_deg: float, roll_deg: float
) -> ArrayLike:
    """``quaternion`` (x, y, z, w) if there is one, else that of the angles in degrees."""
    if quaternion is not None:
        return coerce(quaternion, tuple[float, ...], "orientation: quaternion")
    angles = coerce(
        (yaw_deg, pitch_deg, roll_deg), tuple[float, float, float], "orientation: angles"
    )
    return quaternion_from_angles(*angles)


def quaternion_from_angles(
    yaw_deg: float, pitch_deg: float, roll_deg: float
) -> NDArray[np.float64]:
    """Quaternion (4,) of ``Rz(yaw) Ry(pitch) Rx(roll)``, angles in degrees."""
    halves = np.radians([yaw_deg, pitch_deg, roll_deg]) / 2
    if not np.isfinite(halves).all():
        raise UsageError(
            f"orientation of yaw {yaw_deg}, pitch {pitch_deg}, roll {roll_deg}: finite degrees "
            "are needed"
        )
    (cy, cp, cr), (sy, sp, sr) = np.cos(halves), np.sin(halves)
    return np.array(
        [
            cy * cp * sr - sy * sp * cr,
            cy * sp * cr + sy * cp * sr,
            sy * cp * cr - cy * sp * sr,
            cy * cp * cr + sy * sp * sr,
        ]
    )


def matrices(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotations (..., 3, 3) of unit quaternions (..., 4)."""
    x, y, z, w = np.moveaxis(quaternions, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


class Orientation:
    """Readings of an orientation, interpolated; one thread may add while another asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times = np.empty(0)  # room for `KEPT` from the first reading on
        self._turns = np.empty((0, 4))
        self._count = 0

    @property
    def known(self) -> bool:
        """Whether there is any reading."""
        return self._count > 0

    def add(self, quaternion: ArrayLike, time_s: float) -> bool:
        """Take a reading; readings come in the order of their time.

        False where it is older than the last one, and so was skipped.

        Raises
        ------
        UsageError
            It is no rotation.
        """
        turn = np.array(quaternion, float)
        length = np.linalg.norm(turn) if turn.shape == (4,) else 0.0
        if not (np.isfinite(length) and 0.9 < length < 1.1 and np.isfinite(time_s)):
            raise UsageError(
                f"orientation {quaternion!r} at {time_s} s: a unit quaternion (x, y, z, w) and a "
                "finite time are needed"
            )
        turn /= length
        with self._lock:
            if not self._times.size:
                self._times, self._turns = np.empty(KEPT), np.empty((KEPT, 4))
            if self._count == KEPT:
                self._count = KEPT // 2
                self._times[: self._count] = self._times[-self._count :]
                self._turns[: self._count] = self._turns[-self._count :]
            if self._count:
                last = self._count - 1
                if time_s < self._times[last]:
                    return False
                if turn @ self._turns[last] < 0:  # the same rotation, and the shorter way to it
                    turn = -turn
                if time_s == self._times[last]:
                    self._count = last
            self._times[self._count] = time_s
            self._turns[self._count] = turn
            self._count += 1
        return True

    def forget_after(self, time_s: float) -> None:
        """Drop the readings after ``time_s``, but for the last before."""
        with self._lock:
            kept = int(np.searchsorted(self._times[: self._count], time_s, side="right"))
            if 0 < kept < self._count:
                self._count = kept

    def restart(self, time_s: float = 0.0) -> None:
        """A new stream begins: the last reading holds from its start, or from ``time_s``."""
        with self._lock:
            if self._count:
                self._turns[0] = self._turns[self._count - 1]
                self._times[0] = time_s
                self._count = 1

    def at(self, times_s: ArrayLike) -> NDArray[np.float64]:
        """Rotations (..., 3, 3) from the listener to the world at ``times_s`` (...)."""
        times = np.asarray(times_s, float)
        with self._lock:
            known, turns = self._times[: self._count], self._turns[: self._count]
            if not self._count:
                return np.broadcast_to(rotation(0, 0, 0), (*times.shape, 3, 3))
            after = np.clip(np.searchsorted(known, times), 1, max(self._count - 1, 1))
            before, after = after - 1, np.minimum(after, self._count - 1)
            span = known[after] - known[before]
            share = np.clip((times - known[before]) / np.where(span > 0, span, 1), 0, 1)
            return matrices(_between(turns[before], turns[after], share))


def _between(
    a: NDArray[np.float64], b: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The even turn (slerp) from ``a`` to ``b`` (..., 4); Shoemake, 1985."""
    angle = np.arccos(np.clip(np.sum(a * b, axis=-1), -1, 1))
    near = angle < 1e-6
    sine = np.where(near, 1, np.sin(angle))
    first = np.where(near, 1 - share, np.sin((1 - share) * angle) / sine)
    second = np.where(near, share, np.sin(share * angle) / sine)
    turned = first[..., None] * a + second[..., None] * b
    return np.asarray(turned / np.linalg.norm(turned, axis=-1, keepdims=True), np.float64)
