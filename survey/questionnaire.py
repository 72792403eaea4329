"""The noun *questionnaire*: an instrument that is not a file of the house but was brought in (an XLSForm), and its SQL.

What its answers are worth is set at the desk, the *scoring*: question -> option -> points 0…100, or for a number
`zero` and `full`, the numbers worth 0 and 100. A question that is not in it is not scored; neither is an option without points.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from flask_babel import gettext as _
from sqlalchemy import Connection, insert, select, update

from survey import instrument, journal
from survey.instrument import Form, Instrument, Option, Part, Question, Text
from survey.schema import collection, cycle, questionnaire
from tally.facts import Answer, Asked
from tally.number import plain
from tally.rulebook import Rulebook
from tally.step import Label

PREFIX = "xlsform:"  # of a collection's instrument, before the questionnaire's id
NUMBERS = ("integer", "decimal")
KINDS: Mapping[str, Literal["one", "many", "number"]] = {"one": "one", "many": "many", "integer": "number", "decimal": "number"}
ENDS = ("zero", "full")
Scoring = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Questionnaire:
    """One row."""

    id: str
    title: str
    instrument: Instrument
    scoring: Scoring

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Its scored questions as the reckoning takes them, in the order of the form."""
        return tuple(
            Asked(
                id=f"{self.id}.{question.id}",
                of="person" if part.scope == "person" else "team",
                kind=KINDS[question.kind],
                label=_label(question.text),
                answers=_answers(question, self.scoring[question.id]),
            )
            for part, question in scorable(self.instrument)
            if question.id in self.scoring
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with the points of a question, or of one option of it."""

    question: str
    option: str
    reason: str


class Unfit(ValueError):
    """A scoring that cannot be; all faults at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(f"{each.question} {each.option}: {each.reason}" for each in faults))
        self.faults = faults


def scorable(of: Instrument) -> list[tuple[Part, Question]]:
    """The questions that can bear points."""
    return [(part, question) for part in of.parts for question in part.questions if question.kind in KINDS]


def name_of(of_collection: str) -> str:
    """The questionnaire's id in a collection's `instrument`, "" for an instrument of the house."""
    return of_collection.removeprefix(PREFIX) if of_collection.startswith(PREFIX) else ""


def add(connection: Connection, new: Instrument, scoring: Scoring | None = None) -> None:
    """Keeps an instrument under its id. Raises ValueError where the id is taken: frozen forms may stand on it."""
    if connection.execute(select(questionnaire.c.id).where(questionnaire.c.id == new.id)).first():
        raise ValueError(_("已有同一编号的问卷，请改 form_id 再导入"))
    text = instrument.to_json(Form(instrument=new, people=()))
    values = {"id": new.id, "title": new.title.get("zh", new.id), "text": text, "scoring": _written(scoring or {})}
    connection.execute(insert(questionnaire).values(values))


def proposed(new: Instrument, rulebook: Rulebook) -> Scoring:
    """A scoring to begin with: questions named and answered as the measure's own bear the measure's points."""
    survey = rulebook.opinion
    if survey is None:
        return {}
    points = dict(zip((each.id for each in survey.answers), map(plain, rulebook.numbers(survey.points)), strict=True))
    answers = points.keys() | {each.id for each in survey.neutral}
    measured = {"team": survey.team_questions, "person": survey.person_questions}
    return {
        question.id: {id: points[id] for id in (option.id for option in question.options) if id in points}
        for part, question in scorable(new)
        if question.kind == "one" and question.choices <= answers and question.id in {each.id for each in measured[part.scope]}
    }


def of_all(connection: Connection) -> list[Questionnaire]:
    """All of them, by title."""
    return [_from(row) for row in connection.execute(select(questionnaire).order_by(questionnaire.c.title, questionnaire.c.id))]


def find(connection: Connection, name: str) -> Questionnaire | None:
    """One of them with its scoring."""
    row = connection.execute(select(questionnaire).where(questionnaire.c.id == name)).first()
    return _from(row) if row else None


def get(connection: Connection, name: str) -> Instrument:
    """The instrument of an id. Raises KeyError for an unknown one."""
    found = find(connection, name)
    if found is None:
        raise KeyError(name)
    return found.instrument


def score(connection: Connection, name: str, scoring: Scoring, *, by: str) -> bool:
    """Sets what its answers are worth, also after a seal; whether anything changed. The years it was asked in are reckoned anew.

    Raises Unfit with all faults, and ValueError where the results of a year it was asked in are final, or where points tried
    one way and another would tell the answers of a sealed survey too small to be shown (D-27).
    """
    before = find(connection, name)
    if before is None:
        raise KeyError(name)
    if faults := _faults(before.instrument, scoring):
        raise Unfit(faults)
    if before.scoring == scoring:
        return False
    years = set(connection.execute(select(collection.c.cycle).where(collection.c.instrument == PREFIX + name)).scalars())
    final = select(cycle.c.cycle).where(cycle.c.cycle.in_(years), cycle.c.state == "final")
    if closed := sorted(connection.execute(final).scalars()):
        raise ValueError(_("%(year)s 年度用过这份问卷，结果已经定稿，计分不能再改", year="、".join(map(str, closed))))
    sealed = select(collection.c.published).where(collection.c.instrument == PREFIX + name, collection.c.state == "sealed")
    if before.scoring and any(json.loads(each or "{}").get("closing", {}).get("withheld") for each in connection.execute(sealed).scalars()):
        raise ValueError(_("用过这份问卷的一场调查有效答卷太少，各项计数不公布；改分值会算出它们（D-27），计分不能再改"))
    connection.execute(update(questionnaire).where(questionnaire.c.id == name).values(scoring=_written(scoring)))
    connection.execute(update(cycle).where(cycle.c.cycle.in_(years)).values(revision=cycle.c.revision + 1))
    flat = [{f"{question}/{option}": points for question, of in each.items() for option, points in of.items()} for each in (before.scoring, scoring)]
    changed = {key for key in {*flat[0], *flat[1]} if flat[0].get(key) != flat[1].get(key)}
    journal.record(
        connection, account=by, deed="questionnaire.score", subject=name,
        before={key: flat[0].get(key, "") for key in sorted(changed)}, after={key: flat[1].get(key, "") for key in sorted(changed)},
    )  # fmt: skip
    return True


def take_in(connection: Connection, own: Iterable[Asked]) -> None:
    """Keeps the scored questions of a year book as questionnaires. Raises ValueError where one of that id is scored otherwise."""
    by_name: dict[str, list[Asked]] = {}
    for each in own:
        by_name.setdefault(each.id.partition(".")[0], []).append(each)
    for name, questions in by_name.items():
        here = find(connection, name)
        if here is None:
            add(connection, _instrument(name, questions), {_id(each): _points(each) for each in questions})
        elif {each.id: (each.of, each.kind, _points(each)) for each in here.asked} != {each.id: (each.of, each.kind, _points(each)) for each in questions}:
            raise ValueError(name)


def _instrument(name: str, questions: list[Asked]) -> Instrument:
    """What is known of a questionnaire from its scored questions."""
    kinds = {"one": "one", "many": "many", "number": "decimal"}
    parts = tuple(
        Part(
            id=scope,
            scope=scope,
            title={},
            questions=tuple(
                Question(
                    id=_id(each),
                    kind=kinds[each.kind],
                    text={"zh": each.label.zh},
                    options=tuple(Option(id=a.id, text={"zh": a.label.zh}) for a in each.answers if each.kind != "number"),
                )
                for each in questions
                if each.of == scope
            ),
        )
        for scope in ("team", "person")
    )
    whole = tuple(part for part in parts if part.questions)
    return Instrument(id=name, kind="opinion", title={"zh": name}, voices_title={}, voices=(), parts=whole)


def _id(asked: Asked) -> str:
    return asked.id.partition(".")[2]


def _points(asked: Asked) -> dict[str, str]:
    if asked.kind == "number":
        return dict(zip(ENDS, (plain(_number(each.id)) for each in asked.answers), strict=True))
    return {each.id: plain(each.points) for each in asked.answers if each.points is not None}


def _answers(question: Question, points: Mapping[str, str]) -> tuple[Answer, ...]:
    if question.kind in NUMBERS:
        ends = zip(ENDS, (Fraction(0), Fraction(100)), strict=True)
        return tuple(Answer(id=points[end], label=Label(zh=points[end]), points=worth) for end, worth in ends)
    return tuple(Answer(id=each.id, label=_label(each.text), points=_number(points[each.id]) if each.id in points else None) for each in question.options)


def _label(text: Text) -> Label:
    return Label(zh=text.get("zh", ""), en=text.get("en", ""))


def _number(text: str) -> Fraction:
    return Fraction(text)


def _faults(of: Instrument, scoring: Scoring) -> list[Fault]:
    questions = {question.id: question for _part, question in scorable(of)}
    faults: list[Fault] = []
    for name, points in scoring.items():
        question = questions.get(name)
        if question is None:
            faults.append(Fault(question=name, option="", reason=_("没有这个能计分的题目")))
        else:
            faults += _faults_of_line(question, points) if question.kind in NUMBERS else _faults_of_options(question, points)
    return faults


def _faults_of_line(question: Question, points: Mapping[str, str]) -> list[Fault]:
    """Of a number's two ends."""
    ends = {end: instrument.number(points.get(end, "")) for end in ENDS}
    wrong = [end for end, value in ends.items() if value is None]
    faults = [Fault(question=question.id, option=end, reason=_("请填一个数")) for end in wrong]
    if not wrong and ends["zero"] == ends["full"]:
        faults.append(Fault(question=question.id, option="full", reason=_("得0分的数和得100分的数不能相同")))
    return faults


def _faults_of_options(question: Question, points: Mapping[str, str]) -> list[Fault]:
    """Of the options' points: known options, 0…100, not all blank, those of a question of several 100 together at most."""
    faults = []
    worth = []
    for option, text in points.items():
        value = instrument.number(text)
        if option not in question.choices:
            faults.append(Fault(question=question.id, option=option, reason=_("没有这个选项")))
        elif value is None or not 0 <= value <= 100:
            faults.append(Fault(question=question.id, option=option, reason=_("分值应在 0 到 100 之间")))
        elif value != round(value, 4):
            faults.append(Fault(question=question.id, option=option, reason=_("小数最多 4 位")))
        else:
            worth.append(value)
    if faults:
        return faults
    if not worth or not any(worth):
        faults.append(Fault(question=question.id, option="", reason=_("至少一个选项的分值要大于0；不计分就去掉“计分”")))
    elif question.kind == "many" and sum(worth) > 100:
        faults.append(Fault(question=question.id, option="", reason=_("多选题各选项的分值合计不能超过100，现在是 %(sum)s", sum=sum(worth))))
    return faults


def _written(scoring: Scoring) -> str:
    return json.dumps(scoring, ensure_ascii=False, sort_keys=True)


def _from(row: object) -> Questionnaire:
    found = instrument.from_json(row.text).instrument  # type: ignore[attr-defined]
    return Questionnaire(id=row.id, title=row.title, instrument=found, scoring=json.loads(row.scoring))  # type: ignore[attr-defined]
