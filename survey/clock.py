"""The office's clock: Beijing time, whatever the machine's is. Moments are stored in UTC; days, and what people read, are told here."""

from datetime import UTC, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))  # all of China, the whole year


def now() -> str:
    """This moment as it is stored: UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def today() -> str:
    """Today's date where the office is, as YYYY-MM-DD."""
    return datetime.now(BEIJING).date().isoformat()


def shown(moment: str) -> str:
    """A stored moment as people read it: `2019-01-10 09:30:00`."""
    return datetime.fromisoformat(moment).astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
