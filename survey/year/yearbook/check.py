"""Every fault of a year book: headings, cells, keys given twice, rows that contradict other rows or the choices.

Whole columns are judged by their different values; single rows are looked for only when a value is at fault.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from tally.number import parse
from tally.number import plain as written
from tally.rulebook import Choice, Rulebook

from . import papers
from .clean import Bad, Reading, known, narrow, nearest, unknown
from .fault import Fault
from .rows import Rows, Sheet
from .tables import Table, codes, items

TEAM_ROW = "row"
MEETS_NO_ONE = "none"
Problem = tuple[str, str, str, Mapping[str, str]]
"""Column, value, remedy and what fills it."""


def rows(table: Table, sheet: Sheet, faults: list[Fault]) -> Rows:
    """Read a sheet as rows of `table`: columns found by heading, cells cleaned, blank rows dropped, keys unique."""
    whole = papers.read(table, sheet.data)
    if whole is not None:
        return whole
    places = _places(table, sheet, faults)
    readings = {id: Reading(table.column(id), sheet.escaped) for id in places}
    columns: dict[str, list[str]] = {column.id: [] for column in table.columns}
    unheaded = [place for place, heading in enumerate(sheet.headings) if not narrow(heading)]
    lines: Sequence[int] = range(0)
    for cells, chunk_lines in sheet.chunks:
        for id, place in places.items():
            columns[id].extend(map(readings[id].__getitem__, cells[place]))
        _stray(table, cells, [*unheaded, *range(len(sheet.headings), len(cells))], chunk_lines, faults)
        lines = _joined(lines, chunk_lines)
    for column in table.columns:
        if column.id not in places:
            columns[column.id] = [""] * len(lines)
    read = Rows(table=table, columns=columns, lines=lines)
    if any("" in reading.values() for id, reading in readings.items() if not table.column(id).blank):
        read = _without_blank_rows(read)
    _cells(read, readings, faults)
    return read


def _places(table: Table, sheet: Sheet, faults: list[Fault]) -> dict[str, int]:
    """Column id -> its place among the headings; faults for headings unknown, given twice or missing."""
    by_heading = {column.chinese: column.id for column in table.columns} | {
        column.id: column.id for column in table.columns
    }
    places: dict[str, int] = {}

    def fault(heading: str, remedy: str, **values: str) -> None:
        faults.append(
            Fault(table=table.id, row=sheet.heading_line, column=heading, value=heading, remedy=remedy, values=values)
        )

    for place, raw in enumerate(sheet.headings):
        heading = narrow(raw)
        id = by_heading.get(heading) or by_heading.get(heading.casefold())
        if not heading:
            continue
        if id is None:
            named = {column.id: column.chinese for column in table.columns}
            remedy, values = unknown(heading, named)
            faults.append(
                Fault(
                    table=table.id,
                    row=sheet.heading_line,
                    column=heading,
                    value=heading,
                    remedy=remedy.replace("没有这个值", "没有这一列"),
                    values=values,
                )
            )
        elif id in places:
            fault(heading, "这一列出现了两次，请只留一列")
        else:
            places[id] = place
    for column in table.columns:
        if column.id not in places and not column.optional:
            fault(column.id, "缺少这一列，请加上表头 %(name)s", name=f"{column.chinese} {column.id}")
    return places


def _joined(lines: Sequence[int], more: Sequence[int]) -> Sequence[int]:
    if not lines:
        return more
    if isinstance(lines, range) and isinstance(more, range) and lines.stop == more.start:
        return range(lines.start, more.stop)
    return [*lines, *more]


def _stray(
    table: Table,
    cells: Sequence[Sequence[str | bytes]],
    places: Iterable[int],
    lines: Sequence[int],
    faults: list[Fault],
) -> None:
    for place in places:
        for line, cell in zip(lines, cells[place], strict=True):
            text = cell if isinstance(cell, str) else cell.decode()
            if narrow(text):
                remedy = "这一格所在的列没有表头，请删去或补上表头"
                faults.append(Fault(table=table.id, row=line, column=str(place + 1), value=text, remedy=remedy))


def _without_blank_rows(read: Rows) -> Rows:
    kept = [any(record) for record in read]
    if all(kept):
        return read
    columns = {
        id: [cell for cell, keep in zip(cells, kept, strict=True) if keep] for id, cells in read.columns.items()
    }
    lines = [line for line, keep in zip(read.lines, kept, strict=True) if keep]
    return Rows(table=read.table, columns=columns, lines=lines)


def _cells(read: Rows, readings: Mapping[str, Reading], faults: list[Fault]) -> None:
    """Cells that cannot be read and cells that must not be blank."""
    for column in read.table.columns:
        if column.id not in readings:
            continue
        reading = readings[column.id]
        cells = read[column.id]
        if reading.remedies:
            for line, cell in zip(read.lines, cells, strict=True):
                if isinstance(cell, Bad):
                    remedy, values = reading.remedies[cell]
                    faults.append(
                        Fault(table=read.table.id, row=line, column=column.id, value=cell, remedy=remedy, values=values)
                    )
        if not column.blank and "" in reading.values():
            remedy, values = "这一格不能空着", {}
            if column.codes:
                remedy, values = "这一格不能空着，可用：%(known)s", {"known": known(column.codes)}
            faults.extend(
                Fault(table=read.table.id, row=line, column=column.id, value="", remedy=remedy, values=values)
                for line, cell in zip(read.lines, cells, strict=True)
                if not cell
            )


def twice(read: Rows, faults: list[Fault]) -> None:
    """Rows whose key an earlier row has."""
    key = read.table.key
    if read.given is not None:  # papers are only read so when no key is given twice
        return
    if len(set(map(hash, read.pick(*key)))) == len(read):
        return
    required = [place for place, column in enumerate(key) if not read.table.column(column).blank]
    seen: dict[tuple[str, ...], int] = {}
    for line, cells in zip(read.lines, read.pick(*key), strict=True):
        if not all(cells[place] for place in required):
            continue
        first = seen.setdefault(cells, line)
        if first != line:
            faults.append(
                Fault(
                    table=read.table.id,
                    row=line,
                    column=key[-1],
                    value="/".join(filter(None, cells)),
                    remedy="与第 %(first)s 行重复，请只留一行",
                    values={"first": str(first)},
                )
            )


def judge(
    read: Rows, columns: Sequence[str], verdict: Callable[..., Problem | None], faults: list[Fault]
) -> None:
    """Ask `verdict` once for every different combination of the columns' cells; report each row of a bad one."""
    verdicts: dict[tuple[str, ...], Problem] = {}
    for cells in read.distinct(*columns):
        if not any(isinstance(cell, Bad) for cell in cells):
            problem = verdict(*cells)
            if problem:
                verdicts[cells] = problem
    if verdicts:
        for line, cells in zip(read.lines, read.pick(*columns), strict=True):
            if cells in verdicts:
                column, value, remedy, values = verdicts[cells]
                faults.append(
                    Fault(table=read.table.id, row=line, column=column, value=value, remedy=remedy, values=values)
                )


class Checks:
    """The checks of one year book against its rulebook and its own rows."""

    def __init__(self, tables: Mapping[str, Rows], rulebook: Rulebook, faults: list[Fault], *, given: bool) -> None:
        self.tables = tables
        self.given = given
        self.rulebook = rulebook
        self.faults = faults
        self.banners = {banner for banner in tables["banners"]["banner"] if banner}
        self.homes = tables["people"].pairs("person", "banner")
        self.names = tables["people"].pairs("name", "person")
        self.told_empty = False

    def all(self) -> None:
        """Every check beyond single cells and keys, table by table."""
        self.rulebook = choices(self.tables["year"], self.rulebook, self.faults, given=self.given)
        self._ranks()
        judge(self.tables["people"], ["banner"], self._home, self.faults)
        for id in ("points", "scores", "grades", "factors", "ballots", "opinions"):
            judge(self.tables[id], ["banner", "person"], self._subject, self.faults)
        self._points()
        judge(self.tables["scores"], ["component", "person"], self._component, self.faults)
        self._factors()
        self._ballots()
        own = self._own_questions()
        self._opinions(own)

    def _home(self, banner: str) -> Problem | None:
        if not banner or banner in self.banners:
            return None
        near = nearest(banner, self.banners)
        if near:
            return "banner", banner, "表 banners 里没有这个旗县，是不是 %(near)s？", {"near": near}
        return "banner", banner, "表 banners 里没有这个旗县，请先在那里列出", {}

    def _subject(self, banner: str, person: str) -> Problem | None:
        unknown_banner = self._home(banner)
        if unknown_banner or not person:
            return unknown_banner
        home = self.homes.get(person)
        if home is None and not self.homes and self.told_empty:
            return None  # once is enough: the table itself is missing or empty
        if home is None:
            self.told_empty = not self.homes
            near = self.names.get(person) or nearest(person, self.homes)
            if near:
                return "person", person, "表 people 里没有这个编号，是不是 %(near)s？", {"near": near}
            return "person", person, "表 people 里没有这个编号，请先在那里列出", {}
        if home != banner and banner:
            return "banner", banner, "%(person)s 属于 %(home)s，请改旗县或改编号", {"person": person, "home": home}
        return None

    def _ranks(self) -> None:
        banners = self.tables["banners"]
        total = _whole(self.tables["year"], "ranked_total")

        def rank(text: str) -> Problem | None:
            if total and text.isdecimal() and int(text) > total:
                return "poverty_rank", text, "参加排名的只有 %(total)s 个（ranked_total），应在 1 到 %(total)s 之间", {
                    "total": str(total)
                }
            return None

        judge(banners, ["poverty_rank"], rank, self.faults)
        if any(text.isdecimal() for text in banners["poverty_rank"]) and not any(
            key == "ranked_total" for key in self.tables["year"]["key"]
        ):
            remedy = "有旗县填了全区排名，请在年度表加一行 ranked_total：参加排名的总数"
            self.faults.append(Fault(table="year", row=1, column="key", value="ranked_total", remedy=remedy))

    def _points(self) -> None:
        limits = {sheet.id: {item.id: item.max for item in sheet.items} for sheet in self.rulebook.sheets}
        named = items(self.rulebook)
        whose = {sheet.id: self.rulebook.sheet_for(sheet.id) for sheet in self.rulebook.sheets}

        def points(sheet: str, item: str, number: str) -> Problem | None:
            if sheet not in limits or not item:
                return None
            if item not in limits[sheet]:
                remedy, values = unknown(item, named[sheet])
                return "item", item, remedy, values
            most = limits[sheet][item]
            if number and parse(number) > most:
                return "points", number, "应在 0 到 %(high)s 之间", {"high": written(most)}
            return None

        def where(sheet: str, unit: str, person: str) -> Problem | None:
            if sheet not in limits:
                return None
            per_unit = self.rulebook.sheet(sheet).per_unit
            if per_unit and not unit:
                return "unit", unit, "这张表按村打分，请填村名", {}
            if unit and not per_unit:
                return "unit", unit, "这张表不分村，请留空", {}
            return self._whose(person, whose[sheet], "sheet", sheet)

        judge(self.tables["points"], ["sheet", "item", "points"], points, self.faults)
        judge(self.tables["points"], ["sheet", "unit", "person"], where, self.faults)

    def _whose(self, person: str, whose: frozenset[str], column: str, value: str) -> Problem | None:
        if ("person" if person else "team") in whose:
            return None
        if person and "team" in whose:
            return "person", person, "%(value)s 只为总队填，请把编号留空", {"value": value}
        if not person and "person" in whose:
            return "person", person, "%(value)s 只为个人填，请填编号", {"value": value}
        return column, value, "这一项在这里不填", {}

    def _component(self, component: str, person: str) -> Problem | None:
        if not component:
            return None
        whose = self.rulebook.entered_for(component)
        if whose:
            return self._whose(person, whose, "component", component)
        entered = {each.id for each in self.rulebook.components if self.rulebook.entered_for(each.id)}
        can = known({id: name for id, name in codes("component", self.rulebook.components).items() if id in entered})
        if self.rulebook.component(component).kind == "of_team":
            remedy = "所选办法不录入这一分（choice.supervision 不是 entered），请删去这一行；可录入：%(known)s"
            return "component", component, remedy, {"known": can}
        return "component", component, "这一项由计算得出，不录入；可录入：%(known)s", {"known": can}

    def _factors(self) -> None:
        factors = self.tables["factors"]

        def whose(factor: str, person: str) -> Problem | None:
            return self._whose(person, self.rulebook.factor_for(factor), "factor", factor) if factor else None

        judge(factors, ["factor", "person"], whose, self.faults)
        excludes: dict[str, set[str]] = {}
        for each in self.rulebook.factors:
            if each.excludes:
                excludes.setdefault(each.id, set()).add(each.excludes)
                excludes.setdefault(each.excludes, set()).add(each.id)
        seen: dict[tuple[str, str, str], int] = {}
        for line, (banner, person, factor) in zip(
            factors.lines, factors.pick("banner", "person", "factor"), strict=True
        ):
            for other in sorted(excludes.get(factor, ())):
                if first := seen.get((banner, person, other)):
                    remedy = "与第 %(first)s 行的 %(other)s 互相排斥（D-21），只能留一个"
                    values = {"first": str(first), "other": other}
                    self.faults.append(
                        Fault(table="factors", row=line, column="factor", value=factor, remedy=remedy, values=values)
                    )
            seen.setdefault((banner, person, factor), line)

    def _ballots(self) -> None:
        part = self.rulebook.ballots
        if part is None:
            return
        team_row = self.rulebook.value(part.team) == TEAM_ROW
        weighted = self.rulebook.value(part.group_weights) != MEETS_NO_ONE
        ballots = self.tables["ballots"]
        if not team_row:
            remedy = "没有编号的票行只在 choice.team_appraisal 为 row 时才有，请填编号"
            judge(ballots, ["person"], lambda person: None if person else ("person", "", remedy, {}), self.faults)
        if weighted:
            named = known(ballots.table.column("group").codes)
            remedy = "选了 choice.group_weights，每张票都要填类别：%(known)s"
            judge(
                ballots,
                ["group"],
                lambda group: None if group else ("group", "", remedy, {"known": named}),
                self.faults,
            )

    def _own_questions(self) -> dict[str, dict[str, set[str]]]:
        """Question of the office's own -> its cells by column; faults where they do not fit together."""
        rows = self.tables["questions"]
        of: dict[str, dict[str, set[str]]] = {}
        first: dict[str, int] = {}
        lines: dict[str, list[tuple[str, str]]] = {}
        columns = [column.id for column in rows.table.columns]
        for line, cells in zip(rows.lines, rows, strict=True):
            if any(isinstance(cell, Bad) for cell in cells) or not cells[0]:
                continue
            question = cells[0]
            first.setdefault(question, line)
            for column, cell in zip(columns, cells, strict=True):
                of.setdefault(question, {}).setdefault(column, set()).add(cell)
            lines.setdefault(question, []).append((cells[4], cells[6]))

        def fault(question: str, column: str, remedy: str) -> None:
            self.faults.append(Fault(table="questions", row=first[question], column=column, value=question, remedy=remedy))

        for question, found in of.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}\.[A-Za-z_]\w{0,39}", question, re.ASCII):
                fault(question, "question", "自拟题写成 问卷编号.题目编号，例如 survey1.q1")
            if any(len(found[column]) > 1 for column in ("of", "kind", "label")):
                fault(question, "label", "同一题的各行，对象、题型和题目要相同")
            elif found["kind"] == {"number"}:
                if sorted(points for _, points in lines[question]) != ["0", "100"] or any(not _is_number(each) for each, _ in lines[question]):
                    fault(question, "points", "数字题写两行：答案是得0分的数和得100分的数")
            elif found["points"] <= {""}:
                fault(question, "points", "至少一个答案要有分值")
            elif found["kind"] == {"many"} and sum(parse(points) for _, points in lines[question] if points) > 100:
                fault(question, "points", "多选题各答案的分值合计不能超过100")
        return of

    def _opinions(self, own: Mapping[str, Mapping[str, set[str]]]) -> None:
        part = self.rulebook.opinion
        if part is None:
            return
        team = {question.id for question in part.team_questions} | {id for id, cells in own.items() if "team" in cells["of"]}
        person_questions = {question.id for question in part.person_questions} | own.keys() - team
        met = codes("answer", part.acquaintances)
        answers = codes("answer", (*part.answers, *part.neutral))
        named = self.tables["opinions"].table.column("question").codes

        def whose(question: str, person: str) -> Problem | None:
            if question and question not in named and question not in own:
                remedy, values = unknown(question, {**named, **{each: each for each in own}})
                return "question", question, remedy, values
            if question in team and person:
                return "person", person, "%(question)s 问的是总队，请把编号留空", {"question": question}
            if not person and (question in person_questions or question == part.acquaintance.id):
                return "person", person, "%(question)s 问的是个人，请填编号", {"question": question}
            return None

        def answer(question: str, text: str) -> Problem | None:
            if not text or not question:
                return None
            if question in own:
                return _own_answer(own[question], text)
            if question == part.acquaintance.id:
                allowed = met
            elif question in team or question in person_questions:
                allowed = answers
            else:
                return None
            if text in allowed:
                return None
            remedy, values = unknown(text, allowed)
            return "answer", text, remedy, values

        judge(self.tables["opinions"], ["question", "person"], whose, self.faults)
        judge(self.tables["opinions"], ["question", "answer"], answer, self.faults)


def _own_answer(cells: Mapping[str, set[str]], text: str) -> Problem | None:
    """What is wrong with an answer to a question of the office's own."""
    if text == "void":
        return None
    if "number" in cells["kind"]:
        return None if _is_number(text) else ("answer", text, "应是一个数，例如 87.5", {})
    for each in text.split("/") if "many" in cells["kind"] else [text]:
        if each not in cells["answer"]:
            remedy, values = unknown(each, {answer: answer for answer in sorted(cells["answer"])})
            return "answer", text, remedy, values
    return None


def _is_number(text: str) -> bool:
    """Whether a text is a number as a respondent may type it."""
    return bool(re.fullmatch(r"[+-]?\d+(\.\d+)?", text, re.ASCII)) and sum(sign.isdigit() for sign in text) <= 15


def by_sheet(points: Rows, rulebook: Rulebook) -> Rows:
    """The table of points with its items as ids: what an item's Chinese name means depends on the sheet."""
    named = {
        sheet: {chinese: id for id, chinese in names.items()} | {id: id for id in names}
        for sheet, names in items(rulebook).items()
    }

    def item(sheet: str, text: str) -> str:
        names = named.get(sheet, {})
        return names.get(text) or names.get(text.casefold()) or text

    read = [item(sheet, text) for sheet, text in points.pick("sheet", "item")]
    return Rows(table=points.table, columns={**points.columns, "item": read}, lines=points.lines)


def _whole(year: Rows, key: str) -> int:
    text = year.pairs("key", "value").get(key, "")
    return int(text) if re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII) else 0


def choices(year: Rows, rulebook: Rulebook, faults: list[Fault], *, given: bool) -> Rulebook:
    """The rulebook under the year's choices; every key and value of the table `year` that is wrong becomes a fault.

    `given`: the table is there, so that its keys can be missing.
    """
    open_choices = {choice.id: choice for choice in rulebook.choices if choice.open}
    keys = ["year", "measure", "ranked_total", *(f"choice.{id}" for id in open_choices)]
    chosen: dict[str, str] = {}

    def fault(line: int, column: str, value: str, remedy: str, **values: str) -> None:
        faults.append(Fault(table="year", row=line, column=column, value=value, remedy=remedy, values=values))

    for line, (key, value) in zip(year.lines, year.pick("key", "value"), strict=True):
        if not key or not value or isinstance(key, Bad) or isinstance(value, Bad):
            continue
        if key == "year":
            if not re.fullmatch(r"[12]\d{3}", value, re.ASCII):
                fault(line, "value", value, "应是四位的年份，例如 2018")
        elif key == "ranked_total":
            if not re.fullmatch(r"[1-9]\d{0,5}", value, re.ASCII):
                fault(line, "value", value, "应是正整数：参加全区排名的总数")
        elif key == "measure":
            continue
        elif key.startswith("choice.") and key.removeprefix("choice.") in open_choices:
            id = key.removeprefix("choice.")
            if rulebook.check_choice(id, value) is None:
                chosen[id] = value
            else:
                remedy, values = choosable(open_choices[id])
                fault(line, "value", value, remedy, **values)
        else:
            near = nearest(key, keys)
            if near:
                fault(line, "key", key, "没有这一项，是不是 %(near)s？可用：%(known)s", near=near, known="、".join(keys))
            else:
                fault(line, "key", key, "没有这一项，可用：%(known)s", known="、".join(keys))
    present = set(year["key"])
    for key in ("year", "measure"):
        if key not in present and given:
            fault(1, "key", key, "缺少这一项，请加一行 %(key)s", key=key)
    return rulebook.with_choices(chosen) if chosen else rulebook


def choosable(choice: Choice) -> tuple[str, dict[str, str]]:
    """What a choice may be, as Chinese source text and the values that fill it."""
    listed = list(dict.fromkeys([choice.default, *(each.value for each in choice.alternatives)]))
    values = {"known": "、".join(listed)}
    if choice.kind == "whole":
        return "应是不小于 %(least)s 的整数，例如 %(known)s", values | {"least": str(choice.least)}
    if choice.kind == "numbers":
        values["count"] = str(choice.count)
        if choice.total:
            return "应是 %(count)s 个以 / 相连、合计 %(total)s 的数，例如 %(known)s", values | {"total": str(choice.total)}
        if choice.descending:
            return "应是 %(count)s 个以 / 相连、从高到低的数，例如 %(known)s", values
        return "应是 %(count)s 个以 / 相连的数，例如 %(known)s", values
    return "没有这个选法，可用：%(known)s", values


def tables_of(
    sheets: Iterator[Sheet], tables: Sequence[Table], faults: list[Fault], seen: dict[str, str]
) -> Iterator[tuple[Table, Sheet]]:
    """Each sheet with its table; faults for a sheet of no table and for a table given twice (`seen`: id -> name)."""
    by_name = {table.chinese: table for table in tables} | {table.id: table for table in tables}
    for sheet in sheets:
        name = narrow(sheet.name)
        table = by_name.get(name) or by_name.get(name.casefold())
        if table is None:
            if any(narrow(heading) for heading in sheet.headings):
                remedy, values = unknown(name, {each.id: each.chinese for each in tables})
                remedy = remedy.replace("没有这个值", "没有这个表")
                faults.append(Fault(table=name, row=1, column="", value=name, remedy=remedy, values=values))
        elif table.id in seen:
            remedy = "与 %(first)s 是同一个表，请只留一个"
            values = {"first": seen[table.id]}
            faults.append(Fault(table=table.id, row=1, column="", value=name, remedy=remedy, values=values))
        else:
            seen[table.id] = name
            yield table, sheet

