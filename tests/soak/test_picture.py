"""The picture of a soak: every curve, within its place."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.soak.curve import Point
from tests.soak.picture import LEFT, ROW, TOP, soak_picture


def points(*, p99_ms: float) -> list[Point]:
    return [Point(hour, 100.0, 0.0, 7, 1, 1.5, p99_ms, 0.08, 0, 10) for hour in (1.0, 2.0)]


def test_every_soak_has_its_curves_and_their_scale_fits_all() -> None:
    made = soak_picture({"Fast, of a file": points(p99_ms=2.5), "Live": points(p99_ms=40.0)})
    words = [element.text for element in ElementTree.fromstring(made).iter() if element.text]
    assert {"Fast, 2 h", "Live, 2 h", "memory, MB", "150", "40"} <= set(words)
    curves = re.findall(r'<path class="(?:curve|warn)" d="M([^"]+)"', made)
    assert len(curves) == 2 * 4
    begin, *_, highest = curves[5].split("L")  # p99 of the second, the highest of its row
    assert float(highest.split()[1]) == TOP + ROW
    assert float(begin.split()[0]) > LEFT
