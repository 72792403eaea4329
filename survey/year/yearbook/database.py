"""The year book as a SQLite file, one STRICT table each, in ids."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .clean import plain
from .fault import Fault
from .rows import Book, Sheet
from .tables import after_year

if TYPE_CHECKING:
    import sqlite3

UNREADABLE = "这个文件读不出来，请确认它是没有损坏的 SQLite 数据库"
MANY = 20_000
ARCHIVE = "archive_"  # tables that begin so are an archive's, beside the year book
Chunks = Iterator[tuple[Sequence[Sequence[str | bytes]], Sequence[int]]]


def sheets(path: Path, faults: list[Fault]) -> Iterator[Sheet]:
    """The tables of a SQLite file, opened read-only; a row's number is its rowid."""
    import sqlite3

    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for name in sorted(names, key=after_year):
            if name.startswith(("sqlite_", ARCHIVE)):
                continue
            headings = [row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))]
            yield Sheet(name=name, headings=headings, chunks=_chunks(connection, name, faults))
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        faults.append(Fault(table=path.stem, row=1, column="", value=str(error), remedy=UNREADABLE))
    finally:
        connection.close()


def _chunks(connection: "sqlite3.Connection", name: str, faults: list[Fault]) -> Chunks:
    import sqlite3

    try:
        rows = _numbered(connection, name)
        while many := rows.fetchmany(MANY):
            lines, *columns = zip(*many, strict=True)
            yield [[cell if type(cell) is str else plain(cell) for cell in column] for column in columns], lines
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        faults.append(Fault(table=name, row=1, column="", value=str(error), remedy=UNREADABLE))


def _numbered(connection: "sqlite3.Connection", name: str) -> "sqlite3.Cursor":
    import sqlite3

    quoted = name.replace('"', '""')
    try:
        return connection.execute(f'SELECT rowid, * FROM "{quoted}" ORDER BY rowid')
    except sqlite3.OperationalError:  # a table WITHOUT ROWID
        return connection.execute(f'SELECT row_number() OVER (), * FROM "{quoted}"')


def write(book: Book, path: Path) -> None:
    """Write a SQLite file: STRICT tables of TEXT (numbers exact), the keys as primary keys. Raises OSError."""
    import sqlite3

    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    part.touch()  # or the system's own reason why not
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN")
        for rows in book.written:
            columns = ", ".join(f'"{column.id}" TEXT NOT NULL' for column in rows.table.columns)
            key = ", ".join(f'"{column}"' for column in rows.table.key)
            connection.execute(f'CREATE TABLE "{rows.table.id}" ({columns}, PRIMARY KEY ({key})) STRICT')
            places = ", ".join("?" * len(rows.table.columns))
            connection.executemany(f'INSERT INTO "{rows.table.id}" VALUES ({places})', rows)
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:  # no room
        raise OSError(str(error)) from error
    finally:
        connection.close()
    part.replace(path)
