"""The law as data: reads the text of a rule file into frozen rules.

A rule file is TOML. Every number in it stands in a table (or below one) that names its `clause` and quotes its words;
a decimal is written as a string ("12.5"), so no float is ever read. A setting an office may choose otherwise is
written `{choice = "<id>"}` and is looked up with `Rulebook.value`. Another measure is another file: sequences,
components, weights, factors, scales, quota and grades are all here and none of them in Python.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tally.number import parse, plain
from tally.step import Label


class RulebookFault(ValueError):
    """A rule file, a choice or a weight that cannot be used; `faults` are all of them, one sentence each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def _number(value: object) -> Fraction:
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("a whole number, or a decimal in quotation marks")
    return parse(str(value))


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


Number = Annotated[Fraction, BeforeValidator(_number)]
Whole = Annotated[int, BeforeValidator(_whole)]
Whose = Literal["own", "team"]


class Part(BaseModel):
    """A table of the rule file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Cited(Part):
    """A table that says where in the measure it stands, in the measure's own words."""

    clause: str = Field(min_length=1)
    quote: str = Field(min_length=1)


class ChoiceRef(Part):
    """A setting that follows a choice."""

    choice: str


Setting = str | ChoiceRef


class Named(Part):
    """An id with its words."""

    id: str
    label: Label


class Sequence(Cited):
    """One of the rankings: the teams, or the people of one position (`id` is the position)."""

    id: str
    label: Label
    of: Literal["team", "person"]
    formula: str


class Formula(Cited):
    """Component -> weight in per cent; they sum to 100."""

    id: str
    label: Label
    weights: Mapping[str, Number]


class Component(Cited):
    """What every component has: its words, and who owes it when it is missing."""

    id: str
    label: Label
    owed_by: Label
    point: str = ""


class Entered(Component):
    """A score that is entered, or summed from a complete sheet of points; `sources` are tried in order."""

    kind: Literal["entered"]
    sheet: str = ""
    sources: tuple[Whose, ...] = ("own",)


class OfTeam(Component):
    """The printed score of the person's team: `team_final` with ±, `team_base` without, or `entered`."""

    kind: Literal["of_team"]
    mode: Setting
    sources: tuple[Whose, ...] = ("own", "team")


class Ballots(Component):
    """Marks of a secret ballot, `grades` from best to worst, their points in the same order.

    `team` says whose marks make a team's score: `people`, `row` (its own row) or the id of a position.
    """

    kind: Literal["ballots"]
    items: tuple[Named, ...]
    grades: tuple[Named, ...]
    neutral: tuple[Named, ...] = ()
    points: Setting
    groups: tuple[Named, ...] = ()
    group_weights: Setting = "none"
    team: Setting = "people"
    smallest_group: Setting = "1"


class OpinionSurvey(Component):
    """Answers of villagers: questions about a person, and questions about the team as the fallback."""

    kind: Literal["opinion"]
    person_questions: tuple[Named, ...]
    team_questions: tuple[Named, ...]
    unscored: tuple[Named, ...] = ()
    answers: tuple[Named, ...]
    neutral: tuple[Named, ...] = ()
    points: Setting
    acquaintance: Named
    acquaintances: tuple[Named, ...]
    stranger: str
    respondents: tuple[Named, ...]
    min_valid: Setting
    fallback: Setting


class Letter(Part):
    """A letter of the assessors' grade, its points, and the heading it stands under."""

    id: str
    points: Number
    heading: Label


class Letters(Component):
    """The plain mean of the assessors' letters; over `trim_over` of them one highest and one lowest may go."""

    kind: Literal["letters"]
    letters: tuple[Letter, ...]
    least: Setting
    trim: Setting = "no"
    trim_over: Whole


AnyComponent = Annotated[Entered | OfTeam | Ballots | OpinionSurvey | Letters, Field(discriminator="kind")]


class Item(Part):
    """An item of a sheet; 0 ≤ points ≤ max."""

    id: str
    label: Label
    max: Number
    quote: str = ""


class Sheet(Cited):
    """Items whose points sum to a score of 0…100; `per_unit` sheets (one a village) are averaged."""

    id: str
    label: Label
    per_unit: bool = False
    point: str = ""
    items: tuple[Item, ...]


class Factor(Cited):
    """A bonus or deduction.

    kind `evidence`: entered with its evidence. `rank`: the banner's rank from `first` to `last`, or among the last
    `from_end`. `days`: days at the banner `over` or `under` the threshold.
    applies `banner`: decided once per banner, for the team and (by `Adjustments.passes`) its people; `subject`: each
    for itself; `person`: people only.
    """

    id: str
    label: Label
    points: Number
    kind: Literal["evidence", "rank", "days"]
    applies: Literal["banner", "subject", "person"]
    excludes: str = ""
    first: Whole = 0
    last: Whole = 0
    from_end: Whole = 0
    side: Literal["", "over", "under"] = ""


class Adjustments(Cited):
    """Whether the banner's factors pass to its people: `both` or `team` (the team alone)."""

    passes: Setting


class Days(Cited):
    """The days at the banner that are asked for; under `pro_rata` threshold × assigned days ÷ full_year."""

    threshold: Number
    full_year: Number
    places: Whole
    rule: Setting


class InputWord(Named):
    """An input that is no component but can be missing: `days`, `poverty_rank`."""

    owed_by: Label


class Quota(Cited):
    """At most `percent` of a sequence may be of the first grade."""

    percent: Number
    rounding: Setting


class Grades(Cited):
    """Grades from best to worst and the scores that cut them, one fewer; the quota binds the first."""

    order: tuple[Named, ...]
    cuts: Setting


class Scale(Cited):
    """The scale of a score, and whether printed or exact components go into a total."""

    least: Number
    most: Number
    rounding: Setting


class Deadline(Cited):
    """A date in the year after the assessed one; `day` 0 is the last of the month."""

    id: str
    label: Label
    month: Whole
    day: Whole
    point: str = ""


class Lead(Cited):
    """Materials reach the participants `days` days before the meeting."""

    days: Whole
    rule: Setting


class Sample(Cited):
    """The villages to be visited: `villages` in all, `each` in each of `townships`."""

    townships: Whole
    villages: Whole
    each: Whole
    algorithm: str


class Notice(Cited):
    """The public notice: working days, holidays that fall on workdays, weekend days that are worked (ISO dates)."""

    working_days: Whole
    days_off: tuple[str, ...] = ()
    days_on: tuple[str, ...] = ()


class Alternative(Part):
    """A value a choice may take, with its words."""

    value: str
    label: Label


class Choice(Cited):
    """A point the measure leaves open, and how it is settled.

    kind `word`: one of the alternatives. `numbers`: `count` numbers joined by "/", in any order unless `descending`,
    summing to `total` when that is not 0; an alternative that is a word is taken too. `whole`: a whole number of at
    least `least`. `settled`: nothing to choose, the `default` says in words what holds.
    """

    point: str
    id: str
    label: Label
    kind: Literal["word", "numbers", "whole", "settled"]
    default: str
    alternatives: tuple[Alternative, ...] = ()
    why: Label
    settled: Label
    count: Whole = 0
    descending: bool = False
    total: Whole = 0
    least: Whole = 0

    @property
    def open(self) -> bool:
        """Whether an office may choose."""
        return self.kind != "settled"


class Rulebook(Part):
    """A measure, whole. `chosen` are the choices that are not the default; `sha256` is the rule file's."""

    id: str
    title: Label
    source: str
    score: Scale
    sequences: tuple[Sequence, ...] = Field(alias="sequence")
    formulas: tuple[Formula, ...] = Field(alias="formula")
    components: tuple[AnyComponent, ...] = Field(alias="component")
    sheets: tuple[Sheet, ...] = Field(alias="sheet", default=())
    factors: tuple[Factor, ...] = Field(alias="factor", default=())
    adjustments: Adjustments
    days: Days | None = None
    inputs: tuple[InputWord, ...] = Field(alias="input", default=())
    quota: Quota
    grades: Grades
    deadlines: tuple[Deadline, ...] = Field(alias="deadline", default=())
    lead: Lead | None = None
    sample: Sample | None = None
    notice: Notice | None = None
    choices: tuple[Choice, ...] = Field(alias="choice", default=())
    chosen: Mapping[str, str] = Field(default={}, init=False, exclude=True)
    sha256: str = Field(default="", exclude=True)

    # look-ups -------------------------------------------------------------------------------------------------------

    def component(self, name: str) -> "AnyComponent":
        """The component with that id; `KeyError` when there is none."""
        return _by_id(self.components, name)

    def formula_of(self, sequence: Sequence) -> Formula:
        """The formula a sequence is scored by."""
        return _by_id(self.formulas, sequence.formula)

    def sequence(self, name: str) -> Sequence:
        """The sequence with that id."""
        return _by_id(self.sequences, name)

    @property
    def team_sequence(self) -> Sequence:
        """The sequence of the teams."""
        return next(each for each in self.sequences if each.of == "team")

    @property
    def positions(self) -> tuple[Sequence, ...]:
        """The sequences of people, in order; their ids are the positions."""
        return tuple(each for each in self.sequences if each.of == "person")

    def sheet(self, name: str) -> Sheet:
        """The sheet of points with that id."""
        return _by_id(self.sheets, name)

    def factor(self, name: str) -> Factor:
        """The factor with that id."""
        return _by_id(self.factors, name)

    def choice(self, name: str) -> Choice:
        """The choice with that id."""
        return _by_id(self.choices, name)

    def deadline(self, name: str) -> Deadline:
        """The deadline with that id."""
        return _by_id(self.deadlines, name)

    @property
    def ballots(self) -> Ballots | None:
        """The component that is balloted, if the measure has one."""
        return next((each for each in self.components if isinstance(each, Ballots)), None)

    @property
    def opinion(self) -> OpinionSurvey | None:
        """The component that villagers are asked about."""
        return next((each for each in self.components if isinstance(each, OpinionSurvey)), None)

    @property
    def letters(self) -> Letters | None:
        """The component that assessors give letters for."""
        return next((each for each in self.components if isinstance(each, Letters)), None)

    def needs(self, sequence: Sequence) -> tuple[str, ...]:
        """The ids of the components a sequence is scored from, in the formula's order."""
        return tuple(self.formula_of(sequence).weights)

    def entered_for(self, component: str) -> frozenset[Literal["team", "person"]]:
        """Whose rows may bear an entered score (or sheet) of a component: teams, people, both or neither.

        A component that may be entered only under a choice (`OfTeam`) answers for that choice.
        """
        part = self.component(component)
        if not isinstance(part, (Entered, OfTeam)):
            return frozenset()
        if isinstance(part, OfTeam) and self.value(part.mode) != "entered":
            return frozenset()
        used_by = {each.of for each in self.sequences if component in self.formula_of(each).weights}
        whose: set[Literal["team", "person"]] = set()
        if "own" in part.sources:
            whose |= used_by
        if "team" in part.sources:
            whose.add("team")
        return frozenset(whose)

    def sheet_for(self, sheet: str) -> frozenset[Literal["team", "person"]]:
        """Whose rows may bear a sheet of points."""
        whose: set[Literal["team", "person"]] = set()
        for part in self.components:
            if isinstance(part, Entered) and part.sheet == sheet:
                whose |= self.entered_for(part.id)
        return frozenset(whose)

    def factor_for(self, factor: str) -> frozenset[Literal["team", "person"]]:
        """Whose rows may bear a factor that is entered with evidence: neither, for one that is derived."""
        part = self.factor(factor)
        if part.kind != "evidence":
            return frozenset()
        if part.applies == "banner":
            return frozenset({"team"})
        return frozenset({"person"}) if part.applies == "person" else frozenset({"team", "person"})

    def word(self, missing: str) -> Label:
        """The words for an id in a list of what is missing: a component, `days`, `poverty_rank`."""
        return self._missing(missing).label

    def owed_by(self, missing: str) -> Label:
        """Who owes what is missing."""
        return self._missing(missing).owed_by

    def _missing(self, name: str) -> Component | InputWord:
        for each in (*self.components, *self.inputs):
            if each.id == name:
                return each
        raise KeyError(name)

    # choices --------------------------------------------------------------------------------------------------------

    def value(self, setting: Setting) -> str:
        """The text of a setting: itself, or what is chosen, or the choice's default."""
        if isinstance(setting, str):
            return setting
        return self.chosen.get(setting.choice) or self.choice(setting.choice).default

    def numbers(self, setting: Setting) -> tuple[Fraction, ...]:
        """A setting of several numbers, "100/80/60/40"; of none where it is a word."""
        parts = self.value(setting).split("/")
        return tuple(map(parse, parts)) if all(part[:1].isdigit() for part in parts) else ()

    def whole(self, setting: Setting) -> int:
        """A setting that is one whole number."""
        return int(self.value(setting))

    @property
    def in_effect(self) -> dict[str, str]:
        """Every choice an office may make, with the text that holds, by id in the file's order."""
        return {each.id: self.chosen.get(each.id) or each.default for each in self.choices if each.open}

    def check_choice(self, name: str, text: str) -> str | None:
        """What is wrong with choosing `text` for the choice `name`, in words; None when nothing is."""
        choice = next((each for each in self.choices if each.id == name and each.open), None)
        if choice is None:
            return f"no choice {name}: one of {', '.join(each.id for each in self.choices if each.open)}"
        return _fault(choice, text, most=self.score.most)

    def with_choices(self, chosen: Mapping[str, str]) -> "Rulebook":
        """This rulebook under other choices (on top of those chosen already); `RulebookFault` names each bad one."""
        faults = [
            f"{name}: {text}: {fault}" for name, text in chosen.items() if (fault := self.check_choice(name, text))
        ]
        if faults:
            raise RulebookFault(faults)
        merged = {**self.chosen, **chosen}
        other = {name: text for name, text in merged.items() if text != self.choice(name).default}
        return self.model_copy(update={"chosen": other})

    def with_weights(self, formula: str, weights: Mapping[str, Fraction]) -> "Rulebook":
        """This rulebook with other weights in one formula, for a what-if; `RulebookFault` unless they sum to 100."""
        old = _by_id(self.formulas, formula)
        faults = [f"{formula}: {name}: not a component of this formula" for name in weights if name not in old.weights]
        new = {name: weights.get(name, weight) for name, weight in old.weights.items()}
        faults += [f"{formula}: {name}: {plain(weight)}: less than 0" for name, weight in new.items() if weight < 0]
        total = sum(new.values(), Fraction(0))
        if total != 100:
            faults.append(f"{formula}: the weights sum to {plain(total)}; they must sum to 100")
        if faults:
            raise RulebookFault(faults)
        changed = old.model_copy(update={"weights": new})
        formulas = tuple(changed if each.id == formula else each for each in self.formulas)
        return self.model_copy(update={"formulas": formulas})


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


_T = TypeVar("_T", bound=_Identified)


def _by_id(things: Iterable[_T], name: str) -> _T:
    for each in things:
        if each.id == name:
            return each
    raise KeyError(name)


def _fault(choice: Choice, text: str, *, most: Fraction) -> str | None:
    """What is wrong with a chosen text, in words."""
    words = [each.value for each in choice.alternatives]
    if text == choice.default or text in words:
        return None
    if choice.kind == "word":
        return f"one of {', '.join(words)}"
    return _misnumbered(choice, text, most=most)


def _misnumbered(choice: Choice, text: str, *, most: Fraction) -> str | None:
    """What is wrong with the numbers of a chosen text."""
    if choice.kind == "whole":
        if _WHOLE.fullmatch(text) and int(text) >= choice.least:
            return None
        return f"a whole number of at least {choice.least}"
    wanted = f"{choice.count} numbers of 0 to {plain(most)} joined by /, such as {_example(choice)}"
    try:
        numbers = [parse(part) for part in text.split("/")]
    except ValueError:
        return wanted
    if len(numbers) != choice.count or not all(0 <= number <= most for number in numbers):
        return wanted
    if choice.descending and not all(high > low for high, low in pairwise(numbers)):
        return f"{choice.count} numbers from high to low, such as {_example(choice)}"
    if choice.total and sum(numbers) != choice.total:
        return f"numbers that sum to {choice.total}, such as {_example(choice)}"
    return None


def _example(choice: Choice) -> str:
    listed = (choice.default, *(each.value for each in choice.alternatives))
    return next((text for text in listed if text[:1].isdigit()), choice.default)


# the loader -----------------------------------------------------------------------------------------------------------


class _Float(NamedTuple):
    """A float of the file, as it was written."""

    text: str


def load(text: str) -> Rulebook:
    """The rulebook in the text of a rule file.

    `RulebookFault` bears every fault with its place: a float, a number without clause and quote, weights or sheets
    that do not sum to 100, an unknown or missing key, a name that leads nowhere, a choice whose default is not valid.
    """
    try:
        raw = tomllib.loads(text, parse_float=_Float)
    except tomllib.TOMLDecodeError as error:
        raise RulebookFault([f"the file is not TOML: {error}"]) from None
    faults = [f"{key}: unknown key" for key in ("chosen", "sha256") if raw.pop(key, None) is not None]
    faults += _floats(raw, "")
    faults += _uncited(raw, "", cited=False)
    raw = _without_floats(raw)
    faults += _sums(raw)
    faults += _dangling(raw)
    try:
        rulebook = Rulebook.model_validate(raw)
    except ValidationError as error:
        places = [(_place(raw, each["loc"]), each) for each in error.errors(include_url=False)]
        raise RulebookFault(
            faults + [f"{place}: {_remedy(each['type'], each['msg'])}" for place, each in places]
        ) from None
    faults += _misfits(rulebook)
    if faults:
        raise RulebookFault(faults)
    return rulebook.model_copy(update={"sha256": hashlib.sha256(text.encode()).hexdigest()})


_WHOLE = re.compile(r"[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_Raw = dict[str, object]


def _inner(node: object, path: str) -> Iterator[tuple[object, str]]:
    """What stands directly in a table or list, each with its place; list entries are named by their ids."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield value, f"{path}.{key}" if path else key
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield value, f"{path}[{_name(value, index)}]"


def _name(value: object, index: int) -> str:
    name = value.get("id") if isinstance(value, dict) else None
    return name if isinstance(name, str) else str(index + 1)


def _floats(node: object, path: str) -> list[str]:
    if isinstance(node, _Float):
        return [f'{path}: {node.text}: a float is not exact; write "{node.text}"']
    return [fault for value, place in _inner(node, path) for fault in _floats(value, place)]


def _without_floats(node: object) -> _Raw:
    def plainly(value: object) -> object:
        if isinstance(value, _Float):
            return value.text
        if isinstance(value, dict):
            return {key: plainly(each) for key, each in value.items()}
        return [plainly(each) for each in value] if isinstance(value, list) else value

    return {key: plainly(each) for key, each in node.items()} if isinstance(node, dict) else {}


def _uncited(node: object, path: str, *, cited: bool) -> list[str]:
    """The numbers that neither their table nor one above it gives a clause and a quote."""
    if isinstance(node, dict):
        cited = cited or all(isinstance(node.get(key), str) and node[key].strip() for key in ("clause", "quote"))
    elif not isinstance(node, list):
        number = isinstance(node, (int, _Float)) and not isinstance(node, bool)
        number = number or (isinstance(node, str) and _NUMBER.fullmatch(node) is not None)
        written = node.text if isinstance(node, _Float) else node
        return [f"{path}: {written}: a number without clause and quote"] if number and not cited else []
    return [fault for value, place in _inner(node, path) for fault in _uncited(value, place, cited=cited)]


def _tables(raw: _Raw, key: str) -> list[tuple[str, _Raw]]:
    """The tables of a list, each with its place, as far as they are tables."""
    nodes = raw.get(key)
    found = nodes if isinstance(nodes, list) else []
    return [(f"{key}[{_name(each, index)}]", each) for index, each in enumerate(found) if isinstance(each, dict)]


def _total(values: Iterable[object]) -> Fraction | None:
    """The sum of what ought to be numbers; None when one is not."""
    try:
        return sum((_number(value) for value in values), Fraction(0))
    except ValueError:
        return None


def _sums(raw: _Raw) -> list[str]:
    faults = []
    for place, table in _tables(raw, "formula"):
        weights = table.get("weights")
        total = _total(weights.values()) if isinstance(weights, dict) else None
        if total is not None and total != 100:
            faults.append(f"{place}.weights: sum to {plain(total)}; they must sum to 100")
    for place, table in _tables(raw, "sheet"):
        total = _total(each.get("max") for _, each in _tables(table, "items"))
        if total is not None and total != 100:
            faults.append(f"{place}.items: the points sum to {plain(total)}; they must sum to 100")
    return faults


def _dangling(raw: _Raw) -> list[str]:
    """Names that lead nowhere, and names given twice."""
    lists = ("sequence", "formula", "component", "sheet", "factor", "choice", "deadline", "input")
    ids = {key: [each.get("id") for _, each in _tables(raw, key)] for key in lists}
    faults = [
        f"{key}: {name}: the id is given twice"
        for key, names in ids.items()
        for name in sorted({str(name) for name in names if names.count(name) > 1})
    ]
    for place, table in _tables(raw, "sequence"):
        if isinstance(table.get("formula"), str) and table["formula"] not in ids["formula"]:
            faults.append(f"{place}.formula: {table['formula']}: no formula of this id")
    for place, table in _tables(raw, "formula"):
        weights = table.get("weights")
        for name in weights if isinstance(weights, dict) else ():
            if name not in ids["component"]:
                faults.append(f"{place}.weights.{name}: no component of this id")
    for place, table in _tables(raw, "component"):
        if table.get("sheet") and table["sheet"] not in ids["sheet"]:
            faults.append(f"{place}.sheet: {table['sheet']}: no sheet of this id")
    for place, table in _tables(raw, "factor"):
        if table.get("excludes") and table["excludes"] not in ids["factor"]:
            faults.append(f"{place}.excludes: {table['excludes']}: no factor of this id")
    open_choices = [each.get("id") for _, each in _tables(raw, "choice") if each.get("kind") != "settled"]
    return faults + _missing_choices(raw, "", open_choices)


def _missing_choices(node: object, path: str, ids: list[object]) -> list[str]:
    if isinstance(node, dict) and set(node) == {"choice"} and isinstance(node["choice"], str):
        return [] if node["choice"] in ids else [f"{path}: {node['choice']}: no choice of this id"]
    return [fault for value, place in _inner(node, path) for fault in _missing_choices(value, place, ids)]


def _misfits(rulebook: Rulebook) -> list[str]:
    """Faults between parts that are each well formed."""
    faults = []
    teams = [each for each in rulebook.sequences if each.of == "team"]
    if len(teams) != 1:
        faults.append("sequence: exactly one must be of the team")
    for sequence in teams:
        for name in rulebook.formula_of(sequence).weights if _has(rulebook.formulas, sequence.formula) else ():
            if _has(rulebook.components, name) and isinstance(rulebook.component(name), OfTeam):
                faults.append(f"formula[{sequence.formula}].weights.{name}: a team cannot be scored from its own score")
    for kind in (Ballots, OpinionSurvey, Letters):
        if sum(isinstance(each, kind) for each in rulebook.components) > 1:
            faults.append(f"component: more than one of kind {kind.__name__.lower()}")
    for choice in rulebook.choices:
        words = [each.value for each in choice.alternatives]
        if choice.kind == "word" and choice.default not in words:
            faults.append(f"choice[{choice.id}].default: {choice.default}: not among the alternatives")
        if choice.kind in ("numbers", "whole"):
            for text in (choice.default, *words):
                if text[:1].isdigit() and (fault := _misnumbered(choice, text, most=rulebook.score.most)):
                    faults.append(f"choice[{choice.id}]: {text}: {fault}")
    for place, setting, allowed in _words(rulebook):
        for text in _values(rulebook, setting):
            if text not in allowed:
                faults.append(f"{place}: {text}: one of {', '.join(allowed)}")
    for place, setting, count in _counts(rulebook):
        for text in _values(rulebook, setting):
            if text != "none" and len(text.split("/")) != count:
                faults.append(f"{place}: {text}: {count} numbers are needed here")
    needed = {"days": "days", "rank": "poverty_rank"}
    for factor in rulebook.factors:
        if factor.kind == "rank" and not (factor.from_end or 0 < factor.first <= factor.last):
            faults.append(f"factor[{factor.id}]: needs first and last, or from_end")
        if factor.kind == "days" and not (factor.side and rulebook.days and factor.applies == "person"):
            faults.append(f"factor[{factor.id}]: needs side = over or under, applies = person, and a table [days]")
        if factor.kind in needed and not _has(rulebook.inputs, needed[factor.kind]):
            faults.append(f"factor[{factor.id}]: needs an [[input]] {needed[factor.kind]}")
    opinion = rulebook.opinion
    if opinion and not _has(opinion.acquaintances, opinion.stranger):
        faults.append(f"component[{opinion.id}].stranger: {opinion.stranger}: not among the acquaintances")
    return faults


def _has(things: Iterable[_Identified], name: str) -> bool:
    return any(each.id == name for each in things)


def _values(rulebook: Rulebook, setting: Setting) -> list[str]:
    """Every text a setting may listedly take."""
    if isinstance(setting, str):
        return [setting]
    if not _has(rulebook.choices, setting.choice):
        return []
    choice = rulebook.choice(setting.choice)
    return list(dict.fromkeys([choice.default, *(each.value for each in choice.alternatives)]))


def _words(rulebook: Rulebook) -> Iterator[tuple[str, Setting, tuple[str, ...]]]:
    """The settings that are words, each with its place and the words the reckoning knows."""
    yield "score.rounding", rulebook.score.rounding, ("2", "exact")
    yield "adjustments.passes", rulebook.adjustments.passes, ("both", "team")
    yield "quota.rounding", rulebook.quota.rounding, ("floor", "half_up", "ceil")
    if rulebook.days:
        yield "days.rule", rulebook.days.rule, ("literal", "pro_rata")
    if rulebook.lead:
        yield "lead.rule", rulebook.lead.rule, ("calendar", "working")
    positions = tuple(each.id for each in rulebook.positions)
    for part in rulebook.components:
        place = f"component[{part.id}]"
        if isinstance(part, OfTeam):
            yield f"{place}.mode", part.mode, ("team_final", "team_base", "entered")
        elif isinstance(part, Ballots):
            yield f"{place}.team", part.team, ("people", "row", *positions)
        elif isinstance(part, OpinionSurvey):
            yield f"{place}.fallback", part.fallback, ("team", "missing")
        elif isinstance(part, Letters):
            yield f"{place}.trim", part.trim, ("no", "yes")


def _counts(rulebook: Rulebook) -> Iterator[tuple[str, Setting, int]]:
    """The settings that are numbers, each with its place and how many are needed."""
    yield "grades.cuts", rulebook.grades.cuts, len(rulebook.grades.order) - 1
    for part in rulebook.components:
        place = f"component[{part.id}]"
        if isinstance(part, Ballots):
            yield f"{place}.points", part.points, len(part.grades)
            yield f"{place}.group_weights", part.group_weights, len(part.groups)
            yield f"{place}.smallest_group", part.smallest_group, 1
        elif isinstance(part, OpinionSurvey):
            yield f"{place}.points", part.points, len(part.answers)
            yield f"{place}.min_valid", part.min_valid, 1
        elif isinstance(part, Letters):
            yield f"{place}.least", part.least, 1


def _place(raw: _Raw, loc: tuple[int | str, ...]) -> str:
    """The place pydantic means, with ids for numbers and without its own marks for kinds of a union."""
    node: Any = raw
    path = ""
    for index, step in enumerate(loc):
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
            path += f"[{_name(node, step)}]"
        elif isinstance(node, dict) and (step in node or index == len(loc) - 1):
            node = node.get(step)
            path += f".{step}" if path else step
    return path


def _remedy(kind: str, message: str) -> str:
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "unknown key"
    if kind in ("missing", "missing_keyword_only_argument", "missing_argument"):
        return "is missing"
    return message.removeprefix("Value error, ")
