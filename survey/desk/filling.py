"""What a post brings to a grid: a block, a workbook, or its cells; and what one cell alone cannot know to be wrong."""

import io

from flask import request
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

from survey import db, roster
from survey import entry as entries
from survey.desk.grid import Filled, Grid, filled_from, pasted, posted
from survey.desk.sheets import RATES, factor_groups, rated
from survey.roster import Cycle
from survey.year.yearbook import Fault, workbook
from tally.number import parse
from tally.rulebook import Rulebook


def given(shown: Grid) -> Filled:
    """What the post brings: a paste, a workbook, or the cells themselves."""
    deed = request.form.get("deed")
    if deed == "paste":
        return pasted(shown, request.form.get("block", ""))
    if deed == "import":
        return _from_file(shown, request.files.get("file"))
    return posted(shown, request.form)


def _from_file(shown: Grid, file: FileStorage | None) -> Filled:
    """The first sheet of a workbook that has content, as if it were pasted."""
    if file is None or not file.filename:
        return Filled(stray=[_("请选一个工作簿文件")])
    faults: list[Fault] = []
    sheets = list(workbook.sheets(io.BytesIO(file.read()), faults))
    if faults or not sheets:
        return Filled(stray=[_(fault.remedy) for fault in faults] or [_("没有内容")])
    by_name = {each.name: each for each in sheets}
    sheet = by_name.get(shown.title, sheets[0])
    lines = [(sheet.heading_line, list(sheet.headings))]
    for cells, numbers in sheet.chunks:
        lines += [
            (number, [cell if isinstance(cell, str) else cell.decode() for cell in line])
            for number, line in zip(numbers, zip(*cells, strict=True), strict=True)
        ]
    if _long(shown, lines[0][1]):
        lines = _wide(shown, lines)
    return filled_from(shown, lines)


def _long(shown: Grid, heads: list[str]) -> bool:
    """Whether a sheet is a year book's table, one fact a row, that this grid can take."""
    given = {head.strip() for head in heads}
    return any(item in given and value in given for item, value in LONG.get(shown.id, LONG["points"]))


LONG = {
    "scores": (("组成", "得分"), ("component", "score")),
    "person_scores": (("组成", "得分"), ("component", "score")),
    "letters": (("考核员", "等次"), ("assessor", "grade")),
    "points": (("项目", "得分"), ("item", "points")),
}


def _wide(shown: Grid, lines: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """A year book's table turned: one line a subject, one column an item. Rows of other sheets and subjects are left out."""
    heads = [head.strip() for head in lines[0][1]]
    item_at, value_at = next(
        (heads.index(item), heads.index(value))
        for item, value in LONG.get(shown.id, LONG["points"])
        if item in heads and value in heads
    )
    name_at = [at for at, head in enumerate(heads) if head in ("旗县", "编号", "村", "banner", "person", "unit")]
    sheet_at = next((at for at, head in enumerate(heads) if head in ("表", "sheet")), None)
    person_at = next((at for at, head in enumerate(heads) if head in ("编号", "person")), None)
    people = any(row.key[1] for row in shown.rows)
    gathered: dict[tuple[str, ...], tuple[int, dict[str, str]]] = {}
    items: list[str] = []
    for number, cells in lines[1:]:
        if sheet_at is not None and cells[sheet_at].strip() not in (shown.id, shown.title):
            continue
        if not people and person_at is not None and cells[person_at].strip():
            continue
        name = tuple(cells[at].strip() for at in name_at)
        item = cells[item_at].strip()
        items += [item] if item not in items else []
        gathered.setdefault(name, (number, {}))[1][item] = cells[value_at]
    head_line = [heads[at] for at in name_at] + items
    return [(1, head_line)] + [
        (number, [*name, *(found.get(item, "") for item in items)]) for name, (number, found) in gathered.items()
    ]


def check(name: str, year: Cycle, rulebook: Rulebook, shown: Grid, filled: Filled) -> None:
    """What one cell cannot know: evidence, who may have a factor, recusal, rates without a target."""
    if name == "factors":
        _check_factors(rulebook, shown, filled)
    elif name == "rates":
        _check_rates(rulebook, shown, filled)
    elif name == "letters":
        with db.reading() as connection:
            units = entries.assessors(connection, year.cycle)
            homes = {each.person: each.unit for each in roster.people(connection, year.cycle)}
        for key, cells in filled.changes.items():
            row = shown.row(key)
            for assessor, letter in cells.items():
                if row and letter and homes.get(key[1]) and homes[key[1]] == units.get(assessor):
                    filled.faults[row.id, assessor] = _("考核员与本人同一派出单位，应当回避（D-09）")


def _check_factors(rulebook: Rulebook, shown: Grid, filled: Filled) -> None:
    for key, cells in filled.changes.items():
        row = shown.row(key)
        if row is None:
            continue
        after = {**row.values, **cells}
        for group in factor_groups(rulebook):
            chosen, evidence = after[group[0]], after[f"{group[0]}.evidence"]
            if chosen and not evidence:
                filled.faults[row.id, f"{group[0]}.evidence"] = _("请写明依据")
            elif evidence and not chosen:
                filled.faults[row.id, group[0]] = _("写了依据，请选加分或扣分")


def _check_rates(rulebook: Rulebook, shown: Grid, filled: Filled) -> None:
    for key, cells in filled.changes.items():
        row = shown.row(key)
        if row is None:
            continue
        after = {**row.values, **cells}
        for item in rated(rulebook):
            given = [part for part in RATES[item] if after.get(part)]
            for part in RATES[item]:
                if given and not after.get(part):
                    filled.faults[row.id, part] = _("同一指标的几项要一起填")
                elif part.endswith("target") and after.get(part) and parse(after[part]) <= 0:
                    filled.faults[row.id, part] = _("目标要大于0")
