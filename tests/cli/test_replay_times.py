"""The time of a recording as ``elsa-rt replay --at`` reads it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from elsa_rt.cli.replay import recording_start
from elsa_rt.errors import UsageError


@pytest.mark.parametrize("text", ["2026-01-31T22:00Z", "2026-01-31T23:00+01:00"])
def test_a_time_with_its_zone(text: str) -> None:
    assert recording_start(text, "America/New_York") == datetime(
        2026, 1, 31, 22, tzinfo=timezone.utc
    )


def test_a_time_without_a_zone_is_in_that_of_the_rules() -> None:
    assert recording_start("2026-01-31T22:00", "Europe/Berlin").utcoffset() is not None
    with pytest.raises(UsageError, match="--at soon: give date and time"):
        recording_start("soon", None)
