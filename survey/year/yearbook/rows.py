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
    leading apostrophe guards formulas (CSV).
    """

    name: str
    headings: Sequence[str]
    chunks: Iterator[tuple[Sequence[Sequence[str | bytes]], Sequence[int]]]
    escaped: bool = False
    heading_line: int = 1


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The rows of one table: a list of cells for every column of `table`, all of one length, and their line numbers."""

    table: Table
    columns: Mapping[str, Sequence[str]]
    lines: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.columns[self.table.columns[0].id])

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Each row, its cells in the order of the table's columns."""
        return zip(*(self.columns[column.id] for column in self.table.columns), strict=True)

    def __getitem__(self, column: str) -> Sequence[str]:
        return self.columns[column]

    def pick(self, *columns: str) -> Iterator[tuple[str, ...]]:
        """Each row's cells of these columns."""
        return zip(*(self.columns[column] for column in columns), strict=True)

    @cached_property
    def counts(self) -> "Counter[tuple[str, ...]]":
        """How often each combination of the table's `counted` columns occurs."""
        return Counter(self.pick(*self.table.counted))

    def distinct(self, *columns: str) -> set[tuple[str, ...]]:
        """The different combinations of these columns' cells."""
        counted = self.table.counted
        if len(columns) > 1 and all(column in counted for column in columns):
            return set(map(itemgetter(*map(counted.index, columns)), self.counts))
        return set(self.pick(*columns))

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
    def settings(self) -> Mapping[str, str]:
        """The table `year` as key -> value."""
        return self.tables["year"].pairs("key", "value")

    @classmethod
    def of(cls, tables: Sequence[Table], records: Mapping[str, Sequence[Sequence[str]]]) -> "Book":
        """A book from table id -> records in the order of the table's columns."""
        return cls(tables={table.id: Rows.of(table, records.get(table.id, ())) for table in tables})
