"""Which grids there are to fill, what stands above each, who fills it, and its rows and columns with what is there."""

from collections.abc import Mapping
from fractions import Fraction

from flask_babel import gettext as _
from sqlalchemy import Connection

from survey import access, roster
from survey import draw as draws
from survey import entry as entries
from survey.access import Account
from survey.desk.grid import Column, Grid, Key, Row
from survey.desk.words import language, position_name
from survey.roster import Cycle, Person
from tally import indicator
from tally.number import fixed, half_up, parse, plain, signed
from tally.rulebook import Rulebook

ASSESSED = ("ledger", "visits", "letters")  # what the assessors enter themselves
BANNER_NEEDED = ("letters", "visits")
RATES = {
    "reduction": ("reduction.rate",),
    "income": ("income.actual", "income.target"),
    "incidence": ("incidence.actual", "incidence.target"),
    "precision": ("precision.identification", "precision.support", "precision.exit"),
}


# ---- which grids there are -----------------------------------------------------------------------------------------


def names(rulebook: Rulebook) -> list[str]:
    """The ids of the grids a measure asks for, in the order of the work."""
    found = ["scores", "person_scores", *(sheet.id for sheet in rulebook.sheets)]
    if rated(rulebook):
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
        return str(
            _("每位考核员一列，不少于 %(least)s 人。%(letters)s。考核员不评同一派出单位的人。", least=least, letters=letters)
        )
    sentences: dict[str, str] = {
        "scores": _("百分制，最多四位小数。填了总分的，以总分为准，不再看分项打分。"),
        "person_scores": _("百分制。个人没有填的，按办法用总队的得分。"),
        "rates": _("填率值和目标，得分随之算出并记入指标考核；得分取四位小数。直接改指标得分的，率值随之清除。"),
        "factors": _("每一项都要写依据。精准与不精准、好与差只能选一个。天数和全区排名另表录入。"),
        "days": _("派驻天数可以有半天；应派驻天数空着就是全年365天。"),
        "ranks": _("正整数；没有参加排名的填“无”；空着是缺项。"),
        "visits": _("每村一行，三项齐了才算。先看个人的，个人没有的用总队的。"),
    }
    return sentences.get(name) or str(_("各项齐了才算；缺一项，整张表是缺项。"))


def may_enter(who: Account, name: str) -> bool:
    """Whether an account may fill a grid: the office all, assessors their own sheets."""
    return who.may("office") or (who.may("assessor") and name in ASSESSED)


def rated(rulebook: Rulebook) -> dict[str, Fraction]:
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
    items = rated(rulebook)
    columns = tuple(
        Column(
            id=part,
            label=labels[part],
            least=Fraction(0) if item == "precision" or part.endswith("target") else Fraction(-1000),
            most=Fraction(100) if item == "precision" else Fraction(1000),
        )
        for item, parts in RATES.items()
        if item in items
        for part in parts
    )
    known = entries.read(connection, "rate", year.cycle, banner)
    points = entries.read(connection, "point", year.cycle, banner)
    rows = []
    for team in _teams(connection, year, banner, me):
        made = [
            f"{rulebook_label(rulebook, item)} {points[team, '', 'indicators', '', item]}"
            for item in items
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
            (each, f"{of.label.text(language())} {signed(of.points)}") for each, of in sign.items()
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


# ---- rates -----------------------------------------------------------------------------------------------------------


def rate_points(rulebook: Rulebook, values: Mapping[str, str]) -> dict[str, str]:
    """Indicator -> points that follow from a banner's rates, at most four places; "" where no rate is entered (D-10)."""
    found: dict[str, str] = {}
    for item, most in rated(rulebook).items():
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


def reckoned(rulebook: Rulebook, shown: Grid) -> dict[str, str]:
    """Row id -> the sum of the points its rates give, for the grid."""
    found = {}
    for row in shown.rows:
        points = [parse(text) for text in rate_points(rulebook, row.values).values() if text]
        if points:
            found[row.id] = fixed(sum(points, Fraction(0)))
    return found
