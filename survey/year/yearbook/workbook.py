"""The year book as a workbook, one sheet a table, written headed in Chinese."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from .clean import SPACES, plain
from .fault import Fault
from .rows import Book, Rows, Sheet
from .tables import NAMES, Column, Kind, after_year

MOST_ROWS = 1_048_575
UNREADABLE = "这个文件读不出来，请确认它是没有密码、没有损坏的工作簿"


class TooLong(Exception):
    """A table has more rows than a sheet of a workbook can hold; the other two forms have no such limit."""


def sheets(path: Path | BinaryIO, faults: list[Fault]) -> Iterator[Sheet]:
    """The sheets of an .xlsx, .xls or .ods that are not empty, merged cells filled from their first."""
    import python_calamine as calamine

    try:
        with calamine.load_workbook(path) as workbook:
            for name in sorted(workbook.sheet_names, key=after_year):
                page = workbook.get_sheet_by_name(name)
                if page.total_height:
                    yield _sheet(name, page.to_python(skip_empty_area=False), _merged(page.merged_cell_ranges))
    except (calamine.CalamineError, OSError, ValueError) as error:
        faults.append(Fault(table=getattr(path, "stem", ""), row=1, column="", value=str(error), remedy=UNREADABLE))


def _merged(ranges: object) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    return list(ranges) if isinstance(ranges, list) else []


def _sheet(
    name: str, cells: Sequence[Sequence[object]], merged: list[tuple[tuple[int, int], tuple[int, int]]]
) -> Sheet:
    rows = [[cell if type(cell) is str else plain(cell) for cell in row] for row in cells]
    for (top, left), (bottom, right) in merged:
        for row in rows[top : bottom + 1]:
            row[left : right + 1] = [rows[top][left]] * len(row[left : right + 1])
    filled = [(line, row) for line, row in enumerate(rows, 1) if any(cell.strip(SPACES) for cell in row)]
    if not filled:
        return Sheet(name=name, headings=(), chunks=iter(()))
    (heading_line, headings), body = filled[0], filled[1:]
    chunks = [(list(zip(*(row for _, row in body), strict=True)), [line for line, _ in body])] if body else []
    return Sheet(name=name, headings=headings, chunks=iter(chunks), heading_line=heading_line)


def write(book: Book, path: Path | BinaryIO) -> None:
    """Write an .xlsx: sheets, headings and coded values in Chinese, numbers as numbers, text never as a formula."""
    import xlsxwriter

    for rows in book.tables.values():
        if len(rows) > MOST_ROWS:
            raise TooLong(rows.table.id)
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(path, options) as workbook:
        head = workbook.add_format({"bold": True, "bottom": 1})
        text = workbook.add_format({"num_format": "@"})
        for rows in book.written:
            page = workbook.add_worksheet(rows.table.chinese)
            page.freeze_panes(1, 0)
            columns = rows.table.columns
            for place, column in enumerate(columns):
                page.set_column(place, place, 16, None if column.kind is Kind.NUMBER else text)
                page.write_string(0, place, column.chinese, head)
            cells = [_spoken(rows, column) for column in columns]
            for line, record in enumerate(zip(*cells, strict=True), 1):
                for place, cell in enumerate(record):
                    if isinstance(cell, float):
                        page.write_number(line, place, cell)
                    elif cell:
                        page.write_string(line, place, cell)


def _spoken(rows: Rows, column: Column) -> Sequence[str | float]:
    """A column's cells as a workbook shows them: Chinese values, numbers as numbers (4 places survive a float)."""
    cells = rows[column.id]
    spoken: dict[str, str | float] = {}
    for cell in set(cells):
        if cell in column.codes:
            spoken[cell] = column.codes[cell]
        elif column.kind is Kind.NUMBER and cell:
            spoken[cell] = float(cell)
        elif column.joined:
            spoken[cell] = "+".join(column.codes[part] for part in cell.split("+")) if cell else ""
        else:
            spoken[cell] = cell
    if rows.table.id == "points" and column.id == "item":
        return [NAMES.get(sheet, {}).get(item, item) for sheet, item in rows.pick("sheet", "item")]
    return [spoken[cell] for cell in cells]
