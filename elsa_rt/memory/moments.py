"""Times of the past in words: "yesterday", "monday 22:00", "2 hours ago", "last night".

Every phrase names a span: a day is its 24 hours, a time of day an instant. ``--since`` takes the
begin of its span and ``--until`` the end, so that ``--since yesterday --until yesterday`` is all of
yesterday. Days begin at midnight on the clocks of the time zone, weeks on Monday.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import NamedTuple

from elsa_rt.errors import UsageError

EXAMPLES = '"yesterday", "2 hours ago", "monday 22:00", "last night", "2026-01-31T22:00"'

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

PARTS = {"morning": (6, 12), "afternoon": (12, 18), "evening": (18, 24), "night": (22, 30)}
"""Hours of the parts of a day; a night ends on the next day."""

_UNITS = {
    "second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1),
    "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30),
    "year": timedelta(days=365),
}  # fmt: skip
_SHORT = {"s": "second", "sec": "second", "min": "minute", "m": "minute", "h": "hour", "d": "day"}
_NUMBERS = {
    "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_AGO = re.compile(r"(?:(half an?|a couple of|[\d.]+|[a-z]+) )?([a-z]+?)s? ago")
_CLOCK = re.compile(r"(\d{1,2})(?::(\d\d)(?::(\d\d))?)? ?(am|pm)?")


class Span(NamedTuple):
    """From one time to another; for an instant both are the same."""

    begin: datetime
    end: datetime


def parse_moment(text: str, now: datetime) -> Span:
    """What ``text`` means at ``now``, which knows its time zone.

    Raises
    ------
    UsageError
        It is no time that is understood.
    """
    words = re.sub(r"[\s,]+", " ", text.strip().lower())
    words = re.sub(r"\b(?:the|on|at|in) ", "", words)
    words = re.sub(r"(?<=\d)(min|sec|s|m|h|d) ago", r" \1 ago", words)
    try:
        found = _iso(text.strip(), now) or _relative(words, now) or _calendar(words, now)
    except OverflowError:
        found = None
    if found is None:
        raise UsageError(f"the time {text!r} is not understood: write it like {EXAMPLES}")
    return found


def iso_time(text: str) -> datetime:
    """Date and time of ISO 8601; "Z" is UTC, which Python 3.10 does not read.

    Raises
    ------
    ValueError
        It is none.
    """
    return datetime.fromisoformat(text.removesuffix("Z") + "+00:00" * text.endswith("Z"))


def _iso(text: str, now: datetime) -> Span | None:
    try:
        at = iso_time(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=now.tzinfo)
    return _day(at) if re.fullmatch(r"\d{4}-?\d\d-?\d\d", text) else Span(at, at)


def _relative(words: str, now: datetime) -> Span | None:
    """An instant before now."""
    if words == "now":
        return Span(now, now)
    match = _AGO.fullmatch(words)
    if match is None:
        return None
    count, unit = match[1] or "1", _SHORT.get(match[2], match[2])
    if unit not in _UNITS:
        return None
    if count.startswith("half"):
        number = 0.5
    elif count.startswith("a couple"):
        number = 2.0
    elif count in _NUMBERS:
        number = float(_NUMBERS[count])
    elif re.fullmatch(r"\d+(?:\.\d+)?", count):
        number = float(count)
    else:
        return None
    at = datetime.fromtimestamp(now.timestamp() - number * _UNITS[unit].total_seconds(), now.tzinfo)
    return Span(at, at)


def _calendar(words: str, now: datetime) -> Span | None:
    """A day, a part of one, a week, month or year, or a time of day."""
    longer = _longer(words, now)
    if longer is not None:
        return longer
    for day in sorted(range(1, len(words) + 1), reverse=True):
        base = _named_day(words[:day].strip(), now)
        rest = words[day:].strip()
        if base is None or (rest and words[day : day + 1] != " "):
            continue
        if not rest:
            return _day(base)
        return _part(base, rest) or _clock(base, rest)
    if words in PARTS or words.removeprefix("this ") in PARTS:
        return _part(now, words.removeprefix("this "))
    if words == "tonight":
        return _part(now, "night")
    if words == "last night":
        # before noon it is the one that has just ended
        return _part(now - timedelta(days=1), "night")
    at = _clock(now, words)
    if at is not None and at.begin > now:
        at = _clock(now - timedelta(days=1), words)
    return at


def _longer(words: str, now: datetime) -> Span | None:
    midnight = _day(now).begin
    weeks = _shifted(midnight, -now.weekday())
    if words in ("this week", "last week"):
        begin = weeks if words[0] == "t" else _shifted(weeks, -7)
        return Span(begin, _shifted(begin, 7))
    if words in ("this month", "last month"):
        begin = midnight.replace(day=1)
        if words[0] == "l":
            begin = _shifted(begin, -1).replace(day=1)
        return Span(begin, _shifted(begin, 32).replace(day=1))
    if words in ("this year", "last year"):
        begin = midnight.replace(month=1, day=1)
        if words[0] == "l":
            begin = begin.replace(year=begin.year - 1)
        return Span(begin, begin.replace(year=begin.year + 1))
    return None


def _named_day(words: str, now: datetime) -> datetime | None:
    """A time on the day that ``words`` name, at midnight."""
    midnight = _day(now).begin
    before = {"today": 0, "yesterday": 1, "day before yesterday": 2}.get(words)
    if before is not None:
        return _shifted(midnight, -before)
    name = words.removeprefix("last ")
    full = [day for day in DAYS if len(name) > 2 and day.startswith(name)]
    if full:
        back = (now.weekday() - DAYS.index(full[0])) % 7
        return _shifted(midnight, -(back or 7 * words.startswith("last ")))
    if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
        span = _iso(words, now)
        return span.begin if span else None
    return None


def _part(day: datetime, words: str) -> Span | None:
    if words not in PARTS:
        return None
    first, last = PARTS[words]
    midnight = _day(day).begin
    return Span(_at(midnight, first), _at(_shifted(midnight, last // 24), last % 24))


def _clock(day: datetime, words: str) -> Span | None:
    words = {"noon": "12:00", "midnight": "00:00"}.get(words, words)
    match = _CLOCK.fullmatch(words)
    if match is None or (match[2] is None and match[4] is None):
        return None
    hour, minute, second = int(match[1]), int(match[2] or 0), int(match[3] or 0)
    if match[4]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (match[4] == "pm")
    if hour > 23 or minute > 59 or second > 59:
        return None
    at = _day(day).begin.replace(hour=hour, minute=minute, second=second)
    return Span(at, at)


def _day(at: datetime) -> Span:
    begin = datetime.combine(at.date(), time(), at.tzinfo)
    return Span(begin, _shifted(begin, 1))


def _shifted(midnight: datetime, days: int) -> datetime:
    """Midnight ``days`` later on the clocks, whatever they did in between."""
    return datetime.combine(midnight.date() + timedelta(days=days), time(), midnight.tzinfo)


def _at(midnight: datetime, hour: int) -> datetime:
    return midnight.replace(hour=hour)
