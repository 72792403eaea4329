"""The records of a sealed collection: 测评结果统计表 (D2) and 民意调查统计表 (D4), as PDF and as workbook."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from flask_babel import gettext as _

from survey.box.collection import Collection
from survey.box.fragment import HIDDEN
from survey.box.tally_table import Line, line_of
from survey.instrument import Form, say
from tally.count import exactly
from tally.number import fixed, mean, plain

Counts = Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One question about one subject. `shares` are per cent of the valid marks; blanks and void cells are beside them."""

    subject: str
    question: str
    counts: tuple[int, ...]
    shares: tuple[str, ...]
    valid: int
    void: int
    blank: int | None  # None where a blank cannot be told from a question that was not asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under one head of answers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    people: bool

    @property
    def tall(self) -> bool:
        """Whether the answers are too many or too long to stand side by side: each gets a line of its own."""
        return len(self.head) > 8 or sum(max(len(words), 3) for words in self.head) > 45


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """What was answered to a question for a number: how many answers, their mean (two decimals, half up), the least, the most."""

    subject: str
    question: str
    valid: int
    mean: str
    least: str
    most: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupRow:
    """One subject and question: each group's counts, in the order of the head's answers."""

    subject: str
    question: str
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Counts by group; groups that were too small stand joined (D-27)."""

    names: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[GroupRow, ...]


AnyRow = TypeVar("AnyRow", Row, GroupRow)


def by_subject(rows: Iterable[AnyRow]) -> list[tuple[str, list[AnyRow]]]:
    """Rows of one subject together, as they stand under one name."""
    return [(subject, list(found)) for subject, found in groupby(rows, key=lambda row: row.subject)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A rate of the survey: 满意率, 知晓率; `of` valid answers."""

    name: str
    share: str
    of: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """Slips made = used on phones + used on paper + unused + void; handed out = returned + not returned."""

    phone: int
    paper: int
    link: int
    unused: int
    void: int
    issued: int | None
    returned: int

    @property
    def made(self) -> int:
        """All slips made."""
        return self.phone + self.paper + self.link + self.unused + self.void

    @property
    def outstanding(self) -> int | None:
        """Handed out and not returned; None while 发出 is unknown."""
        return None if self.issued is None else self.issued - self.phone - self.paper


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """All that the record says."""

    house: Collection
    title: str
    closing: Mapping[str, Any]
    opening: Mapping[str, Any]
    tables: tuple[Table, ...]
    groups: tuple[Groups, ...]
    rates: tuple[Rate, ...]
    numbers: tuple[Numbers, ...]
    reconciled: Reconciled
    comments: tuple[tuple[str, str], ...]
    respondents: tuple[tuple[str, int], ...]


def share(count: int, of: int) -> str:
    """Per cent with one decimal, half up; "–" of nothing."""
    if not of:
        return "–"
    tenths = (2000 * count + of) // (2 * of)
    return f"{tenths // 10}.{tenths % 10}"


def sheet(
    house: Collection,
    form: Form,
    language: str,
    *,
    comments: Sequence[tuple[str, str]] = (),
) -> Sheet:
    """The record of a sealed collection; without counts where so few voted that they are withheld (D-27).

    Raises ValueError before the seal.
    """
    if not house.published or "closing" not in house.published:
        raise ValueError("not sealed")
    closing, opening = house.published["closing"], house.published["opening"]
    title = _("民主测评结果统计表") if house.kind == "appraisal" else _("民意调查统计表")
    shown = not closing.get("withheld")
    words = {question.id: say(question.text, language) for part in form.instrument.parts for question in part.questions}
    return Sheet(
        house=house,
        title=title,
        closing=closing,
        opening=opening,
        tables=_tables(form, closing, language) if shown else (),
        groups=_groups(form, closing, language),
        rates=_rates(form, closing, language) if shown and house.kind == "opinion" else (),
        numbers=_numbers(form, closing, language) if shown else (),
        reconciled=reconciled(closing),
        comments=tuple((words.get(question, question), text) for question, text in comments),
        respondents=_respondents(form, closing, language) if shown and house.kind == "opinion" else (),
    )


def reconciled(closing: Mapping[str, Any]) -> Reconciled:
    """Where every slip went."""
    spent = {"phone": 0, "paper": 0, "link": 0}
    unused = void = 0
    for each in closing["slips"]:
        spent[each["medium"]] += each.get("spent", 0)
        unused += each.get("unspent", 0)
        void += each.get("void", 0)
    return Reconciled(**spent, unused=unused, void=void, issued=closing.get("issued"), returned=closing["returned"])


def group_words(form: Form, voice: str, language: str) -> str:
    """A group's name; joined groups with a plus."""
    if voice == HIDDEN:
        return _("不分类别")
    names = {each.id: say(each.text, language) for each in form.instrument.voices}
    return " + ".join(names.get(each, each) for each in voice.split("+"))


def _respondents(form: Form, closing: Mapping[str, Any], language: str) -> tuple[tuple[str, int], ...]:
    """Valid responses by identity, small ones joined."""
    return tuple((group_words(form, voice, language), number) for voice, number in sorted(closing["groups"].items()))


def _tables(form: Form, closing: Mapping[str, Any], language: str) -> tuple[Table, ...]:
    found: list[Table] = []
    for part in form.instrument.parts:
        by_head: dict[tuple[str, ...], list[Row]] = {}
        for rated in form.subjects(part):
            for question in part.questions:
                if question.kind in ("one", "many"):
                    head = tuple(say(o.text, language) for o in question.options)
                    line = line_of(form, closing, part, rated.id, question, language)
                    row = _row(rated.name if part.scope == "person" else "", line)
                    by_head.setdefault(head, []).append(row)
        title = say(part.title, language)
        found += [
            Table(title=title, head=head, rows=tuple(rows), people=part.scope == "person") for head, rows in by_head.items()
        ]
    return tuple(found)


def _row(subject: str, line: Line) -> Row:
    return Row(
        subject=subject,
        question=line.question,
        counts=line.counts,
        shares=tuple(share(n, line.total) for n in line.counts),
        valid=line.total,
        void=line.void,
        blank=line.blank,
    )


def _groups(form: Form, closing: Mapping[str, Any], language: str) -> tuple[Groups, ...]:
    tally = closing["tally"]
    known = sorted({voice for per in tally.values() for voices in per.values() for voice in voices})
    order = {each.id: at for at, each in enumerate(form.instrument.voices)}
    known.sort(key=lambda voice: order.get(voice.split("+")[0], 99))
    if len(known) < 2:
        return ()
    found = []
    for part in form.instrument.parts:
        by_head: dict[tuple[str, ...], list[GroupRow]] = {}
        for rated in form.subjects(part):
            for question in part.questions:
                if question.kind in ("one", "many"):
                    voices = tally.get(rated.id, {}).get(question.id, {})
                    counts = tuple(tuple(voices.get(voice, {}).get(o.id, 0) for o in question.options) for voice in known)
                    row = GroupRow(
                        subject=rated.name if part.scope == "person" else "",
                        question=say(question.text, language),
                        counts=counts,
                    )
                    by_head.setdefault(tuple(say(o.text, language) for o in question.options), []).append(row)
        names = tuple(group_words(form, voice, language) for voice in known)
        found += [Groups(names=names, head=head, rows=tuple(rows)) for head, rows in by_head.items()]
    return tuple(found)


def _numbers(form: Form, closing: Mapping[str, Any], language: str) -> tuple[Numbers, ...]:
    found = []
    for part in form.instrument.parts:
        for rated in form.subjects(part):
            for question in part.questions:
                voices = closing["tally"].get(rated.id, {}).get(question.id, {}) if question.kind in ("integer", "decimal") else {}
                given = sorted(exactly(text) for answers in voices.values() for text, times in answers.items() for _each in range(times))
                if given:
                    found.append(
                        Numbers(
                            subject=rated.name if part.scope == "person" else "",
                            question=say(question.text, language),
                            valid=len(given),
                            mean=fixed(mean(given)),
                            least=plain(given[0]),
                            most=plain(given[-1]),
                        )
                    )
    return tuple(found)


def _rates(form: Form, closing: Mapping[str, Any], language: str) -> tuple[Rate, ...]:
    """满意率 of every question that has 满意 and 比较满意 (their share of the valid answers), 知晓率 of the first question."""
    found = []
    for part in form.instrument.parts:
        for rated in form.subjects(part):
            for question in part.questions:
                ids = [option.id for option in question.options]
                voices = closing["tally"].get(rated.id, {}).get(question.id, {})
                counts = {o: sum(answers.get(o, 0) for answers in voices.values()) for o in ids}
                name = (
                    f"{rated.name}　{say(question.text, language)}" if part.scope == "person" else say(question.text, language)
                )
                if {"good", "fairly_good"} <= set(ids):
                    valid = sum(number for option, number in counts.items() if option != "unsure")
                    found.append(Rate(name=name, share=share(counts["good"] + counts["fairly_good"], valid), of=valid))
                elif question.id == "aware" and ids:
                    valid = sum(counts.values())
                    found.append(
                        Rate(
                            name=_("知晓率：%(question)s", question=name), share=share(valid - counts[ids[-1]], valid), of=valid
                        )
                    )
    return tuple(found)


def workbook(of: Sheet) -> bytes:
    """The record as .xlsx: summary, counts, groups, rates, words."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        bold, wrap = (
            book.add_format({"bold": True, "border": 1, "text_wrap": True}),
            book.add_format({"border": 1, "text_wrap": True}),
        )

        def put(name: str, head: Sequence[str], rows: Sequence[Sequence[object]], widths: Sequence[int]) -> None:
            page = book.add_worksheet(name)
            page.write_row(0, 0, head, bold)
            for at, row in enumerate(rows, 1):
                page.write_row(at, 0, row, wrap)
            for column, width in enumerate(widths):
                page.set_column(column, column, width)
            page.freeze_panes(1, 0)
            page.set_paper(9)
            page.fit_to_pages(1, 0)

        put(_("总表"), [_("项目"), _("数")], summary(of), [34, 70])
        put(
            _("计数"),
            [_("部分"), _("姓名"), _("项目"), _("选项"), _("票数"), _("占有效 %"), _("有效"), _("弃权"), _("作废")],
            [
                (t.title, r.subject, r.question, option, number, part, r.valid, "" if r.blank is None else r.blank, r.void)
                for t in of.tables
                for r in t.rows
                for option, number, part in zip(t.head, r.counts, r.shares, strict=True)
            ],
            [16, 14, 30, 14, 8, 10, 8, 8, 8],
        )
        if of.groups:
            put(
                _("按类别"),
                [_("类别"), _("姓名"), _("项目"), _("选项"), _("票数")],
                [
                    (name, r.subject, r.question, option, number)
                    for g in of.groups
                    for r in g.rows
                    for name, counts in zip(g.names, r.counts, strict=True)
                    for option, number in zip(g.head, counts, strict=True)
                ],
                [30, 14, 30, 14, 8],
            )
        if of.rates:
            put(_("比率"), [_("项目"), _("比率 %"), _("有效")], [(r.name, r.share, r.of) for r in of.rates], [60, 10, 10])
        if of.numbers:
            put(
                _("数字题"),
                [_("姓名"), _("项目"), _("有效"), _("平均"), _("最小"), _("最大")],
                [(n.subject, n.question, n.valid, n.mean, n.least, n.most) for n in of.numbers],
                [14, 60, 8, 10, 10, 10],
            )
        if of.comments:
            put(_("意见"), [_("题目"), _("内容")], of.comments, [30, 90])
    return out.getvalue()


def summary(of: Sheet) -> list[tuple[str, object]]:
    """The figures above the counts, as (name, value)."""
    c, r = of.closing, of.reconciled
    rows: list[tuple[str, object]] = [
        (_("名称"), of.house.title),
        (_("旗县"), of.house.banner),
        (_("地点"), of.house.place),
        (_("日期"), of.house.held_on or ""),
    ]
    if of.house.kind == "appraisal":
        rows += [(_("应到"), _blank(c["expected"])), (_("实到"), _blank(c["present"])), (_("发出"), _blank(c["issued"]))]
    rows += [(_("收回"), c["returned"]), (_("有效"), c["valid"]), (_("废票"), c["spoiled"])]
    rows += [
        (_("手机投票"), r.phone + r.link),
        (_("纸票"), r.paper),
        (_("未用"), r.unused),
        (_("作废的码"), r.void),
        (_("制码总数"), r.made),
    ]
    if c["audit"]["entered"]:
        rows.append(
            (
                _("监票人验证票（不计入）"),
                _("%(all)s 张，相符 %(equal)s 张", all=c["audit"]["entered"], equal=c["audit"]["equal"]),
            )
        )
    if c["audit"].get("missing"):
        rows.append((_("没有登记的验证票及原因"), f"{c['audit']['drawn'] - c['audit']['entered']}　{c['audit']['missing']}"))
    if c.get("withheld"):
        rows.append((_("各项计数"), withheld_words(c)))
    rows += [(_("%(name)s（人数）", name=name), number) for name, number in of.respondents]
    rows += [(reason_name(key), text) for key, text in sorted(c.get("reasons", {}).items()) if key != "audit_slips"]
    if c.get("reason"):
        rows.append((_("封箱时去掉的票及理由"), f"{c['left_out']}　{c['reason']}"))
    rows += [(_("明细根"), c["fragments_root"]), (_("回执根"), c["receipts_root"]), (_("发码根"), of.opening["issued_root"])]
    return rows


def withheld_words(closing: Mapping[str, Any]) -> str:
    """Why no counts stand here."""
    return str(_("有效票不足 %(least)s 张，不单列各项计数；这些票计入本旗县的得分（D-27）。", least=closing["smallest_group"]))


def reason_name(key: str) -> str:
    """Which check a written reason was given for."""
    return {
        "quorum": _("到会不过半仍测评的理由"),
        "materials": _("材料送达不足三天的理由"),
        "https": _("未用 HTTPS 的理由"),
        "issued": _("发出多于实到的理由"),
        "void": _("作废理由"),
    }.get(key, key)


def _blank(value: object) -> object:
    return "" if value is None else value
