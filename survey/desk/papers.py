"""The papers the office puts out: an index of all of them, and those that consist of its words and the year's tables.

One `Paper` says everything about such a paper; its page, its PDF and what is kept of its words follow from it. The papers with pages of
their own (notice, report, feedback, personal notices, letters) are in the index beside them.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from survey import access, clock, db, entry, roster, wording
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.notice import given, written
from survey.desk.results import READERS, Decisions, decided_rows, grades, labels, read_year
from survey.desk.standing import Standing, lacking, people, ranked, teams
from survey.desk.words import language
from survey.year import scoring
from survey.year.scoring import Reckoned
from tally import workday
from tally.number import fixed, mean

LONGEST = 3000  # characters of one text
NUMBERS = (_l("一"), _l("二"), _l("三"), _l("四"), _l("五"))  # of headings


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of a paper. `heads` that begin with # are of numbers; where there is no row, `empty` is said."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a paper is made from: the year, the banner (empty: none), the office's words."""

    year: Reckoned
    decided: Decisions
    banner: str
    texts: Mapping[str, str]


Part = Table | str  # a table, or a text's field


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """A paper: what it is called, the clause it comes from, whom it goes to, what it is for, how it begins; the headings of the texts
    the office writes, with hints; and its parts, in their order. `each_banner`: one for every team. `signed`: who else signs."""

    title: LazyString
    clause: str
    to: LazyString
    about: LazyString
    opening: LazyString
    texts: Mapping[str, LazyString]
    parts: Callable[[Asked], list[Part]]
    each_banner: bool = False
    says_grades: bool = True  # those that do not stand yet are named on its page
    signed: LazyString | None = None
    hints: Mapping[str, LazyString] = field(default_factory=dict)


# ---- what stands in them -------------------------------------------------------------------------------------------


def _schedule(asked: Asked) -> list[Part]:
    book, after = asked.year.rulebook, asked.year.outcome.year
    dates = sorted((workday.due(each, after), each.label.text(language()), each.clause) for each in book.deadlines)
    return [
        "scope",
        Table(
            caption=_("日程"),
            heads=(_("内容"), _("截止日期"), _("条款")),
            rows=[(label, in_words(due) + (_("（周末）") if workday.weekend(due) else ""), clause) for due, label, clause in dates],
        ),
        "materials",
        "requirements",
    ]


def _assessors_report(asked: Asked) -> list[Part]:
    team = teams(asked.year, asked.decided, banner=asked.banner)[0]
    rows = [(each.name, each.position, each.unit, each.score or _("缺项"), each.grade or _("待定")) for each in people(
        asked.year, asked.decided, banner=asked.banner)]  # fmt: skip
    return [
        "duties", "effects", "highlights", "problems",
        Table(
            caption=_("成员考核得分（总队得分 %(score)s）", score=team.score or _("缺项")),
            heads=(_("姓名"), _("职务"), _("派出单位"), "#" + _("考核得分"), _("拟定等次")), rows=rows, empty=_("名册里还没有人。"),
        ),
        "opinions",
    ]  # fmt: skip


def _notice_report(asked: Asked) -> list[Part]:
    return ["period", _counts(asked), "objections", "checks", "outcome"]


def _decision(asked: Asked) -> list[Part]:
    words = grades(asked.year.rulebook)
    rows = [
        (
            ranking.label.text(language()), row.name, row.banner, words.get(row.grade or "", "–"),
            words[made.grade] if made else _("待决定"), made.reason if made else "", made.approver if made else "",
        )
        for ranking, row, made in decided_rows(asked.year, asked.decided)
    ]  # fmt: skip
    changed = Table(
        caption=_("与提议不同的、同分的和超过名额的"),
        heads=(_("序列"), _("姓名"), _("旗县"), _("建议等次"), _("决定"), _("理由"), _("批准人")), rows=rows,
        empty=_("没有：全部等次都按得分提出。"),
    )  # fmt: skip
    return ["meeting", _counts(asked), changed, *_by_grade(asked), "opinion"]


def _circular(asked: Asked) -> list[Part]:
    return ["situation", _counts(asked), *_by_grade(asked, only=1), "requirements"]


def _proposals(asked: Asked) -> list[Part]:
    words = list(grades(asked.year.rulebook).values())
    every = [each for _ranking, rows in ranked(asked.year, asked.decided) for each in rows if each.row.subject.person]
    heads = (_("姓名"), _("职务"), _("旗县"), _("派出单位"), _("等次"))

    def listed(caption: str, wanted: Sequence[str], empty: str) -> Table:
        found = [(each.name, each.position, each.banner, each.unit, each.grade) for each in every if each.grade in wanted]
        return Table(caption=caption, heads=heads, rows=found, empty=empty)

    return [
        listed(_("%(grade)s的人员（建议表彰奖励）", grade=words[0]), words[:1], _("没有。")),
        "commend",
        "reserve",
        listed(_("等次较低的人员（供研究是否调整或召回）"), words[2:], _("没有。")),
        "recall",
    ]


def _transfer(asked: Asked) -> list[Part]:
    named = {line.strip() for line in asked.texts.get("organisation", "").splitlines()}
    found: dict[str, list[Standing]] = {}
    for each in people(asked.year, asked.decided):
        above = each.name in named or each.row.subject.person in named
        unit = each.unit.strip()
        where = _("自治区党委组织部") if above else _("%(unit)s组织人事部门", unit=unit) if unit else _("（名册里没有单位）")
        found.setdefault(where, []).append(each)
    return [
        Table(
            caption=where,
            heads=(_("姓名"), _("职务"), _("旗县"), _("等次"), _("考核登记表"), _("述职材料"), _("考核结果"), _("签收")),
            rows=[(each.name, each.position, each.banner, each.grade or _("待定"), "1", "1", "1", "") for each in listed],
        )
        for where, listed in sorted(found.items(), key=lambda each: each[0] != _("自治区党委组织部"))
    ]


def _tenure(asked: Asked) -> list[Part]:
    """Every year's score and grade of whoever has been on a roster so far, and the mean of the annual scores (五, D-29)."""
    with db.reading() as connection:
        numbers = sorted(each.cycle for each in roster.cycles(connection) if each.cycle <= asked.year.outcome.year)
        reckoned = [(scoring.reckoned(connection, number), entry.decisions(connection, number)) for number in numbers]
    years = [{each.row.subject.person: each for each in people(year, decided)} for year, decided in reckoned if year]
    rows = []
    for id, newest in {id: each for of_year in years for id, each in of_year.items()}.items():
        own = [of_year.get(id) for of_year in years]
        scores = [each.row.score for each in own if each]
        whole = [score for score in scores if score is not None]
        cells = [f"{each.score or _('缺项')} {each.grade or _('待定')}" if each else "" for each in own]
        average = fixed(mean(whole)) if len(whole) == len(scores) else _("缺项")
        rows.append((newest.name, newest.position, newest.banner, *cells, average))
    heads = (_("姓名"), _("职务"), _("旗县"), *(_("%(year)s年度", year=number) for number in numbers), "#" + _("年度平均分"))
    return [Table(caption=_("历年考核得分和等次"), heads=heads, rows=rows, empty=_("名册里还没有人。")), "summary"]


def _counts(asked: Asked) -> Table:
    """How many of each sequence have which grade."""
    words = list(grades(asked.year.rulebook).values())
    rows = []
    for ranking, standings in ranked(asked.year, asked.decided):
        number = Counter(each.grade for each in standings)
        cells = [*(number[each] for each in words), number[""]]
        rows.append((ranking.label.text(language()), str(ranking.size), *map(str, cells)))
    return Table(caption=_("各序列等次"), heads=(_("序列"), "#" + _("人数"), *(f"#{each}" for each in words), "#" + _("待定")), rows=rows)


def _by_grade(asked: Asked, only: int | None = None) -> list[Part]:
    """By sequence and grade the names, in an order that shows no rank; `only` so many of the best grades."""
    words = list(grades(asked.year.rulebook).values())[:only]
    tables: list[Part] = []
    for ranking, standings in ranked(asked.year, asked.decided):
        rows = []
        for grade in words:
            those = sorted(
                f"{each.name}（{each.banner}）" if each.row.subject.person else each.banner for each in standings if each.grade == grade
            )
            if those:
                rows.append((grade, str(len(those)), _("、").join(those)))
        caption = ranking.label.text(language())
        tables.append(Table(caption=caption, heads=(_("等次"), "#" + _("个数"), _("名单")), rows=rows, empty=_("没有。")))
    return tables


def in_words(text: str) -> str:
    """An ISO date as a paper says it."""
    found = date.fromisoformat(text)
    return _("%(year)s年%(month)s月%(day)s日", year=found.year, month=found.month, day=found.day)


PAPERS = {
    "schedule": Paper(
        title=_l("考核通知及日程"), clause="四", to=_l("各驻旗县工作总队，各旗县（市、区）扶贫开发领导小组"),
        about=_l("年初发给各总队和旗县：考核谁、什么时候交什么。日程按办法写入。"),
        opening=_l("现将有关事项通知如下。"),
        texts={"scope": _l("考核对象和内容"), "materials": _l("要报送的材料"), "requirements": _l("有关要求")},
        parts=_schedule, says_grades=False,
    ),
    "assessors-report": Paper(
        title=_l("考核组汇报"), clause="四（八）", to=_l("自治区管理办公室"),
        about=_l("考核组向管理办公室的汇报，每个旗县一份，2月底前完成：成员得分由系统写入，四个方面和评价意见由考核组写。"),
        opening=_l("现将有关情况报告如下。"),
        texts={
            "duties": _l("履行职责"), "effects": _l("推动脱贫攻坚工作成效"), "highlights": _l("工作亮点"), "problems": _l("存在问题"),
            "opinions": _l("对成员的评价意见"),
        },
        parts=_assessors_report, each_banner=True,
    ),
    "notice-report": Paper(
        title=_l("公示情况报告"), clause="四（七）", to=_l("自治区扶贫开发领导小组"),
        about=_l("公示结束后：收到哪些意见，怎样核查，结果如何。"),
        opening=_l("现将有关情况报告如下。"),
        texts={
            "period": _l("公示的时间、范围和方式"), "objections": _l("收到的意见"), "checks": _l("核查情况"), "outcome": _l("处理结果"),
        },
        parts=_notice_report,
    ),
    "decision": Paper(
        title=_l("审议材料和决定"), clause="六（一）、六（二）", to=_l("自治区扶贫开发领导小组"),
        about=_l("报领导小组审议：最终等次名单，和每一个与提议不同、同分或超过名额的决定及理由。"),
        opening=_l("现将考核结果报请审议。"),
        texts={"meeting": _l("提请审议的事项"), "opinion": _l("审议意见")},
        parts=_decision,
    ),
    "circular": Paper(
        title=_l("考核结果通报"), clause="六（二）", to=_l("各驻旗县工作总队，各旗县（市、区），各派出单位"),
        about=_l("审议之后通报：优秀名单、总体情况和要求。不写得分和名次。"),
        opening=_l("现将考核结果通报如下。"),
        texts={"situation": _l("总体情况"), "requirements": _l("有关要求")},
        parts=_circular,
    ),
    "proposals": Paper(
        title=_l("表彰、后备和调整召回建议名单"), clause="六（二）", to=_l("自治区扶贫开发领导小组，自治区党委组织部"),
        about=_l("表现突出的人和等次较低的人由系统列出；建议谁、凭什么，由管理办公室写。"),
        opening=_l("现提出建议名单如下。"),
        texts={
            "commend": _l("建议表彰奖励的人及依据"), "reserve": _l("建议列为后备干部的人及依据"), "recall": _l("建议调整或召回的人、理由及依据"),
        },
        hints={
            "recall": _l(
                "办法写明的理由：推进工作不力，成效一般，履职尽责不到位，群众意见大，无所作为或不能胜任工作。"
            )
        },
        parts=_proposals,
    ),
    "tenure": Paper(
        title=_l("派驻期满综合考核表"), clause="五", to=_l("自治区党委组织部，各派出单位组织人事部门"),
        about=_l("派驻工作结束后：到本年度为止每个人历年的得分和等次，与年度平均分（D-29）。同一个人各年度的编号应相同。"),
        opening=_l("现将派驻期满综合考核情况报告如下。"),
        texts={"summary": _l("综合考核意见")},
        parts=_tenure,
    ),
    "transfer": Paper(
        title=_l("存档移交清单"), clause="六（三）", to=_l("自治区党委组织部，各派出单位组织人事部门"),
        about=_l("年度考核材料归入个人档案：每个接收部门一张表，逐人签收。"),
        opening=_l("现将下列人员的年度考核材料移交，请核对签收，存档备案，并归入个人档案。"),
        texts={"organisation": _l("由自治区党委组织部存档的人")},
        hints={"organisation": _l("每行写一个姓名或编号；其余的人由派出单位组织人事部门存档。")},
        parts=_transfer, signed=_l("移交人"),
    ),
}  # fmt: skip


# ---- pages ---------------------------------------------------------------------------------------------------------


@blueprint.get("/papers")
@allowed(*READERS)
def papers() -> str:
    """Every paper of a year, in the order of the work: its clause, whom it goes to, where it is made."""
    own = {name: (paper.title, paper.clause, paper.to, url_for("desk.paper", name=name)) for name, paper in PAPERS.items()}
    rows = [
        own["schedule"],
        (_("测评票、测评结果统计表"), _("附件3"), _("存档"), url_for("desk.meetings")),
        (_("综合评价打分表"), _("附件2"), _("存档"), url_for("desk.entry")),
        (_("民意调查统计表"), _("附件4"), _("存档"), url_for("desk.meetings")),
        (_("抽样记录、查阅台账和实地查访打分表"), "四（三）", _("存档"), url_for("desk.draws")),
        own["assessors-report"],
        (_("考核报告"), "四（六）", _("自治区扶贫开发领导小组"), url_for("desk.report")),
        (_("公示"), "四（七）", _("在一定范围内"), url_for("desk.notice")),
        own["notice-report"],
        own["decision"],
        (_("反馈通知"), "六（二）", _("各驻旗县工作总队"), url_for("desk.feedback")),
        own["circular"],
        (_("个人年度考核结果通知"), "六（三）", _("本人"), url_for("desk.personal")),
        (_("致派出单位函"), "四（七）、六（三）", _("派出单位"), url_for("desk.dispatch")),
        own["proposals"],
        own["transfer"],
        own["tenure"],
    ]
    return render_template("desk/papers.html", rows=rows)


@blueprint.get("/papers/<name>")
@allowed(*READERS)
def paper(name: str) -> str | tuple[str, int]:
    """What a paper will say, and what the office says in it."""
    return page(name)


@blueprint.post("/papers/<name>")
@allowed("office")
def write_paper(name: str) -> AnyResponse | str | tuple[str, int]:
    """Keeps the office's words; and shows the paper, where it is to be printed."""
    one, asked = read(name)
    if one.each_banner and not teams(asked.year, asked.decided, banner=asked.banner):
        return page(name)
    texts = given(("day", "office"), day="day") | written(one.texts, LONGEST)
    with db.deed() as connection:
        changed = wording.put(connection, asked.year.outcome.year, name, asked.banner, texts, by=access.me().account)
    banner = asked.banner or None
    if request.form.get("deed") == "print":
        return redirect(url_for("paper.paper_pdf", name=name, banner=banner))
    flash(_("已保存。") if changed else _("没有改动。"))
    return redirect(url_for("desk.paper", name=name, banner=banner))


def page(name: str) -> str | tuple[str, int]:
    """The page of a paper; for a banner that has no team it says so, with 404."""
    one, asked = read(name)
    banners = [each.banner for each in teams(asked.year, asked.decided)] if one.each_banner else []
    wrong = bool(asked.banner) and asked.banner not in banners
    ready = not one.each_banner or (asked.banner and not wrong)
    with db.reading() as connection:
        begun = set(wording.of_all(connection, asked.year.outcome.year, name)) if one.each_banner else set()
    answer = render_template(
        "desk/paper.html",
        name=name,
        paper=one,
        banners=banners,
        banner="" if wrong else asked.banner,
        begun=begun,
        fault=_("本年度没有“%(name)s”的工作总队，请重新选。", name=asked.banner[:50]) if wrong else "",
        tables=[part for part in one.parts(asked) if isinstance(part, Table)] if ready else [],
        ready=ready,
        lacking=lacking(_standings(one, asked)) if ready and one.says_grades else [],
        texts=said(one, asked.texts),
        longest=LONGEST,
        may_write=access.me().may("office"),
        **labels(),
    )
    return (answer, 404) if wrong else answer


def said(one: Paper, texts: Mapping[str, str]) -> dict[str, str]:
    """What the office says in a paper, every field of it; its day is today until it says another."""
    return dict.fromkeys(("office", *one.texts), "") | {"day": clock.today()} | dict(texts)


def printed(name: str) -> list[tuple[Asked, list[Part], dict[str, str]]]:
    """What is printed: a paper, or one for each team; nothing for a banner that has none."""
    one, asked = read(name)
    if not one.each_banner:
        return [(asked, one.parts(asked), said(one, asked.texts))]
    with db.reading() as connection:
        texts = wording.of_all(connection, asked.year.outcome.year, name)
    each = [replace(asked, banner=team.banner, texts=texts.get(team.banner, {})) for team in teams(asked.year, asked.decided, banner=asked.banner)]
    return [(of, one.parts(of), said(one, of.texts)) for of in each]


def read(name: str) -> tuple[Paper, Asked]:
    """A paper, and what it is made from; 404 for a name that is none."""
    one = PAPERS.get(name) or abort(404)
    year, decided = read_year()
    banner = _banner(one)
    with db.reading() as connection:
        texts = wording.of(connection, year.outcome.year, name, banner)
    return one, Asked(year=year, decided=decided, banner=banner, texts=texts)


def _banner(one: Paper) -> str:
    return request.values.get("banner", "") if one.each_banner else ""


def _standings(one: Paper, asked: Asked) -> list[Standing]:
    if one.each_banner:
        return [*teams(asked.year, asked.decided, banner=asked.banner), *people(asked.year, asked.decided, banner=asked.banner)]
    return [each for _ranking, rows in ranked(asked.year, asked.decided) for each in rows]
