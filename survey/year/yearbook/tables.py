"""The tables of a year book, declared once: columns, their Chinese names, what a cell may hold, what makes a key.

Reading, checking and writing of all three forms are driven by `tables`. What is coded (positions, items, factors,
questions …) and every number of the measure comes from its rulebook; only the short Chinese names that the exchange
format promises stand here, and where it names none the rulebook's own words do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from tally.rulebook import Rulebook
from tally.step import Label


class Kind(Enum):
    """What a cell holds: `KEY` a name that other rows point at, `TEXT` words, `CODE` a coded value, `NUMBER` exact."""

    KEY = "key"
    TEXT = "text"
    CODE = "code"
    NUMBER = "number"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column: its id and Chinese heading, and what its cells hold.

    `blank`: a cell may be empty. `optional`: the whole column may be absent. `codes`: id -> Chinese value.
    `low`, `high` bound a number that has at most `places` decimal places; `words` stand beside numbers (poverty_rank).
    `open`: values that are no known code are left to the checks of the table (answers to unscored questions).
    """

    id: str
    chinese: str
    kind: Kind = Kind.KEY
    blank: bool = False
    optional: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    low: int = 0
    high: int = 100
    places: int = 4
    open: bool = False
    joined: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table (sheet) of the year book; no two rows may share the columns of `key`.

    `paper`: the columns that name the sheet of paper (a ballot, a response) whose lines the rows of a long table are;
    `counted`: those of them that are kept when the rows are counted, and all other columns. `rare`: written only when it
    has rows.
    """

    id: str
    chinese: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    required: bool = False
    paper: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()
    rare: bool = False

    def column(self, id: str) -> Column:
        """The column of that id."""
        return next(column for column in self.columns if column.id == id)


LEVELS = {"national": "国家级", "regional": "自治区级"}
UNRANKED = {"none": "无"}

OF = {"team": "总队", "person": "个人"}
KINDS = {"one": "单选", "many": "多选", "number": "数字"}

# the short Chinese names of coded values, by kind and id
NAMES: Mapping[str, Mapping[str, str]] = {
    "position": {"captain": "队长", "deputy": "副队长", "liaison": "联络员", "member": "成员"},
    "sheet": {"indicators": "指标考核", "ledger": "查阅台账", "visits": "实地查访"},
    "indicators": {
        "reduction": "减贫计划完成率",
        "income": "人均纯收入增长",
        "incidence": "贫困发生率下降",
        "precision": "识别帮扶退出精准度",
        "projects": "项目安排措施落实",
        "funds": "资金整合使用",
        "advice": "提出意见建议",
        "follow_up": "跟踪指导协调",
        "organisation": "两委作用发挥",
        "publicity": "宣传推广典型",
        "outreach": "进村入户宣传",
    },
    "ledger": {
        "records": "工作记录",
        "diaries": "工作日志",
        "reports": "工作汇报",
        "supervision": "督导措施",
        "problems": "解决问题",
        "advice": "意见建议",
        "practice": "典型经验",
        "household_plans": "贫困户脱贫计划",
    },
    "visits": {"effects": "脱贫工作成效", "precision": "识别帮扶脱贫", "conduct": "工作表现"},
    "component": {
        "indicators": "指标考核",
        "supervision": "督导组考核得分",
        "routine": "日常督查",
        "third_party": "第三方评估",
        "appraisal": "总结测评",
        "ledger": "查阅台账",
        "visits": "实地查访",
        "opinion": "民意调查",
        "assessors": "考核组综合评价",
    },
    "factor": {
        "identification_precise": "识别精准",
        "support_precise": "帮扶精准",
        "exit_precise": "退出精准",
        "identification_imprecise": "识别不精准",
        "support_imprecise": "帮扶不精准",
        "exit_imprecise": "退出不精准",
        "solved_problems": "解决实际问题",
        "office_tasks_good": "交办任务好",
        "office_tasks_poor": "交办任务差",
    },
    "group": {
        "leaders": "旗县领导",
        "departments": "成员单位",
        "townships": "苏木乡镇",
        "village_teams": "驻村工作队和支部书记",
        "households": "贫困户代表",
    },
    "mark": {"good": "好", "fairly_good": "较好", "average": "一般", "poor": "差", "blank": "弃权", "void": "作废"},
    "ballot_item": {
        "tasks": "目标任务完成",
        "organisation": "基层组织建设",
        "service": "为民服务事宜",
        "results": "脱贫攻坚成效",
        "overall": "总体评价",
    },
    "respondent": {"committee": "两委成员", "household": "贫困户代表"},
    "question": {
        "real_work": "实干",
        "explains": "讲政策",
        "solves": "管难处",
        "village_team": "驻村工作队",
        "team_satisfied": "对总队满意",
        "known": "认识",
        "work": "干事实在",
        "help": "解决问题",
        "satisfied": "总的满意",
    },
    "answer": {
        "good": "好",
        "fairly_good": "较好",
        "average": "一般",
        "poor": "差",
        "unsure": "说不清",
        "void": "作废",
        "acquainted": "打过交道",
        "seen": "见过",
        "stranger": "不认识",
    },
}


class Worded(Protocol):
    """Anything of a rulebook with an id and its words."""

    @property
    def id(self) -> str: ...

    @property
    def label(self) -> Label: ...


def codes(kind: str, things: Iterable[Worded]) -> dict[str, str]:
    """Id -> Chinese value of the rulebook's `things`: the exchange format's short name, else the rulebook's words."""
    names = NAMES.get(kind, {})
    return {thing.id: names.get(thing.id, thing.label.zh) for thing in things}


def items(rulebook: Rulebook) -> Mapping[str, Mapping[str, str]]:
    """Sheet -> item -> Chinese name."""
    return {sheet.id: codes(sheet.id, sheet.items) for sheet in rulebook.sheets}


_BANNER = Column(id="banner", chinese="旗县")
_PERSON = Column(id="person", chinese="编号", blank=True)

YEAR = Table(
    id="year",
    chinese="年度",
    columns=(Column(id="key", chinese="项"), Column(id="value", chinese="值")),
    key=("key",),
    required=True,
)


def after_year(name: str) -> bool:
    """False for the sheet of the year, which is read first because it says by which rulebook the others are read."""
    return name.strip().casefold() not in (YEAR.id, YEAR.chinese)


def tables(rulebook: Rulebook) -> tuple[Table, ...]:
    """The tables, coded by the rulebook; the last is for questionnaires that are not the measure's own."""
    ballots, opinion, letters = rulebook.ballots, rulebook.opinion, rulebook.letters
    return (
        YEAR,
        Table(
            id="banners",
            chinese="旗县",
            columns=(
                _BANNER,
                Column(id="league", chinese="盟市", kind=Kind.TEXT, blank=True, optional=True),
                Column(id="level", chinese="级别", kind=Kind.CODE, codes=LEVELS, blank=True, optional=True),
                _number("poverty_rank", "全区排名", codes=UNRANKED, low=1, high=9999, places=0),
            ),
            key=("banner",),
            required=True,
        ),
        Table(
            id="people",
            chinese="人员",
            columns=(
                Column(id="person", chinese="编号"),
                Column(id="name", chinese="姓名", kind=Kind.TEXT),
                _BANNER,
                _code("position", "职务", codes("position", rulebook.positions)),
                Column(id="unit", chinese="派出单位", kind=Kind.TEXT, blank=True, optional=True),
                _number("days", "派驻天数", high=366, places=1),
                _number("assigned_days", "应派驻天数", high=366, places=1),
            ),
            key=("person",),
            required=True,
        ),
        Table(
            id="points",
            chinese="分项打分",
            columns=(
                _BANNER,
                _PERSON,
                _code("sheet", "表", codes("sheet", rulebook.sheets)),
                Column(id="unit", chinese="村", blank=True, optional=True),
                Column(id="item", chinese="项目"),
                Column(id="points", chinese="得分", kind=Kind.NUMBER, high=int(rulebook.score.most)),
            ),
            key=("banner", "person", "sheet", "unit", "item"),
        ),
        Table(
            id="scores",
            chinese="录入分",
            columns=(
                _BANNER,
                _PERSON,
                _code("component", "组成", codes("component", rulebook.components)),
                Column(
                    id="score",
                    chinese="得分",
                    kind=Kind.NUMBER,
                    low=int(rulebook.score.least),
                    high=int(rulebook.score.most),
                ),
            ),
            key=("banner", "person", "component"),
        ),
        Table(
            id="grades",
            chinese="综合评价",
            columns=(
                _BANNER,
                _PERSON,
                Column(id="assessor", chinese="考核员"),
                _code("grade", "等次", {letter.id: letter.id for letter in letters.letters} if letters else {}),
            ),
            key=("banner", "person", "assessor"),
        ),
        Table(
            id="factors",
            chinese="加减分",
            columns=(
                _BANNER,
                _PERSON,
                _code("factor", "因素", codes("factor", [each for each in rulebook.factors if each.kind == "evidence"])),
                Column(id="evidence", chinese="依据", kind=Kind.TEXT),
            ),
            key=("banner", "person", "factor"),
        ),
        Table(
            id="ballots",
            chinese="测评票",
            columns=(
                _BANNER,
                Column(id="ballot", chinese="票"),
                Column(
                    id="group",
                    chinese="类别",
                    kind=Kind.CODE,
                    codes=codes("group", ballots.groups) if ballots else {},
                    blank=True,
                    optional=True,
                    joined=True,
                ),
                _PERSON,
                _code("item", "项目", codes("ballot_item", ballots.items) if ballots else {}),
                _code("grade", "等次", codes("mark", (*ballots.grades, *ballots.neutral)) if ballots else {}),
            ),
            key=("banner", "ballot", "person", "item"),
            paper=("banner", "ballot", "group"),
            counted=("banner", "group", "person", "item", "grade"),
        ),
        Table(
            id="opinions",
            chinese="民意调查",
            columns=(
                _BANNER,
                Column(id="village", chinese="村", blank=True, optional=True),
                Column(id="response", chinese="答卷"),
                Column(
                    id="respondent",
                    chinese="身份",
                    kind=Kind.CODE,
                    codes=codes("respondent", opinion.respondents) if opinion else {},
                    blank=True,
                    optional=True,
                ),
                _PERSON,
                Column(id="question", chinese="问题", kind=Kind.CODE, codes=_questions(rulebook), open=True),
                Column(
                    id="answer",
                    chinese="答案",
                    kind=Kind.CODE,
                    codes=codes("answer", (*opinion.answers, *opinion.neutral, *opinion.acquaintances))
                    if opinion
                    else {},
                    open=True,
                ),
            ),
            key=("banner", "village", "response", "person", "question"),
            paper=("banner", "village", "response", "respondent"),
            counted=("banner", "person", "question", "answer"),
        ),
        Table(
            id="questions",
            chinese="自拟题计分",
            columns=(
                Column(id="question", chinese="问题"),
                _code("of", "对象", OF),
                _code("kind", "题型", KINDS),
                Column(id="label", chinese="题目", kind=Kind.TEXT),
                Column(id="answer", chinese="答案"),
                Column(id="meaning", chinese="答案文字", kind=Kind.TEXT, blank=True, optional=True),
                Column(id="points", chinese="分值", kind=Kind.NUMBER, blank=True),
            ),
            key=("question", "answer"),
            rare=True,
        ),
    )


def _code(id: str, chinese: str, codes: Mapping[str, str]) -> Column:
    return Column(id=id, chinese=chinese, kind=Kind.CODE, codes=codes)


def _number(
    id: str, chinese: str, *, high: int, places: int, low: int = 0, codes: Mapping[str, str] | None = None
) -> Column:
    return Column(
        id=id,
        chinese=chinese,
        kind=Kind.NUMBER,
        blank=True,
        optional=True,
        low=low,
        high=high,
        places=places,
        codes=codes or {},
    )


def _questions(rulebook: Rulebook) -> Mapping[str, str]:
    opinion = rulebook.opinion
    if opinion is None:
        return {}
    scored = codes("question", (*opinion.team_questions, opinion.acquaintance, *opinion.person_questions))
    return scored | {question.id: question.id for question in opinion.unscored}
