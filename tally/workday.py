"""Dates of the measure's calendar, reckoned from the dates given, as ISO texts ("2019-01-05"); today is never asked.

Working days are Monday to Friday, less the rule file's days off, plus the weekend days it says are worked (D-26).
"""

import re

from tally.rulebook import Deadline, Notice, Rulebook

_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")


def due(deadline: Deadline, year: int) -> str:
    """The date of a deadline for assessment year `year`, in the year after; day 0 is the month's last (D-30)."""
    return _iso(year + 1, deadline.month, deadline.day or _length(year + 1, deadline.month))


def weekend(date: str) -> bool:
    """Whether a date is a Saturday or Sunday: nothing moves for it, it is only pointed out (D-30)."""
    return _number(date) % 7 in (5, 6)


def working(date: str, notice: Notice | None) -> bool:
    """Whether a date is a working day; without a list, Monday to Friday."""
    if notice and date in notice.days_on:
        return True
    return not weekend(date) and not (notice and date in notice.days_off)


def between(start: str, end: str) -> int:
    """Days from `start` to `end`; negative when `end` lies before."""
    return _number(end) - _number(start)


def add_working(date: str, days: int, notice: Notice | None) -> str:
    """The date `days` working days after `date` (before it, when negative); `date` itself is not counted."""
    step = 1 if days >= 0 else -1
    left, at = abs(days), _number(date)
    while left:
        at += step
        left -= working(_text(at), notice)
    return _text(at)


def notice_end(start: str, notice: Notice) -> str:
    """The last day of a public notice put up on `start`: the day itself counts when it is a working day (D-26)."""
    first = 1 if working(start, notice) else 0
    return add_working(start, notice.working_days - first, notice)


def latest_delivery(meeting: str, rulebook: Rulebook) -> str:
    """The last date on which materials reach the participants in time: 提前三天 (四（三）1, D-31)."""
    lead = rulebook.lead
    if lead is None:
        return meeting
    if rulebook.value(lead.rule) == "working":
        return add_working(meeting, -lead.days, rulebook.notice)
    return _text(_number(meeting) - lead.days)


def _length(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _iso(year: int, month: int, day: int) -> str:
    return f"{year:04d}-{month:02d}-{day:02d}"


def _number(date: str) -> int:
    """Days since Monday, 1 January of the year 1; `ValueError` for what is no date."""
    match = _ISO.fullmatch(date)
    year, month, day = map(int, match.groups()) if match else (0, 0, 0)
    if not (year >= 1 and 1 <= month <= 12 and 1 <= day <= _length(year, month)):
        raise ValueError(f"{date}: a date such as 2019-01-05")
    before = year - 1
    days = 365 * before + before // 4 - before // 100 + before // 400
    return days + sum(_length(year, each) for each in range(1, month)) + day - 1


def _text(number: int) -> str:
    year = number // 366 + 1
    while _number(_iso(year + 1, 1, 1)) <= number:
        year += 1
    rest, month = number - _number(_iso(year, 1, 1)), 1
    while rest >= _length(year, month):
        rest, month = rest - _length(year, month), month + 1
    return _iso(year, month, rest + 1)
