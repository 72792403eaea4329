"""A year's results as they leave the house: JSON, a workbook in Chinese, tables for a terminal."""

import json
import unicodedata
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from tally.number import fixed, signed
from tally.outcome import DAYS_LITERAL, OPINION_FALLBACK, Outcome, Ranking, Row, as_result
from tally.rulebook import Rulebook
from tally.step import Label, Step, calculation, shown

Cell = str | int | Fraction | None

NOTES = {
    OPINION_FALLBACK: Label(zh="民意调查用队级分（D-25）", en="opinion: the team's level (D-25)"),
    DAYS_LITERAL: Label(zh="应派驻天数不足一年，未折算（D-19）", en="assigned for less than a year, not pro rata (D-19)"),
}
_RANK = Label(zh="名次", en="Rank")
_PERSON = Label(zh="编号", en="Person")
_NAME = Label(zh="姓名", en="Name")
_BANNER = Label(zh="旗县", en="Banner")
_FACTORS = Label(zh="加减分", en="Factors")
_TOTAL = Label(zh="加减分合计", en="± total")
_SCORE = Label(zh="得分", en="Score")
_GRADE = Label(zh="建议等次", en="Proposed grade")
_MISSING = Label(zh="缺项", en="Missing")
_NOTES = Label(zh="提示", en="Notes")
_DECISION = Label(zh="待决定", en="decision needed")
_QUOTA = Label(zh="共 %(size)s，优秀至多 %(excellent)s", en="%(size)s in all, at most %(excellent)s excellent")


def as_json(outcome: Outcome) -> str:
    """The result in the exchange format."""
    return json.dumps(as_result(outcome), ensure_ascii=False, indent=1) + "\n"


def headings(ranking: Ranking, rulebook: Rulebook, *, language: str = "zh") -> list[str]:
    """The columns of a ranking's table."""
    sequence = rulebook.sequence(ranking.sequence)
    who = [_BANNER] if sequence.of == "team" else [_PERSON, _NAME, _BANNER]
    parts = [rulebook.component(name).label for name in rulebook.needs(sequence)]
    labels = [_RANK, *who, *parts, _FACTORS, _TOTAL, _SCORE, _GRADE, _MISSING, _NOTES]
    return [label.text(language) for label in labels]


def records(ranking: Ranking, rulebook: Rulebook, *, language: str = "zh") -> Iterator[list[Cell]]:
    """The rows of a ranking's table, one a subject, in the order of `headings`; None where nothing stands."""
    sequence = rulebook.sequence(ranking.sequence)
    for row in ranking.rows:
        who: list[Cell] = [row.banner] if sequence.of == "team" else [row.key, row.name, row.banner]
        parts: list[Cell] = [row.components[name] for name in rulebook.needs(sequence)]
        yield [
            row.rank,
            *who,
            *parts,
            _adjustments(row, rulebook, language),
            _whole(row.adjustment_total),
            row.score,
            _grade(row, rulebook, language),
            _joined([rulebook.word(each) for each in row.missing], language),
            _joined([NOTES[flag] for flag in row.flags if flag in NOTES], language),
        ]


def _whole(value: Fraction) -> Cell:
    return value.numerator if value.denominator == 1 else value


def _joined(labels: Sequence[Label], language: str) -> str:
    return (", " if language == "en" else "、").join(label.text(language) for label in labels)


def _adjustments(row: Row, rulebook: Rulebook, language: str) -> str:
    named = [f"{rulebook.factor(each.factor).label.text(language)} {signed(each.points)}" for each in row.adjustments]
    return (", " if language == "en" else "、").join(named)


def _grade(row: Row, rulebook: Rulebook, language: str) -> str:
    if row.grade is None:
        return ""
    word = next(each.label for each in rulebook.grades.order if each.id == row.grade).text(language)
    if not row.decision_needed:
        return word
    return f"{word} ({_DECISION.en})" if language == "en" else f"{word}（{_DECISION.zh}）"


# ---- terminal ------------------------------------------------------------------------------------------------------


def terminal(outcome: Outcome, rulebook: Rulebook, *, language: str = "zh") -> str:
    """The rankings as tables for a terminal; Chinese characters take two places."""
    return "\n".join(_ranking_text(ranking, rulebook, language) for ranking in outcome.rankings)


def _ranking_text(ranking: Ranking, rulebook: Rulebook, language: str) -> str:
    head = headings(ranking, rulebook, language=language)
    body = [[_shown(cell) for cell in record] for record in records(ranking, rulebook, language=language)]
    kept = [place for place in range(len(head)) if place < len(head) - 2 or any(row[place] for row in body)]
    widths = [max(_width(line[place]) for line in [head, *body]) for place in kept]
    first_factor = head.index(_FACTORS.text(language))
    texts = {head.index(label.text(language)) for label in (_FACTORS, _GRADE, _MISSING, _NOTES)}
    texts |= set(range(1, first_factor - len(rulebook.needs(rulebook.sequence(ranking.sequence)))))

    def line(cells: Sequence[str]) -> str:
        padded = (_padded(cells[place], width, right=place not in texts) for place, width in zip(kept, widths, strict=True))
        return "  ".join(padded).rstrip()

    quota = _QUOTA.text(language) % {"size": ranking.size, "excellent": ranking.excellent}
    title = f"{ranking.label.text(language)}  {quota}"
    rule = "  ".join("─" * width for width in widths)
    return "\n".join([title, line(head), rule, *map(line, body), ""])


def _shown(cell: Cell) -> str:
    if cell is None:
        return "—"
    if isinstance(cell, Fraction):
        return fixed(cell)
    return str(cell)


def _width(text: str) -> int:
    """Places a text takes in a terminal."""
    return sum(0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _padded(text: str, width: int, *, right: bool) -> str:
    gap = " " * (width - _width(text))
    return gap + text if right else text + gap


# ---- workbook ------------------------------------------------------------------------------------------------------


def write_workbook(outcome: Outcome, rulebook: Rulebook, path: Path | BinaryIO) -> None:
    """An .xlsx in Chinese: a sheet for every ranking, the choices in effect with their clauses, and how every score
    came about. Scores are numbers; text never becomes a formula."""
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(path, options) as workbook:
        formats = {
            "head": workbook.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "vcenter"}),
            "title": workbook.add_format({"bold": True, "font_size": 14}),
            "score": workbook.add_format({"num_format": "0.00"}),
            "text": workbook.add_format({"text_wrap": True, "valign": "top"}),
        }
        for ranking in outcome.rankings:
            _ranking_sheet(workbook.add_worksheet(ranking.label.zh), ranking, outcome, rulebook, formats)
        _choices_sheet(workbook.add_worksheet("所用选择"), outcome, rulebook, formats)
        _steps_sheet(workbook.add_worksheet("计算过程"), outcome, formats)


def _ranking_sheet(page: Any, ranking: Ranking, outcome: Outcome, rulebook: Rulebook, formats: dict[str, Any]) -> None:
    quota = _QUOTA.zh % {"size": ranking.size, "excellent": ranking.excellent}
    page.write_string(0, 0, f"{outcome.year}年度 {ranking.label.zh}排序（{quota}）", formats["title"])
    head = headings(ranking, rulebook)
    for place, heading in enumerate(head):
        page.write_string(2, place, heading, formats["head"])
        wide = heading in (_FACTORS.zh, _MISSING.zh, _NOTES.zh)
        page.set_column(place, place, 36 if wide else 7 if heading == _RANK.zh else 12)
    for line, record in enumerate(records(ranking, rulebook), 3):
        for place, cell in enumerate(record):
            _write(page, line, place, cell, formats)
    page.freeze_panes(3, 2)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
    page.repeat_rows(2)


def _write(page: Any, line: int, place: int, cell: Cell, formats: dict[str, Any]) -> None:
    if isinstance(cell, Fraction):
        page.write_number(line, place, float(cell), formats["score"])
    elif isinstance(cell, int):
        page.write_number(line, place, cell)
    elif cell:
        page.write_string(line, place, cell)


def _choices_sheet(page: Any, outcome: Outcome, rulebook: Rulebook, formats: dict[str, Any]) -> None:
    rows = [
        (
            choice.point,
            choice.label.zh,
            choice.id,
            outcome.choices[choice.id],
            choice.default,
            choice.clause,
            choice.quote,
            choice.why.zh,
        )
        for choice in rulebook.choices
        if choice.id in outcome.choices
    ]
    head = ("条目", "内容", "选择", "所用", "默认", "条款", "原文", "理由")
    for place, (heading, width) in enumerate(zip(head, (8, 28, 18, 18, 18, 20, 40, 60), strict=True)):
        page.write_string(0, place, heading, formats["head"])
        page.set_column(place, place, width, formats["text"])
    for line, row in enumerate(rows, 1):
        for place, cell in enumerate(row):
            page.write_string(line, place, cell, formats["text"])
    page.write_string(len(rows) + 2, 0, f"办法 {outcome.measure}，规则文件 SHA-256 {outcome.rules_sha256}")
    page.freeze_panes(1, 0)


def _steps_sheet(page: Any, outcome: Outcome, formats: dict[str, Any]) -> None:
    head = ("序列", "旗县", "编号", "项目", "值", "怎么来", "算式", "条款")
    for place, (heading, width) in enumerate(zip(head, (8, 14, 12, 40, 10, 40, 60, 20), strict=True)):
        page.write_string(0, place, heading, formats["head"])
        page.set_column(place, place, width)
    line = 0
    for ranking in outcome.rankings:
        for row in ranking.rows:
            for depth, step in _steps(row.step, 0):
                line += 1
                cells = (
                    ranking.label.zh,
                    row.banner,
                    row.subject.person,
                    "　" * depth + step.label.zh,
                    shown(step),
                    step.how.zh,
                    calculation(step),
                    step.clause,
                )
                for place, cell in enumerate(cells):
                    if cell:
                        page.write_string(line, place, cell)
                if depth:
                    page.set_row(line, None, None, {"level": min(depth, 7)})
    page.freeze_panes(1, 0)
    page.outline_settings(True, False)


def _steps(step: Step, depth: int) -> Iterator[tuple[int, Step]]:
    """A score, its components and what they are made of: three levels, counts of marks stay in the explanation page."""
    yield depth, step
    if depth < 3:
        for child in step.children:
            yield from _steps(child, depth + 1)
