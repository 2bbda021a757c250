"""When rules listen: days, midnight, daylight saving, time zones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from elsa_rt.alerting.schedule_gate import Timetable
from elsa_rt.errors import UsageError
from elsa_rt.rules.rule import Rule
from elsa_rt.rules.schedule import Schedule
from elsa_rt.scoring.scorer import Match

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


# 2026-01-30 is a Friday
@pytest.mark.parametrize(
    ("times", "inside", "outside"),
    [
        ("08:00-20:00", ["30T08:00", "31T19:59:59"], ["30T07:59:59", "30T20:00"]),
        ("22:00-06:00", ["30T22:00", "30T05:59:59", "31T00:00"], ["30T06:00", "30T21:59"]),
        (
            "mon-fri 22:00-06:00",
            ["30T23:00", "31T05:00", "27T03:00"],  # the night of Friday ends on Saturday
            ["31T23:00", "26T03:00"],  # the small hours of Monday belong to Sunday's night
        ),
        ("sat,sun", ["31T00:00", "31T23:59"], ["30T23:59"]),
        ("fri-mon 00:00-24:00", ["30T12:00", "31T12:00", "26T12:00"], ["28T12:00"]),
        ("Sun  12:00-13:30", ["25T13:29"], ["25T13:30", "26T12:30"]),
        ("thu-fri,sun 1:00-2:00", ["29T01:30", "25T01:00"], ["31T01:30"]),
    ],
)
def test_windows(times: str, inside: list[str], outside: list[str]) -> None:
    schedule = Schedule((times,), BERLIN)
    assert [schedule.holds(at(f"2026-01-{day}")) for day in inside] == [True] * len(inside)
    assert [schedule.holds(at(f"2026-01-{day}")) for day in outside] == [False] * len(outside)


def test_several_windows_add_up() -> None:
    schedule = Schedule(("mon 08:00-09:00", "tue"), BERLIN)
    held = [schedule.holds(at(f"2026-01-{day}")) for day in ("26T08:30", "27T03:00", "28T08:30")]
    assert held == [True, True, False]


def test_it_goes_by_the_clock_on_the_wall_where_that_jumps() -> None:
    schedule = Schedule(("06:00-07:00",), BERLIN)
    for day in ("2026-03-28", "2026-03-29", "2026-10-25"):  # the clock jumps on the 29th and 25th
        assert schedule.holds(at(f"{day}T06:30"))
        assert not schedule.holds(at(f"{day}T05:30"))


def test_zones_differ() -> None:
    noon = at("2026-07-01T12:00", "Asia/Tokyo")
    assert Schedule(("12:00-12:01",), "Asia/Tokyo").holds(noon)
    assert Schedule(("05:00-05:01",), BERLIN).holds(noon)


@pytest.mark.parametrize("text", [
    "", " ", "at night", "fry", "mon-", "mon-tue-wed", "22-06", "22:00", "22:00-", "24:00-01:00",
    "10:60-11:00", "10:00-24:01", "10:00-10:00", "mon 10:00-11:00 tue", "mon10:00-11:00",
])  # fmt: skip
def test_what_makes_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match="schedule"):
        Schedule((text,), BERLIN)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "..", "/etc/passwd", "Europe", "x\0y"])
def test_a_zone_that_is_none(zone: str) -> None:
    with pytest.raises(UsageError, match="time zone"):
        Schedule(("sat",), zone)


def test_no_times() -> None:
    with pytest.raises(UsageError, match="without times"):
        Schedule(())


def match() -> Match:
    score = np.array([0.9, 0.8], np.float32)
    return Match(score, score, np.zeros(2, np.intp), score)


RULES = (Rule("always", ("a",)), Rule("late", ("b",), schedule=Schedule(("22:00-06:00",), "UTC")))


def test_a_recording_is_heard_at_the_time_of_day_that_it_has() -> None:
    table = Timetable(RULES, began_s=at("2026-01-31T21:59", "UTC"))
    assert table.step(match(), 59.9).score.tolist() == pytest.approx([0.9, 0])
    assert table.step(match(), 60.0).score.tolist() == pytest.approx([0.9, 0.8])
    assert table.step(match(), 8 * 3600 + 60.0).score.tolist() == pytest.approx([0.9, 0])


def test_live_it_goes_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [at("2026-01-31T21:59:59", "UTC")]
    monkeypatch.setattr("elsa_rt.alerting.schedule_gate.time.time", lambda: now[0])
    table = Timetable(RULES, None)
    assert table.step(match(), 5.0).score.tolist() == pytest.approx([0.9, 0])
    now[0] += 1
    assert table.step(match(), 5.1).score.tolist() == pytest.approx([0.9, 0.8])


def test_without_schedules_nothing_is_touched() -> None:
    given = match()
    assert Timetable(RULES[:1], None).step(given, 0.0) is given
