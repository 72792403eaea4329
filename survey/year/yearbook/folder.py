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

CHUNK = 1 << 18
Chunks = Iterator[tuple[Sequence[Sequence[str]], Sequence[int]]]


def sheets(path: Path, faults: list[Fault]) -> Iterator[Sheet]:
    """The CSV files of a folder, in order of their names; a file that cannot be read becomes a fault."""
    files = [file for file in path.iterdir() if file.suffix.lower() == ".csv" and file.is_file()]
    files = [file for file in files if not file.name.startswith((".", "~"))]
    for file in sorted(files, key=lambda file: (after_year(file.stem), file.name)):
        text = _text(file.read_bytes())
        if text is None:
            remedy = "文件的编码读不出来，请存成 UTF-8 或 GB18030 编码的 CSV"
            faults.append(Fault(table=file.stem, row=1, column="", value=file.name, remedy=remedy))
        else:
            yield sheet(file.stem, text, faults)


def _text(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    return None


def sheet(name: str, text: str, faults: list[Fault]) -> Sheet:
    """One CSV file's text (lines ended by a single newline) as a sheet."""
    text = text.rstrip("\n")
    end = text.find("\n")
    first = text if end < 0 else text[:end]
    if '"' in text or not first.strip(", "):
        return _quoted_sheet(name, text, faults)
    headings = first.split(",")
    return Sheet(name=name, headings=headings, chunks=_chunks(name, text, end, len(headings), faults), escaped=True)


def _chunks(name: str, text: str, end: int, width: int, faults: list[Fault]) -> Chunks:
    """Text without a quote: whole stretches of lines are split at once, as long as every line has `width` cells."""
    start, line, step = end + 1, 2, width + 1
    while 0 < start <= len(text):
        end = text.find("\n", start + CHUNK)
        end = len(text) if end < 0 else end
        cells = text[start:end].replace("\n", ",\n,").split(",")
        cells.append("\n")
        lines = len(cells) // step
        if len(cells) % step or cells[width::step].count("\n") != lines:
            yield from _quoted(name, text[start:], line, faults)
            return
        yield [cells[place::step] for place in range(width)], range(line, line + lines)
        start, line = end + 1, line + lines


def _quoted_sheet(name: str, text: str, faults: list[Fault]) -> Sheet:
    records = _records(name, text, 1, faults)
    line, headings = next(records, (1, []))
    return Sheet(name=name, headings=headings, chunks=_columns(records), escaped=True, heading_line=line)


def _quoted(name: str, text: str, line: int, faults: list[Fault]) -> Chunks:
    return _columns(_records(name, text, line, faults))


def _records(name: str, text: str, line: int, faults: list[Fault]) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
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
    for id, rows in book.tables.items():
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
