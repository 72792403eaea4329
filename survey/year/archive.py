"""The year as one file (归档, F-212): a SQLite database that opens anywhere and still does when this program does not.

It is the year's year book, so `flask score FILE` reckons it again, and beside it the tables `archive_…`: what it is, the rule
file's text, results with every step and the office's decisions, what the office kept outside the year book, what each sealed
box published with its roots, the journal, and a checksum of every table. All tables are STRICT; steps are indexed for search.
What D-27 hides is hidden here too.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, LargeBinary, select
from sqlite_utils import Database

from survey import clock, entry, journal, schema
from survey.box import publish
from survey.year import scoring, site, yearbook
from survey.year.yearbook.database import ARCHIVE
from tally.number import fixed
from tally.outcome import Row
from tally.step import Step, calculation, shown

FORMAT = "1"
_compact = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
BESIDE = (schema.assessor, schema.decision, schema.draw, schema.material, schema.rate, schema.village, schema.wording)  # not in a year book
# Marks of the appraisal counted from the year book's ballots, beside the sums the boxes published: no row, no difference.
RECOUNT = f"""
WITH told AS (SELECT banner FROM {ARCHIVE}collection WHERE kind='appraisal' GROUP BY banner HAVING min(state='sealed' AND tallied)),
ours AS (SELECT banner, person, item, grade, count(*) AS number FROM ballots GROUP BY 1, 2, 3, 4),
theirs AS (
  SELECT banner, subject AS person, question AS item, answer AS grade, sum(count) AS number
  FROM {ARCHIVE}tally JOIN {ARCHIVE}collection USING (collection) WHERE kind='appraisal' AND count > 0 GROUP BY 1, 2, 3, 4
)
SELECT banner, person, item, grade, ours.number AS counted, theirs.number AS published
FROM ours FULL JOIN theirs USING (banner, person, item, grade)
WHERE banner IN (SELECT banner FROM told) AND ours.number IS NOT theirs.number
"""


def write(connection: Connection, year: int, path: Path) -> None:
    """Writes the archive of a year to `path`; a file there is replaced when the new one is whole.

    Raises KeyError for a year that is not there, OSError where the file cannot be written or the disk is full.
    """
    book, found = site.give_out(connection, year), scoring.reckoned(connection, year)
    if book is None or found is None:
        raise KeyError(year)
    part = path.with_name(path.name + ".part.db")
    try:
        yearbook.write(book, part)
        file = Database(part)
        try:
            with file.atomic():
                _about(file, connection, year, found)
                _results(file, connection, year, found)
                _boxes(file, connection, year)
                for table in BESIDE:
                    _beside(file, connection, year, table)
                _journal(file, connection)
                _table(file, "checksum", {"name": str, "rows": int, "sha256": str}, "name", _checksums(file))
                file.create_view(f"{ARCHIVE}recount", RECOUNT)
        finally:
            file.close()
        part.replace(path)
    except sqlite3.OperationalError as error:
        raise OSError(str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _table(
    file: Database, name: str, columns: Mapping[str, type], pk: Any, rows: Iterable[Mapping[str, object]], foreign_keys: Any = ()
) -> None:
    file[f"{ARCHIVE}{name}"].create(dict(columns), pk=pk, foreign_keys=foreign_keys, strict=True)  # type: ignore[union-attr]
    values = ", ".join(f":{each}" for each in columns)
    file.conn.executemany(f'INSERT INTO "{ARCHIVE}{name}" VALUES ({values})', rows)  # four times as fast as row by row


def _about(file: Database, connection: Connection, year: int, found: scoring.Reckoned) -> None:
    cycle = schema.cycle.c
    row = connection.execute(select(cycle.state, cycle.demo).where(cycle.cycle == year)).one()
    about = {
        "format": FORMAT,
        "year": str(year),
        "measure": found.outcome.measure,
        "rules_sha256": found.outcome.rules_sha256,
        "state": row.state,
        "demo": "演示数据" if row.demo else "",
        "made_at": clock.now(),
        "left_out": "、".join(site.left_out(connection, year)),
    }
    _table(file, "about", {"key": str, "value": str}, "key", [{"key": key, "value": value} for key, value in about.items()])
    text = yearbook.rule_text(found.outcome.measure)
    digest = hashlib.sha256(text.encode()).hexdigest()
    _table(
        file, "rule", {"measure": str, "sha256": str, "text": str}, "measure",
        [{"measure": found.outcome.measure, "sha256": digest, "text": text}],
    )  # fmt: skip
    choices = found.outcome.choices.items()
    _table(file, "choice", {"choice": str, "value": str}, "choice", [{"choice": key, "value": value} for key, value in choices])


def _results(file: Database, connection: Connection, year: int, found: scoring.Reckoned) -> None:
    decided = entry.decisions(connection, year)
    key = ("sequence", "subject")
    rows: list[tuple[str, Row]] = [(each.sequence, row) for each in found.outcome.rankings for row in each.rows]
    _table(
        file, "result",
        dict.fromkeys((*key, "name", "banner", "score"), str) | {"rank": int}
        | dict.fromkeys(("proposed", "decided", "reason", "approver", "missing"), str),
        key, (_result(sequence, row, decided.get((row.banner, row.subject.person))) for sequence, row in rows),
    )  # fmt: skip
    steps = (
        {"sequence": sequence, "subject": row.key, "number": number} | step
        for sequence, row in rows
        for number, step in enumerate(_steps(row.step, 0), 1)
    )
    columns = dict.fromkeys(key, str) | {"number": int, "depth": int}
    _table(
        file, "step", columns | dict.fromkeys(("label", "value", "how", "calculation", "clause"), str),
        (*key, "number"), steps, [(key, f"{ARCHIVE}result", key)],
    )  # fmt: skip
    file[f"{ARCHIVE}step"].enable_fts(["label", "how", "clause"], tokenize="trigram")  # type: ignore[union-attr]


def _result(sequence: str, row: Row, decided: entry.Decision | None) -> dict[str, object]:
    return {
        "sequence": sequence, "subject": row.key, "name": row.name, "banner": row.banner,
        "score": None if row.score is None else fixed(row.score), "rank": row.rank,
        "proposed": None if row.decision_needed else row.grade, "decided": decided.grade if decided else None,
        "reason": decided.reason if decided else None, "approver": decided.approver if decided else None,
        "missing": "、".join(row.missing),
    }  # fmt: skip


def _steps(step: Step, depth: int) -> Iterator[dict[str, object]]:
    yield {
        "depth": depth, "label": step.label.zh, "value": None if step.value is None else shown(step), "how": step.how.zh,
        "calculation": calculation(step), "clause": step.clause,
    }  # fmt: skip
    for child in step.children:
        yield from _steps(child, depth + 1)


def _boxes(file: Database, connection: Connection, year: int) -> None:
    """Every collection that was opened, and of those sealed here what they published; of the others where they stand."""
    table, keys = schema.collection, ("collection", "banner", "kind", "village", "title", "mode", "state", "origin", "held_on", "sealed_on")
    query = select(table).where(table.c.cycle == year, table.c.state != "draft", table.c.trial.is_(False))
    houses = connection.execute(query.order_by(table.c.collection)).all()
    published = {row.collection: json.loads(row.published or "{}") for row in houses}
    closings = {name: each.get("closing", {}) for name, each in published.items()}
    _table(
        file, "collection",
        dict.fromkeys(keys, str) | {"tallied": int}
        | dict.fromkeys(("issued_root", "receipts_root", "fragments_root", "opening", "closing"), str),
        "collection",
        (
            {key: getattr(row, key) for key in keys}
            | {"tallied": int("tally" in closings[row.collection] and not closings[row.collection].get("withheld"))}
            | {"issued_root": published[row.collection].get("opening", {}).get("issued_root")}
            | {root: closings[row.collection].get(root) for root in ("receipts_root", "fragments_root")}
            | {part: _compact(found) if (found := published[row.collection].get(part)) else None for part in ("opening", "closing")}
            for row in houses
        ),
    )  # fmt: skip
    tally = ("subject", "question", "group", "answer", "count")
    _table(
        file, "tally", dict.fromkeys(("collection", *tally), str) | {"count": int}, ("collection", *tally[:-1]),
        (
            {"collection": name} | dict(zip(tally, line, strict=True))
            for name, closing in closings.items()
            for line in publish.tally_rows(closing.get("tally") or {})
        ),
        [("collection", f"{ARCHIVE}collection", "collection")],
    )  # fmt: skip
    receipt = schema.receipt.c
    counted = select(receipt.collection, receipt.receipt).where(receipt.collection.in_(list(closings)))
    _table(
        file, "receipt", {"collection": str, "receipt": str}, ("collection", "receipt"),
        (dict(row._mapping) for row in connection.execute(counted.order_by(receipt.collection, receipt.receipt))),
        [("collection", f"{ARCHIVE}collection", "collection")],
    )  # fmt: skip


def _beside(file: Database, connection: Connection, year: int, table: Any) -> None:
    columns = [column for column in table.columns if column.name != "cycle"]
    pk = tuple(column.name for column in table.primary_key.columns if column.name != "cycle")
    query = select(*columns).where(table.c.cycle == year).order_by(*(table.c[name] for name in pk))
    kinds = {column.name: bytes if isinstance(column.type, LargeBinary) else str for column in columns}
    _table(file, table.name, kinds, pk, (dict(row._mapping) for row in connection.execute(query)))


def _journal(file: Database, connection: Connection) -> None:
    """The whole journal, as its chain is: what staff did, of all years."""
    _table(
        file, "journal",
        {"entry": int} | dict.fromkeys(("at", "account", "deed", "subject", "detail", "hash"), str), "entry",
        (
            {
                "entry": each.entry, "at": each.at, "account": each.account, "deed": each.deed, "subject": each.subject,
                "detail": _compact(each.detail), "hash": digest,
            }
            for each, digest in journal.chained(connection)
        ),
    )  # fmt: skip


def _checksums(file: Database) -> list[dict[str, object]]:
    """Of every table: its rows, and SHA-256 over each row as compact JSON on a line (a BLOB as hex), in order of the keys."""
    found = []
    for name in sorted(each for each in file.table_names() if "_fts" not in each):
        digest, number = hashlib.sha256(), 0
        order = ", ".join(f'"{key}"' for key in file[name].pks)  # type: ignore[union-attr]
        for row in file.conn.execute(f'SELECT * FROM "{name}" ORDER BY {order}'):
            line = _compact([cell.hex() if isinstance(cell, bytes) else cell for cell in row])
            digest.update(line.encode() + b"\n")
            number += 1
        found.append({"name": name, "rows": number, "sha256": digest.hexdigest()})
    return found
