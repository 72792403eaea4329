"""The year book as a folder of CSV files, one file a table."""

import codecs
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .clean import SPACES, escape
from .fault import Fault
from .rows import Book, Sheet
from .tables import Kind, Table, after_year

CHUNK = 1 << 15
Chunks = Iterator[tuple[Sequence[Sequence[str | bytes]], Sequence[int]]]


def sheets(path: Path, faults: list[Fault]) -> Iterator[Sheet]:
    """The CSV files of a folder, in order of their names; a file that cannot be read becomes a fault."""
    files = [file for file in path.iterdir() if file.suffix.lower() == ".csv" and file.is_file()]
    files = [file for file in files if not file.name.startswith((".", "~"))]
    for file in sorted(files, key=lambda file: (after_year(file.stem), file.name)):
        data = _utf8(file.read_bytes())
        if data is None:
            remedy = "文件的编码读不出来，请存成 UTF-8 或 GB18030 编码的 CSV"
            faults.append(Fault(table=file.stem, row=1, column="", value=file.name, remedy=remedy))
        else:
            yield sheet(file.stem, data, faults)


def _utf8(data: bytes) -> bytes | None:
    """A file's bytes as plain UTF-8 with single newlines; None when they are in no encoding that is read."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding != "utf-8":
            data = text.encode()
        data = data.removeprefix(codecs.BOM_UTF8)
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
    return None


def sheet(name: str, data: bytes, faults: list[Fault]) -> Sheet:
    """One CSV file as a sheet: UTF-8 without a mark, lines ended by a single newline."""
    data = data.rstrip(b"\n")
    end = data.find(b"\n")
    first = data if end < 0 else data[:end]
    if b'"' in data or not first.strip(b", "):
        return _quoted_sheet(name, data, faults)
    headings = first.decode().split(",")
    return Sheet(name=name, headings=headings, chunks=_chunks(name, data, end, len(headings), faults), escaped=True, data=data)


def _chunks(name: str, data: bytes, end: int, width: int, faults: list[Fault]) -> Chunks:
    """A file without a quote: whole stretches of lines are split at once, as long as every line has `width` cells.

    Cells stay bytes (a third of the time of text); each different one is decoded once, when it is read.
    """
    start, line, step = end + 1, 2, width + 1
    while 0 < start <= len(data):
        end = data.find(b"\n", start + CHUNK)
        end = len(data) if end < 0 else end
        cells = data[start:end].replace(b"\n", b",\n,").split(b",")
        cells.append(b"\n")
        lines = len(cells) // step
        if len(cells) % step or cells[width::step].count(b"\n") != lines:
            yield from _columns(_records(name, data[start:], line, faults))
            return
        yield [cells[place::step] for place in range(width)], range(line, line + lines)
        start, line = end + 1, line + lines


def _quoted_sheet(name: str, data: bytes, faults: list[Fault]) -> Sheet:
    records = _records(name, data, 1, faults)
    line, headings = next(records, (1, []))
    return Sheet(name=name, headings=headings, chunks=_columns(records), escaped=True, heading_line=line)


def _records(name: str, data: bytes, line: int, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(data.decode(), newline=""), strict=True)
    while True:
        start = line + reader.line_num
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            remedy = "从这一行起引号不成对，请检查这一行的引号"
            faults.append(Fault(table=name, row=start, column="", value="", remedy=remedy))
            return
        if any(cell.strip(SPACES) for cell in record):
            yield start, record


def _columns(records: Iterator[tuple[int, list[str]]]) -> Chunks:
    rows = list(records)
    if not rows:
        return
    width = max(len(record) for _, record in rows)
    padded = [record + [""] * (width - len(record)) for _, record in rows]
    yield list(zip(*padded, strict=True)), [line for line, _ in rows]


def write(book: Book, path: Path) -> None:
    """Write every table as `<id>.csv` into the folder, headed in ids, UTF-8, text that looks like a formula guarded."""
    path.mkdir(parents=True, exist_ok=True)
    for id in {*book.tables} - {rows.table.id for rows in book.written}:
        (path / f"{id}.csv").unlink(missing_ok=True)
    for rows in book.written:
        id = rows.table.id
        part = path / f"{id}.csv.part"
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column.id for column in rows.table.columns])
            writer.writerows(zip(*_guarded(rows.table, rows.columns), strict=True))
        part.replace(path / f"{id}.csv")


def _guarded(table: Table, columns: Mapping[str, Sequence[str]]) -> list[Sequence[str]]:
    guarded: list[Sequence[str]] = []
    for column in table.columns:
        cells = columns[column.id]
        if column.kind is not Kind.NUMBER:
            safe = {cell: escape(cell) for cell in set(cells)}
            cells = [safe[cell] for cell in cells]
        guarded.append(cells)
    return guarded
