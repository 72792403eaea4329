"""The table of contents of the reckoning: facts and a rulebook in, ranked and explained results out."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tally import component, person, rank, step, team
from tally.factor import Adjustment
from tally.facts import Banner, Facts, Person, Subject
from tally.number import fixed, half_up, plain
from tally.rulebook import Rulebook, Sequence
from tally.score import Score
from tally.step import Label, Step

OPINION_FALLBACK = "opinion_fallback"  # a person's opinion score is the team's level (D-25)
DAYS_LITERAL = "days_literal"  # fewer days assigned than a year, yet held to the full threshold (D-19)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One subject of a sequence, as it stands in the ranking.

    `key` is the banner for a team, the person's id else. `score` and `components` have two decimals, None is missing.
    `missing` is sorted; `step` explains the score down to the counts of marks; `flags` are ids of notes to print.
    """

    key: str
    subject: Subject
    name: str
    banner: str
    score: Fraction | None
    rank: int | None
    grade: str | None
    decision_needed: bool
    missing: tuple[str, ...]
    components: Mapping[str, Fraction | None]
    adjustments: tuple[Adjustment, ...]
    adjustment_total: Fraction
    flags: tuple[str, ...]
    step: Step


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """One sequence: everyone in it, ranked first, then those without a rank; `excellent` is the quota."""

    sequence: str
    label: Label
    size: int
    excellent: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """A year's results. `choices` are all in effect, `flags` those that occur in any row."""

    year: int
    measure: str
    rules_sha256: str
    choices: Mapping[str, str]
    rankings: tuple[Ranking, ...]
    flags: tuple[str, ...]

    def ranking(self, sequence: str) -> Ranking:
        """The ranking of a sequence by its id; `KeyError` when there is none."""
        for each in self.rankings:
            if each.sequence == sequence:
                return each
        raise KeyError(sequence)

    def row(self, subject: Subject) -> Row:
        """The row of a subject; `KeyError` when it was not scored."""
        for ranking in self.rankings:
            for row in ranking.rows:
                if row.subject == subject:
                    return row
        raise KeyError(subject)

    def explain(self, subject: Subject) -> Step:
        """The tree of a subject's score, the very one the score was read from."""
        return self.row(subject).step


def appraise(facts: Facts, rulebook: Rulebook) -> Outcome:
    """Scores and ranks everyone of a year.

    The choices of the facts hold, and over them those the rulebook was given by `with_choices`, so a what-if is this
    same call with another rulebook. `RulebookFault` when a choice cannot be used.
    """
    rulebook = rulebook.with_choices({**facts.choices, **rulebook.chosen})
    teams, people = _scores(facts, rulebook)
    rankings = tuple(_ranking(facts, rulebook, sequence, teams, people) for sequence in rulebook.sequences)
    flags = sorted({flag for ranking in rankings for row in ranking.rows for flag in row.flags})
    return Outcome(
        year=facts.year,
        measure=rulebook.id,
        rules_sha256=rulebook.sha256,
        choices=rulebook.in_effect,
        rankings=rankings,
        flags=tuple(flags),
    )


def as_result(outcome: Outcome, *, explained: bool = False) -> dict[str, Any]:
    """The outcome in the exchange format's JSON: scores as strings with two decimals, null when missing.

    Beside the format's keys a row bears `flags`, and `explanation` when `explained`; the whole bears `choices`.
    """
    return {
        "year": outcome.year,
        "measure": outcome.measure,
        "quota": {each.sequence: {"size": each.size, "excellent": each.excellent} for each in outcome.rankings},
        "sequences": {each.sequence: [_as_row(row, explained) for row in each.rows] for each in outcome.rankings},
        "choices": dict(outcome.choices),
        "rules_sha256": outcome.rules_sha256,
        "flags": list(outcome.flags),
    }


def _scores(facts: Facts, rulebook: Rulebook) -> tuple[dict[str, Score], dict[str, Score]]:
    """Banner -> its team's score, person -> their score. Appraisals come first: a team's is its people's mean."""
    positions = {each.id for each in rulebook.positions}
    members: dict[str, list[tuple[Person, Step | None]]] = {each.banner: [] for each in facts.banners}
    for each in facts.people:
        if each.position not in positions:
            raise ValueError(f"{each.person}: {each.position}: no sequence of this measure; one of {sorted(positions)}")
        if each.banner not in members:
            raise ValueError(f"{each.person}: {each.banner}: no banner of this year")
        members[each.banner].append((each, _appraisal(facts, rulebook, each)))
    teams: dict[str, Score] = {}
    people: dict[str, Score] = {}
    for banner in facts.banners:
        own = sorted(members[banner.banner], key=lambda pair: pair[0].person)
        marked = [(each.position, each.name, mark) for each, mark in own if mark is not None]
        teams[banner.banner] = team.score(facts, rulebook, banner, marked)
        for each, mark in own:
            people[each.person] = person.score(facts, rulebook, each, banner, teams[banner.banner], mark)
    return teams, people


def _appraisal(facts: Facts, rulebook: Rulebook, each: Person) -> Step | None:
    """A person's own ballot score, where the measure ballots anyone."""
    part = rulebook.ballots
    return component.ballots(part, facts, rulebook, Subject(banner=each.banner, person=each.person)) if part else None


def _ranking(
    facts: Facts, rulebook: Rulebook, sequence: Sequence, teams: Mapping[str, Score], people: Mapping[str, Score]
) -> Ranking:
    rows: list[tuple[str, Banner | Person, Score]]
    if sequence.of == "team":
        rows = [(each.banner, each, teams[each.banner]) for each in facts.banners]
    else:
        rows = [(each.person, each, people[each.person]) for each in facts.people if each.position == sequence.id]
    places = rank.places(rulebook, {key: score.step.value for key, _, score in rows})
    done = [_row(rulebook, key, each, score, places[key]) for key, each, score in rows]
    done.sort(key=lambda row: (row.rank is None, row.rank or 0, row.key))
    return Ranking(
        sequence=sequence.id,
        label=sequence.label,
        size=len(rows),
        excellent=rank.quota(rulebook, len(rows)),
        rows=tuple(done),
    )


def _row(rulebook: Rulebook, key: str, each: Banner | Person, score: Score, place: rank.Place) -> Row:
    human = isinstance(each, Person)
    return Row(
        key=key,
        subject=Subject(banner=each.banner, person=key if human else ""),
        name=each.name if isinstance(each, Person) else each.banner,
        banner=each.banner,
        score=score.step.value,
        rank=place.rank,
        grade=place.grade,
        decision_needed=place.decision_needed,
        missing=score.missing,
        components={
            name: None if part.value is None else half_up(part.value) for name, part in score.components.items()
        },
        adjustments=score.adjusted.adjustments,
        adjustment_total=score.adjusted.total,
        flags=_flags(rulebook, each, score),
        step=score.step,
    )


def _flags(rulebook: Rulebook, each: Banner | Person, score: Score) -> tuple[str, ...]:
    flags = []
    days = rulebook.days
    literal = days is not None and rulebook.value(days.rule) == "literal"
    if days and literal and isinstance(each, Person) and each.assigned_days < days.full_year:
        flags.append(DAYS_LITERAL)
    if any(component.fell_back(part) for part in score.components.values()):
        flags.append(OPINION_FALLBACK)
    return tuple(flags)


def _as_row(row: Row, explained: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "subject": row.key,
        "name": row.name,
        "banner": row.banner,
        "score": None if row.score is None else fixed(row.score),
        "rank": row.rank,
        "grade": row.grade,
        "decision_needed": row.decision_needed,
        "missing": list(row.missing),
        "components": {name: None if value is None else fixed(value) for name, value in row.components.items()},
        "adjustments": [{"factor": each.factor, "points": plain(each.points)} for each in row.adjustments],
        "adjustment_total": plain(row.adjustment_total),
        "flags": list(row.flags),
    }
    if explained:
        found["explanation"] = step.tree(row.step)
    return found
