"""Cells cleaned: spaces, full-width characters, Excel's numbers; a code or a Chinese value becomes its id.

A `Reading` is asked for each cell of a column and works only once for each different text.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal

from .tables import Column, Kind

SPACES = " \t\r\n\f\v\u00a0\u3000\ufeff\u200b\u200c\u200d\u2060"
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x2212: 0x2D}
_PLAIN = {code: narrow for code, narrow in _WIDE.items() if chr(narrow).isalnum() or chr(narrow) in " ./-_"}
_NUMBER = re.compile(r"\+?(\d*)(?:\.(\d+))?", re.ASCII)
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(\.\d+)?[eE]\+?\d+", re.ASCII)
_ESCAPED = re.compile(r"'+[=+\-@＝＋－＠]")


class Bad(str):
    """A cell that cannot stand as it is; the text is what was found."""

    __slots__ = ()


def narrow(text: str) -> str:
    """Full-width digits, letters and signs as their usual narrow forms, outer spaces removed."""
    return (text if text.isascii() else text.translate(_WIDE)).strip(SPACES)


def plain(cell: object) -> str:
    """A workbook's or database's cell as text; floats by their shortest exact text, `13800000001.0` as an integer."""
    if isinstance(cell, str):
        return cell
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, float):
        if cell != cell or abs(cell) >= 1e15:
            return f"{cell:e}"
        text = format(Decimal(repr(cell)), "f")
        return text[:-2] if text.endswith(".0") else text
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)


def nearest(text: str, known: Iterable[str]) -> str:
    """The known word most like `text`, or "" when none is near."""
    words = list(known)
    folded = {word.casefold(): word for word in reversed(words)}
    found = difflib.get_close_matches(text.casefold(), list(folded), n=1, cutoff=0.5)
    return folded[found[0]] if found else ""


def escape(text: str) -> str:
    """Text for a CSV cell that no spreadsheet takes for a formula; plain numbers stay numbers."""
    if text[:1] in "'=+-@＝＋－＠" and text and re.match(r"'*[=+\-@＝＋－＠]", text):
        return text if re.fullmatch(r"-?\d+(\.\d+)?", text, re.ASCII) else "'" + text
    return text


def unescape(text: str) -> str:
    """The text `escape` was given."""
    return text[1:] if _ESCAPED.match(text) else text


class Reading(dict[str | bytes, str]):
    """The cells of one column, each different raw text read once: raw -> id, exact number or clean text.

    A blank cell reads as "". What cannot be read becomes `Bad` and its remedy stands in `remedies`.
    """

    def __init__(self, column: Column, escaped: bool) -> None:
        super().__init__()
        self.column = column
        self.escaped = escaped
        self.remedies: dict[str, tuple[str, Mapping[str, str]]] = {}
        self._codes = {chinese: id for id, chinese in column.codes.items()}
        self._codes |= {id.casefold(): id for id in column.codes}

    def __missing__(self, raw: str | bytes) -> str:
        text = raw if isinstance(raw, str) else raw.decode()
        value = self._read(unescape(text) if self.escaped and text[:1] == "'" else text)
        self[raw] = value
        return value

    def _read(self, raw: str) -> str:
        kind = self.column.kind
        if kind is Kind.TEXT:
            return raw.strip(SPACES)
        if kind is Kind.KEY:
            text = raw.translate(_PLAIN).strip(SPACES)  # brackets and commas of a name stay as they are
            if whole := _WHOLE.fullmatch(text):
                return whole[1]
            if _SCIENTIFIC.fullmatch(text):
                return self._bad(text, "这一格被表格软件变成了科学计数，请把这一列设为文本后重新填写")
            return text
        text = narrow(raw)
        if not text:
            return ""
        if kind is Kind.NUMBER:
            return self._number(text)
        return self._code(text)

    def _bad(self, text: str, remedy: str, **values: str) -> Bad:
        bad = Bad(text)
        self.remedies[bad] = (remedy, values)
        return bad

    def _number(self, text: str) -> str:
        column = self.column
        if code := self._codes.get(text.casefold()):
            return code
        match = _NUMBER.fullmatch(text)
        if match is None or not (match[1] or match[2]):
            negative = text[:1] == "-" and _NUMBER.fullmatch(text[1:])
            if negative:
                return self._bad(text, "应在 %(low)s 到 %(high)s 之间", low=str(column.low), high=str(column.high))
            if column.codes:
                words = "、".join(f"{chinese} {id}" for id, chinese in column.codes.items())
                return self._bad(text, "应是正整数，或 %(words)s，或留空", words=words)
            return self._bad(text, "应是一个数，例如 87.5")
        digits, places = match[1].lstrip("0") or "0", (match[2] or "").rstrip("0")
        if len(places) > column.places:
            if column.places == 0:
                return self._bad(text, "应是整数")
            return self._bad(text, "小数最多 %(places)s 位", places=str(column.places))
        value = Decimal(f"{digits}.{places}" if places else digits)
        if not column.low <= value <= column.high:
            return self._bad(text, "应在 %(low)s 到 %(high)s 之间", low=str(column.low), high=str(column.high))
        return f"{digits}.{places}" if places else digits

    def _code(self, text: str) -> str:
        column = self.column
        if code := self._codes.get(text.casefold()):
            return code
        folded = unicodedata.normalize("NFKC", text)
        if column.joined and "+" in folded:
            parts = [self._codes.get(part.strip(SPACES).casefold()) for part in folded.split("+")]
            if None not in parts and len(set(parts)) == len(parts):
                return "+".join(id for id in column.codes if id in parts)
            return self._bad(text, "合并的类别写成不重复的几项用 + 相连，可用：%(known)s", known=known(column.codes))
        if code := self._codes.get(folded.casefold()):
            return code
        if column.open:
            return text
        remedy, values = unknown(text, column.codes)
        return self._bad(text, remedy, **values)


def known(codes: Mapping[str, str]) -> str:
    """All codes for a remedy: 队长 captain、副队长 deputy …"""
    return "、".join(id if id == chinese else f"{chinese} {id}" for id, chinese in codes.items())


def unknown(text: str, codes: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The remedy for a code nobody knows: the nearest one, else all."""
    near = nearest(text, [*codes, *codes.values()])
    if near:
        id = near if near in codes else next(id for id, chinese in codes.items() if chinese == near)
        both = id if codes[id] == id else f"{codes[id]} {id}"
        return "没有这个值，是不是 %(near)s？可用：%(known)s", {"near": both, "known": known(codes)}
    return "没有这个值，可用：%(known)s", {"known": known(codes)}
