"""The noun *collection*: a place where answers are gathered, and its SQL.

draft → open → closing → sealed, or void. A meeting's secret ballot (`appraisal`) or a banner's survey (`opinion`); reached by
slips or by one link with a cap.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from flask_babel import gettext as _
from sqlalchemy import Boolean, Connection, Engine, func, insert, select, update

from survey import clock, db, instrument, questionnaire
from survey.instrument import Form, Rated
from survey.schema import banner as banner_table
from survey.schema import collection, cycle, person, slip

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U
POSITIONS = ("captain", "deputy", "liaison", "member")


@dataclass(frozen=True, kw_only=True, slots=True)
class Collection:
    """One row of `collection`; the columns are described in the schema."""

    collection: str
    cycle: int
    banner: str
    kind: str
    village: str
    title: str
    mode: str
    state: str
    origin: str
    instrument: str
    form: str | None
    length: int | None
    cap: int | None
    smallest_group: int
    large: bool
    trial: bool
    place: str
    held_on: str | None
    delivered_on: str | None
    expected: int | None
    present: int | None
    issued: int | None
    teller: str | None
    scrutineer: str | None
    reasons: Mapping[str, str]
    closes_at: str | None
    opened_on: str | None
    sealed_on: str | None
    published: Mapping[str, Any] | None
    emptied: bool = False

    @property
    def collecting(self) -> bool:
        """True while answers enter: open, or closing (paper and rescue files only)."""
        return self.state in ("open", "closing")

    def phase(self) -> str:
        """The state, with an announced end that has passed already taken as closing."""
        if self.state == "open" and self.closes_at and self.closes_at <= clock.now():
            return "closing"
        return self.state


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Slips by state, whole and by (medium, voice)."""

    unspent: int = 0
    spent: int = 0
    void: int = 0
    by: Mapping[tuple[str, str], Mapping[str, int]]

    @property
    def made(self) -> int:
        """All slips ever made."""
        return self.unspent + self.spent + self.void


def new_id(length: int = 8) -> str:
    """A random public id in Crockford's alphabet."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def get(connection: Connection, name: str) -> Collection | None:
    """The collection of that id."""
    row = connection.execute(select(collection).where(collection.c.collection == name)).first()
    return _from_row(row) if row else None


def hold(connection: Connection, name: str) -> Collection | None:
    """The collection as it is now, held until the transaction ends: whoever changes its slips or ends it does so one after the other, and
    before the writer or after it (which holds the same row shared)."""
    row = connection.execute(select(collection).where(collection.c.collection == name).with_for_update()).first()
    return _from_row(row) if row else None


def look(name: str, *, column: str = "qr", digest: bytes = b"") -> tuple[Collection, tuple[bytes, str, str, str] | None] | None:
    """The collection of that id and, where one has this digest in `column` (qr or code), a slip's (qr, voice, medium, state).

    One statement, for what every vote reads; a collection is made anew only when its row is another. One that was open a moment ago is
    not read again: a page may show a meeting another process ended within the last `MOMENT`, whose ballots the writer refuses.
    """
    on, now = db.engine(), time.monotonic()
    seen = _open.setdefault(on, {})
    at, known = seen.get(name, (0.0, None))
    if known and column == "qr" and digest and now - at < MOMENT:
        return known, _slip(db.look_up(_AGAIN, name, digest))
    row = db.look_up(_LOOK[column, on.dialect.name], digest, name)
    if row is None:
        return None
    known = _known(name, tuple(row[4:]))
    if known.state == "open":
        seen[name] = (now, known)
    else:
        seen.pop(name, None)
    return known, _slip(row)


def _slip(row: Sequence[Any] | None) -> tuple[bytes, str, str, str] | None:
    return (bytes(row[0]), *row[1:4]) if row and row[0] is not None else None


def holding(name: str, receipt: str) -> Collection | None:
    """The collection of that id, where an answer with this receipt is in its box or counted; None where there is none."""
    row = db.look_up(_HOLDING[db.engine().dialect.name], name, name, receipt, name, receipt, waits=True)
    return _known(name, tuple(row)) if row else None


MOMENT = 0.05  # seconds
_open: WeakKeyDictionary[Engine, dict[str, tuple[float, Collection]]] = WeakKeyDictionary()  # open collections, and when they were read
_AGAIN = "SELECT qr, voice, medium, state FROM slip WHERE collection = ? AND qr = ?"
_COLUMNS = [each.name for each in collection.columns]
# By what one version of a collection's row is told from another. PostgreSQL has a name for each; in SQLite it is the row itself,
# of whose form, which is long and never changes once it is frozen, only whether it is there.
_VERSION = {
    "sqlite": ",".join("c.form IS NOT NULL" if name == "form" else f"c.{name}" for name in _COLUMNS),
    "postgresql": "c.xmin, c.ctid",
}
_LOOK = {
    (column, dialect): (
        f"SELECT s.qr, s.voice, s.medium, s.state, {version} "
        f"FROM collection c LEFT JOIN slip s ON s.collection = c.collection AND s.{column} = ? WHERE c.collection = ?"
    )
    for column in ("qr", "code")
    for dialect, version in _VERSION.items()
}
_HOLDING = {
    dialect: (
        f"SELECT {version} FROM collection c WHERE c.collection = ? AND EXISTS (SELECT 1 FROM box WHERE collection = ? AND receipt = ? "
        "UNION ALL SELECT 1 FROM receipt WHERE collection = ? AND receipt = ?)"
    )
    for dialect, version in _VERSION.items()
}
_WHOLE = {
    dialect: f"SELECT {','.join(f'c.{name}' for name in _COLUMNS)}, {version} FROM collection c WHERE c.collection = ?"
    for dialect, version in _VERSION.items()
}
_FLAGS = {each.name for each in collection.columns if isinstance(each.type, Boolean)}
_kept: WeakKeyDictionary[Engine, dict[tuple[Any, ...], Collection]] = WeakKeyDictionary()


def _known(name: str, version: tuple[Any, ...]) -> Collection:
    """The collection of a row's version. One that is not kept is read whole, and kept under the version it has then."""
    on = db.engine()
    kept = _kept.setdefault(on, {})
    found = kept.get((name, version))
    if found is None:
        row = db.look_up(_WHOLE[on.dialect.name], name)
        assert row is not None  # a collection is never deleted
        named = dict(zip(_COLUMNS, row, strict=False))
        found = _made({key: bool(value) if key in _FLAGS else value for key, value in named.items()})
        kept[name, tuple(row[len(_COLUMNS) :])] = found
        for old in list(kept)[:-256]:
            kept.pop(old, None)
    return found


def of_cycle(connection: Connection, year: int) -> list[Collection]:
    """All collections of a year, by banner, kind and id."""
    query = select(collection).where(collection.c.cycle == year)
    rows = connection.execute(query.order_by(collection.c.banner, collection.c.kind, collection.c.collection))
    return [_from_row(row) for row in rows]


def of_banner(connection: Connection, year: int, banner: str) -> list[Collection]:
    """A banner's collections of a year: several sittings pool (BOX.md, step 1)."""
    return [each for each in of_cycle(connection, year) if each.banner == banner]


def open_ids(connection: Connection) -> list[str]:
    """Ids of the collections a typed code may belong to: those not ended."""
    query = select(collection.c.collection).where(
        collection.c.state.in_(("draft", "open", "closing")), collection.c.mode == "slips"
    )
    return list(connection.execute(query).scalars())


def draft(
    connection: Connection,
    *,
    cycle: int,
    banner: str,
    kind: str,
    mode: str,
    title: str,
    instrument: str | None = None,
    village: str = "",
    cap: int | None = None,
    trial: bool = False,
    large: bool = False,
    place: str = "",
    held_on: str | None = None,
    smallest_group: int = 5,
) -> str:
    """A new collection in draft; its id. Raises ValueError for a kind, mode or cap that cannot be."""
    if kind not in ("appraisal", "opinion") or mode not in ("slips", "link"):
        raise ValueError(f"no such collection: {kind}, {mode}")
    if mode == "link" and not (cap and 0 < cap <= 100_000):
        raise ValueError(_("链接方式要写明最多收多少份（1 到 100000）"))
    name = new_id()
    connection.execute(
        insert(collection).values(
            collection=name, cycle=cycle, banner=banner, kind=kind, mode=mode, title=title, instrument=instrument or kind,
            village=village, cap=cap, trial=trial, large=large, place=place, held_on=held_on, smallest_group=smallest_group,
        )
    )  # fmt: skip
    return name


def change(connection: Connection, name: str, **columns: object) -> None:
    """Sets columns of a collection; mappings are kept as JSON."""
    read_anew(connection, name)
    values = {
        key: json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, Mapping) else value
        for key, value in columns.items()
    }
    connection.execute(update(collection).where(collection.c.collection == name).values(**values))


def read_anew(connection: Connection, name: str) -> None:
    """This process changes a collection: it takes it no more for what it was a moment ago."""
    _open.get(connection.engine, {}).pop(name, None)


def form(connection: Connection, of: Collection) -> Form:
    """The form of a collection: frozen from opening on, before that built from the roster as it is now."""
    if of.form:
        return instrument.from_json(of.form)
    rows = connection.execute(
        select(person).where(person.c.cycle == of.cycle, person.c.banner == of.banner).order_by(person.c.person)
    ).all()
    rank = {position: at for at, position in enumerate(POSITIONS)}
    people = tuple(
        Rated(id=r.person, name=r.name, position=r.position, unit=r.unit)
        for r in sorted(rows, key=lambda r: (rank.get(r.position, 9), r.person))
    )
    chosen = connection.execute(select(cycle.c.choices).where(cycle.c.cycle == of.cycle)).scalar() or "{}"
    team_row = of.kind == "appraisal" and json.loads(chosen).get("team_appraisal") == "row"
    name = questionnaire.name_of(of.instrument)
    asked = questionnaire.get(connection, name) if name else instrument.load(of.instrument)
    return Form(instrument=asked, people=people, team=of.banner, team_row=team_row)


def counts(connection: Connection, name: str) -> Counts:
    """Slips counted by state, medium and voice. Grows with the slips of this one collection, not with what is stored."""
    query = select(slip.c.medium, slip.c.voice, slip.c.state, func.count()).where(slip.c.collection == name)
    by: dict[tuple[str, str], dict[str, int]] = {}
    for medium, voice, state, number in connection.execute(query.group_by(slip.c.medium, slip.c.voice, slip.c.state)):
        by.setdefault((medium, voice), {})[state] = number
    total = {state: sum(each.get(state, 0) for each in by.values()) for state in ("unspent", "spent", "void")}
    return Counts(**total, by=by)


def league(connection: Connection, of: Collection) -> str:
    """The league of the collection's banner."""
    query = select(banner_table.c.league).where(banner_table.c.cycle == of.cycle, banner_table.c.banner == of.banner)
    return connection.execute(query).scalar() or ""


def _from_row(row: Any) -> Collection:
    return _made(dict(row._mapping))


def _made(values: dict[str, Any]) -> Collection:
    values["reasons"] = json.loads(values["reasons"])
    values["published"] = json.loads(values["published"]) if values["published"] else None
    return Collection(**values)
