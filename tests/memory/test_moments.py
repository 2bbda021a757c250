"""Times in words."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from elsa_rt.errors import UsageError
from elsa_rt.memory.moments import parse_moment

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 28, 18, 0, tzinfo=BERLIN)  # a Saturday


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("now", "2026-11-28 18:00", "2026-11-28 18:00"),
        ("today", "2026-11-28 00:00", "2026-11-29 00:00"),
        ("Yesterday", "2026-11-27 00:00", "2026-11-28 00:00"),
        ("day before yesterday", "2026-11-26 00:00", "2026-11-27 00:00"),
        ("2 hours ago", "2026-11-28 16:00", "2026-11-28 16:00"),
        ("half an hour ago", "2026-11-28 17:30", "2026-11-28 17:30"),
        ("10min ago", "2026-11-28 17:50", "2026-11-28 17:50"),
        ("monday", "2026-11-23 00:00", "2026-11-24 00:00"),
        ("saturday", "2026-11-28 00:00", "2026-11-29 00:00"),
        ("last saturday", "2026-11-21 00:00", "2026-11-22 00:00"),
        ("monday 22:00", "2026-11-23 22:00", "2026-11-23 22:00"),
        ("yesterday at 10 pm", "2026-11-27 22:00", "2026-11-27 22:00"),
        ("yesterday evening", "2026-11-27 18:00", "2026-11-28 00:00"),
        ("last night", "2026-11-27 22:00", "2026-11-28 06:00"),
        ("this morning", "2026-11-28 06:00", "2026-11-28 12:00"),
        ("17:30", "2026-11-28 17:30", "2026-11-28 17:30"),
        ("22:00", "2026-11-27 22:00", "2026-11-27 22:00"),  # today's is still to come
        ("last week", "2026-11-16 00:00", "2026-11-23 00:00"),
        ("this month", "2026-11-01 00:00", "2026-12-01 00:00"),
        ("2026-01-31", "2026-01-31 00:00", "2026-02-01 00:00"),
        ("2026-01-31T22:00", "2026-01-31 22:00", "2026-01-31 22:00"),
        ("2026-01-31 22:00", "2026-01-31 22:00", "2026-01-31 22:00"),
    ],
)
def test_a_phrase_is_a_span(text: str, begin: str, end: str) -> None:
    span = parse_moment(text, NOW)
    assert [f"{at:%Y-%m-%d %H:%M}" for at in span] == [begin, end]


def test_a_day_has_as_many_hours_as_the_clocks_give_it() -> None:
    span = parse_moment("2026-10-25", NOW)
    assert span.end.timestamp() - span.begin.timestamp() == 25 * 3600


def test_hours_ago_are_real_ones_across_a_change_of_the_clocks() -> None:
    now = datetime(2026, 10, 25, 12, 0, tzinfo=BERLIN)
    assert now.timestamp() - parse_moment("24 hours ago", now).begin.timestamp() == 24 * 3600


def test_a_zone_in_the_time_counts() -> None:
    assert parse_moment("2026-01-31T22:00Z", NOW).begin.utcoffset() == ZoneInfo("UTC").utcoffset(
        NOW
    )


@pytest.mark.parametrize(
    "text", ["bananas", "", "25:00", "13 pm", "monday 99", "-3 hours ago", "9e99 years ago"]
)
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UsageError, match='write it like "yesterday"'):
        parse_moment(text, NOW)
