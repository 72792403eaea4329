"""From rows to the reckoning's facts: the one translator, for a year book and for the site's own tables alike."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar, cast

from survey.year.yearbook import Book, Rows
from survey.year.yearbook.rows import Paper
from tally.facts import RESPONSES, Answer, Asked, Banner, Facts, Marks, Opinion, Person, Subject, Survey
from tally.number import parse, plain
from tally.rulebook import Rulebook
from tally.step import Label

CHOICE = "choice."
VOID = "void"
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
    return translate(book, counts(book, rulebook), own_questions(book))


def translate(book: Book, counted: Counts, own: Mapping[str, Asked], unscored: Iterable[str] = ()) -> Facts:
    """The facts of what the office entered (all tables of the book but ballots and opinions) and of counted marks.

    `own`: the scored questions of the office's own questionnaires, by id; `unscored`: banners asked by one that scores nothing.
    """
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
        surveys=_surveys(counted, own, unscored),
    )


def own_questions(book: Book) -> dict[str, Asked]:
    """The scored questions of questionnaires that are not the measure's, by id (`questionnaire.question`)."""
    rows: dict[str, list[tuple[str, ...]]] = {}
    for row in book["questions"]:
        rows.setdefault(row[0], []).append(row)
    return {
        id: Asked(
            id=id,
            of=cast(Literal["team", "person"], of_id[0][1]),
            kind=cast(Literal["one", "many", "number"], of_id[0][2]),
            label=Label(zh=of_id[0][3]),
            answers=tuple(
                Answer(id=answer, label=Label(zh=meaning or answer), points=parse(points) if points else None)
                for *_, answer, meaning, points in sorted(of_id, key=_low_first)
            ),
        )
        for id, of_id in rows.items()
    }


def _low_first(row: tuple[str, ...]) -> Fraction:
    """The two ends of a number's line, that which is worth 0 first; choices as they stand."""
    return parse(row[6]) if row[2] == "number" else Fraction(0)


def question_rows(own: Iterable[Asked]) -> list[tuple[str, ...]]:
    """The same as rows of the table of questions."""
    return [
        (each.id, each.of, each.kind, each.label.zh, answer.id, "" if answer.label.zh == answer.id else answer.label.zh,
         "" if answer.points is None else plain(answer.points))
        for each in own
        for answer in each.answers
    ]  # fmt: skip


def counts_for(question: Asked, answer: str) -> bool:
    """Whether an answer to a question of the office's own stands in its denominator."""
    if question.kind == "number":
        return answer != VOID
    pointed = {each.id for each in question.answers if each.points is not None}
    return not pointed.isdisjoint(answer.split("/") if question.kind == "many" else [answer])


def counts(book: Book, rulebook: Rulebook) -> Counts:
    """The marks of a year book, counted.

    A response is known by banner, village and response. What stands beside an acquaintance of `stranger` does not
    count, nor do unscored questions.
    """
    survey, rows, own = rulebook.opinion, book["opinions"], own_questions(book)
    if survey is None or not len(rows):
        return Counts(appraisal=_by_person(book), opinion={}, valid={})
    scored, valid = scored_questions(rulebook) | own.keys(), {answer.id for answer in survey.answers}
    met, stranger = survey.acquaintance.id, survey.stranger
    scored_rows = {key[1:] for key in rows.counts if key[2] in scored}
    valid_for = {
        row: row[0] for row in scored_rows if (counts_for(own[row[1]], row[2]) if row[1] in own else row[2] in valid)
    }
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
    known = {key: count for key, count in opinion.items() if count}
    return Counts(appraisal=_by_person(book), opinion=_spread(known, own), valid=responses)


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


def _spread(opinion: Mapping[tuple[str, ...], int], own: Mapping[str, Asked]) -> Mapping[tuple[str, ...], int]:
    """Answers counted, those of a question of several choice by choice beside the responses that count."""
    if not any(each.kind == "many" for each in own.values()):
        return opinion
    spread: Counter[tuple[str, ...]] = Counter()
    for (banner, person, question, answer), times in opinion.items():
        asked = own.get(question)
        if asked is None or asked.kind != "many":
            spread[banner, person, question, answer] += times
        elif counts_for(asked, answer):
            for each in (*answer.split("/"), RESPONSES):
                spread[banner, person, question, each] += times
    return spread


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A sealed fragment, and how many are alike: what one ballot or response says of one subject. `questionnaire` is the
    id of one of the office's own, else ""."""

    kind: str
    banner: str
    questionnaire: str
    subject: str
    voice: str
    answers: Mapping[str, str]
    alike: int


def count_fragments(pieces: Iterable[Piece], rulebook: Rulebook, own: Mapping[str, Asked]) -> Counts:
    """Sealed fragments, counted by the same rules as a year book's rows."""
    appraisal: Counter[tuple[str, ...]] = Counter()
    opinion: Counter[tuple[str, ...]] = Counter()
    responses: Counter[tuple[str, ...]] = Counter()
    survey, scored = rulebook.opinion, scored_questions(rulebook)
    valid = {answer.id for answer in survey.answers} if survey else set()
    items = {item.id for item in rulebook.ballots.items} if rulebook.ballots else set()
    for piece in pieces:
        if piece.kind == "appraisal":
            for item, grade in piece.answers.items():
                if item in items:
                    appraisal[piece.banner, piece.subject, item, piece.voice, grade] += piece.alike
        elif survey and not (piece.subject and piece.answers.get(survey.acquaintance.id) == survey.stranger):
            if piece.questionnaire:
                named = ((f"{piece.questionnaire}.{question}", answer) for question, answer in piece.answers.items())
                counted = {question: answer for question, answer in named if question in own}
                known = any(counts_for(own[question], answer) for question, answer in counted.items())
            else:
                counted = {question: answer for question, answer in piece.answers.items() if question in scored}
                known = not valid.isdisjoint(counted.values())
            for question, answer in counted.items():
                opinion[piece.banner, piece.subject, question, answer] += piece.alike
            if known:
                responses[piece.banner, piece.subject] += piece.alike
    return Counts(appraisal=appraisal, opinion=_spread(opinion, own), valid=responses)


def _surveys(counted: Counts, own: Mapping[str, Asked], unscored: Iterable[str]) -> dict[str, Survey]:
    """Banner -> what it was asked by the office's own questionnaires, each with all its scored questions; those whose
    questionnaires score nothing have none."""
    if not own and not unscored:
        return {}
    asked: dict[str, set[str]] = {banner: set() for banner in unscored}
    measured = set()
    for banner, _person, question, _answer in counted.opinion:
        if question in own:
            asked.setdefault(banner, set()).add(question.partition(".")[0])
        else:
            measured.add(banner)
    return {
        banner: Survey(
            questions=tuple(each for each in own.values() if each.id.partition(".")[0] in names), measure=banner in measured
        )
        for banner, names in asked.items()
    }


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
