"""Schedule of a rule: "mon-fri 22:00-06:00", in a time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from elsa_rt.errors import UsageError
from elsa_rt.hints import coerce_fields

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DAY_MIN = 24 * 60

EXAMPLE = 'write it like "mon-fri 22:00-06:00", "sat,sun" or "08:00-20:00"'

_DAY = f"(?:{'|'.join(DAYS)})"
_TIME = r"(\d\d?):(\d\d)"
_WINDOW = re.compile(rf"(?:({_DAY}(?:[-,]{_DAY})*)(?: |$))?(?:{_TIME}-{_TIME})?", re.IGNORECASE)


class Window(NamedTuple):
    """From one time of day to another, beginning on some days of the week."""

    days: frozenset[int]  # 0 is Monday
    start_min: int  # of the day, 0..1439
    end_min: int  # up to 1440; not after the start means the next day

    def holds(self, day: int, minute: int) -> bool:
        """Whether ``minute`` of ``day`` lies inside."""
        if self.start_min < self.end_min:
            return day in self.days and self.start_min <= minute < self.end_min
        late = day in self.days and minute >= self.start_min
        return late or ((day - 1) % 7 in self.days and minute < self.end_min)


@dataclass(frozen=True)
class Schedule:
    """Windows of the week on the clocks of a time zone; across midnight and daylight saving.

    Parameters
    ----------
    times : tuple of str
        Each "DAYS FROM-TO": days as ``mon-fri`` or ``sat,sun``, all of them if left out; times
        as ``22:00-06:00``, the whole day if left out. A window that ends before it starts ends
        on the next day.
    zone : str, optional
        Name of a time zone, e.g. Europe/Berlin; that of the computer if left out.

    Raises
    ------
    UsageError
        A window or the time zone makes no sense.
    """

    times: tuple[str, ...]
    zone: str | None = None

    def __post_init__(self) -> None:
        coerce_fields(self, "a schedule's ")
        if not self.times:
            raise UsageError(f"a schedule without times: {EXAMPLE}")
        for text in self.times:
            parse_window(text)
        time_zone(self.zone)

    def holds(self, at_s: float) -> bool:
        """Whether it listens at ``at_s``, seconds of Unix time."""
        local = datetime.fromtimestamp(at_s, time_zone(self.zone))
        day, minute = local.weekday(), local.hour * 60 + local.minute
        return any(parse_window(text).holds(day, minute) for text in self.times)


@cache
def parse_window(text: str) -> Window:
    """The window that ``text`` says, or a UsageError."""
    match = _WINDOW.fullmatch(" ".join(text.split()))
    if match is None or not match[0]:
        raise UsageError(f"schedule {text!r}: {EXAMPLE}")
    days = _days(match[1]) if match[1] else frozenset(range(7))
    if match[2] is None:
        return Window(days, 0, DAY_MIN)
    hours = [int(match[index]) for index in (2, 4)]
    minutes = [int(match[index]) for index in (3, 5)]
    start, end = (60 * hour + minute for hour, minute in zip(hours, minutes, strict=True))
    if max(minutes) > 59 or start >= DAY_MIN or end > DAY_MIN:
        raise UsageError(f"schedule {text!r}: the times of a day are 00:00..24:00")
    if start == end:
        raise UsageError(f"schedule {text!r} ends where it starts: leave the times out for all day")
    return Window(days, start, end)


@cache
def time_zone(name: str | None) -> tzinfo | None:
    """The zone called ``name``; None is the computer's, or a UsageError."""
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, no name at all, a directory
        raise UsageError(
            f"the time zone {name!r} is unknown: give one like Europe/Berlin or UTC "
            "(timedatectl list-timezones shows them; apt-get install tzdata brings them)"
        ) from None


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, *last = (DAYS.index(day) for day in part.split("-"))
        if len(last) > 1:
            raise UsageError(f"schedule {text!r}: a range of days has two ends")
        count = (last[0] - first) % 7 + 1 if last else 1
        found.update((first + day) % 7 for day in range(count))
    return frozenset(found)
