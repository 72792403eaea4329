"""The year book (年度工作簿): everything one assessment year is scored from, in three equal forms.

A folder of CSV files, a workbook, a SQLite file: `read` tells them apart by what the path is and gives the same `Book`;
`write` makes any of the three from a `Book`. A year book with faults is never read in part: `Faulty` bears them all.
"""

from collections.abc import Callable, Iterator
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from tally import rulebook as rules
from tally.rulebook import Rulebook

from . import check, database, folder, workbook
from .check import Checks
from .clean import nearest
from .fault import Fault, Faulty
from .rows import Book, Rows, Sheet
from .tables import YEAR, Table, after_year, tables
from .workbook import TooLong

__all__ = [
    "Book",
    "Fault",
    "Faulty",
    "NotAYearBook",
    "Rows",
    "Table",
    "TooLong",
    "measures",
    "read",
    "read_upload",
    "rulebook",
    "tables",
    "write",
]

WORKBOOKS = (".xlsx", ".xls", ".ods")
DATABASES = (".db", ".sqlite")
DEFAULT_MEASURE = "neimenggu-2018"


class NotAYearBook(ValueError):
    """The path is none of the three forms."""


def measures() -> list[str]:
    """The ids of the rule files at hand."""
    folder_of_rules = resources.files("tally").joinpath("rules")
    return sorted(file.name[:-5] for file in folder_of_rules.iterdir() if file.name.endswith(".toml"))


def rulebook(measure: str) -> Rulebook:
    """The rulebook of that id, under its defaults; `KeyError` when there is no such rule file."""
    return rules.load(rule_text(measure))


def rule_text(measure: str) -> str:
    """The text of that rule file; `KeyError` when there is none."""
    if measure not in measures():
        raise KeyError(measure)
    return resources.files("tally").joinpath("rules").joinpath(f"{measure}.toml").read_text(encoding="utf-8")


def read(path: Path, load: Callable[[str], Rulebook] = rulebook) -> tuple[Book, Rulebook]:
    """The year book at `path` and its rulebook under the year's choices.

    Raises `Faulty` with every fault, `NotAYearBook` when the path is none of the three forms. `load` gives a measure's
    rulebook or raises `KeyError`.
    """
    faults: list[Fault] = []
    return _read(_form(path, faults), faults, load)


def read_upload(stream: BinaryIO, load: Callable[[str], Rulebook] = rulebook) -> tuple[Book, Rulebook]:
    """The same from an open workbook, as a browser uploads it."""
    faults: list[Fault] = []
    return _read(workbook.sheets(stream, faults), faults, load)


def _form(path: Path, faults: list[Fault]) -> Iterator[Sheet]:
    if path.is_dir():
        return folder.sheets(path, faults)
    if path.suffix.lower() in WORKBOOKS:
        return workbook.sheets(path, faults)
    if path.suffix.lower() in DATABASES:
        return database.sheets(path, faults)
    raise NotAYearBook(path.name)


def _read(sheets: Iterator[Sheet], faults: list[Fault], load: Callable[[str], Rulebook]) -> tuple[Book, Rulebook]:
    first = next(sheets, None)
    year: Rows | None = None
    seen: dict[str, str] = {}
    rest = sheets if first is None else chain([first], sheets)
    if first is not None and not after_year(first.name):
        year, rest, seen = check.rows(YEAR, first, faults), sheets, {YEAR.id: first.name}
    book_rules = _measure(year, faults, load)
    all_tables = tables(book_rules)
    found = {} if year is None else {YEAR.id: year}
    for table, sheet in check.tables_of(rest, all_tables, faults, seen):
        found[table.id] = check.rows(table, sheet, faults)
    for table in all_tables:
        if table.id not in found:
            if table.required:
                remedy = "缺少这个表，请加上 %(name)s"
                names = {"name": f"{table.chinese} {table.id}"}
                faults.append(Fault(table=table.id, row=1, column="", value="", remedy=remedy, values=names))
            found[table.id] = Rows.of(table, ())
    found["points"] = check.by_sheet(found["points"], book_rules)
    for table in all_tables:
        check.twice(found[table.id], faults)
    checks = Checks(found, book_rules, faults, given=year is not None)
    checks.all()
    if faults:
        order = {table.id: place for place, table in enumerate(all_tables)}
        raise Faulty(sorted(faults, key=lambda fault: (order.get(fault.table, len(order)), fault.row)))
    return Book(tables={table.id: found[table.id] for table in all_tables}), checks.rulebook


def _measure(year: Rows | None, faults: list[Fault], load: Callable[[str], Rulebook]) -> Rulebook:
    measure, line = DEFAULT_MEASURE, 1
    for row, (key, value) in zip(year.lines, year.pick("key", "value"), strict=True) if year is not None else ():
        if key == "measure" and value:
            measure, line = value, row
    try:
        return load(measure)
    except KeyError:
        near = nearest(measure, measures())
        remedy = "没有这部办法，是不是 %(near)s？可用：%(known)s" if near else "没有这部办法，可用：%(known)s"
        values = {"near": near, "known": "、".join(measures())}
        faults.append(Fault(table="year", row=line, column="value", value=measure, remedy=remedy, values=values))
        return load(DEFAULT_MEASURE)


def write(book: Book, path: Path) -> None:
    """Write the book in the form the path names: `.xlsx`, `.db`/`.sqlite`, else a folder. A file there is replaced.

    Raises `NotAYearBook` for a suffix that cannot be written (.xls, .ods and all others).
    """
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            workbook.write(book, file)
        part.replace(path)
    elif suffix in DATABASES:
        database.write(book, path)
    elif path.is_dir() or not suffix:
        folder.write(book, path)
    else:
        raise NotAYearBook(path.name)
