"""Regions: sectors across the back, soft edges on the sphere, what is not known."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from elsa_rt.audio.ambisonics import direction_from_angles
from elsa_rt.errors import UsageError
from elsa_rt.rules.region import EDGE_DEG, EDGE_RATIO, Region, RegionGate

BEHIND = Region(azimuth_deg=(125, -125))
LEFT = Region(azimuth_deg=(35, 145))
RIGHT_AND_MORE = Region(azimuth_deg=(-170, 20))
ABOVE = Region(elevation_deg=(40, 90))
FAR = Region(distance_m=(2, inf))


def weight(region: Region, azimuth: float, elevation: float = 0, distance_m: float = nan) -> float:
    direction = direction_from_angles([azimuth], [elevation])
    return float(RegionGate([region]).step(direction, np.array([distance_m]))[0, 0])


@pytest.mark.parametrize(
    ("region", "azimuth", "elevation", "inside"),
    [
        (Region(), 77, -30, True),
        (BEHIND, 180, 0, True),
        (BEHIND, -180, 0, True),
        (BEHIND, 130, 0, True),
        (BEHIND, -130, 0, True),
        (BEHIND, 120, 0, False),
        (BEHIND, 0, 0, False),
        (LEFT, 90, 0, True),
        (LEFT, -90, 0, False),
        (RIGHT_AND_MORE, -90, 0, True),
        (RIGHT_AND_MORE, 19, 0, True),
        (RIGHT_AND_MORE, 21, 0, False),
        (RIGHT_AND_MORE, 180, 0, False),
        (ABOVE, 0, 41, True),
        (ABOVE, 0, 39, False),
        (ABOVE, 123, 90, True),
    ],
)
def test_contains(region: Region, azimuth: float, elevation: float, inside: bool) -> None:
    assert region.contains(direction_from_angles(azimuth, elevation)) is inside
    assert (weight(region, azimuth, elevation) == 1) is inside


@pytest.mark.parametrize(
    ("distance_m", "inside"), [(1.0, False), (2.1, True), (900, True), (nan, True), (0, False)]
)
def test_distance(distance_m: float, inside: bool) -> None:
    assert FAR.contains([1, 0, 0], distance_m) is inside
    assert FAR.asks_distance
    assert not ABOVE.asks_distance


def test_the_edge_is_soft() -> None:
    at = [weight(LEFT, 35 - off) for off in (0, 0.25 * EDGE_DEG, 0.5 * EDGE_DEG, EDGE_DEG, 60)]
    np.testing.assert_allclose(at, [1, 0.75, 0.5, 0, 0], atol=1e-9)
    np.testing.assert_allclose(weight(ABOVE, 10, 40 - EDGE_DEG / 2), 0.5, atol=1e-9)
    assert weight(FAR, 0, 0, 2 / EDGE_RATIO**0.5) == pytest.approx(0.5)
    assert weight(FAR, 0, 0, 2 / EDGE_RATIO**2) == 0


def test_azimuths_meet_overhead() -> None:
    # 30 degrees beside the sector, but only 3 on the sphere
    assert weight(LEFT, 5, np.degrees(np.arccos(0.1))) == pytest.approx(1 - 3 / EDGE_DEG)
    assert weight(LEFT, 5, 0) == 0


def test_a_gate_is_the_weights_of_all_its_regions() -> None:
    rng = np.random.default_rng(0)
    regions = (BEHIND, LEFT, ABOVE, FAR, Region())
    direction = rng.normal(size=(3, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    distance = np.array([0.5, 3.0, nan])
    together = RegionGate(regions).step(direction, distance)
    assert together.shape == (3, 5)
    alone = [RegionGate([region]).step(direction, distance)[:, 0] for region in regions]
    np.testing.assert_array_equal(together, np.stack(alone, 1))
    assert (together[:, 4] == 1).all()


def test_no_regions() -> None:
    assert RegionGate([]).step(np.array([[1.0, 0, 0]]), np.array([1.0])).shape == (1, 0)


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"azimuth_deg": (0, 190)}, "azimuth from 0 to 190: -180..180 is possible"),
        ({"azimuth_deg": (30, 30)}, "azimuth from 30 to itself"),
        ({"elevation_deg": (40, 10)}, "elevation from 40 to 10: name the lower one first"),
        ({"elevation_deg": (0, 91)}, "-90..90 is possible"),
        ({"distance_m": (3, 1)}, "distance from 3 to 1: name the lower one first"),
        ({"distance_m": (nan, 1)}, r"distance_m \(nan, 1\): a list of 2 numbers is needed"),
    ],
)
def test_refused(bounds: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Region(**bounds)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (Region(), "anywhere"),
        (Region(azimuth_deg=(125, -125)), "azimuth from 125° to -125°"),
        (Region(elevation_deg=(40, 90), distance_m=(0, 1.5)),
         "elevation from 40° to 90°, from 0 to 1.5 m"),
    ],
)  # fmt: skip
def test_a_region_in_words(region: Region, words: str) -> None:
    assert region.words == words


SIDES = Region.union([Region(azimuth_deg=(35, 145)), Region(azimuth_deg=(-145, -35))])


def test_a_region_of_two_parts_holds_what_lies_in_either() -> None:
    for angle in range(-180, 180, 5):
        inside = 35 <= abs(angle) <= 145
        assert SIDES.contains(direction_from_angles(angle, 0)) is inside


def test_the_gate_takes_the_best_part() -> None:
    behind = Region(azimuth_deg=(125, -125))
    gate = RegionGate([behind, SIDES, Region()])
    towards = np.array([direction_from_angles(angle, 0) for angle in (0, 30, 90, -90, 150, 180)])
    weight = gate.step(towards, np.full(6, np.nan))
    assert weight.shape == (6, 3)
    assert weight[:, 1] == pytest.approx([0, 0.5, 1, 1, 0.5, 0])
    assert weight[:, 0] == pytest.approx([0, 0, 0, 0, 1, 1])
    assert (weight[:, 2] == 1).all()


def test_unions_are_flat_and_simple() -> None:
    assert Region.union([SIDES, SIDES]) == SIDES
    assert Region.union([SIDES, Region()]) == Region()
    assert len(Region.union([SIDES, Region(elevation_deg=(40, 90))]).parts) == 3
    assert SIDES.words == "azimuth from 35° to 145° or azimuth from -145° to -35°"
    assert Region.union([Region(), Region(distance_m=(0, 1))]).asks_distance is False
