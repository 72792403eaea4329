"""Entering: scores, point sheets, rates, letters, factors, days, ranks, as grids; typed, pasted, or filled from a workbook."""

import io
from collections.abc import Iterable, Mapping
from fractions import Fraction

import xlsxwriter
from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, roster
from survey import draw as draws
from survey import entry as entries
from survey.access import Account, allowed
from survey.desk import blueprint
from survey.desk.cycle import rules, this
from survey.desk.grid import Column, Filled, Grid, Key, Row, filled_from, pasted, posted, records, was
from survey.desk.words import language, position_name
from survey.roster import Cycle, Person
from survey.year.yearbook import Fault, workbook
from tally import indicator
from tally.number import fixed, half_up, parse, plain
from tally.rulebook import Entered, Rulebook

READERS = ("office", "assessor", "staff", "viewer")
ASSESSED = ("ledger", "visits", "letters")  # what the assessors enter themselves
BANNER_NEEDED = ("letters", "visits")
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
RATES = {
    "reduction": ("reduction.rate",),
    "income": ("income.actual", "income.target"),
    "incidence": ("incidence.actual", "incidence.target"),
    "precision": ("precision.identification", "precision.support", "precision.exit"),
}


# ---- pages ---------------------------------------------------------------------------------------------------------


@blueprint.get("/entry")
@allowed(*READERS)
def entry() -> str:
    """What there is to enter, by whom, and how far it is."""
    me = access.me()
    with db.reading() as connection:
        year = this(connection)
        rulebook = rules(year)
        own = [each for each in roster.banners(connection, year.cycle) if me.sees(each.banner)]
        progress: list[tuple[str, tuple[int, int] | None]] = []
        for name in names(rulebook):
            if name in BANNER_NEEDED:
                progress.append((name, None))
            else:
                shown = build(connection, year, rulebook, name, "", me)
                needed = _needed(rulebook, shown)
                filled = sum(all(row.values.get(each) for each in needed) for row in shown.rows)
                progress.append((name, (filled, len(shown.rows)) if needed else None))
    titles = {name: title(rulebook, name) for name in names(rulebook)}
    return render_template(
        "desk/entry.html", progress=progress, titles=titles, banners=own, needs_banner=BANNER_NEEDED, who=may_enter
    )


@blueprint.route("/entry/<name>", methods=["GET", "POST"])
@allowed(*READERS)
def grid(name: str) -> AnyResponse | tuple[str, int]:
    """One grid: shown, filled from a paste or a workbook, saved."""
    me = access.me()
    banner = request.values.get("banner", "").strip()
    person = request.values.get("person", "").strip()
    with db.reading() as connection:
        year = this(connection)
        rulebook = rules(year)
        if name not in names(rulebook):
            abort(404)
        banners = [each.banner for each in roster.banners(connection, year.cycle) if me.sees(each.banner)]
        if banner and banner not in banners:
            abort(404)
        if not banner and name in BANNER_NEEDED:
            if len(banners) != 1:
                return render_template("desk/pick_banner.html", title=title(rulebook, name), name=name, banners=banners), 200
            banner = banners[0]
        shown = build(connection, year, rulebook, name, banner, me, person)
        people = roster.people(connection, year.cycle, banner) if name == "visits" and banner else []
        unit = entries.assessors(connection, year.cycle).get(me.account) if name == "letters" else None
    writes = may_enter(me, name) and year.state != "final"
    filled, status, unsaved = Filled(), 200, False
    if request.method == "POST":
        if not writes:
            abort(403)
        filled = _given(shown, rulebook)
        _check(name, year, rulebook, shown, filled)
        unsaved = request.form.get("deed") != "save" and not filled.faulty
        status = 422 if filled.faulty else 200
        if request.form.get("deed") == "save" and not filled.faulty:
            return _saved(year, rulebook, name, shown, filled, banner, person)
    return render_template(
        "desk/grid.html",
        grid=shown,
        filled=filled,
        banner=banner,
        person=person,
        banners=banners,
        writes=writes,
        was=was,
        unsaved=unsaved,
        name=name,
        people=people,
        many=bool(banner) or name in ("ranks", "indicators", "rates"),
        needs_banner=name in BANNER_NEEDED,
        unit=unit,
        asks_unit=writes and name == "letters" and not me.may("office") and not unit,
        rows_by_id={r.id: r for r in shown.rows},
        reckoned=_reckoned(rulebook, shown) if name == "rates" else {},
        explains=explains(rulebook, name),
    ), status


@blueprint.get("/entry/<name>.xlsx")
@allowed(*READERS)
def export_grid(name: str) -> Response:
    """The grid as a workbook; filled in, it can be taken back."""
    me = access.me()
    banner, person = request.args.get("banner", ""), request.args.get("person", "")
    with db.reading() as connection:
        year = this(connection)
        rulebook = rules(year)
        if name not in names(rulebook) or (name in BANNER_NEEDED and not banner):
            abort(404)
        if banner:
            access.own_banner(banner)
        shown = build(connection, year, rulebook, name, banner, me, person)
    return spreadsheet(f"{name}-{year.cycle}", shown.title, records(shown))


@blueprint.route("/entry/assessors", methods=["GET", "POST"])
@allowed("office", "assessor")
def assessors() -> AnyResponse | tuple[str, int]:
    """The assessors and the unit each comes from; an assessor notes only the own one (D-09)."""
    me = access.me()
    fault = ""
    if request.method == "POST":
        name = request.form.get("assessor", "").strip() if me.may("office") else me.account
        unit = " ".join(request.form.get("unit", "").split())
        if not name or not unit:
            fault = _("请填写考核员和派出单位")
        else:
            try:
                with db.deed() as connection:
                    entries.put_assessor(connection, this(connection).cycle, name, unit, by=me.account)
                flash(_("已保存。"))
                then = request.form.get("banner", "")
                return redirect(url_for("desk.grid", name="letters", banner=then) if then else url_for("desk.assessors"))
            except ValueError as error:
                fault = str(error)
    with db.reading() as connection:
        year = this(connection)
        known = entries.assessors(connection, year.cycle)
        accounts = {each.account: each.name for each in access.everyone(connection) if each.may("assessor")}
        graded = {key[2] for key in entries.read(connection, "grade", year.cycle)}
        units = sorted({each.unit for each in roster.people(connection, year.cycle) if each.unit})
    listed = sorted({*known, *accounts, *graded}) if me.may("office") else [me.account]
    return render_template(
        "desk/assessors.html", listed=listed, known=known, names=accounts, fault=fault, units=units
    ), 422 if fault else 200


def _needed(rulebook: Rulebook, shown: Grid) -> list[str]:
    """The columns of a grid that every row must have; none where there may rightly be nothing."""
    if shown.id in ("factors", "rates", "person_scores"):
        return []
    if shown.id == "scores":
        entered = [part for part in rulebook.components if isinstance(part, Entered) and not part.sheet]
        return [part.id for part in entered if part.id in {each.id for each in shown.columns}]
    return ["days"] if shown.id == "days" else [each.id for each in shown.columns]


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


# ---- which grids there are -----------------------------------------------------------------------------------------


def names(rulebook: Rulebook) -> list[str]:
    """The ids of the grids a measure asks for, in the order of the work."""
    found = ["scores", "person_scores", *(sheet.id for sheet in rulebook.sheets)]
    if _rated(rulebook):
        found.insert(found.index("indicators") + 1, "rates")
    if rulebook.letters:
        found.append("letters")
    found += ["factors"] if any(each.kind == "evidence" for each in rulebook.factors) else []
    found += ["days"] if rulebook.days else []
    return found + (["ranks"] if any(each.kind == "rank" for each in rulebook.factors) else [])


def title(rulebook: Rulebook, name: str) -> str:
    """A grid's name in the page's language."""
    fixed_titles = {
        "scores": _("总队录入分"),
        "person_scores": _("个人录入分"),
        "rates": _("指标率值换算"),
        "letters": _("考核组综合评价"),
        "factors": _("加减分"),
        "days": _("派驻天数"),
        "ranks": _("全区排名"),
    }
    return fixed_titles.get(name) or rulebook.sheet(name).label.text(language())


def explains(rulebook: Rulebook, name: str) -> str:
    """One or two sentences above the grid."""
    if name == "letters" and rulebook.letters:
        letters = _("、").join(f"{each.id} {plain(each.points)}" for each in rulebook.letters.letters)
        least = rulebook.whole(rulebook.letters.least)
        return _("每位考核员一列，不少于 %(least)s 人。%(letters)s。考核员不评同一派出单位的人。", least=least, letters=letters)
    return {
        "scores": _("百分制，最多四位小数。填了总分的，以总分为准，不再看分项打分。"),
        "person_scores": _("百分制。个人没有填的，按办法用总队的得分。"),
        "rates": _("填率值和目标，得分随之算出并记入指标考核；得分取四位小数。直接改指标得分的，率值随之清除。"),
        "factors": _("每一项都要写依据。精准与不精准、好与差只能选一个。天数和全区排名另表录入。"),
        "days": _("派驻天数可以有半天；应派驻天数空着就是全年365天。"),
        "ranks": _("正整数；没有参加排名的填“无”；空着是缺项。"),
        "visits": _("每村一行，三项齐了才算。先看个人的，个人没有的用总队的。"),
    }.get(name, _("各项齐了才算；缺一项，整张表是缺项。"))


def may_enter(who: Account, name: str) -> bool:
    """Whether an account may fill a grid: the office all, assessors their own sheets."""
    return who.may("office") or (who.may("assessor") and name in ASSESSED)


def _rated(rulebook: Rulebook) -> dict[str, Fraction]:
    """The indicators that may be entered as rates (D-10), with their most points."""
    sheet = next((each for each in rulebook.sheets if each.id == "indicators"), None)
    return {item.id: item.max for item in sheet.items if item.id in RATES} if sheet else {}


# ---- building ------------------------------------------------------------------------------------------------------


def build(
    connection: Connection, year: Cycle, rulebook: Rulebook, name: str, banner: str, me: Account, person: str = ""
) -> Grid:
    """A grid with its values: of one banner, or of all the account sees."""
    heads = {
        "scores": _scores,
        "person_scores": _person_scores,
        "rates": _rates,
        "letters": _letters,
        "factors": _factors,
        "days": _days,
        "ranks": _ranks,
    }
    if name in heads:
        return heads[name](connection, year, rulebook, banner, me)
    return _points(connection, year, rulebook, name, banner, me, person)


def _teams(connection: Connection, year: Cycle, banner: str, me: Account) -> list[str]:
    return [
        each.banner for each in roster.banners(connection, year.cycle) if me.sees(each.banner) and banner in ("", each.banner)
    ]


def _people(connection: Connection, year: Cycle, banner: str, me: Account) -> list[Person]:
    return [each for each in roster.people(connection, year.cycle, banner or None) if me.sees(each.banner)]


def _note(each: Person, banner: str) -> str:
    words = (position_name(each.position), each.unit, "" if banner else each.banner)
    return " · ".join(filter(None, words))


def _scores(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    return _score_grid(connection, year, rulebook, banner, me, "team", "scores")


def _person_scores(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    return _score_grid(connection, year, rulebook, banner, me, "person", "person_scores")


def _score_grid(
    connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account, whose: str, name: str
) -> Grid:
    columns = tuple(
        Column(
            id=each.id,
            label=each.label.text(language()),
            most=rulebook.score.most,
            least=rulebook.score.least,
            other=(each.label.zh,),
        )
        for each in rulebook.components
        if whose in rulebook.entered_for(each.id)
    )
    known = entries.read(connection, "score", year.cycle, banner)
    keys: list[tuple[Key, str, str]]
    if whose == "team":
        keys = [((team, "", ""), team, "") for team in _teams(connection, year, banner, me)]
    else:
        keys = [
            ((each.banner, each.person, ""), each.name, _note(each, banner)) for each in _people(connection, year, banner, me)
        ]
    rows = tuple(
        Row(key=key, label=label, note=note, values={c.id: known.get((key[0], key[1], c.id), "") for c in columns})
        for key, label, note in keys
    )
    return Grid(
        id=name, title=title(rulebook, name), first=_("旗县") if whose == "team" else _("姓名"), columns=columns, rows=rows
    )


def _points(connection: Connection, year: Cycle, rulebook: Rulebook, name: str, banner: str, me: Account, person: str) -> Grid:
    sheet = rulebook.sheet(name)
    columns = tuple(
        Column(
            id=item.id,
            label=item.label.text(language()),
            most=item.max,
            hint=_("满分 %(most)s", most=plain(item.max)),
            other=(item.label.zh,),
        )
        for item in sheet.items
    )
    known = entries.read(connection, "point", year.cycle, banner)
    if sheet.per_unit:
        units = {key[3] for key in known if key[1] == person and key[2] == name}
        drawn = draws.every(connection, year.cycle).get(banner)
        units |= {village for villages in drawn.villages.values() for village in villages} if drawn else set()
        if not drawn:
            units |= {
                each.village
                for each in roster.villages(connection, year.cycle, banner)[
                    : rulebook.sample.villages if rulebook.sample else 0
                ]
            }
        keys = [((banner, person, unit), unit, "") for unit in sorted(units)]
    else:
        keys = [((team, "", ""), team, "") for team in _teams(connection, year, banner, me)]
    rows = tuple(
        Row(
            key=key, label=label, note=note, values={c.id: known.get((key[0], key[1], name, key[2], c.id), "") for c in columns}
        )
        for key, label, note in keys
    )
    return Grid(
        id=name, title=title(rulebook, name), first=_("村") if sheet.per_unit else _("旗县"), columns=columns, rows=rows
    )


def _rates(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    labels = {
        "reduction.rate": _("减贫计划完成率（%）"),
        "income.actual": _("人均纯收入增幅"),
        "income.target": _("增幅目标"),
        "incidence.actual": _("贫困发生率降幅"),
        "incidence.target": _("降幅目标"),
        "precision.identification": _("识别精准率（%）"),
        "precision.support": _("帮扶精准率（%）"),
        "precision.exit": _("退出精准率（%）"),
    }
    rated = _rated(rulebook)
    columns = tuple(
        Column(
            id=part,
            label=labels[part],
            least=Fraction(0) if item == "precision" or part.endswith("target") else None,
            most=Fraction(100) if item == "precision" else Fraction(1000),
        )
        for item, parts in RATES.items()
        if item in rated
        for part in parts
    )
    known = entries.read(connection, "rate", year.cycle, banner)
    points = entries.read(connection, "point", year.cycle, banner)
    rows = []
    for team in _teams(connection, year, banner, me):
        made = [
            f"{rulebook_label(rulebook, item)} {points[team, '', 'indicators', '', item]}"
            for item in rated
            if (team, "", "indicators", "", item) in points
        ]
        rows.append(
            Row(
                key=(team, "", ""),
                label=team,
                note="；".join(made),
                values={c.id: known.get((team, "", c.id), "") for c in columns},
            )
        )
    return Grid(id="rates", title=title(rulebook, "rates"), first=_("旗县"), columns=columns, rows=tuple(rows))


def rulebook_label(rulebook: Rulebook, item: str) -> str:
    """An indicator's name."""
    return next(each.label.text(language()) for each in rulebook.sheet("indicators").items if each.id == item)


def _letters(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    part = rulebook.letters
    known = entries.read(connection, "grade", year.cycle, banner)
    options = tuple((each.id, each.id) for each in part.letters) if part else ()
    registered = entries.assessors(connection, year.cycle)
    columns_of = sorted({*registered, *(key[2] for key in known)}) if me.may("office", "staff", "viewer") else [me.account]
    titles = {each.account: each.name for each in access.everyone(connection, disabled=True)}
    columns = tuple(
        Column(
            id=each,
            label=titles.get(each, each),
            kind="option",
            options=options,
            other=(each,),
            locked=not registered.get(each),
            hint=registered.get(each) or _("未登记派出单位"),
        )
        for each in columns_of
    )
    keys: list[tuple[Key, str, str]] = [((banner, "", ""), banner, _("工作总队"))]
    keys += [((banner, each.person, ""), each.name, _note(each, banner)) for each in _people(connection, year, banner, me)]
    rows = tuple(
        Row(key=key, label=label, note=note, values={c.id: known.get((key[0], key[1], c.id), "") for c in columns})
        for key, label, note in keys
    )
    return Grid(id="letters", title=title(rulebook, "letters"), first=_("姓名"), columns=columns, rows=rows)


def _factors(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    """Factors that exclude each other share a column; beside each stands its evidence. Of one banner also its people."""
    columns: list[Column] = []
    for group in factor_groups(rulebook):
        sign = {each: rulebook.factor(each) for each in group}
        options = tuple(
            (each, f"{of.label.text(language())} {'+' if of.points > 0 else ''}{plain(of.points)}") for each, of in sign.items()
        )
        label = " / ".join(of.label.text(language()) for of in sign.values())
        columns += [
            Column(id=group[0], label=label, kind="option", options=options),
            Column(id=f"{group[0]}.evidence", label=_("依据：%(factor)s", factor=label), kind="text"),
        ]
    known = entries.read(connection, "factor", year.cycle, banner)
    keys: list[tuple[Key, str, str]] = []
    for team in _teams(connection, year, banner, me):
        keys.append(((team, "", ""), team, _("工作总队")))
    if banner:
        keys += [((banner, each.person, ""), each.name, _note(each, banner)) for each in _people(connection, year, banner, me)]
    rows = []
    for key, label, note in keys:
        values: dict[str, str] = {}
        for group in factor_groups(rulebook):
            chosen = next((each for each in group if (key[0], key[1], each) in known), "")
            values[group[0]] = chosen
            values[f"{group[0]}.evidence"] = known.get((key[0], key[1], chosen), "") if chosen else ""
        rows.append(Row(key=key, label=label, note=note, values=values, barred=_barred(rulebook, key)))
    return Grid(id="factors", title=title(rulebook, "factors"), first=_("对象"), columns=tuple(columns), rows=tuple(rows))


def _barred(rulebook: Rulebook, key: Key) -> frozenset[str]:
    """The columns of factors that a team, or a person, cannot have: the banner's are decided in the team's line (D-18)."""
    whose = "person" if key[1] else "team"
    columns = [group[0] for group in factor_groups(rulebook) if not any(whose in rulebook.factor_for(each) for each in group)]
    return frozenset({name for each in columns for name in (each, f"{each}.evidence")})


def factor_groups(rulebook: Rulebook) -> list[tuple[str, ...]]:
    """The factors entered with evidence, those that exclude each other together (D-21)."""
    groups: list[tuple[str, ...]] = []
    for each in rulebook.factors:
        if each.kind != "evidence" or any(each.id in group for group in groups):
            continue
        others = [
            o.id
            for o in rulebook.factors
            if o.kind == "evidence" and o.id != each.id and (o.excludes == each.id or each.excludes == o.id)
        ]
        groups.append((each.id, *others))
    return groups


def _days(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    places = rulebook.days.places if rulebook.days else 1
    columns = (
        Column(id="days", label=_("派驻天数"), most=Fraction(366), places=places),
        Column(id="assigned_days", label=_("应派驻天数"), most=Fraction(366), places=places),
    )
    rows = tuple(
        Row(
            key=(each.banner, each.person, ""),
            label=each.name,
            note=_note(each, banner),
            values={"days": each.days or "", "assigned_days": each.assigned_days or ""},
        )
        for each in _people(connection, year, banner, me)
    )
    return Grid(id="days", title=title(rulebook, "days"), first=_("姓名"), columns=columns, rows=rows)


def _ranks(connection: Connection, year: Cycle, rulebook: Rulebook, banner: str, me: Account) -> Grid:
    most = Fraction(year.ranked_total) if year.ranked_total else None
    column = Column(
        id="poverty_rank",
        label=_("全区排名"),
        least=Fraction(1),
        most=most,
        places=0,
        options=(("none", _("无")),),
        hint=_("共 %(n)s 位", n=year.ranked_total) if year.ranked_total else "",
    )
    rows = tuple(
        Row(key=(each.banner, "", ""), label=each.banner, note=each.league, values={"poverty_rank": each.poverty_rank or ""})
        for each in roster.banners(connection, year.cycle)
        if me.sees(each.banner) and banner in ("", each.banner)
    )
    return Grid(id="ranks", title=title(rulebook, "ranks"), first=_("旗县"), columns=(column,), rows=rows)


# ---- filling -------------------------------------------------------------------------------------------------------


def _given(shown: Grid, rulebook: Rulebook) -> Filled:
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


def _check(name: str, year: Cycle, rulebook: Rulebook, shown: Grid, filled: Filled) -> None:
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
        for item in _rated(rulebook):
            given = [part for part in RATES[item] if after.get(part)]
            for part in RATES[item]:
                if given and not after.get(part):
                    filled.faults[row.id, part] = _("同一指标的几项要一起填")
                elif part.endswith("target") and after.get(part) and parse(after[part]) <= 0:
                    filled.faults[row.id, part] = _("目标要大于0")


def rate_points(rulebook: Rulebook, values: Mapping[str, str]) -> dict[str, str]:
    """Indicator -> points that follow from a banner's rates, at most four places; "" where no rate is entered (D-10)."""
    found: dict[str, str] = {}
    for item, most in _rated(rulebook).items():
        numbers = [parse(values[part]) for part in RATES[item] if values.get(part)]
        if len(numbers) < len(RATES[item]):
            found[item] = ""
        elif item == "reduction":
            found[item] = plain(half_up(indicator.completion(numbers[0], most), 4))
        elif item == "precision":
            found[item] = plain(half_up(indicator.precision(numbers, most), 4))
        else:
            found[item] = plain(half_up(indicator.change(numbers[0], numbers[1], most), 4))
    return found


def _reckoned(rulebook: Rulebook, shown: Grid) -> dict[str, str]:
    """Row id -> the sum of the points its rates give, for the grid."""
    found = {}
    for row in shown.rows:
        points = [parse(text) for text in rate_points(rulebook, row.values).values() if text]
        if points:
            found[row.id] = fixed(sum(points, Fraction(0)))
    return found


# ---- saving --------------------------------------------------------------------------------------------------------


def _saved(year: Cycle, rulebook: Rulebook, name: str, shown: Grid, filled: Filled, banner: str, person: str) -> AnyResponse:
    """Saves the changes and goes back to the grid."""
    by = access.me().account
    count = sum(map(len, filled.changes.values()))
    try:
        with db.deed() as connection:
            _put(connection, year.cycle, rulebook, name, shown, filled, by)
        flash(_("已保存，改了 %(n)s 格。", n=count) if count else _("没有改动。"))
    except ValueError as fault:
        flash(_(str(fault)), "error")
    return redirect(url_for("desk.grid", name=name, banner=banner or None, person=person or None))


def _put(connection: Connection, year: int, rulebook: Rulebook, name: str, shown: Grid, filled: Filled, by: str) -> None:
    by_banner: dict[str, dict[Key, dict[str, str]]] = {}
    for key, cells in filled.changes.items():
        by_banner.setdefault(key[0], {})[key] = cells
    for banner, changes in by_banner.items():
        if name in ("scores", "person_scores"):
            entries.save(
                connection,
                "score",
                year,
                banner,
                {(k[1], c): v for k, cells in changes.items() for c, v in cells.items()},
                by=by,
            )
        elif name == "letters":
            entries.save(
                connection,
                "grade",
                year,
                banner,
                {(k[1], c): v for k, cells in changes.items() for c, v in cells.items()},
                by=by,
            )
        elif name == "factors":
            entries.save(connection, "factor", year, banner, _factor_changes(rulebook, shown, changes), by=by)
        elif name == "days":
            after = {k[1]: {**_values(shown, k), **cells} for k, cells in changes.items()}
            entries.save_days(
                connection, year, banner, {p: (each["days"], each["assigned_days"]) for p, each in after.items()}, by=by
            )
        elif name == "ranks":
            for cells in changes.values():
                entries.save_rank(connection, year, banner, cells["poverty_rank"], by=by)
        elif name == "rates":
            _put_rates(connection, year, rulebook, shown, banner, changes, by)
        else:
            given = {(k[1], name, k[2], c): v for k, cells in changes.items() for c, v in cells.items()}
            entries.save(connection, "point", year, banner, given, by=by)
            if name == "indicators":
                stale = {("", part): "" for cells in changes.values() for item in cells for part in RATES.get(item, ())}
                entries.save(connection, "rate", year, banner, stale, by=by)


def _values(shown: Grid, key: Key) -> dict[str, str]:
    row = shown.row(key)
    return dict(row.values) if row else {}


def _factor_changes(rulebook: Rulebook, shown: Grid, changes: Mapping[Key, Mapping[str, str]]) -> dict[tuple[str, ...], str]:
    """(person, factor) -> evidence, "" to take one away: the other of an excluding pair always goes."""
    given: dict[tuple[str, ...], str] = {}
    for key, cells in changes.items():
        after = {**_values(shown, key), **cells}
        for group in factor_groups(rulebook):
            for each in group:
                given[key[1], each] = after[f"{group[0]}.evidence"] if after[group[0]] == each else ""
    return given


def _put_rates(
    connection: Connection,
    year: int,
    rulebook: Rulebook,
    shown: Grid,
    banner: str,
    changes: Mapping[Key, Mapping[str, str]],
    by: str,
) -> None:
    for key, cells in changes.items():
        entries.save(connection, "rate", year, banner, {("", part): value for part, value in cells.items()}, by=by)
        touched = {item for item in _rated(rulebook) if set(RATES[item]) & set(cells)}
        points = rate_points(rulebook, {**_values(shown, key), **cells})
        given = {("", "indicators", "", item): points[item] for item in touched}
        entries.save(connection, "point", year, banner, given, by=by)
