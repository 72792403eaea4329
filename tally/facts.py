"""What is handed to the reckoning: entered scores, sheets, factors, people, and counts of marks.

Nothing here is a single ballot: marks arrive counted, so a fact can be shown to anyone who may see the count.
Numbers are exact (`Fraction` or `int`), never floats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

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


# marks: item or question -> group (appraisal) or "" (opinion) -> grade or answer -> count
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
class Facts:
    """Everything one assessment year is scored from.

    `points`: subject -> sheet -> unit (village, or "") -> item -> points.
    `scores`: subject -> component -> score. `grades`: subject -> assessor -> letter.
    `factors`: subject -> factor -> evidence. `appraisal`, `opinion`: subject -> counts.
    `choices`: choice id -> the text chosen, only those that are not the default.
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
    hidden: frozenset[tuple[str, str]] = frozenset()
