"""The journal: what staff did. Append-only, each entry chained to the one before by SHA-256.

Answers never appear in it, nor anything about who voted: only deeds of accounts.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from survey import clock
from survey.schema import journal

START = b"\x00" * 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One deed of one account. `detail` holds before, after and reason where there are any."""

    entry: int
    at: str
    account: str
    deed: str
    subject: str
    detail: Mapping[str, object]


def record(
    connection: Connection, *, account: str, deed: str, subject: str, at: str | None = None, **detail: object
) -> None:
    """Appends one entry inside the caller's transaction.

    `deed` is `noun.verb` ("meeting.open"), `subject` what it was done to. Two writers cannot take the same number: the
    second one's transaction fails on the key and nothing of it remains.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7001)")
    last = connection.execute(select(journal.c.entry, journal.c.hash).order_by(journal.c.entry.desc()).limit(1)).first()
    number, previous = (last.entry + 1, last.hash) if last else (1, START)
    at = at or clock.now()
    text = json.dumps(detail, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    connection.execute(
        insert(journal).values(
            entry=number,
            at=at,
            account=account,
            deed=deed,
            subject=subject,
            detail=text,
            previous=previous,
            hash=_hash(previous, number, at, account, deed, subject, text),
        )
    )


def entries(
    connection: Connection, *, limit: int = 200, before: int | None = None, account: str = "", deed: str = "", subject: str = ""
) -> list[Entry]:
    """The newest entries first; `before` an entry's number goes further back. Of one account, of deeds that begin with
    `deed`, of subjects that hold `subject`."""
    query = select(journal).order_by(journal.c.entry.desc()).limit(limit)
    if account:
        query = query.where(journal.c.account == account)
    if deed:
        query = query.where(journal.c.deed.startswith(deed, autoescape=True))
    if subject:
        query = query.where(journal.c.subject.contains(subject, autoescape=True))
    if before is not None:
        query = query.where(journal.c.entry < before)
    return [_entry(row) for row in connection.execute(query)]


def chained(connection: Connection) -> Iterator[tuple[Entry, str]]:
    """Every entry, the oldest first, with its hash in hex."""
    for row in _all(connection):
        yield _entry(row), bytes(row.hash).hex()


def verify(connection: Connection) -> str | None:
    """None when every entry follows from the one before; else the first place where the chain is broken, in words."""
    previous, expected = START, 1
    for row in _all(connection):
        if row.entry != expected:
            return f"第 {expected} 条缺失，其后是第 {row.entry} 条"
        if bytes(row.previous) != previous or bytes(row.hash) != _hash(
            previous, row.entry, row.at, row.account, row.deed, row.subject, row.detail
        ):
            return f"第 {row.entry} 条被改动过"
        previous, expected = bytes(row.hash), expected + 1
    return None


def head(connection: Connection) -> tuple[int, str]:
    """Number of entries and the last hash in hex: noted elsewhere, it also shows that the end was not cut off."""
    last = connection.execute(select(journal.c.hash).order_by(journal.c.entry.desc()).limit(1)).scalar()
    count = connection.execute(select(func.count()).select_from(journal)).scalar_one()
    return count, bytes(last or START).hex()


def _entry(row: Any) -> Entry:
    detail = json.loads(row.detail)
    return Entry(entry=row.entry, at=row.at, account=row.account, deed=row.deed, subject=row.subject, detail=detail)


def _all(connection: Connection) -> Iterator[Any]:
    yield from connection.execute(select(journal).order_by(journal.c.entry))


def _hash(previous: bytes, *parts: object) -> bytes:
    return hashlib.sha256(previous + json.dumps(parts, ensure_ascii=False).encode()).digest()
