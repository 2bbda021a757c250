"""Ambisonic formats, mounts and directions, and the conventions of the whole project.

axes        right-handed: x forward, y left, z up (ROS REP-103, the same as AmbiX)
azimuth     counter-clockwise from +x, left is positive, -180..180 degrees
elevation   up is positive, -90..90 degrees
FOA         AmbiX: channels W, Y, Z, X (ACN order), SN3D, float32, shape (4, n)
direction   unit vector (x, y, z) that points from the microphone to the source
"""

from __future__ import annotations

import math
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elsa_rt.errors import UsageError

Format = Literal["ambix", "fuma", "n3d", "a-format"]
Mount = Literal["upright", "inverted", "endfire"]

FORMATS: tuple[Format, ...] = get_args(Format)
MOUNTS: tuple[Mount, ...] = get_args(Mount)

CARDIOID = 0.5
"""Directivity a of an ideal tetrahedral capsule a + (1 - a) cos(angle)."""

_CAPSULES = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], float)
"""Signs of (x, y, z) of the type I capsules FLU, FRD, BLD, BRU."""

_MOUNT_ROTATION: dict[Mount, list[list[int]]] = {
    "upright": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    # hung from the ceiling: its front is still the front
    "inverted": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    # lying down: its top looks forward and its front looks up
    "endfire": [[0, 0, 1], [0, -1, 0], [1, 0, 0]],
}


def direction_from_angles(azimuth_deg: ArrayLike, elevation_deg: ArrayLike) -> NDArray[np.float64]:
    """Unit vector (..., 3) in x, y, z of azimuth and elevation in degrees."""
    azimuth, elevation = np.radians(azimuth_deg), np.radians(elevation_deg)
    level = np.cos(elevation)
    return np.stack(
        np.broadcast_arrays(level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)), -1
    )


def angles_from_direction(direction: ArrayLike) -> tuple[float, float]:
    """Azimuth and elevation in degrees of a vector (3,); its length does not matter."""
    return angles_of(*np.asarray(direction, float).tolist())


def angles_of(x: float, y: float, z: float) -> tuple[float, float]:
    """The same of three numbers."""
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def angle_deg(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Degrees (...) between vectors (..., 3) of any length, 0..180; 90 where one is zero."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    cosine = np.sum(one * other, axis=-1) / np.maximum(lengths, np.finfo(float).tiny)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


Angle = TypeVar("Angle", float, NDArray[np.float64])


def wrapped_deg(angle: Angle) -> Angle:
    """The same direction as ``angle`` in degrees, -180 up to but not including 180."""
    return (angle + 180.0) % 360.0 - 180.0


def plane_wave(direction: ArrayLike) -> NDArray[np.float64]:
    """AmbiX gains (..., 4) in W, Y, Z, X of a plane wave from unit vectors (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(direction, float), -1, 0)
    return np.stack([np.ones_like(x), y, z, x], -1)


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> NDArray[np.float64]:
    """Rotation (3, 3) ``Rz(yaw) Ry(pitch) Rx(roll)`` of ROS REP-103, angles in degrees.

    Positive yaw turns left, positive pitch dips the nose, positive roll lifts the left side.
    """
    cy, cp, cr = (math.cos(math.radians(a)) for a in (yaw_deg, pitch_deg, roll_deg))
    sy, sp, sr = (math.sin(math.radians(a)) for a in (yaw_deg, pitch_deg, roll_deg))
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    return about_z @ about_y @ about_x


def rotate_foa(turn: ArrayLike) -> NDArray[np.float64]:
    """Matrix (4, 4) that rotates AmbiX FOA as ``turn`` (3, 3) rotates vectors in x, y, z."""
    order = [1, 2, 0]  # Y, Z, X as indices into x, y, z
    matrix = np.eye(4)
    matrix[1:, 1:] = np.asarray(turn, float)[np.ix_(order, order)]
    return matrix


def decode_matrix(form: Format) -> NDArray[np.float64]:
    """Matrix (4, 4) that takes four channels of ``form`` to AmbiX.

    FuMa carries W 3 dB down; N3D is AmbiX with Y, Z, X 4.8 dB up.

    A-format is ideal type I capsules (FLU, FRD, BLD, BRU) of
    directivity ``a + (1 - a) cos``: ``W = sum / (4 a)``, and each of X, Y, Z is the signed sum
    times ``sqrt(3) / (4 (1 - a))``.
    """
    if form == "ambix":
        return np.eye(4)
    if form == "n3d":  # W, Y, Z, X, the latter three sqrt(3) as strong
        return np.diag([1, *3 * [1 / math.sqrt(3)]])
    if form == "fuma":  # W, X, Y, Z
        return np.array([[math.sqrt(2), 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]])
    if form == "a-format":
        x, y, z = _CAPSULES.T * math.sqrt(3) / (4 * (1 - CARDIOID))
        return np.stack([np.full(4, 1 / (4 * CARDIOID)), y, z, x])
    raise UsageError(f"format {form!r} is unknown: choose --format {'|'.join(FORMATS)}")


def mount_rotation(mount: Mount) -> NDArray[np.float64]:
    """Rotation (3, 3) from the microphone's own axes to the listener's for a named mount."""
    if mount not in _MOUNT_ROTATION:
        raise UsageError(f"mount {mount!r} is unknown: choose --mount {'|'.join(MOUNTS)}")
    return np.array(_MOUNT_ROTATION[mount], float)
