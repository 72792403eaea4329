"""The measure's calendar, its working days, and the three days before a meeting."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tally import workday


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("self_report", "2019-01-05"), ("annual_check", "2019-01-31"), ("third_party", "2019-01-31"),
        ("consolidation", "2019-02-10"), ("assessors_report", "2019-02-28"),
    ],
)  # fmt: skip
def test_the_deadlines_of_2018(rules, name, date):
    assert workday.due(rules.deadline(name), 2018) == date


def test_the_last_of_february_of_a_leap_year(rules):
    assert workday.due(rules.deadline("assessors_report"), 2019) == "2020-02-29"
    assert workday.due(rules.deadline("assessors_report"), 2099) == "2100-02-28"


@pytest.mark.parametrize(
    ("date", "is_one"), [("2019-01-04", False), ("2019-01-05", True), ("2019-01-06", True), ("2019-01-07", False)]
)
def test_a_weekend_is_pointed_out(date, is_one):
    assert workday.weekend(date) is is_one


def test_days_off_and_weekend_days_that_are_worked(rules):
    assert not workday.working("2019-02-05", rules.notice)  # 春节
    assert workday.working("2019-02-02", rules.notice)  # a Saturday, worked
    assert workday.working("2019-02-05", None)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2019-03-04", "2019-03-08"),  # Monday to Friday
        ("2019-03-02", "2019-03-08"),  # put up on a Saturday
        ("2019-01-31", "2019-02-11"),  # across 春节: 31 January, 1, 2, 3 (both worked) and 11 February
    ],
)
def test_five_working_days_of_notice(rules, start, end):
    assert workday.notice_end(start, rules.notice) == end


def test_materials_are_due_three_calendar_or_working_days_before(rules):
    assert workday.latest_delivery("2019-01-08", rules) == "2019-01-05"
    assert workday.latest_delivery("2019-01-08", rules.with_choices({"lead_days": "working"})) == "2019-01-03"
    assert workday.latest_delivery("2019-01-02", rules) == "2018-12-30"


@given(some.dates(min_value=datetime.date(1990, 1, 1), max_value=datetime.date(2200, 1, 1)), some.integers(-40, 40))
def test_it_agrees_with_the_calendar(start, days):
    expected, left = start, abs(days)
    while left:
        expected += datetime.timedelta(1 if days > 0 else -1)
        left -= expected.weekday() < 5
    assert workday.add_working(start.isoformat(), days, None) == expected.isoformat()


@pytest.mark.parametrize("date", ["2019-02-29", "2019-13-01", "2019-1-5", "", "2019-01-05T00:00", "0000-01-01"])
def test_what_is_no_date_is_refused(date):
    with pytest.raises(ValueError, match="a date such as"):
        workday.weekend(date)
