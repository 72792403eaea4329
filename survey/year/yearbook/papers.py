"""Long tables paper by paper: a ballot or a response is a run of lines that begin alike.

Ballots and answers are by far the most rows of a year. Where a CSV file holds them as it usually does, the columns that
name the paper first and its lines together, a run is found and split at once and only different endings are looked at;
that takes less time than reading the file with the csv module. `read` gives None wherever anything is unusual, and the
table is then read cell by cell.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from .clean import Reading, narrow
from .rows import Paper, Rows
from .tables import Column, Table


class _Unusual(Exception):
    """The table is not what this module reads."""


class _Cells(dict[bytes, tuple[str, ...]]):
    """Parts of lines, each different one read once; `numbers` numbers them by those cells that are of a row's key."""

    def __init__(self, columns: Sequence[Column], key: Sequence[str]) -> None:
        super().__init__()
        self.columns = columns
        self.readings = [Reading(column, True) for column in columns]
        self.numbers: dict[bytes, int] = {}
        self._of_key = itemgetter(*(place for place, column in enumerate(columns) if column.id in key))
        self._known: dict[tuple[str, ...], int] = {}

    def __missing__(self, raw: bytes) -> tuple[str, ...]:
        parts = raw.split(b",")
        if len(parts) != len(self.readings):
            raise _Unusual
        cells = tuple([reading[part] for reading, part in zip(self.readings, parts, strict=True)])
        self.numbers[raw] = self._known.setdefault(self._of_key(cells), len(self._known))
        self[raw] = cells
        return cells

    @property
    def sound(self) -> bool:
        """Whether every cell could be read and none is blank that must not be."""
        return not any(
            reading.remedies or (not column.blank and "" in reading.values())
            for column, reading in zip(self.columns, self.readings, strict=True)
        )


def read(table: Table, data: bytes) -> Rows | None:
    """A CSV file (plain UTF-8, single newlines) of a long table, all its cells sound and no key given twice; else None."""
    heading, _, body = data.rstrip(b"\n").partition(b"\n")
    columns = [column.id for column in table.columns]
    if not table.paper or not body or b'"' in data or [narrow(cell) for cell in heading.decode().split(",")] != columns:
        return None
    try:
        papers = list(_papers(table, body))
    except _Unusual:
        return None
    length = sum(len(endings) for _, endings in papers)
    return Rows(table=table, columns=Columns(table, papers), lines=range(2, 2 + length), given=papers)


def _papers(table: Table, body: bytes) -> Iterator[Paper]:
    width = len(table.paper)
    heads = _Cells(table.columns[:width], table.key)
    endings = _Cells(table.columns[width:], table.key)
    alike = re.compile(rb"((?:[^,\n]*+,){%d})[^\n]*+(?:\n\1[^\n]*+)*+" % width)
    seen: set[int] = set()
    end = -1
    for run in alike.finditer(body):
        if run.start() != end + 1:
            raise _Unusual
        end = run.end()
        beginning = run[1]
        head = heads[beginning[:-1]]
        raw = run[0][len(beginning) :].split(b"\n" + beginning)
        rows = [*map(endings.__getitem__, raw)]
        number = heads.numbers[beginning[:-1]]
        if number in seen or len(set(map(endings.numbers.__getitem__, raw))) != len(raw):
            raise _Unusual
        seen.add(number)
        yield head, rows
    if end != len(body) or not heads.sound or not endings.sound:
        raise _Unusual


class Columns(Mapping[str, Sequence[str]]):
    """The columns of a long table, laid out only when they are asked for."""

    def __init__(self, table: Table, papers: Sequence[Paper]) -> None:
        self.table = table
        self.papers = papers
        self._laid_out: dict[str, Sequence[str]] = {}

    def __getitem__(self, column: str) -> Sequence[str]:
        if not self._laid_out:
            names = [each.id for each in self.table.columns]
            cells = zip(*((*head, *ending) for head, endings in self.papers for ending in endings), strict=True)
            self._laid_out = dict(zip(names, cells, strict=True))
        return self._laid_out[column]

    def __iter__(self) -> Iterator[str]:
        return (column.id for column in self.table.columns)

    def __len__(self) -> int:
        return len(self.table.columns)

