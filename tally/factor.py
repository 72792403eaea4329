"""Bonus and deduction: which factors apply to a subject, and why (D-18 to D-21)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tally.facts import Banner, Facts, Person, Subject
from tally.number import plain
from tally.rulebook import Factor, Rulebook
from tally.step import Label, Rule, Step

_SUM = Label(zh="加分减去扣分", en="bonus less deduction")
_NONE = Label(zh="没有加减分", en="no bonus or deduction")


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjustment:
    """A factor that applies, with its points."""

    factor: str
    points: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Adjusted:
    """The factors of one subject, sorted by id, their sum, and the inputs they lack (`days`, `poverty_rank`).

    What is known is listed and summed even when an input is missing.
    """

    adjustments: tuple[Adjustment, ...]
    total: Fraction
    missing: tuple[str, ...]
    step: Step


def adjusted(facts: Facts, rulebook: Rulebook, banner: Banner, person: Person | None = None) -> Adjusted:
    """The factors of a banner's team, or of a person of it.

    A banner's factors pass to its people unless `banner_factors` says the team alone; those of the team as a subject
    (problems solved, tasks) do not (D-18).
    """
    passes = rulebook.value(rulebook.adjustments.passes) == "both"
    team = Subject(banner=banner.banner)
    subject = team if person is None else Subject(banner=banner.banner, person=person.person)
    found: list[tuple[Factor, Label]] = []
    gaps: list[str] = []
    for factor in rulebook.factors:
        if not _concerns(factor, person, passes=passes):
            continue
        if factor.kind == "evidence":
            because = _evidence(facts.factors, factor, team if factor.applies == "banner" else subject)
        elif factor.kind == "rank":
            because = _rank(factor, banner, facts.ranked_total, gaps)
        else:
            because = _days(factor, rulebook, person, gaps)
        if because is not None:
            found.append((factor, because))
    found.sort(key=lambda pair: pair[0].id)
    total = sum((factor.points for factor, _ in found), Fraction(0))
    children = [Step(label=factor.label, value=factor.points, how=why, clause=factor.clause) for factor, why in found]
    missing = tuple(sorted(set(gaps)))
    children += [Step(label=rulebook.word(name), value=None, how=owed(rulebook, name)) for name in missing]
    label = Label(zh="加减分", en="Bonus and deduction")
    clause = rulebook.adjustments.clause
    step = Step(
        label=label, value=total, how=_SUM if found else _NONE, rule=Rule.SUM, clause=clause, children=tuple(children)
    )
    adjustments = tuple(Adjustment(factor=factor.id, points=factor.points) for factor, _ in found)
    return Adjusted(adjustments=adjustments, total=total, missing=missing, step=step)


def owed(rulebook: Rulebook, missing: str) -> Label:
    """Who owes an input that is missing."""
    by = rulebook.owed_by(missing)
    return Label(zh=f"由{by.zh}补", en=f"owed by {by.en or by.zh}")


def _concerns(factor: Factor, person: Person | None, *, passes: bool) -> bool:
    """Whether a factor can touch a team (`person` None) or a person at all (D-18)."""
    match factor.applies:
        case "banner":
            return person is None or passes
        case "person":
            return person is not None
        case "subject":
            return True


def _evidence(factors: Mapping[Subject, Mapping[str, str]], factor: Factor, subject: Subject) -> Label | None:
    evidence = factors.get(subject, {}).get(factor.id)
    return None if evidence is None else Label(zh=f"依据：{evidence}", en=f"evidence: {evidence}")


def _rank(factor: Factor, banner: Banner, total: int | None, gaps: list[str]) -> Label | None:
    """Why a factor of the rank applies; 1 is first, "none" is not ranked, None is missing (D-20)."""
    rank = banner.poverty_rank
    if rank is None or (factor.from_end and total is None and rank != "none"):
        gaps.append("poverty_rank")
        return None
    if isinstance(rank, str):
        return None
    last = factor.from_end > 0 and total is not None
    within = rank > (total or 0) - factor.from_end if last else factor.first <= rank <= factor.last
    of = Label(zh="", en="") if total is None else Label(zh=f"（共{total}位）", en=f" of {total}")
    return Label(zh=f"全区排名第{rank}位{of.zh}", en=f"rank {rank}{of.en}") if within else None


def _days(factor: Factor, rulebook: Rulebook, person: Person | None, gaps: list[str]) -> Label | None:
    """Why a factor of the days applies: more, or fewer, than are asked for; exactly as many is neither (D-19)."""
    rules = rulebook.days
    if rules is None or person is None:
        return None
    if person.days is None:
        gaps.append("days")
        return None
    asked = rules.threshold
    if rulebook.value(rules.rule) == "pro_rata":
        asked = asked * person.assigned_days / rules.full_year
    if not (person.days > asked if factor.side == "over" else person.days < asked):
        return None
    return Label(
        zh=f"派驻{plain(person.days)}天，标准{plain(asked)}天",
        en=f"{plain(person.days)} days, {plain(asked)} asked for",
    )
