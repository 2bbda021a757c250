"""Conventions: axes, angles, formats, mounts and turns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from elsa_rt.audio.ambisonics import (
    FORMATS,
    MOUNTS,
    Mount,
    angle_deg,
    angles_from_direction,
    decode_matrix,
    direction_from_angles,
    mount_rotation,
    plane_wave,
    rotate_foa,
    rotation,
    wrapped_deg,
)
from elsa_rt.errors import UsageError

FRONT, LEFT, UP = np.eye(3)
ANGLES = list(itertools.product((-180, -135, -90, -30, 0, 45, 90, 170), (-80, -45, 0, 30, 60)))


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [
        (0, 0, FRONT), (90, 0, LEFT), (-90, 0, -LEFT), (180, 0, -FRONT), (0, 90, UP), (0, -90, -UP)
    ],
)  # fmt: skip
def test_axes(azimuth: float, elevation: float, direction: NDArray[np.float64]) -> None:
    np.testing.assert_allclose(direction_from_angles(azimuth, elevation), direction, atol=1e-12)


def test_axes_are_right_handed() -> None:
    np.testing.assert_array_equal(np.cross(FRONT, LEFT), UP)


@pytest.mark.parametrize(("azimuth", "elevation"), ANGLES)
def test_angles_there_and_back(azimuth: float, elevation: float) -> None:
    back = angles_from_direction(3 * direction_from_angles(azimuth, elevation))
    assert math.remainder(back[0] - azimuth, 360) == pytest.approx(0, abs=1e-9)
    assert back[1] == pytest.approx(elevation)


def test_many_angles_at_once() -> None:
    azimuth, elevation = np.array(ANGLES).T
    many = direction_from_angles(azimuth, elevation)
    assert many.shape == (len(ANGLES), 3)
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1)
    for (a, e), one in zip(ANGLES, many, strict=True):
        np.testing.assert_array_equal(direction_from_angles(a, e), one)


def test_ambix_is_w_y_z_x_in_sn3d() -> None:
    np.testing.assert_allclose(plane_wave(FRONT), [1, 0, 0, 1])
    np.testing.assert_allclose(plane_wave(LEFT), [1, 1, 0, 0])
    np.testing.assert_allclose(plane_wave(UP), [1, 0, 1, 0])


@pytest.mark.parametrize(("azimuth", "elevation"), ANGLES)
def test_formats_decode_to_the_same_plane_wave(azimuth: float, elevation: float) -> None:
    direction = direction_from_angles(azimuth, elevation)
    x, y, z = direction
    capsules = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / math.sqrt(3)
    encoded: dict[str, ArrayLike] = {
        "ambix": [1, y, z, x],
        "fuma": [1 / math.sqrt(2), x, y, z],
        "n3d": [1, *(math.sqrt(3) * component for component in (y, z, x))],
        "a-format": 0.5 + 0.5 * capsules @ direction,  # what four cardioids hear
    }
    assert set(encoded) == set(FORMATS)
    for form in FORMATS:
        decoded = decode_matrix(form) @ np.asarray(encoded[form])
        np.testing.assert_allclose(decoded, plane_wave(direction), atol=1e-12, err_msg=form)


def test_turns_are_those_of_ros() -> None:
    np.testing.assert_allclose(rotation(90, 0, 0) @ FRONT, LEFT, atol=1e-12)
    np.testing.assert_allclose(rotation(0, 90, 0) @ FRONT, -UP, atol=1e-12)
    np.testing.assert_allclose(rotation(0, 0, 90) @ LEFT, UP, atol=1e-12)
    # roll first, yaw last
    np.testing.assert_allclose(rotation(90, 0, 90) @ LEFT, UP, atol=1e-12)
    np.testing.assert_allclose(rotation(90, 90, 0) @ UP, LEFT, atol=1e-12)


@pytest.mark.parametrize(("azimuth", "elevation"), ANGLES[::4])
def test_turned_foa_is_the_foa_of_the_turned_direction(azimuth: float, elevation: float) -> None:
    turn = rotation(25, -40, 110)
    direction = direction_from_angles(azimuth, elevation)
    turned = rotate_foa(turn) @ plane_wave(direction)
    np.testing.assert_allclose(turned, plane_wave(turn @ direction), atol=1e-12)


@pytest.mark.parametrize("mount", MOUNTS)
def test_mounts_are_rotations(mount: Mount) -> None:
    turn = mount_rotation(mount)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)


def test_what_mounts_do() -> None:
    np.testing.assert_array_equal(mount_rotation("inverted") @ UP, -UP)
    np.testing.assert_array_equal(mount_rotation("inverted") @ FRONT, FRONT)
    np.testing.assert_array_equal(mount_rotation("endfire") @ UP, FRONT)
    np.testing.assert_array_equal(mount_rotation("endfire") @ FRONT, UP)


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UsageError, match=r"'b-format' is unknown: .* ambix\|fuma\|n3d\|a-format"):
        decode_matrix("b-format")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"'sideways' is unknown: .* upright\|inverted\|endfire"):
        mount_rotation("sideways")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "degrees"),
    [([3, 0, 0], 0), ([0, 0, 2], 90), ([-1, 0, 0], 180), ([1, 1, 0], 45), ([0, 0, 0], 90)],
)
def test_angle_between_vectors_of_any_length(other: list[float], degrees: float) -> None:
    assert angle_deg([0.5, 0, 0], other) == pytest.approx(degrees, abs=1e-6)
    assert angle_deg([[0.5, 0, 0]] * 2, other) == pytest.approx([degrees] * 2, abs=1e-6)


@pytest.mark.parametrize(("angle", "wrapped"), [(190, -170), (-190, 170), (720.5, 0.5), (45, 45)])
def test_wrapped_angles(angle: float, wrapped: float) -> None:
    assert wrapped_deg(angle) == pytest.approx(wrapped)
