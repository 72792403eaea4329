"""A grid of cells to type in, to paste into from Excel, or to fill from a workbook; every fault stands beside its cell.

A grid knows nothing of the database: it has rows known by (banner, person, unit), columns that say what a cell may hold,
and the values that are there. What is posted or pasted becomes a `Filled`: the cells as typed, the changes, the faults.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from flask_babel import gettext as _

from survey.year.yearbook.clean import narrow, nearest
from tally.number import parse, plain

Key = tuple[str, str, str]
Cell = tuple[str, str]
"""Row id, column id."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """What a column's cells hold. kind `number`: `least` to `most` with at most `places` decimals, or one of `options`;
    `option`: one of `options` (value, words); `text`: words. `other`: further words a heading may be known by."""

    id: str
    label: str
    kind: str = "number"
    most: Fraction | None = None
    least: Fraction | None = Fraction(0)
    places: int = 4
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    other: tuple[str, ...] = ()
    locked: bool = False

    def read(self, text: str) -> tuple[str, str]:
        """The clean value of a typed text and its fault, "" where there is none. A blank is a blank."""
        if self.kind == "text":
            return " ".join(text.split()), ""
        typed = narrow(text)
        if not typed:
            return "", ""
        for value, words in self.options:
            if typed.casefold() in (value.casefold(), words.casefold()):
                return value, ""
        if self.kind == "option":
            return typed, _("没有这个选项，可用：%(known)s", known=_("、").join(words for _value, words in self.options))
        return self._number(typed)

    def _number(self, typed: str) -> tuple[str, str]:
        try:
            number = parse(typed.removesuffix("%").removeprefix("+"), places=self.places)
        except ValueError:
            try:
                parse(typed.removesuffix("%"), places=40)
            except ValueError:
                return typed, _("应是数字，例如 87.5")
            return typed, _("应是整数") if self.places == 0 else _("小数最多 %(places)s 位", places=self.places)
        if self.least is not None and number < self.least or self.most is not None and number > self.most:
            if self.most is None:
                return typed, _("不能小于 %(least)s", least=plain(self.least or Fraction(0)))
            return typed, _("应在 %(least)s 到 %(most)s 之间", least=plain(self.least or Fraction(0)), most=plain(self.most))
        return plain(number), ""

    def shown(self, value: str) -> str:
        """A value in words, as the grid's workbook has it."""
        return dict(self.options).get(value, value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row: whose it is, what it is called, its values by column, and the columns that are not for it."""

    key: Key
    label: str
    note: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    barred: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """A short name for the page's fields."""
        return hashlib.sha256("\n".join(self.key).encode()).hexdigest()[:12]

    @property
    def names(self) -> tuple[str, ...]:
        """What a pasted first cell may call this row."""
        banner, person, unit = self.key
        return tuple(filter(None, (unit, person, self.label, "" if person or unit else banner)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Rows and columns. `first` heads the column of row names."""

    id: str
    title: str
    first: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]

    def column(self, name: str) -> Column:
        """The column of that id."""
        return next(each for each in self.columns if each.id == name)

    def row(self, key: Key) -> Row | None:
        """The row of that key."""
        return next((each for each in self.rows if each.key == key), None)


@dataclass(kw_only=True, slots=True)
class Filled:
    """A grid as somebody filled it: texts of the cells touched, faults beside cells, faults of no cell."""

    texts: dict[Cell, str] = field(default_factory=dict)
    faults: dict[Cell, str] = field(default_factory=dict)
    stray: list[str] = field(default_factory=list)
    changes: dict[Key, dict[str, str]] = field(default_factory=dict)

    @property
    def faulty(self) -> bool:
        """Whether anything is wrong."""
        return bool(self.faults or self.stray)

    def put(self, row: Row, column: Column, text: str) -> None:
        """Takes a text for a cell: a change, a fault, or nothing new."""
        cell = (row.id, column.id)
        value, fault = column.read(text)
        if value == row.values.get(column.id, ""):
            return
        self.texts[cell] = text.strip()
        if column.id in row.barred:
            fault = _("这一项不是给这一行的")
        elif column.locked:
            fault = fault or _("这一格您不能填")
        if fault:
            self.faults[cell] = fault
        else:
            self.changes.setdefault(row.key, {})[column.id] = value


def posted(grid: Grid, form: Mapping[str, str]) -> Filled:
    """What a posted form changes. A cell is taken only where it differs from what its page was given (`was.…`): somebody
    else's newer value is never overwritten unseen."""
    filled = Filled()
    for row in grid.rows:
        seen = form.get(f"was.{row.id}")
        if seen is None:
            continue
        were = dict(zip((each.id for each in grid.columns), seen.split("\t"), strict=False))
        for column in grid.columns:
            text = form.get(f"{row.id}.{column.id}")
            if text is None or column.read(text)[0] == were.get(column.id, ""):
                continue
            now = row.values.get(column.id, "")
            filled.put(row, column, text)
            if now != were.get(column.id, "") and (row.id, column.id) in filled.texts:
                filled.faults[row.id, column.id] = _(
                    "您打开本页以后，别人把这一格改成了“%(now)s”，请再看一遍", now=column.shown(now)
                )
                filled.changes.get(row.key, {}).pop(column.id, None)
    return filled


def was(grid: Grid, row: Row) -> str:
    """A row's values as its page was given them."""
    return "\t".join(row.values.get(column.id, "") for column in grid.columns)


def pasted(grid: Grid, text: str) -> Filled:
    """What a block copied from Excel (cells parted by tabs, one line a row) changes; nothing is saved by it.

    A first line of headings says which column is which; without one they stand in the grid's order, the row's name first.
    """
    lines = [line.split("\t") for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return filled_from(grid, list(enumerate(lines, start=1)))


def filled_from(grid: Grid, lines: Sequence[tuple[int, Sequence[str]]]) -> Filled:
    """The same from numbered lines of cells, as a sheet of a workbook gives them."""
    filled = Filled()
    body = [(number, cells) for number, cells in lines if any(narrow(cell) for cell in cells)]
    if not body:
        filled.stray.append(_("没有内容"))
        return filled
    heads = _headings(grid, body[0][1])
    if heads:
        for at, cell in enumerate(body[0][1]):
            if narrow(cell) and at not in heads and narrow(cell) not in _name_heads(grid):
                near = nearest(narrow(cell), [each.label for each in grid.columns])
                filled.stray.append(
                    _("表头“%(head)s”不认识，是不是“%(near)s”？", head=cell.strip(), near=near)
                    if near
                    else _("表头“%(head)s”不认识", head=cell.strip())
                )
        body = body[1:]
    else:
        heads = dict(enumerate(grid.columns, start=1))
    seen: dict[Key, int] = {}
    for number, cells in body:
        row = _row(grid, [narrow(cell) for at, cell in enumerate(cells) if at not in heads])
        if row is None:
            name = next((cell.strip() for cell in cells if cell.strip()), "")
            near = nearest(name, [each.label for each in grid.rows])
            filled.stray.append(
                _("第 %(n)s 行“%(name)s”不在本表里，是不是“%(near)s”？", n=number, name=name, near=near)
                if near
                else _("第 %(n)s 行“%(name)s”不在本表里", n=number, name=name)
            )
        elif row.key in seen:
            filled.stray.append(
                _("第 %(n)s 行与第 %(first)s 行是同一个：%(name)s", n=number, first=seen[row.key], name=row.label)
            )
        else:
            seen[row.key] = number
            for at, column in heads.items():
                if at < len(cells):
                    filled.put(row, column, cells[at])
            _extra(filled, number, heads, cells)
    return filled


def _extra(filled: Filled, number: int, heads: Mapping[int, Column], cells: Sequence[str]) -> None:
    """A cell to the right of the last column is a fault: something would be lost silently."""
    for at in range(max(heads) + 1, len(cells)):
        if narrow(cells[at]):
            filled.stray.append(_("第 %(n)s 行多出一格：“%(text)s”", n=number, text=cells[at].strip()))


def _name_heads(grid: Grid) -> set[str]:
    words = {grid.first, "旗县", "编号", "姓名", "村", "职务", "banner", "person", "name", "unit", "position"}
    return words | {_("旗县"), _("编号"), _("姓名"), _("村"), _("职务")}


def _headings(grid: Grid, cells: Sequence[str]) -> dict[int, Column]:
    """Place -> column, where the line is one of headings; else empty."""
    by_name = {narrow(name).casefold(): column for column in grid.columns for name in (column.label, column.id, *column.other)}
    found = {at: by_name[narrow(cell).casefold()] for at, cell in enumerate(cells) if narrow(cell).casefold() in by_name}
    return found if len(set(map(id, found.values()))) == len(found) else {}


def _row(grid: Grid, names: Sequence[str]) -> Row | None:
    """The one row all those names may mean; None where there is none or more than one. Other words are passed over."""
    known = {name for row in grid.rows for name in (*row.names, row.key[0])}
    given = {name for name in names if name in known}
    fits = [row for row in grid.rows if given <= {*row.names, row.key[0]} and given & set(row.names)]
    return fits[0] if len(fits) == 1 else None


def records(grid: Grid) -> Iterator[list[str]]:
    """The grid as rows of a workbook, headings first; pasted back, it changes nothing."""
    people = any(row.key[1] for row in grid.rows)
    yield [_("旗县"), *([_("编号")] if people else []), grid.first, *(column.label for column in grid.columns)]
    for row in grid.rows:
        banner, person, _unit = row.key
        cells = (column.shown(row.values.get(column.id, "")) for column in grid.columns)
        yield [banner, *([person] if people else []), row.label, *cells]
