"""From rows to the reckoning's facts: the one translator, for a year book and for the site's own tables alike."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from survey.year.yearbook import Book, Rows
from survey.year.yearbook.rows import Paper
from tally.facts import Banner, Facts, Marks, Opinion, Person, Subject
from tally.number import parse
from tally.rulebook import Rulebook

CHOICE = "choice."
Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Counted marks. `appraisal`: (banner, person, item, group, grade) -> marks; `opinion`: (banner, person, question,
    answer) -> answers that count; `valid`: (banner, person) -> responses with a valid answer to a scored question."""

    appraisal: Mapping[tuple[str, ...], int]
    opinion: Mapping[tuple[str, ...], int]
    valid: Mapping[tuple[str, ...], int]


def facts(book: Book, rulebook: Rulebook) -> Facts:
    """The facts of a year book that has no faults; `rulebook` says which questions of the opinion survey are scored."""
    return translate(book, counts(book, rulebook))


def translate(book: Book, counted: Counts) -> Facts:
    """The facts of what the office entered (all tables of the book but ballots and opinions) and of counted marks."""
    settings = book.settings
    return Facts(
        year=int(settings["year"]),
        measure=settings["measure"],
        ranked_total=int(settings["ranked_total"]) if settings.get("ranked_total") else None,
        choices={
            key.removeprefix(CHOICE): value for key, value in settings.items() if key.startswith(CHOICE) and value
        },
        banners=tuple(_banner(*cells) for cells in book["banners"]),
        people=tuple(_person(*cells) for cells in book["people"]),
        points=_points(book["points"]),
        scores=_by_subject(book["scores"], parse),
        grades=_by_subject(book["grades"], str),
        factors=_by_subject(book["factors"], str),
        appraisal=_appraisal(counted),
        opinion=_opinion(counted),
    )


def counts(book: Book, rulebook: Rulebook) -> Counts:
    """The marks of a year book, counted.

    A response is known by banner, village and response. What stands beside an acquaintance of `stranger` does not
    count, nor do unscored questions.
    """
    survey, rows = rulebook.opinion, book["opinions"]
    if survey is None or not len(rows):
        return Counts(appraisal=_by_person(book), opinion={}, valid={})
    scored, valid = scored_questions(rulebook), {answer.id for answer in survey.answers}
    met, stranger = survey.acquaintance.id, survey.stranger
    scored_rows = {key[1:] for key in rows.counts if key[2] in scored}
    valid_for = {row: row[0] for row in scored_rows if row[2] in valid}
    strange_for = {key[1:]: key[1] for key in rows.counts if key[2] == met and key[3] == stranger}
    opinion = Counter({key: count for key, count in rows.counts.items() if key[2] in scored})
    responses: Counter[tuple[str, ...]] = Counter()
    for (banner, *_), answers in _responses(rows):
        people = set(map(valid_for.get, answers))
        strangers = strange_for.keys() & answers if strange_for else ()
        if strangers:
            unknown = {strange_for[row] for row in strangers}
            people -= unknown
            opinion.subtract((banner, *row) for row in answers if row[0] in unknown and row in scored_rows)
        for person in people:
            if person is not None:
                responses[banner, person] += 1
    return Counts(
        appraisal=_by_person(book), opinion={key: count for key, count in opinion.items() if count}, valid=responses
    )


def _by_person(book: Book) -> dict[tuple[str, ...], int]:
    """The counts of ballots, (banner, person, item, group, grade) -> marks."""
    return {
        (banner, person, item, group, grade): count
        for (banner, group, person, item, grade), count in book["ballots"].counts.items()
    }


def _responses(rows: Rows) -> Sequence[Paper]:
    """The responses, each whole: respondent is no part of what names one (its rows may disagree)."""
    if rows.given is not None:
        return rows.given
    whole: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for head, answers in rows.papers:
        whole.setdefault(head[:3], []).extend(answers)
    return list(whole.items())


def count_fragments(fragments: Iterable[tuple[str, str, str, str, Mapping[str, str], int]], rulebook: Rulebook) -> Counts:
    """Sealed fragments, counted: kind (appraisal, opinion), banner, subject, voice, answers and how many are alike.

    A fragment is what one ballot or response says of one subject; the same rules hold as for a year book's rows.
    """
    appraisal: Counter[tuple[str, ...]] = Counter()
    opinion: Counter[tuple[str, ...]] = Counter()
    responses: Counter[tuple[str, ...]] = Counter()
    survey, scored = rulebook.opinion, scored_questions(rulebook)
    valid = {answer.id for answer in survey.answers} if survey else set()
    items = {item.id for item in rulebook.ballots.items} if rulebook.ballots else set()
    for kind, banner, person, voice, answers, alike in fragments:
        if kind == "appraisal":
            for item, grade in answers.items():
                if item in items:
                    appraisal[banner, person, item, voice, grade] += alike
        elif survey and answers.get(survey.acquaintance.id) != survey.stranger:
            counted = {question: answer for question, answer in answers.items() if question in scored}
            for question, answer in counted.items():
                opinion[banner, person, question, answer] += alike
            if not valid.isdisjoint(counted.values()):
                responses[banner, person] += alike
    return Counts(appraisal=appraisal, opinion=opinion, valid=responses)


def scored_questions(rulebook: Rulebook) -> set[str]:
    """The questions of the opinion survey that bear points, for the team and for its people."""
    survey = rulebook.opinion
    return {question.id for question in (*survey.team_questions, *survey.person_questions)} if survey else set()


def _banner(banner: str, league: str, level: str, rank: str) -> Banner:
    return Banner(
        banner=banner, league=league, level=level, poverty_rank=int(rank) if rank.isdecimal() else rank or None
    )


def _person(person: str, name: str, banner: str, position: str, unit: str, days: str, assigned: str) -> Person:
    return Person(
        person=person,
        name=name,
        banner=banner,
        position=position,
        unit=unit,
        days=parse(days) if days else None,
        assigned_days=parse(assigned) if assigned else Fraction(365),
    )


def _points(rows: Rows) -> dict[Subject, dict[str, dict[str, dict[str, Fraction]]]]:
    points: dict[Subject, dict[str, dict[str, dict[str, Fraction]]]] = {}
    exact = {number: parse(number) for number in set(rows["points"])}
    for banner, person, sheet, unit, item, number in rows:
        sheets = points.setdefault(Subject(banner=banner, person=person), {})
        sheets.setdefault(sheet, {}).setdefault(unit, {})[item] = exact[number]
    return points


def _by_subject(rows: Rows, read: Callable[[str], Value]) -> dict[Subject, dict[str, Value]]:
    """Subject -> third column -> fourth column."""
    by_subject: dict[Subject, dict[str, Value]] = {}
    for banner, person, key, value in rows:
        by_subject.setdefault(Subject(banner=banner, person=person), {})[key] = read(value)
    return by_subject


def _appraisal(counted: Counts) -> dict[Subject, Marks]:
    marks: dict[tuple[str, str], dict[str, dict[str, dict[str, int]]]] = {}
    for (banner, person, item, group, grade), count in counted.appraisal.items():
        marks.setdefault((banner, person), {}).setdefault(item, {}).setdefault(group, {})[grade] = count
    return {Subject(banner=banner, person=person): items for (banner, person), items in marks.items()}


def _opinion(counted: Counts) -> dict[Subject, Opinion]:
    marks: dict[tuple[str, str], dict[str, dict[str, dict[str, int]]]] = {}
    for (banner, person, question, answer), count in counted.opinion.items():
        marks.setdefault((banner, person), {}).setdefault(question, {}).setdefault("", {})[answer] = count
    return {
        Subject(banner=banner, person=person): Opinion(
            marks=questions, valid_responses=counted.valid.get((banner, person), 0)
        )
        for (banner, person), questions in marks.items()
    }
