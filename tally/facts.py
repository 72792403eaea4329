"""What is handed to the reckoning: entered scores, sheets, factors, people, and counts of marks.

Nothing here is a single ballot: marks arrive counted, so a fact can be shown to anyone who may see the count.
Numbers are exact (`Fraction` or `int`), never floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from tally.step import Label

TEAM = ""  # the person of a subject that is the whole team


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One who is scored: a banner's team (`person == ""`) or a person of it."""

    banner: str
    person: str = TEAM


@dataclass(frozen=True, kw_only=True, slots=True)
class Banner:
    """A banner; `poverty_rank` is 1…N, "none" (not ranked, D-20) or None (missing)."""

    banner: str
    league: str = ""
    level: str = ""
    poverty_rank: int | str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A human of any position; days are days at the banner (None: missing), assigned_days of the year."""

    person: str
    name: str
    banner: str
    position: str
    unit: str = ""
    days: Fraction | None = None
    assigned_days: Fraction = Fraction(365)


# marks: item or question -> group (appraisal) or "" (opinion) -> grade or answer -> count; beside the choices of a question of
# several stands under RESPONSES how many responses chose any
RESPONSES = "*"
Marks = Mapping[str, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opinion:
    """An opinion survey's counts for one subject.

    `marks` counts answers per question, those beside `known = stranger` left out already;
    `valid_responses` counts responses with a valid answer to any of the subject's scored questions.
    """

    marks: Marks
    valid_responses: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer to a question of the office's own, with its points; None: shown, and in no denominator."""

    id: str
    label: Label
    points: Fraction | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A scored question of a questionnaire that is not the measure's; the office decides what its answers are worth.

    `one`: the points of the answer chosen. `many`: those of all answers chosen, which sum to 100 at most. `number`: on the
    line through the two `answers`, numbers worth 0 and 100; what lies outside them is worth the nearer of the two.
    """

    id: str
    of: Literal["team", "person"]
    kind: Literal["one", "many", "number"]
    label: Label
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Survey:
    """What a banner was asked with questionnaires of the office's own: their scored questions (none: the questionnaires
    score nothing), and whether the measure's questions were asked there too."""

    questions: tuple[Asked, ...]
    measure: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything one assessment year is scored from.

    `points`: subject -> sheet -> unit (village, or "") -> item -> points.
    `scores`: subject -> component -> score. `grades`: subject -> assessor -> letter.
    `factors`: subject -> factor -> evidence. `appraisal`, `opinion`: subject -> counts.
    `choices`: choice id -> the text chosen, only those that are not the default. `surveys`: banner -> what it was asked
    beside or instead of the measure's questions.
    `hidden`: (banner, "appraisal" or "opinion") whose counts are reckoned with and not shown: beside what is published
    elsewhere they would tell those of too few (D-27).
    """

    year: int
    measure: str
    banners: tuple[Banner, ...]
    people: tuple[Person, ...]
    ranked_total: int | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    points: Mapping[Subject, Mapping[str, Mapping[str, Mapping[str, Fraction]]]] = field(default_factory=dict)
    scores: Mapping[Subject, Mapping[str, Fraction]] = field(default_factory=dict)
    grades: Mapping[Subject, Mapping[str, str]] = field(default_factory=dict)
    factors: Mapping[Subject, Mapping[str, str]] = field(default_factory=dict)
    appraisal: Mapping[Subject, Marks] = field(default_factory=dict)
    opinion: Mapping[Subject, Opinion] = field(default_factory=dict)
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    hidden: frozenset[tuple[str, str]] = frozenset()
