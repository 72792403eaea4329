"""Days and what people read are Beijing's, whatever the machine's clock says."""

from datetime import UTC, datetime

import pytest

from survey import clock


@pytest.mark.parametrize(
    ("moment", "day"), [("2018-12-31T15:59:59+00:00", "2018-12-31"), ("2018-12-31T16:00:00+00:00", "2019-01-01")]
)
def test_a_day_begins_at_midnight_in_beijing(monkeypatch, moment, day):
    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(moment).astimezone(tz)

    monkeypatch.setattr(clock, "datetime", Frozen)
    assert clock.today() == day
    assert clock.now() == moment


def test_a_stored_moment_is_shown_as_the_office_reads_it():
    assert clock.shown("2019-01-09T23:30:00+00:00") == "2019-01-10 07:30:00"
    assert clock.shown(datetime(2019, 1, 10, 1, 2, 3, tzinfo=UTC).isoformat()) == "2019-01-10 09:02:03"
