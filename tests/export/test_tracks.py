"""What is said of the errors of directions."""

from __future__ import annotations

import numpy as np
import pytest

from export.evaluate.tracks import Step, by_thirds, errors, split


def steps(lasting_deg: float, changing_deg: float, trials: int = 60) -> list[Step]:
    """Errors of `trials` sounds in front, of known size."""
    rng = np.random.default_rng(0)
    made = []
    for trial in range(trials):
        lasting = rng.normal(0, lasting_deg, 2)
        for _ in range(30):
            off = lasting + rng.normal(0, changing_deg, 2)
            raw = float(np.hypot(*off))
            made.append(Step(trial, 0.5, np.radians([0.0, *off]), raw, 0.5 * raw, 4.0))
    return made


def test_the_error_is_split() -> None:
    lasting, changing = split(steps(4.0, 2.0))
    assert lasting == pytest.approx(4.0, rel=0.15)
    assert changing == pytest.approx(2.0, rel=0.05)


def test_strays_and_short_sounds_do_not_count() -> None:
    stray = Step(1_000, 0.5, np.radians([0.0, 90.0, 0.0]), 90.0, 90.0, 4.0)
    assert split([*steps(4.0, 2.0), *[stray] * 20]) == split(steps(4.0, 2.0))
    assert np.isnan(split([stray]))[0]


def test_a_line_of_errors() -> None:
    known = [Step(0, 0.5, np.zeros(3), raw, raw / 2, 4.0) for raw in (2.0, 6.0, 10.0, 30.0)]
    assert errors(known) == "4 | 8.0° | 4.0° | 4.0° | 50% | 75%"


def test_thirds_go_by_what_is_stated() -> None:
    made = [Step(0, 0.5, np.zeros(3), 0.0, off, stated)
            for stated, off in [(9.0, 60.0), (3.0, 3.0), (6.0, 3.0), (9.0, 18.0), (3.0, 3.0),
                                (6.0, 3.0)]]  # fmt: skip
    assert list(by_thirds(made)) == [
        "3.0° | 3.0° | 1.00 | 0.0%", "6.0° | 3.0° | 2.00 | 0.0%", "9.0° | 18.0° | 0.50 | 50.0%",
    ]  # fmt: skip
