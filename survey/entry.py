"""What the office and the assessors enter about a subject: scores, points, letters, factors, days, ranks, decided grades.

Each save is one entry of the journal a banner, with what was before and after, and raises the year's revision.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select, update

from survey import journal, roster
from survey.schema import assessor, banner, cycle, decision, factor, grade, person, point, rate, score

TABLES = {
    "score": (score, "score"),
    "point": (point, "points"),
    "grade": (grade, "grade"),
    "factor": (factor, "evidence"),
    "rate": (rate, "number"),
}
Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """A grade the office decided, why, and who approved it where it goes over the 30 % (D-22 to D-24, F-058)."""

    grade: str
    reason: str
    approver: str = ""


def read(connection: Connection, kind: str, year: int, of_banner: str = "") -> dict[Key, str]:
    """A year's facts of a kind, or one banner's: (banner, person, further keys…) -> value as it was entered.

    Kinds and their further keys: score (component) · point (sheet, unit, item) · grade (assessor) · factor (factor) ·
    rate (rate).
    """
    table, value = TABLES[kind]
    keys = ["banner", *_keys(table)]
    query = select(*(table.c[key] for key in keys), table.c[value]).where(table.c.cycle == year)
    if of_banner:
        query = query.where(table.c.banner == of_banner)
    return {tuple(row[:-1]): row[-1] for row in connection.execute(query)}


def save(connection: Connection, kind: str, year: int, of_banner: str, given: Mapping[Key, str], *, by: str) -> int:
    """Sets facts of a banner: (person, further keys…) -> value; an empty value removes one. How many changed.

    Raises ValueError once the year is final.
    """
    table, value_column = TABLES[kind]
    before = {key[1:]: value for key, value in read(connection, kind, year, of_banner).items()}
    changes = {key: value for key, value in given.items() if before.get(key, "") != value}
    if not changes:
        return 0
    still_open(connection, year)
    for key, value in changes.items():
        where = {"cycle": year, "banner": of_banner, **dict(zip(_keys(table), key, strict=True))}
        connection.execute(delete(table).where(*[table.c[name] == each for name, each in where.items()]))
        if value:
            connection.execute(insert(table).values({**where, value_column: value}))
    journal.record(
        connection,
        account=by,
        deed=f"{kind}.enter",
        subject=f"{year} {of_banner}",
        before={_path(key): before.get(key, "") for key in changes},
        after={_path(key): value for key, value in changes.items()},
    )
    roster.changed(connection, year)
    return len(changes)


def save_days(connection: Connection, year: int, of_banner: str, given: Mapping[str, tuple[str, str]], *, by: str) -> int:
    """Sets people's days at the banner and days assigned; "" is missing. How many people changed."""
    rows = connection.execute(select(person).where(person.c.cycle == year, person.c.banner == of_banner)).mappings()
    before = {row["person"]: (row["days"] or "", row["assigned_days"] or "") for row in rows}
    changes = {name: pair for name, pair in given.items() if name in before and before[name] != pair}
    if not changes:
        return 0
    still_open(connection, year)
    for name, (days, assigned) in changes.items():
        query = update(person).where(person.c.cycle == year, person.c.person == name)
        connection.execute(query.values(days=days or None, assigned_days=assigned or None))
    journal.record(
        connection,
        account=by,
        deed="days.enter",
        subject=f"{year} {of_banner}",
        before={name: list(before[name]) for name in changes},
        after={name: list(pair) for name, pair in changes.items()},
    )
    roster.changed(connection, year)
    return len(changes)


def save_rank(connection: Connection, year: int, of_banner: str, rank: str, *, by: str) -> int:
    """Sets a banner's rank: a positive integer, "none", or "" for missing."""
    before = (
        connection.execute(select(banner.c.poverty_rank).where(banner.c.cycle == year, banner.c.banner == of_banner)).scalar()
        or ""
    )
    if before == rank:
        return 0
    still_open(connection, year)
    connection.execute(
        update(banner).where(banner.c.cycle == year, banner.c.banner == of_banner).values(poverty_rank=rank or None)
    )
    journal.record(connection, account=by, deed="rank.enter", subject=f"{year} {of_banner}", before=before, after=rank)
    roster.changed(connection, year)
    return 1


def still_open(connection: Connection, year: int) -> None:
    """Raises ValueError once the year's results are final."""
    if connection.execute(select(cycle.c.state).where(cycle.c.cycle == year)).scalar() == "final":
        raise ValueError("本年度结果已经定稿，不能再改")


# ---- assessors -----------------------------------------------------------------------------------------------------


def assessors(connection: Connection, year: int) -> dict[str, str]:
    """A year's assessors and the unit each comes from."""
    rows = connection.execute(select(assessor).where(assessor.c.cycle == year).order_by(assessor.c.assessor))
    return {row.assessor: row.unit for row in rows}


def put_assessor(connection: Connection, year: int, name: str, unit: str, *, by: str) -> None:
    """Notes an assessor's unit. Raises ValueError where the assessor has graded people of that unit already (D-09)."""
    before = assessors(connection, year).get(name)
    if before == unit:
        return
    query = (
        select(person.c.name)
        .join(grade, (grade.c.cycle == person.c.cycle) & (grade.c.person == person.c.person))
        .where(person.c.cycle == year, person.c.unit == unit, grade.c.assessor == name)
    )
    if graded := list(connection.execute(query).scalars()):
        raise ValueError(f"已经评过同一派出单位的{'、'.join(graded)}，请先清空这些等次")
    connection.execute(delete(assessor).where(assessor.c.cycle == year, assessor.c.assessor == name))
    connection.execute(insert(assessor).values(cycle=year, assessor=name, unit=unit))
    journal.record(connection, account=by, deed="assessor.put", subject=f"{year} {name}", before=before or "", after=unit)


# ---- decisions -----------------------------------------------------------------------------------------------------


def decisions(connection: Connection, year: int) -> dict[tuple[str, str], Decision]:
    """(banner, person) -> what the office decided; a blank person is the team."""
    rows = connection.execute(select(decision).where(decision.c.cycle == year))
    return {(row.banner, row.person): Decision(grade=row.grade, reason=row.reason, approver=row.approver) for row in rows}


def decide(
    connection: Connection, year: int, of_banner: str, of_person: str, new: Decision | None, *, by: str, reason: str = ""
) -> None:
    """Decides a grade other than the one proposed, or where one was needed (D-22, D-24); None takes the decision back.

    Raises ValueError without a reason, or once the year is final.
    """
    because = new.reason if new else reason
    if not because:
        raise ValueError("请写明理由")
    still_open(connection, year)
    before = decisions(connection, year).get((of_banner, of_person))
    match = (decision.c.cycle == year, decision.c.banner == of_banner, decision.c.person == of_person)
    connection.execute(delete(decision).where(*match))
    if new:
        connection.execute(
            insert(decision).values(
                cycle=year, banner=of_banner, person=of_person, grade=new.grade, reason=new.reason, approver=new.approver
            )
        )
    journal.record(
        connection,
        account=by,
        deed="grade.decide",
        subject=f"{year} {of_banner} {of_person}".strip(),
        reason=because,
        before={"grade": before.grade, "approver": before.approver} if before else {},
        after={"grade": new.grade, "approver": new.approver} if new else {},
    )


def _keys(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns if column.name not in ("cycle", "banner")]


def _path(key: Key) -> str:
    return "/".join(filter(None, key))
