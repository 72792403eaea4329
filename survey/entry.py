"""What the office enters about a subject: scores, points, letters, factors, days, ranks, decided grades.

Each save is one entry of the journal with what was before and after, and raises the year's revision.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, Table, delete, insert, select, update

from survey import journal, roster
from survey.schema import banner, decision, factor, grade, person, point, score

VALUE = {"score": "score", "point": "points", "grade": "grade", "factor": "evidence", "decision": "grade"}
TABLES = {"score": score, "point": point, "grade": grade, "factor": factor}
Key = tuple[str, ...]


def read(connection: Connection, kind: str, year: int, of_banner: str) -> dict[Key, str]:
    """A banner's facts of a kind: (person, further keys…) -> value as it was entered."""
    table = TABLES[kind]
    keys = _keys(table)
    rows = connection.execute(select(table).where(table.c.cycle == year, table.c.banner == of_banner)).mappings()
    return {tuple(row[key] for key in keys): row[VALUE[kind]] for row in rows}


def save(connection: Connection, kind: str, year: int, of_banner: str, given: Mapping[Key, str], *, by: str) -> int:
    """Sets facts of a banner; an empty value removes one. How many changed."""
    table = TABLES[kind]
    before = read(connection, kind, year, of_banner)
    changes = {key: value for key, value in given.items() if before.get(key, "") != value}
    for key, value in changes.items():
        where = {"cycle": year, "banner": of_banner, **dict(zip(_keys(table), key, strict=True))}
        connection.execute(delete(table).where(*[table.c[name] == each for name, each in where.items()]))
        if value:
            connection.execute(insert(table).values({**where, VALUE[kind]: value}))
    if changes:
        journal.record(
            connection, account=by, deed=f"{kind}.enter", subject=f"{year} {of_banner}",
            before={"/".join(key): before.get(key, "") for key in changes}, after={"/".join(k): v for k, v in changes.items()},
        )  # fmt: skip
        roster.changed(connection, year)
    return len(changes)


def save_days(connection: Connection, year: int, of_banner: str, given: Mapping[str, tuple[str, str]], *, by: str) -> int:
    """Sets people's days at the banner and days assigned; "" is missing. How many people changed."""
    rows = connection.execute(select(person).where(person.c.cycle == year, person.c.banner == of_banner)).mappings()
    before = {row["person"]: (row["days"] or "", row["assigned_days"] or "") for row in rows}
    changes = {name: pair for name, pair in given.items() if name in before and before[name] != pair}
    for name, (days, assigned) in changes.items():
        query = update(person).where(person.c.cycle == year, person.c.person == name)
        connection.execute(query.values(days=days or None, assigned_days=assigned or None))
    if changes:
        journal.record(
            connection, account=by, deed="days.enter", subject=f"{year} {of_banner}",
            before={name: list(before[name]) for name in changes}, after={name: list(pair) for name, pair in changes.items()},
        )  # fmt: skip
        roster.changed(connection, year)
    return len(changes)


def save_rank(connection: Connection, year: int, of_banner: str, rank: str, *, by: str) -> int:
    """Sets a banner's rank: a positive integer, "none", or "" for missing."""
    before = connection.execute(select(banner.c.poverty_rank).where(banner.c.cycle == year, banner.c.banner == of_banner)).scalar() or ""
    if before == rank:
        return 0
    connection.execute(update(banner).where(banner.c.cycle == year, banner.c.banner == of_banner).values(poverty_rank=rank or None))
    journal.record(connection, account=by, deed="rank.enter", subject=f"{year} {of_banner}", before=before, after=rank)
    roster.changed(connection, year)
    return 1


def decisions(connection: Connection, year: int) -> dict[tuple[str, str], tuple[str, str]]:
    """(banner, person) -> (grade, reason) as the office decided."""
    rows = connection.execute(select(decision).where(decision.c.cycle == year))
    return {(row.banner, row.person): (row.grade, row.reason) for row in rows}


def decide(connection: Connection, year: int, of_banner: str, of_person: str, *, grade_: str, reason: str, by: str) -> None:
    """Decides a grade other than the one proposed, or where one was needed (D-22, D-24); a reason is required.

    Raises ValueError without a reason. An empty grade takes the decision back.
    """
    if not reason.strip():
        raise ValueError("请写明理由")
    before = decisions(connection, year).get((of_banner, of_person))
    match = (decision.c.cycle == year, decision.c.banner == of_banner, decision.c.person == of_person)
    connection.execute(delete(decision).where(*match))
    if grade_:
        connection.execute(insert(decision).values(cycle=year, banner=of_banner, person=of_person, grade=grade_, reason=reason.strip()))
    journal.record(
        connection, account=by, deed="grade.decide", subject=f"{year} {of_banner} {of_person}".strip(),
        before=list(before or ()), after=[grade_, reason.strip()],
    )  # fmt: skip


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns if column.name not in ("cycle", "banner")]
