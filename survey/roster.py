"""The nouns of the roster and their SQL: cycle (年度), banner (旗县), village (嘎查村), person (a team's member).

Every deed here that changes a fact raises the cycle's revision, so that a kept result knows when it is out of date.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection, and_, delete, func, insert, select, update

from survey import journal
from survey.schema import banner, collection, cycle, material, person, village

POSITIONS = ("captain", "deputy", "liaison", "member")
LEVELS = ("national", "regional")
PRESET = Path(__file__).parent / "presets" / "banners.csv"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cycle:
    """One year's assessment. `choices` holds only those that are not the default."""

    cycle: int
    measure: str
    ranked_total: int | None = None
    choices: Mapping[str, str]
    state: str = "open"
    demo: bool = False
    revision: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Banner:
    """A banner with a team. `poverty_rank` is a whole number as text, "none", or None while it is missing."""

    banner: str
    league: str = ""
    level: str = ""
    poverty_rank: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A member of a banner's team, of any position. Days are decimal text, None while missing."""

    person: str
    name: str
    banner: str
    position: str
    unit: str = ""
    days: str | None = None
    assigned_days: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Village:
    """A village that was drawn or may be surveyed."""

    banner: str
    township: str
    village: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """One of the 57 poor banners, with its townships."""

    banner: str
    league: str
    level: str
    townships: tuple[str, ...]


# ---- cycle ---------------------------------------------------------------------------------------------------------


def cycles(connection: Connection) -> list[Cycle]:
    """All years, the newest first, real ones before the demo's."""
    return [_cycle(row) for row in connection.execute(select(cycle).order_by(cycle.c.demo, cycle.c.cycle.desc()))]


def get_cycle(connection: Connection, year: int) -> Cycle | None:
    """One year."""
    row = connection.execute(select(cycle).where(cycle.c.cycle == year)).first()
    return _cycle(row) if row else None


def create_cycle(
    connection: Connection,
    *,
    year: int,
    measure: str,
    by: str,
    ranked_total: int | None = None,
    choices: Mapping[str, str] | None = None,
    demo: bool = False,
) -> None:
    """A new year. Raises ValueError where it is there already."""
    if get_cycle(connection, year):
        raise ValueError(_("%(year)s 年度已经有了", year=year))
    connection.execute(
        insert(cycle).values(cycle=year, measure=measure, ranked_total=ranked_total, choices=_json(choices or {}), demo=demo)
    )
    journal.record(
        connection,
        account=by,
        deed="cycle.create",
        subject=str(year),
        measure=measure,
        ranked_total=ranked_total,
        choices=dict(choices or {}),
    )


def change_cycle(connection: Connection, of: Cycle, *, by: str, ranked_total: int | None, choices: Mapping[str, str]) -> None:
    """Other choices or another total. Raises ValueError once a collection of the year has opened."""
    if began(connection, of.cycle):
        raise ValueError(_("已有会议或调查开过箱，办法的选择不能再改"))
    connection.execute(update(cycle).where(cycle.c.cycle == of.cycle).values(ranked_total=ranked_total, choices=_json(choices)))
    changed(connection, of.cycle)
    journal.record(
        connection,
        account=by,
        deed="cycle.change",
        subject=str(of.cycle),
        before={"ranked_total": of.ranked_total, "choices": dict(of.choices)},
        after={"ranked_total": ranked_total, "choices": dict(choices)},
    )


def began(connection: Connection, year: int) -> bool:
    """Whether any real collection of the year has ever opened."""
    query = select(func.count()).where(
        collection.c.cycle == year,
        collection.c.opened_on.is_not(None),
        collection.c.trial.is_(False),
        collection.c.state != "void",
    )
    return bool(connection.execute(query).scalar_one())


def changed(connection: Connection, year: int) -> None:
    """Notes that a fact of the year changed."""
    connection.execute(update(cycle).where(cycle.c.cycle == year).values(revision=cycle.c.revision + 1))


# ---- banner --------------------------------------------------------------------------------------------------------


def banners(connection: Connection, year: int) -> list[Banner]:
    """A year's banners by league and name."""
    rows = connection.execute(select(banner).where(banner.c.cycle == year).order_by(banner.c.league, banner.c.banner))
    return [Banner(banner=r.banner, league=r.league, level=r.level, poverty_rank=r.poverty_rank) for r in rows]


def get_banner(connection: Connection, year: int, name: str) -> Banner | None:
    """One banner of a year."""
    return next((each for each in banners(connection, year) if each.banner == name), None)


def put_banner(connection: Connection, year: int, new: Banner, *, by: str) -> None:
    """Adds a banner, or changes the one of that name; one row in the journal when anything changed."""
    old = get_banner(connection, year, new.banner)
    if old == new:
        return
    values = {"league": new.league, "level": new.level, "poverty_rank": new.poverty_rank}
    if old:
        connection.execute(update(banner).where(banner.c.cycle == year, banner.c.banner == new.banner).values(**values))
    else:
        connection.execute(insert(banner).values(cycle=year, banner=new.banner, **values))
    changed(connection, year)
    before = {"league": old.league, "level": old.level, "poverty_rank": old.poverty_rank} if old else None
    journal.record(connection, account=by, deed="banner.put", subject=f"{year} {new.banner}", before=before, after=values)


def put_banners(connection: Connection, year: int, many: Iterable[Banner], *, by: str) -> int:
    """Adds or changes banners; how many there were."""
    count = 0
    for each in many:
        put_banner(connection, year, each, by=by)
        count += 1
    return count


def remove_banner(connection: Connection, year: int, name: str, *, by: str) -> None:
    """Removes a banner nothing hangs on yet. Raises ValueError where it has people, villages or collections."""
    for table, what in ((person, _("人员")), (village, _("嘎查村")), (collection, _("会议或调查"))):
        query = select(func.count()).select_from(table).where(and_(table.c.cycle == year, table.c.banner == name))
        if connection.execute(query).scalar_one():
            raise ValueError(_("%(name)s还有%(what)s，不能删去", name=name, what=what))
    connection.execute(delete(banner).where(banner.c.cycle == year, banner.c.banner == name))
    changed(connection, year)
    journal.record(connection, account=by, deed="banner.remove", subject=f"{year} {name}")


@lru_cache(maxsize=1)
def presets() -> tuple[Preset, ...]:
    """The 57 poor banners of the region and their townships, from `presets/banners.csv`."""
    levels = {"国家级": "national", "自治区级": "regional"}
    with PRESET.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    return tuple(
        Preset(banner=row[3], league=row[2], level=levels.get(row[4], ""), townships=tuple(filter(None, row[7].split("、"))))
        for row in rows[1:]
        if row and row[3]
    )


# ---- village -------------------------------------------------------------------------------------------------------


def villages(connection: Connection, year: int, of: str | None = None) -> list[Village]:
    """A year's villages, or one banner's."""
    query = select(village).where(village.c.cycle == year)
    if of is not None:
        query = query.where(village.c.banner == of)
    rows = connection.execute(query.order_by(village.c.banner, village.c.township, village.c.village))
    return [Village(banner=r.banner, township=r.township, village=r.village) for r in rows]


def put_villages(connection: Connection, year: int, of: str, many: Iterable[Village], *, by: str) -> None:
    """Makes `many` the villages of a banner."""
    old = [f"{v.township} {v.village}" for v in villages(connection, year, of)]
    rows = sorted({(v.township, v.village) for v in many})
    new = [" ".join(each) for each in rows]
    if old == new:
        return
    connection.execute(delete(village).where(village.c.cycle == year, village.c.banner == of))
    if rows:
        connection.execute(insert(village), [{"cycle": year, "banner": of, "township": t, "village": v} for t, v in rows])
    changed(connection, year)
    journal.record(connection, account=by, deed="village.put", subject=f"{year} {of}", before=old, after=new)


# ---- person --------------------------------------------------------------------------------------------------------


def people(connection: Connection, year: int, of: str | None = None) -> list[Person]:
    """A year's people, or one banner's, by banner, position and id."""
    query = select(person).where(person.c.cycle == year)
    if of is not None:
        query = query.where(person.c.banner == of)
    rank = {position: at for at, position in enumerate(POSITIONS)}
    rows = [_person(row) for row in connection.execute(query)]
    return sorted(rows, key=lambda p: (p.banner, rank.get(p.position, 9), p.person))


def get_person(connection: Connection, year: int, name: str) -> Person | None:
    """One person by id."""
    row = connection.execute(select(person).where(person.c.cycle == year, person.c.person == name)).first()
    return _person(row) if row else None


def put_person(connection: Connection, year: int, new: Person, *, by: str) -> None:
    """Adds a person, or changes the one of that id. Raises ValueError for an unknown banner or position."""
    old = get_person(connection, year, new.person)
    if old == new:
        return
    if get_banner(connection, year, new.banner) is None:
        raise ValueError(_("没有这个旗县：%(name)s", name=new.banner))
    if new.position not in POSITIONS:
        raise ValueError(_("没有这个职务：%(name)s", name=new.position))
    values = _values(new)
    if old:
        connection.execute(update(person).where(person.c.cycle == year, person.c.person == new.person).values(**values))
    else:
        connection.execute(insert(person).values(cycle=year, person=new.person, **values))
    changed(connection, year)
    journal.record(
        connection,
        account=by,
        deed="person.put",
        subject=f"{year} {new.person}",
        before=_values(old) if old else None,
        after=values,
    )


def put_people(connection: Connection, year: int, many: Iterable[Person], *, by: str) -> int:
    """Adds or changes people; how many there were."""
    count = 0
    for each in many:
        put_person(connection, year, each, by=by)
        count += 1
    return count


def remove_person(connection: Connection, year: int, name: str, *, by: str) -> None:
    """Removes a person about whom nothing was entered. Raises ValueError where something was, or a form is frozen."""
    from survey import schema

    old = get_person(connection, year, name)
    if old is None:
        return
    for table in (schema.point, schema.score, schema.grade, schema.factor, schema.decision, schema.material):
        query = select(func.count()).select_from(table).where(table.c.cycle == year, table.c.person == name)
        if connection.execute(query).scalar_one():
            raise ValueError(_("已经录入了%(name)s的分数或材料，不能删去", name=old.name))
    opened = select(func.count()).where(
        collection.c.cycle == year, collection.c.banner == old.banner, collection.c.state.in_(("open", "closing", "sealed"))
    )
    if connection.execute(opened).scalar_one():
        raise ValueError(_("本旗县已有开过箱的会议或调查，名单不能再删"))
    connection.execute(delete(person).where(person.c.cycle == year, person.c.person == name))
    changed(connection, year)
    journal.record(connection, account=by, deed="person.remove", subject=f"{year} {name}", before=_values(old))


def next_id(connection: Connection, year: int) -> str:
    """A free person's id: P and a number of four digits or more."""
    taken = set(connection.execute(select(person.c.person).where(person.c.cycle == year)).scalars())
    number = len(taken) + 1
    while f"P{number:04d}" in taken:
        number += 1
    return f"P{number:04d}"


# ---- material ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """A report the voters may read: the team's (`person` = ""), or a person's 述职. `size` in bytes."""

    material: str
    banner: str
    person: str
    title: str
    size: int


def materials(connection: Connection, year: int, of: str) -> list[Material]:
    """A banner's materials, the team's first."""
    query = select(
        material.c.material,
        material.c.banner,
        material.c.person,
        material.c.title,
        func.length(material.c.content).label("size"),
    )
    rows = connection.execute(
        query.where(material.c.cycle == year, material.c.banner == of).order_by(material.c.person, material.c.title)
    )
    return [Material(material=r.material, banner=r.banner, person=r.person, title=r.title, size=r.size) for r in rows]


def material_content(connection: Connection, year: int, name: str) -> tuple[str, bytes] | None:
    """A material's banner and its PDF."""
    row = connection.execute(
        select(material.c.banner, material.c.content).where(material.c.cycle == year, material.c.material == name)
    ).first()
    return (row.banner, bytes(row.content)) if row else None


def add_material(connection: Connection, year: int, new: Material, content: bytes, *, by: str) -> None:
    """Keeps a PDF. Raises ValueError for what is none, or for a person of another banner."""
    if not content.startswith(b"%PDF-"):
        raise ValueError(_("只收 PDF 文件。"))
    if new.person and (found := get_person(connection, year, new.person)) and found.banner != new.banner:
        raise ValueError(_("这个人不在本旗县的名册里"))
    connection.execute(
        insert(material).values(
            cycle=year, material=new.material, banner=new.banner, person=new.person, title=new.title, content=content
        )
    )
    journal.record(
        connection,
        account=by,
        deed="material.add",
        subject=f"{year} {new.banner}",
        title=new.title,
        person=new.person,
        bytes=len(content),
        sha256=sha256(content).hexdigest(),
    )


def remove_material(connection: Connection, year: int, name: str, *, by: str) -> None:
    """Removes a material."""
    row = connection.execute(
        select(material.c.banner, material.c.title).where(material.c.cycle == year, material.c.material == name)
    ).first()
    if row:
        connection.execute(delete(material).where(material.c.cycle == year, material.c.material == name))
        journal.record(connection, account=by, deed="material.remove", subject=f"{year} {row.banner}", title=row.title)


# ---- rows ----------------------------------------------------------------------------------------------------------


def _json(choices: Mapping[str, str]) -> str:
    return json.dumps(dict(choices), ensure_ascii=False, sort_keys=True)


def _cycle(row: Any) -> Cycle:
    return Cycle(
        cycle=row.cycle,
        measure=row.measure,
        ranked_total=row.ranked_total,
        choices=json.loads(row.choices),
        state=row.state,
        demo=row.demo,
        revision=row.revision,
    )


def _person(row: Any) -> Person:
    return Person(
        person=row.person,
        name=row.name,
        banner=row.banner,
        position=row.position,
        unit=row.unit,
        days=row.days,
        assigned_days=row.assigned_days,
    )


def _values(of: Person) -> dict[str, str | None]:
    return {
        "name": of.name,
        "banner": of.banner,
        "position": of.position,
        "unit": of.unit,
        "days": of.days,
        "assigned_days": of.assigned_days,
    }
