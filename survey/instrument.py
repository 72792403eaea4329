"""Instruments: the questions as data.

An *instrument* is what is asked (a TOML file in `instruments/`, or an imported XLSForm); a *form* is an instrument
together with the people it asks about, frozen when its collection opens. Screen, paper, box and count all read the
same form, so a new question needs no code.

Wording and options live here, points never: what a mark is worth is the rule file's business.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path

FOLDER = Path(__file__).parent / "instruments"
TEXT_LIMIT = 500  # characters of a free answer (BOX.md, step 5)
TEXT_BYTES = 3 * TEXT_LIMIT  # and bytes, as it is kept: three for a Chinese character, two for a new line
NUMBER_LIMIT = 24  # characters of a typed number or date
VOID = "void"  # two marks in one cell of a paper sheet (D-07)

Text = Mapping[str, str]  # language -> words; "zh" always stands
Condition = Mapping[str, object]  # see `holds`
Value = str | tuple[str, ...]
Answers = Mapping[str, Mapping[str, Value]]  # subject -> question -> value; an unanswered question is absent


def say(text: Text, language: str) -> str:
    """The words in `language`, else in Chinese."""
    return text.get(language) or text.get("zh", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One answer that can be chosen."""

    id: str
    text: Text


@dataclass(frozen=True, kw_only=True)
class Question:
    """One thing asked of one subject.

    `kind`: one · many · text · integer · decimal · date · note. `at_most` bounds the choices of `many`.
    `show_if` hides the question unless it holds; `constraint` must hold for what was answered.
    """

    id: str
    kind: str
    text: Text
    hint: Text = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    at_most: int | None = None
    least: str | None = None
    most: str | None = None
    required: bool = False
    show_if: Condition | None = None
    constraint: Condition | None = None
    constraint_text: Text = field(default_factory=dict)

    @cached_property
    def choices(self) -> frozenset[str]:
        """The ids of its options."""
        return frozenset(option.id for option in self.options)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Questions with one scope: `team` (once an answer) or `person` (once for each person rated)."""

    id: str
    scope: str
    title: Text
    questions: tuple[Question, ...]
    show_if: Condition | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Instrument:
    """A ballot or a questionnaire. `voices` are the groups a slip carries or a link asks for."""

    id: str
    kind: str
    title: Text
    voices_title: Text
    voices: tuple[Option, ...]
    parts: tuple[Part, ...]
    preamble: Text = field(default_factory=dict)
    notice: Text = field(default_factory=dict)
    instructions: tuple[Text, ...] = ()
    surveyor: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rated:
    """One who is rated on a form: a person, or the team itself (`id == ""`)."""

    id: str
    name: str
    position: str = ""
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question about one subject, with the condition of its part joined in."""

    part: Part
    question: Question
    subject: str

    @cached_property
    def name(self) -> str:
        """The field's name in a page: `q.<subject>.<question>`."""
        return f"q.{self.subject}.{self.question.id}"

    @cached_property
    def plain(self) -> bool:
        """Whether any one of its options alone is a right answer, whatever else was said."""
        question = self.question
        return question.kind == "one" and not (self.part.show_if or question.show_if or question.constraint)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A checked answer: marks that are counted, and free texts that go a way of their own."""

    answers: Answers
    texts: Mapping[str, str]

    @property
    def empty(self) -> bool:
        """True where nothing at all is marked (a wholly blank ballot is spoiled, D-07)."""
        return not any(self.answers.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """What is wrong with one field: `why` is required · unknown_option · too_many · not_a_number · out_of_range ·
    not_a_date · too_long · constraint · unknown_field."""

    name: str
    why: str
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Form:
    """An instrument and those it asks about. `team_row` puts the team itself on a ballot (D-05 `row`)."""

    instrument: Instrument
    people: tuple[Rated, ...]
    team: str = ""
    team_row: bool = False

    def subjects(self, part: Part) -> tuple[Rated, ...]:
        """Those a part asks about, in order."""
        team = Rated(id="", name=self.team)
        if part.scope == "team":
            return (team,)
        return ((team,) if self.team_row else ()) + self.people

    def items(self) -> tuple[Item, ...]:
        """Every question about every subject, in the order they are asked."""
        return self._items

    @cached_property
    def _items(self) -> tuple[Item, ...]:
        return tuple(
            Item(part=part, question=question, subject=rated.id)
            for part in self.instrument.parts
            for rated in self.subjects(part)
            for question in part.questions
        )

    @cached_property
    def _asked(self) -> tuple[tuple[str, frozenset[str], str, str, Item], ...]:
        """Of each item its name, what is right whatever else was said, and its ids."""
        return tuple(
            (item.name, frozenset(item.question.choices if item.plain else ()), item.subject, item.question.id, item)
            for item in self._items
        )

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """The languages its questions stand in, Chinese first."""
        found = {each for part in self.instrument.parts for question in part.questions for each in question.text}
        return ("zh", *sorted(found - {"zh"}))

    @cached_property
    def numbers(self) -> Mapping[tuple[str, str], str]:
        """(part, question) -> the number a question bears, on paper and on a page: 1, 2, 3; those about each person 4.1, 4.2,
        under (part, "") -> 4. A note bears none, nor a particular such as who filled it in, the one question of a part of its name."""
        found: dict[tuple[str, str], str] = {}
        number = 0
        for part in self.instrument.parts:
            asked = [question.id for question in part.questions if question.kind != "note"]
            if part.scope == "person":
                number += 1
                found[part.id, ""] = str(number)
                found |= {(part.id, each): f"{number}.{at}" for at, each in enumerate(asked, 1)}
            elif len(part.questions) != 1 or part.questions[0].text != part.title:
                found |= {(part.id, each): str(number + at) for at, each in enumerate(asked, 1)}
                number += len(asked)
        return found

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(item.name for item in self.items())

    def read(self, fields: Mapping[str, list[str]], *, paper: bool = False) -> tuple[Reply, list[Fault]]:
        """Checks posted fields (`q.<subject>.<question>` -> values). Hidden questions lose their answers.

        `paper` accepts the mark `void`. Missing answers are blanks, not faults, unless the question is required.
        """
        return _read(self, fields, paper=paper)

    def text_questions(self) -> tuple[str, ...]:
        """Ids of the free-text questions."""
        return self._texts

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        return tuple(item.question.id for item in self.items() if item.question.kind == "text")


def canonical(answers: object) -> bytes:
    """One byte string for one set of answers: compact JSON, keys sorted, UTF-8."""
    return json.dumps(answers, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def holds(condition: Condition | None, answers: Mapping[str, Mapping[str, Value]], subject: str) -> bool:
    """Whether a condition holds for `subject`. The phone evaluates the same rules; shared vectors test both.

    `{"q": id, "is": [values]}` (chosen), `{"q": id, "answered": true}`, `{"q": id, "lt"|"le"|"gt"|"ge": number}`,
    `{"not": c}`, `{"all": [c…]}`, `{"any": [c…]}`. A question is looked up for the subject, else for the team.
    An unanswered question is no value and compares with nothing.
    """
    if condition is None:
        return True
    if "not" in condition:
        return not holds(condition["not"], answers, subject)  # type: ignore[arg-type]
    if "all" in condition:
        return all(holds(each, answers, subject) for each in condition["all"])  # type: ignore[attr-defined]
    if "any" in condition:
        return any(holds(each, answers, subject) for each in condition["any"])  # type: ignore[attr-defined]
    question = str(condition["q"])
    value = answers.get(subject, {}).get(question) or answers.get("", {}).get(question)
    chosen = () if value is None else (value,) if isinstance(value, str) else value
    if "answered" in condition:
        return bool(chosen) is bool(condition["answered"])
    if "is" in condition:
        return any(each in condition["is"] for each in chosen)  # type: ignore[operator]
    for sign, test in _COMPARE.items():
        if sign in condition:
            value_, bound = number(chosen[0]) if chosen else None, number(str(condition[sign]))
            return value_ is not None and bound is not None and test(value_, bound)
    raise ValueError(f"unknown condition {dict(condition)!r}")


def number(text: str) -> Decimal | None:
    """A typed number: digits, a point, a sign, at most 15 digits so that a phone's script compares it alike; else None."""
    return Decimal(text) if _NUMBER.fullmatch(text) and sum(c.isdigit() for c in text) <= 15 else None


_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_COMPARE: Mapping[str, Callable[[Decimal, Decimal], bool]] = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def _read(form: Form, fields: Mapping[str, list[str]], *, paper: bool) -> tuple[Reply, list[Fault]]:
    answers: dict[str, dict[str, Value]] = {}
    texts: dict[str, str] = {}
    faults: list[Fault] = []
    for name, plain, subject, question, item in form._asked:
        values = fields.get(name, ())
        if len(values) == 1 and values[0] in plain:
            if subject in answers:
                answers[subject][question] = values[0]
            else:
                answers[subject] = {question: values[0]}
            continue
        given = [value for value in map(str.strip, values) if value]
        if item.question.kind == "note" or not (given or item.question.required):
            continue
        if not (holds(item.part.show_if, answers, item.subject) and holds(item.question.show_if, answers, item.subject)):
            continue
        if not given:
            faults.append(Fault(name=item.name, why="required"))
            continue
        fault = _fault(item.question, given, paper=paper)
        if fault:
            faults.append(Fault(name=item.name, why=fault, value=given[0][:80]))
            continue
        if item.question.kind == "text":
            if words := _words(given[0]):
                texts[item.question.id] = words
            continue
        value: Value = tuple(sorted(set(given))) if item.question.kind == "many" else given[0]
        answers.setdefault(item.subject, {})[item.question.id] = value
        if not holds(item.question.constraint, answers, item.subject):
            del answers[item.subject][item.question.id]
            faults.append(Fault(name=item.name, why="constraint", value=given[0][:80]))
    unknown = [name for name in fields if name not in form._names and name.startswith("q.")]
    faults += [Fault(name=name, why="unknown_field") for name in unknown]
    return Reply(answers={s: a for s, a in answers.items() if a}, texts=texts), faults


def _fault(question: Question, given: list[str], *, paper: bool) -> str | None:
    if question.kind in ("one", "many"):
        if paper and given == [VOID]:
            return None
        if question.kind == "one" and len(given) > 1:
            return "too_many"
        if not question.choices.issuperset(given):
            return "unknown_option"
        return "too_many" if question.at_most and len(set(given)) > question.at_most else None
    if len(given) > 1:
        return "too_many"
    if question.kind == "text":
        words = _words(given[0])
        return "too_long" if len(words) > TEXT_LIMIT or len(canonical(words)) - 2 > TEXT_BYTES else None
    if len(given[0]) > NUMBER_LIMIT:
        return "too_long"
    if question.kind == "date":
        return None if _is_date(given[0]) else "not_a_date"
    value = number(given[0])
    if value is None or (question.kind == "integer" and value != value.to_integral_value()):
        return "not_a_number"
    if question.least is not None and value < Decimal(question.least):
        return "out_of_range"
    if question.most is not None and value > Decimal(question.most):
        return "out_of_range"
    return None


_UNSEEN = dict.fromkeys(code for code in (*range(32), 127, *range(0xD800, 0xE000)) if chr(code) != "\n")


def _words(text: str) -> str:
    """A free answer without control characters and halves of characters, which no text can keep; a new line stays."""
    return text.translate(_UNSEEN)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return len(text) == 10


# ---- reading and writing -------------------------------------------------------------------------------------------


def load(name: str) -> Instrument:
    """The instrument of `instruments/<name>.toml`.

    Raises ValueError, naming the place, where the file asks for what no page can show.
    """
    return from_toml((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def from_toml(text: str) -> Instrument:
    """An instrument from TOML text. `options = "<name>"` in a question refers to a list under `[options]`."""
    raw = tomllib.loads(text)
    shared = raw.get("options", {})
    for part in raw.get("part", []):
        for question in part.get("question", []):
            if isinstance(question.get("options"), str):
                question["options"] = shared[question["options"]]
    return _instrument(
        {
            **{key: raw[key] for key in ("id", "kind", "title", "voices_title")},
            "preamble": raw.get("preamble", {}),
            "notice": raw.get("notice", {}),
            "instructions": raw.get("instruction", []),
            "surveyor": raw.get("surveyor", []),
            "voices": raw.get("voice", []),
            "parts": [{**part, "questions": part.get("question", [])} for part in raw.get("part", [])],
        }
    )


def to_json(form: Form) -> str:
    """The frozen text of a form: what a collection keeps and publishes the hash of."""
    inst = form.instrument
    raw = {
        "instrument": {
            "id": inst.id,
            "kind": inst.kind,
            "title": dict(inst.title),
            "voices_title": dict(inst.voices_title),
            "voices": [_option_raw(o) for o in inst.voices],
            "preamble": dict(inst.preamble),
            "notice": dict(inst.notice),
            "instructions": [dict(t) for t in inst.instructions],
            "surveyor": [dict(t) for t in inst.surveyor],
            "parts": [
                {"id": p.id, "scope": p.scope, "title": dict(p.title), "show_if": p.show_if,
                 "questions": [_question_raw(q) for q in p.questions]}
                for p in inst.parts
            ],
        },
        "people": [{"id": r.id, "name": r.name, "position": r.position, "unit": r.unit} for r in form.people],
        "team": form.team,
        "team_row": form.team_row,
    }  # fmt: skip
    return canonical(raw).decode()


@lru_cache(maxsize=128)
def from_json(text: str) -> Form:
    """The form of a frozen text. Forms are frozen objects, so one reading serves every page of a collection."""
    raw = json.loads(text)
    return Form(
        instrument=_instrument(raw["instrument"]),
        people=tuple(Rated(**each) for each in raw["people"]),
        team=raw["team"],
        team_row=raw["team_row"],
    )


def _option_raw(option: Option) -> dict[str, object]:
    return {"id": option.id, "text": dict(option.text)}


def _question_raw(q: Question) -> dict[str, object]:
    raw: dict[str, object] = {"id": q.id, "kind": q.kind, "text": dict(q.text), "options": [_option_raw(o) for o in q.options]}
    for key in ("at_most", "least", "most", "show_if", "constraint"):
        if getattr(q, key) is not None:
            raw[key] = getattr(q, key)
    for key in ("hint", "constraint_text"):
        if getattr(q, key):
            raw[key] = dict(getattr(q, key))
    if q.required:
        raw["required"] = True
    return raw


_KINDS = {"one", "many", "text", "integer", "decimal", "date", "note"}
_QUESTION_KEYS = {
    "id", "kind", "text", "hint", "options", "at_most", "least", "most", "required", "show_if", "constraint", "constraint_text",
}  # fmt: skip


def _option(raw: Mapping[str, object]) -> Option:
    text = raw.get("text") or {k: v for k, v in raw.items() if k != "id"}
    return Option(id=str(raw["id"]), text=text)  # type: ignore[arg-type]


def _instrument(raw: Mapping[str, object]) -> Instrument:
    faults: list[str] = []
    parts = []
    for part in raw["parts"]:  # type: ignore[attr-defined]
        seen: set[str] = set()
        questions = []
        for q in part["questions"]:
            where = f"{raw['id']}.{part['id']}.{q.get('id', '?')}"
            if unknown := set(q) - _QUESTION_KEYS:
                faults.append(f"{where}: unknown keys {sorted(unknown)}")
                continue
            if q["kind"] not in _KINDS:
                faults.append(f"{where}: unknown kind {q['kind']!r}")
            if q["kind"] in ("one", "many") and not q.get("options"):
                faults.append(f"{where}: a choice needs options")
            if q["id"] in seen:
                faults.append(f"{where}: id used twice")
            if q["kind"] == "text" and part["scope"] == "person":
                faults.append(f"{where}: free text about a person is not asked")
            seen.add(q["id"])
            questions.append(Question(**{**q, "options": tuple(_option(o) for o in q.get("options", []))}))
        if part["scope"] not in ("team", "person"):
            faults.append(f"{raw['id']}.{part['id']}: unknown scope {part['scope']!r}")
        parts.append(
            Part(id=part["id"], scope=part["scope"], title=part.get("title", {}), show_if=part.get("show_if"), questions=tuple(questions))
        )
    if faults:
        raise ValueError("\n".join(faults))
    return Instrument(
        id=str(raw["id"]),
        kind=str(raw["kind"]),
        title=raw["title"],  # type: ignore[arg-type]
        voices_title=raw["voices_title"],  # type: ignore[arg-type]
        voices=tuple(_option(o) for o in raw["voices"]),  # type: ignore[attr-defined]
        preamble=raw.get("preamble", {}),  # type: ignore[arg-type]
        notice=raw.get("notice", {}),  # type: ignore[arg-type]
        instructions=tuple(raw.get("instructions", ())),  # type: ignore[arg-type]
        surveyor=tuple(raw.get("surveyor", ())),  # type: ignore[arg-type]
        parts=tuple(parts),
    )
