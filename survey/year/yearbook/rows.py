"""Rows of a year book in memory: one list of cells a column, cells clean texts (ids, exact numbers, words)."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter

from .tables import Table


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One table as a form holds it: headings and raw cells as they stand, by chunks of whole columns.

    `name` is what the file or sheet is called; a cell is text, or UTF-8 not yet decoded. A chunk may have more columns
    than headings (cells to the right of the heading row); `lines` are the line numbers a person sees. `escaped`: a
    leading apostrophe guards formulas (CSV). `data` is a CSV file whole.
    """

    name: str
    headings: Sequence[str]
    chunks: Iterator[tuple[Sequence[Sequence[str | bytes]], Sequence[int]]]
    escaped: bool = False
    heading_line: int = 1
    data: bytes = b""


Paper = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]
"""A ballot or a response: the cells that name it, and the other cells of each of its rows."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one table: a list of cells for every column of `table`, all of one length, and their line numbers.

    `given`: the rows of a long table paper by paper, where they were read so.
    """

    table: Table
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int]
    given: Sequence[Paper] | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Each row, its cells in the order of the table's columns."""
        return zip(*(self.columns[column.id] for column in self.table.columns), strict=True)

    def __getitem__(self, column: str) -> Sequence[str]:
        return self.columns[column]

    def pick(self, *columns: str) -> Iterator[tuple[str, ...]]:
        """Each row's cells of these columns."""
        return zip(*(self.columns[column] for column in columns), strict=True)

    @cached_property
    def papers(self) -> Sequence[Paper]:
        """The rows of a long table as ballots or responses."""
        if self.given is not None:
            return self.given
        width = len(self.table.paper)
        papers: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for cells in self:
            papers.setdefault(cells[:width], []).append(cells[width:])
        return list(papers.items())

    @cached_property
    def counts(self) -> Mapping[tuple[str, ...], int]:
        """How often each combination of the table's `counted` columns occurs."""
        if self.given is None:
            return Counter(self.pick(*self.table.counted))
        places = [place for place, column in enumerate(self.table.paper) if column in self.table.counted]
        gathered: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
        for head, endings in self.given:
            gathered.setdefault(tuple(head[place] for place in places), []).extend(endings)
        return {
            (*head, *ending): number
            for head, endings in gathered.items()
            for ending, number in Counter(endings).items()
        }

    def distinct(self, *columns: str) -> set[tuple[str, ...]]:
        """The different combinations of these columns' cells."""
        counted = self.table.counted
        if not counted or any(column not in counted for column in columns):
            return set(self.pick(*columns))
        if len(columns) == 1:
            return {(cell,) for cell in set(map(itemgetter(counted.index(columns[0])), self.counts))}
        return set(map(itemgetter(*map(counted.index, columns)), self.counts))

    def pairs(self, key: str, value: str) -> dict[str, str]:
        """One column's cells by another's."""
        return dict(zip(self.columns[key], self.columns[value], strict=True))

    @classmethod
    def of(cls, table: Table, records: Sequence[Sequence[str]]) -> "Rows":
        """Rows from records in the order of the table's columns."""
        cells = list(zip(*records, strict=True)) if records else [()] * len(table.columns)
        columns = {column.id: list(column_cells) for column, column_cells in zip(table.columns, cells, strict=True)}
        return cls(table=table, columns=columns, lines=range(2, 2 + len(records)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """A year book: the rows of every table, a missing optional table being empty."""

    tables: Mapping[str, Rows]

    def __getitem__(self, table: str) -> Rows:
        return self.tables[table]

    @property
    def written(self) -> list[Rows]:
        """The tables as they are written: a rare one only where it has rows."""
        return [rows for rows in self.tables.values() if len(rows) or not rows.table.rare]

    @property
    def settings(self) -> Mapping[str, str]:
        """The table `year` as key -> value."""
        return self.tables["year"].pairs("key", "value")

    @classmethod
    def of(cls, tables: Sequence[Table], records: Mapping[str, Sequence[Sequence[str]]]) -> "Book":
        """A book from table id -> records in the order of the table's columns."""
        return cls(tables={table.id: Rows.of(table, records.get(table.id, ())) for table in tables})
