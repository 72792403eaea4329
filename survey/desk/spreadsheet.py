"""Lists as workbooks to download."""

import io
from collections.abc import Iterable

import xlsxwriter
from flask import Response

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def spreadsheet(file_name: str, sheet: str, rows: Iterable[Iterable[object]]) -> Response:
    """Rows as an .xlsx to download, headings first; a text never becomes a formula, a plain number is a number."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        page = book.add_worksheet(sheet[:31])
        head = book.add_format({"bold": True, "bottom": 1})
        for at, cells in enumerate(rows):
            for place, cell in enumerate(cells):
                text = str(cell)
                if at and place and _numeric(text):
                    page.write_number(at, place, float(text))
                elif text:
                    page.write_string(at, place, text, head if not at else None)
        page.freeze_panes(1, 1)
        page.set_column(0, 30, 14)
    headers = {"Content-Disposition": f"attachment; filename={file_name}.xlsx"}
    return Response(stream.getvalue(), mimetype=EXCEL, headers=headers)


def _numeric(text: str) -> bool:
    return (
        text.replace(".", "", 1).replace("-", "", 1).isdecimal()
        and len(text) < 12
        and not (text[:1] == "0" and text[1:2].isdecimal())
    )
