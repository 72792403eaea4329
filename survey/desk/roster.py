"""The roster: banners and their people, one by one or by upload; the 57 banners as a preset; villages."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import Optional, Regexp

from survey import access, db
from survey import roster as rosters
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import rules, this
from survey.desk.form import Form, at_most, choices, needed, strip
from survey.desk.uploaded import Unwelcome, laid_out
from survey.desk.words import level_name, position_name
from survey.roster import LEVELS, POSITIONS, Banner, Cycle, Person, Village
from survey.year import yearbook
from survey.year.yearbook import Fault, Rows, Table, check, folder, workbook
from survey.year.yearbook.rows import Sheet
from survey.year.yearbook.tables import Column, Kind

DESK = ("office", "staff", "teller", "scrutineer", "viewer")
SHOWN = 300


class BannerForm(Form):
    """A banner."""

    banner = StringField(_l("旗县"), [needed, at_most(40)])
    league = StringField(_l("盟市"), [at_most(40)])
    level = SelectField(_l("级别"))
    poverty_rank = StringField(
        _l("全区脱贫攻坚排名"), [Optional(), Regexp(r"^([1-9]\d{0,3}|none)$", message=_l("填正整数；不参加排名填 none"))]
    )


class PersonForm(Form):
    """A person of a banner's team."""

    name = StringField(_l("姓名"), [needed, at_most(60)])
    position = SelectField(_l("职务"))
    unit = StringField(_l("派出单位"), [at_most(80)])
    days = StringField(_l("派驻天数"), [Optional(), Regexp(r"^\d{1,3}(\.\d)?$", message=_l("填天数，最多一位小数"))])
    assigned_days = StringField(_l("应派驻天数"), [Optional(), Regexp(r"^\d{1,3}(\.\d)?$", message=_l("填天数，最多一位小数"))])


class VillagesForm(Form):
    """A banner's villages, a line each."""

    villages = TextAreaField(_l("嘎查村"))


@blueprint.get("/roster")
@allowed(*DESK)
def roster() -> str:
    """Banners, how many people each has, and what is missing."""
    who = access.me()
    with db.reading() as connection:
        year = this(connection)
        banners = [each for each in rosters.banners(connection, year.cycle) if who.sees(each.banner)]
        people = rosters.people(connection, year.cycle)
    of: dict[str, list[Person]] = {each.banner: [] for each in banners}
    for each in people:
        if each.banner in of:
            of[each.banner].append(each)
    return render_template("desk/roster.html", cycle=year, banners=banners, of=of)


@blueprint.route("/roster/new", methods=["GET", "POST"])
@allowed("office")
def new_banner() -> AnyResponse | tuple[str, int]:
    """A banner more."""
    form = BannerForm()
    form.level.choices = choices([("", ""), *((each, level_name(each)) for each in LEVELS)])
    if form.validate_on_submit():
        with db.deed() as connection:
            year = this(connection)
            new = _banner(form)
            if known := rosters.get_banner(connection, year.cycle, new.banner):
                form.banner.errors = [_("%(name)s已经在名册里", name=known.banner)]
            else:
                rosters.put_banner(connection, year.cycle, new, by=access.me().account)
        if not form.errors:
            flash(_("%(name)s已加入名册。", name=new.banner))
            return redirect(url_for("desk.banner", name=new.banner))
    return render_template("desk/new_banner.html", form=form), 422 if form.is_submitted() else 200


@blueprint.post("/roster/preset")
@allowed("office")
def preset() -> AnyResponse:
    """Adds the 57 banners of 2018 that are not in the roster yet."""
    with db.deed() as connection:
        year = this(connection)
        known = {each.banner for each in rosters.banners(connection, year.cycle)}
        new = [
            Banner(banner=each.banner, league=each.league, level=each.level)
            for each in rosters.presets()
            if each.banner not in known
        ]
        rosters.put_banners(connection, year.cycle, new, by=access.me().account)
    flash(_("加入了 %(number)s 个旗县。", number=len(new)))
    return redirect(url_for("desk.roster"))


@blueprint.route("/roster/<name>", methods=["GET", "POST"])
@allowed(*DESK)
def banner(name: str) -> AnyResponse | tuple[str, int]:
    """One banner: its particulars, its people, its villages."""
    access.own_banner(name)
    with db.reading() as connection:
        year = this(connection)
        found = rosters.get_banner(connection, year.cycle, name) or abort(404)
        people = rosters.people(connection, year.cycle, name)
        villages = rosters.villages(connection, year.cycle, name)
    form = BannerForm(banner=name, league=found.league, level=found.level, poverty_rank=found.poverty_rank or "")
    form.level.choices = choices([("", ""), *((each, level_name(each)) for each in LEVELS)])
    if request.method == "POST" and not access.me().may("office"):
        abort(403)
    if form.validate_on_submit():
        with db.deed() as connection:
            rosters.put_banner(connection, year.cycle, replace(_banner(form), banner=name), by=access.me().account)
        flash(_("已保存。"))
        return redirect(url_for("desk.banner", name=name))
    return render_template(
        "desk/banner.html", cycle=year, banner=found, people=people, villages=villages, form=form
    ), 422 if form.is_submitted() else 200


@blueprint.post("/roster/<name>/remove")
@allowed("office")
def remove_banner(name: str) -> AnyResponse:
    """Removes a banner nothing hangs on."""
    return _removed(
        lambda connection, year: rosters.remove_banner(connection, year, name, by=access.me().account), url_for("desk.roster")
    )


@blueprint.route("/roster/<name>/person", methods=["GET", "POST"])
@allowed("office", "staff")
def new_person(name: str) -> AnyResponse | tuple[str, int]:
    """A person more in a banner's team."""
    access.own_banner(name)
    with db.reading() as connection:
        year = this(connection)
        _found = rosters.get_banner(connection, year.cycle, name) or abort(404)
    return _person(year, name, None)


@blueprint.route("/roster/<name>/person/<person>", methods=["GET", "POST"])
@allowed("office", "staff")
def person(name: str, person: str) -> AnyResponse | tuple[str, int]:
    """One person's particulars."""
    access.own_banner(name)
    with db.reading() as connection:
        year = this(connection)
        found = rosters.get_person(connection, year.cycle, person)
    if found is None or found.banner != name:
        abort(404)
    return _person(year, name, found)


@blueprint.post("/roster/<name>/person/<person>/remove")
@allowed("office", "staff")
def remove_person(name: str, person: str) -> AnyResponse:
    """Removes a person about whom nothing was entered."""
    access.own_banner(name)
    with db.reading() as connection:
        found = rosters.get_person(connection, this(connection).cycle, person)
    if found is None or found.banner != name:
        abort(404)
    deed = rosters.remove_person
    return _removed(
        lambda connection, year: deed(connection, year, person, by=access.me().account), url_for("desk.banner", name=name)
    )


@blueprint.route("/roster/<name>/villages", methods=["GET", "POST"])
@allowed("office", "staff")
def villages(name: str) -> AnyResponse | tuple[str, int]:
    """The villages of a banner: township and village, a line each; townships of the preset are shown."""
    access.own_banner(name)
    with db.reading() as connection:
        year = this(connection)
        _found = rosters.get_banner(connection, year.cycle, name) or abort(404)
        known = rosters.villages(connection, year.cycle, name)
    form = VillagesForm(villages="\n".join(f"{each.township} {each.village}".strip() for each in known))
    if form.validate_on_submit():
        lines = [line.replace("\t", " ").replace("　", " ").split() for line in (form.villages.data or "").splitlines()]
        wrong = [at for at, words in enumerate(lines, start=1) if len(words) not in (0, 2)]
        if wrong:
            form.villages.errors = [_("第 %(lines)s 行：每行写苏木乡镇和嘎查村，中间空一格", lines="、".join(map(str, wrong)))]
        else:
            new = [Village(banner=name, township=words[0], village=words[1]) for words in lines if words]
            with db.deed() as connection:
                rosters.put_villages(connection, year.cycle, name, new, by=access.me().account)
            flash(_("已保存 %(number)s 个嘎查村。", number=len(new)))
            return redirect(url_for("desk.banner", name=name))
    townships = next((each.townships for each in rosters.presets() if each.banner == name), ())
    return render_template("desk/villages.html", name=name, form=form, townships=townships), 422 if form.is_submitted() else 200


def _banner(form: BannerForm) -> Banner:
    return Banner(
        banner=strip(form.banner.data),
        league=strip(form.league.data),
        level=form.level.data or "",
        poverty_rank=strip(form.poverty_rank.data) or None,
    )


def _person(year: Cycle, name: str, found: Person | None) -> AnyResponse | tuple[str, int]:
    form = PersonForm(obj=found)
    form.position.choices = choices((each, position_name(each)) for each in POSITIONS)
    if form.validate_on_submit():
        with db.deed() as connection:
            new = Person(
                person=found.person if found else rosters.next_id(connection, year.cycle),
                name=strip(form.name.data),
                banner=name,
                position=form.position.data,
                unit=strip(form.unit.data),
                days=strip(form.days.data) or None,
                assigned_days=strip(form.assigned_days.data) or None,
            )
            rosters.put_person(connection, year.cycle, new, by=access.me().account)
        flash(_("%(name)s已保存。", name=new.name))
        return redirect(url_for("desk.banner", name=name))
    return render_template("desk/person.html", name=name, found=found, form=form), 422 if form.is_submitted() else 200


def _removed(deed: Callable[[Connection, int], None], back: str) -> AnyResponse:
    try:
        with db.deed() as connection:
            deed(connection, this(connection).cycle)
        flash(_("已删去。"))
    except ValueError as fault:
        flash(str(fault), "error")
    return redirect(back)


# ---- by upload -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What an uploaded roster holds."""

    banners: tuple[Banner, ...]
    people: tuple[Person, ...]
    villages: tuple[Village, ...]


@blueprint.route("/roster/import", methods=["GET", "POST"])
@allowed("office")
def import_roster() -> AnyResponse | tuple[str, int]:
    """Banners, people and villages from a workbook or CSV files with Chinese headings; faults beside their rows."""
    faults: list[Fault] = []
    words = ""
    if request.method == "POST":
        try:
            with laid_out(request.files.getlist("file")) as path, db.deed() as connection:
                year = this(connection)
                given = read(connection, year, path, faults)
                if not faults:
                    _take_in(connection, year, given)
            if not faults:
                flash(
                    _(
                        "已录入 %(banners)s 个旗县、%(people)s 人、%(villages)s 个嘎查村。",
                        banners=len(given.banners),
                        people=len(given.people),
                        villages=len(given.villages),
                    )
                )
                return redirect(url_for("desk.roster"))
        except Unwelcome as fault:
            words = str(fault)
    return render_template(
        "desk/import_roster.html", faults=faults[:SHOWN], number=len(faults), words=words, say=_
    ), 422 if request.method == "POST" else 200


def _tables(year: Cycle) -> tuple[Table, Table, Table]:
    """The year book's tables of banners and people, with numbers that may be left out, and one of villages."""
    by_id = {each.id: each for each in yearbook.tables(rules(year))}
    people = by_id["people"]
    numbered = replace(people.columns[0], blank=True, optional=True)
    village = Table(
        id="villages",
        chinese="嘎查村名单",
        columns=(
            people.column("banner"),
            Column(id="township", chinese="苏木乡镇", kind=Kind.TEXT),
            Column(id="village", chinese="嘎查村"),
        ),
        key=("banner", "village"),
    )
    return by_id["banners"], replace(people, columns=(numbered, *people.columns[1:]), key=("person",)), village


def read(connection: Connection, year: Cycle, path: Path, faults: list[Fault]) -> Given:
    """The roster at `path`; every fault with its row. A person without a number is known by banner, name and position."""
    banners, people, village = _tables(year)
    sheets = workbook.sheets(path, faults) if path.is_file() else folder.sheets(path, faults)
    found: dict[str, Rows] = {}
    for table, sheet in check.tables_of(_named(sheets, (banners, people, village)), (banners, people, village), faults, {}):
        found[table.id] = rows = check.rows(table, sheet, faults)
        if table.id == "people":
            _namesakes(rows, faults)
            rows = _only(rows, [bool(number) for number in rows["person"]])
        check.twice(rows, faults)
    if not found and not faults:
        raise Unwelcome(_("文件里没有旗县、人员或嘎查村的表"))
    new_banners = tuple(
        Banner(banner=name, league=league, level=level, poverty_rank=rank or None)
        for name, league, level, rank in found.get("banners", ())
    )
    known = {each.banner for each in rosters.banners(connection, year.cycle)} | {each.banner for each in new_banners}
    for id in ("people", "villages"):
        for line, name in zip(found[id].lines, found[id]["banner"], strict=True) if id in found else ():
            if name and name not in known:
                remedy = "名册里没有这个旗县，请先列出"
                faults.append(Fault(table=id, row=line, column="banner", value=name, remedy=remedy))
    return Given(
        banners=new_banners,
        people=tuple(_numbered(connection, year, found.get("people", ()))),
        villages=tuple(Village(banner=b, township=t, village=v) for b, t, v in found.get("villages", ())),
    )


def _only(rows: Rows, kept: list[bool]) -> Rows:
    """The rows that are kept, under their own line numbers."""
    columns = {id: [cell for cell, keep in zip(cells, kept, strict=True) if keep] for id, cells in rows.columns.items()}
    return Rows(table=rows.table, columns=columns, lines=[at for at, keep in zip(rows.lines, kept, strict=True) if keep])


def _namesakes(rows: Rows, faults: list[Fault]) -> None:
    """Two people without numbers who cannot be told apart."""
    seen: dict[tuple[str, ...], int] = {}
    for line, number, *same in zip(rows.lines, rows["person"], rows["banner"], rows["name"], rows["position"], strict=True):
        first = seen.setdefault(tuple(same), line)
        if first != line and not number:
            remedy, values = "与第 %(first)s 行同旗县、同名、同职务，请加上编号", {"first": str(first)}
            faults.append(Fault(table="people", row=line, column="name", value=same[1], remedy=remedy, values=values))


def _named(sheets: Iterable[Sheet], tables: tuple[Table, ...]) -> Iterator[Sheet]:
    """Each sheet under the name of its table: by its own name, else by what its headings are like."""
    names = {name for table in tables for name in (table.id, table.chinese)}
    for sheet in sheets:
        if sheet.name not in names and sheet.headings:
            headings = {heading.strip() for heading in sheet.headings}
            fits = {
                table.id: len(headings & {name for column in table.columns for name in (column.id, column.chinese)})
                for table in tables
            }
            best = max(fits, key=lambda id: fits[id])
            if fits[best] >= 2:
                sheet = replace(sheet, name=best)
        yield sheet


def _numbered(connection: Connection, year: Cycle, rows: Iterable[tuple[str, ...]]) -> Iterator[Person]:
    known = {(each.banner, each.name, each.position): each.person for each in rosters.people(connection, year.cycle)}
    taken = set(known.values())
    at = len(taken)
    for number, name, banner, position, unit, days, assigned in rows:
        number = number or known.get((banner, name, position), "")
        while not number:
            at += 1
            number = f"P{at:04d}" if f"P{at:04d}" not in taken else ""
        taken.add(number)
        yield Person(
            person=number,
            name=name,
            banner=banner,
            position=position,
            unit=unit,
            days=days or None,
            assigned_days=assigned or None,
        )


def _take_in(connection: Connection, year: Cycle, given: Given) -> None:
    by = access.me().account
    rosters.put_banners(connection, year.cycle, given.banners, by=by)
    rosters.put_people(connection, year.cycle, given.people, by=by)
    for name in sorted({each.banner for each in given.villages}):
        rosters.put_villages(connection, year.cycle, name, [each for each in given.villages if each.banner == name], by=by)


@blueprint.get("/roster.xlsx")
@allowed("office", "viewer")
def export_roster() -> Response:
    """The roster as a workbook that can be imported again."""
    from io import BytesIO

    from flask import send_file

    with db.reading() as connection:
        year = this(connection)
        tables = _tables(year)
        people = rosters.people(connection, year.cycle)
        records: dict[str, list[tuple[str, ...]]] = {
            "banners": [(b.banner, b.league, b.level, b.poverty_rank or "") for b in rosters.banners(connection, year.cycle)],
            "people": [(p.person, p.name, p.banner, p.position, p.unit, p.days or "", p.assigned_days or "") for p in people],
            "villages": [(v.banner, v.township, v.village) for v in rosters.villages(connection, year.cycle)],
        }
    stream = BytesIO()
    workbook.write(yearbook.Book.of(tables, records), stream)
    stream.seek(0)
    return send_file(stream, download_name=f"{year.cycle}-roster.xlsx", as_attachment=True)
