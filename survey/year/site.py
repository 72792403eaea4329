"""A year book in the site's own tables: taken in, given out, and the facts of what stands there now.

Imported marks become sealed collections of origin `imported`, one a banner and kind (a survey: one a village too), every
fragment under a random id of its own. Where D-27 hides a group, a village or a kind of respondent, it is left blank.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select
from sqlalchemy import Table as Stored

from survey import clock, journal, questionnaire, schema
from survey.box import collection, fragment
from survey.instrument import canonical
from survey.questionnaire import Questionnaire
from survey.year import gather, yearbook
from survey.year.yearbook import Book, Rows
from survey.year.yearbook.tables import Table, tables
from tally.facts import Asked, Facts
from tally.rulebook import Ballots, OpinionSurvey, Rulebook

LABEL = {"appraisal": "导入的总结测评", "opinion": "导入的民意调查"}
FACTS = {"points": schema.point, "scores": schema.score, "grades": schema.grade, "factors": schema.factor}
MANY = 5000
Answers = Mapping[str, str | list[str]]


class Refused(Exception):
    """A year that cannot be imported; `reason` is Chinese source text that `values` fill."""

    def __init__(self, reason: str, **values: str) -> None:
        super().__init__(reason % values)
        self.reason = reason
        self.values = values


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheaf:
    """What is to become one imported collection: pieces (subject, voice, answers)."""

    kind: str
    banner: str
    village: str
    pieces: Sequence[tuple[str, str, str]]
    questionnaire: str = ""  # one of the office's own


# ---- in ------------------------------------------------------------------------------------------------------------


def take_in(connection: Connection, book: Book, rulebook: Rulebook, *, by: str, replace: bool = False) -> int:
    """Writes a year book without faults into the database; the number of sealed collections made.

    Raises `Refused` when the year is there, unless `replace` is set and it has no collection.
    """
    settings = book.settings
    year = int(settings["year"])
    revision = connection.execute(select(schema.cycle.c.revision).where(schema.cycle.c.cycle == year)).scalar()
    if revision is not None:
        if not replace:
            raise Refused("%(year)s 年度已经有了；还没有会议、调查或导入的票时，勾选“这一年已经有了就换掉”（命令行用 --replace）再导入", year=str(year))
        if connection.execute(select(func.count()).where(schema.collection.c.cycle == year)).scalar_one():
            raise Refused("%(year)s 年度已有会议、调查或导入的票，不能换掉", year=str(year))
        _clear(connection, year)
    connection.execute(
        insert(schema.cycle).values(
            cycle=year,
            measure=rulebook.id,
            ranked_total=int(settings["ranked_total"]) if settings.get("ranked_total") else None,
            revision=0 if revision is None else revision + 1,  # what was reckoned from the old facts is out of date
            choices=json.dumps(dict(rulebook.chosen), ensure_ascii=False, sort_keys=True),
        )
    )
    _put(connection, schema.banner, book["banners"], year)
    _put(connection, schema.person, book["people"], year)
    for name, table in FACTS.items():
        _put(connection, table, book[name], year)
    own = gather.own_questions(book)
    try:
        questionnaire.take_in(connection, own.values())
    except ValueError as name:
        raise Refused("已有编号 %(name)s 的问卷，计分与年度工作簿里的不同，请先改成一样", name=str(name)) from None
    made = 0
    for sheaf in sheaves(book, rulebook):
        _seal(connection, year, sheaf, rulebook)
        made += 1
    counted = {rows.table.id: len(rows) for rows in book.tables.values()}
    journal.record(connection, account=by, deed="year.import", subject=str(year), replace=replace, rows=counted)
    return made


def _clear(connection: Connection, year: int) -> None:
    entered = (schema.decision, schema.wording, schema.material, schema.draw, schema.rate, schema.assessor, *FACTS.values())
    for table in (*entered, schema.person, schema.village, schema.banner, schema.cycle):
        connection.execute(delete(table).where(table.c.cycle == year))


def _put(connection: Connection, table: Stored, rows: Rows, year: int) -> None:
    """A table's rows as they stand; a blank number is missing (null)."""
    nullable = {column.name for column in table.columns if column.nullable}
    names = [column.id for column in rows.table.columns]
    records = [
        {"cycle": year, **{name: cell or (None if name in nullable else "") for name, cell in zip(names, record, strict=True)}}
        for record in rows
    ]
    if records:
        connection.execute(insert(table), records)


def sheaves(book: Book, rulebook: Rulebook) -> Iterator[Sheaf]:
    """The book's marks as collections, small groups hidden."""
    ballots = rulebook.ballots
    if ballots and len(book["ballots"]):
        yield from _ballots(book["ballots"], ballots, rulebook)
    if rulebook.opinion and len(book["opinions"]):
        several = {id for id, asked in gather.own_questions(book).items() if asked.kind == "many"}
        yield from _opinions(book["opinions"], rulebook.opinion, smallest_group(rulebook), several)


def smallest_group(rulebook: Rulebook) -> int:
    """The ballots a group needs to be shown (D-27)."""
    return rulebook.whole(rulebook.ballots.smallest_group) if rulebook.ballots else 1


def _ballots(rows: Rows, part: Ballots, rulebook: Rulebook) -> Iterator[Sheaf]:
    """One sheaf a banner. Under group weights groups stand as they are, for the score needs them."""
    pieces: dict[str, dict[tuple[str, str, str], dict[str, str]]] = {}
    for banner, ballot, group, person, item, grade in rows:
        pieces.setdefault(banner, {}).setdefault((ballot, group, person), {})[item] = grade
    weighted = rulebook.numbers(part.group_weights)
    for banner, of_banner in pieces.items():
        shown: Mapping[str, str] = {}
        if not weighted:
            groups = Counter(group for _, group in {(ballot, group) for ballot, group, _ in of_banner})
            shown = _shown(groups, smallest_group(rulebook), [each.id for each in part.groups])
        yield Sheaf(
            kind="appraisal",
            banner=banner,
            village="",
            pieces=[
                (person, shown.get(group, group), canonical(answers).decode())
                for (_, group, person), answers in of_banner.items()
            ],
        )


def _opinions(rows: Rows, part: OpinionSurvey, smallest: int, several: Set[str]) -> Iterator[Sheaf]:
    """One sheaf a banner, questionnaire and village that is shown; `several`: questions with more than one answer."""
    pieces: dict[str, dict[tuple[str, str, str, str], dict[str, str]]] = {}
    for banner, village, response, respondent, person, question, answer in rows:
        pieces.setdefault(banner, {}).setdefault((village, response, respondent, person), {})[question] = answer
    for banner, of_banner in pieces.items():
        responses = {(village, response, respondent) for village, response, respondent, _ in of_banner}
        places = _shown(Counter(village for village, _ in {each[:2] for each in responses}), smallest, ())
        voices = {
            place: _shown(
                Counter(respondent for village, _, respondent in responses if places[village] == place),
                smallest,
                [each.id for each in part.respondents],
            )
            for place in set(places.values())
        }
        sheaf: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
        for (village, _, respondent, person), answers in of_banner.items():
            place = places[village]
            for name, of_form in _by_questionnaire(answers, several).items():
                piece = (person, voices[place][respondent], canonical(of_form).decode())
                sheaf.setdefault((place, name), []).append(piece)
        for (place, name), found in sheaf.items():
            yield Sheaf(kind="opinion", banner=banner, village=place, pieces=found, questionnaire=name)


def _by_questionnaire(answers: Mapping[str, str], several: Set[str]) -> dict[str, dict[str, str | list[str]]]:
    """Answers by the questionnaire that asked: the measure's ("") or one of the office's own, there under the questions' own ids.
    Whether a person is known is asked by either."""
    found: dict[str, dict[str, str | list[str]]] = {}
    bare: dict[str, str | list[str]] = {}
    for question, answer in answers.items():
        name, dot, own = question.partition(".")
        if dot:
            found.setdefault(name, {})[own] = answer.split("/") if question in several and answer != gather.VOID else answer
        else:
            bare[question] = answer
    if len(found) == 1:
        next(iter(found.values())).update(bare)
    elif bare:
        found[""] = bare
    return found


def _shown(numbers: Mapping[str, int], smallest: int, order: Sequence[str]) -> dict[str, str]:
    """Name -> itself where it may be shown, "" where D-27 hides it; what is hidden is together large enough."""
    joined = fragment.merged(numbers, smallest, order)
    return {name: name if joined[name] == name else "" for name in numbers}


def _seal(connection: Connection, year: int, sheaf: Sheaf, rulebook: Rulebook) -> None:
    name = collection.draft(
        connection,
        cycle=year,
        banner=sheaf.banner,
        kind=sheaf.kind,
        mode="slips",
        title=LABEL[sheaf.kind],
        instrument=questionnaire.PREFIX + sheaf.questionnaire if sheaf.questionnaire else None,
        village=sheaf.village,
        smallest_group=smallest_group(rulebook),
    )
    collection.change(connection, name, state="sealed", origin="imported", sealed_on=clock.today())
    pieces = sorted((secrets.token_bytes(16), *piece) for piece in sheaf.pieces)
    rows = [
        {"collection": name, "fragment": id, "subject": subject, "voice": voice, "answers": answers}
        for id, subject, voice, answers in pieces
    ]
    for start in range(0, len(rows), MANY):
        connection.execute(insert(schema.fragment), rows[start : start + MANY])


# ---- out -----------------------------------------------------------------------------------------------------------


def facts(connection: Connection, year: int) -> tuple[Facts, Rulebook] | None:
    """The facts of a year as they stand now, and its rulebook under its choices; None when there is no such year.

    Only what is sealed counts, and never a trial. Several sittings of one banner pool.
    """
    found = _office(connection, year)
    if found is None:
        return None
    book, rulebook = found
    own = _own(connection, year)
    asked = {each.id: each for of_form in own.values() for each in of_form.asked}
    counted = gather.count_fragments(_alike(connection, year), rulebook, asked)
    few = frozenset((each.banner, each.kind) for each in hidden(connection, year, smallest_group(rulebook)))
    return replace(gather.translate(book, counted, asked, _unscored(connection, year, own)), hidden=few), rulebook


def _own(connection: Connection, year: int) -> dict[str, Questionnaire]:
    """The office's own questionnaires that sealed surveys of a year asked, by id."""
    query = select(schema.collection.c.instrument).where(*_sealed(year, "opinion")[:-1]).distinct()
    names = {questionnaire.name_of(each) for each in connection.execute(query).scalars()} - {""}
    return {name: found for name in sorted(names) if (found := questionnaire.find(connection, name))}


def _unscored(connection: Connection, year: int, own: Mapping[str, Questionnaire]) -> set[str]:
    """The banners with a sealed survey whose questionnaire scores nothing."""
    names = [questionnaire.PREFIX + each.id for each in own.values() if not each.asked]
    house = schema.collection.c
    query = select(house.banner).where(*_sealed(year, "opinion")[:-1], house.instrument.in_(names))
    return set(connection.execute(query).scalars()) if names else set()


@dataclass(frozen=True, kw_only=True, slots=True)
class Hidden:
    """A banner's marks of one kind whose sum is not shown, and the collections that are the reason: sealed here with too few
    ballots to be published."""

    banner: str
    kind: str
    collections: tuple[str, ...]


def hidden(connection: Connection, year: int, smallest: int) -> list[Hidden]:
    """Where the sum of all marks, less what each collection published of its own, would tell those of fewer than `smallest`
    ballots (D-27)."""
    house, piece = schema.collection.c, schema.fragment.c
    found: dict[tuple[str, str], list[tuple[str, str, int]]] = {}
    for kind in ("appraisal", "opinion"):
        query = select(house.collection, house.banner, house.origin, house.published, piece.subject, func.count())
        query = query.where(*_sealed(year, kind)).group_by(*query.selected_columns[:5])
        most: Counter[tuple[str, str, str]] = Counter()
        for name, banner, origin, published, _subject, number in connection.execute(query):
            closing = json.loads(published).get("closing", {}) if published else {}
            if origin != "site" or closing.get("withheld"):
                most[banner, name, origin] = max(most[banner, name, origin], number)
        for (banner, name, origin), number in most.items():
            found.setdefault((banner, kind), []).append((name, origin, number))
    return [
        Hidden(banner=banner, kind=kind, collections=tuple(name for name, origin, _ in each if origin == "site"))
        for (banner, kind), each in found.items()
        if sum(number for _name, _origin, number in each) < smallest
    ]


def left_out(connection: Connection, year: int) -> list[str]:
    """The banners some of whose ballots are not in an exported year book (D-27)."""
    office = _office(connection, year)
    found = hidden(connection, year, smallest_group(office[1])) if office else []
    return sorted({each.banner for each in found if each.collections})


def give_out(connection: Connection, year: int) -> Book | None:
    """A year as a year book; None when there is no such year. A ballot or response is one fragment, its id the fragment's.

    The ballots of a sitting whose tally is withheld are left out where the rest is published beside them (`hidden`).
    """
    found = _office(connection, year)
    if found is None:
        return None
    book, rulebook = found
    by_id = {table.id: table for table in tables(rulebook)}
    asked = {each.id: each for of_form in _own(connection, year).values() for each in of_form.asked}
    without = [name for each in hidden(connection, year, smallest_group(rulebook)) for name in each.collections]
    opinions = _opinion_rows(connection, year, by_id["opinions"], rulebook, asked, without)
    marks = {
        "ballots": Rows.of(by_id["ballots"], sorted(_ballot_rows(connection, year, by_id["ballots"], without))),
        "opinions": Rows.of(by_id["opinions"], sorted(opinions)),
        "questions": Rows.of(by_id["questions"], gather.question_rows(asked.values())),
    }
    return Book(tables={**book.tables, **marks})


def _office(connection: Connection, year: int) -> tuple[Book, Rulebook] | None:
    """What the office entered, as a year book without marks."""
    cycle = connection.execute(select(schema.cycle).where(schema.cycle.c.cycle == year)).first()
    if cycle is None:
        return None
    chosen = json.loads(cycle.choices)
    rulebook = yearbook.rulebook(cycle.measure).with_choices(chosen)
    settings = [("year", str(year)), ("measure", cycle.measure)]
    if cycle.ranked_total is not None:
        settings.append(("ranked_total", str(cycle.ranked_total)))
    settings += [(f"choice.{id}", text) for id, text in sorted(rulebook.chosen.items())]
    records: dict[str, Sequence[Sequence[str]]] = {"year": settings}
    for table in tables(rulebook):
        stored = {"banners": schema.banner, "people": schema.person, **FACTS}.get(table.id)
        if stored is not None:
            query = select(*(stored.c[column.id] for column in table.columns)).where(stored.c.cycle == year)
            rows = connection.execute(query)
            records[table.id] = sorted(tuple("" if cell is None else cell for cell in row) for row in rows)
    return Book.of(tables(rulebook), records), rulebook


def _sealed(year: int, kind: str) -> tuple[ColumnElement[bool], ...]:
    house = schema.collection.c
    return (
        house.cycle == year,
        house.kind == kind,
        house.state == "sealed",
        house.trial.is_(False),
        schema.fragment.c.collection == house.collection,
    )


def _alike(connection: Connection, year: int) -> Iterator[gather.Piece]:
    """The year's fragments, those of one banner, questionnaire, subject, voice and answers together."""
    house, piece = schema.collection.c, schema.fragment.c
    for kind in ("appraisal", "opinion"):
        keys = (house.banner, house.instrument, piece.subject, piece.voice, piece.answers)
        query = select(*keys, func.count()).where(*_sealed(year, kind)).group_by(*keys)
        for banner, name, subject, voice, answers, alike in connection.execute(query):
            yield gather.Piece(
                kind=kind, banner=banner, questionnaire=questionnaire.name_of(name), subject=subject, voice=voice,
                answers=_single(json.loads(answers)), alike=alike,
            )  # fmt: skip


def _single(answers: Answers) -> dict[str, str]:
    """Answers as texts; the several of one question joined by `/`."""
    return {question: answer if isinstance(answer, str) else "/".join(answer) for question, answer in answers.items()}


def _ballot_rows(connection: Connection, year: int, table: Table, without: Sequence[str]) -> Iterator[tuple[str, ...]]:
    items, grades = table.column("item").codes, table.column("grade").codes
    house, piece = schema.collection.c, schema.fragment.c
    query = select(house.banner, piece.fragment, piece.voice, piece.subject, piece.answers)
    query = query.where(*_sealed(year, "appraisal"), house.collection.not_in(without))
    for banner, id, voice, subject, answers in connection.execute(query):
        ballot = bytes(id).hex()
        for item, grade in _single(json.loads(answers)).items():
            if item in items and grade in grades:
                yield banner, ballot, voice, subject, item, grade


def _opinion_rows(
    connection: Connection, year: int, table: Table, rulebook: Rulebook, own: Mapping[str, Asked], without: Sequence[str]
) -> Iterator[tuple[str, ...]]:
    questions, part = table.column("question").codes, rulebook.opinion
    if part is None:
        return
    met = {each.id for each in part.acquaintances}
    scored = gather.scored_questions(rulebook)
    valid = {each.id for each in (*part.answers, *part.neutral)}
    villages = _villages(connection, year, smallest_group(rulebook), without)
    house, piece = schema.collection.c, schema.fragment.c
    query = select(house.collection, house.instrument, house.banner, piece.fragment, piece.voice, piece.subject, piece.answers)
    query = query.where(*_sealed(year, "opinion"), house.collection.not_in(without))
    for name, form, banner, id, voice, subject, answers in connection.execute(query):
        response, of_own = bytes(id).hex(), questionnaire.name_of(form)
        for question, answer in _single(json.loads(answers)).items():
            row = banner, villages[name], response, voice, subject
            if of_own and f"{of_own}.{question}" in own:
                yield *row, f"{of_own}.{question}", answer
            if of_own and not (subject and question == part.acquaintance.id):
                continue
            allowed = met if question == part.acquaintance.id else valid if question in scored else {answer}
            if question in questions and answer and answer in allowed:
                yield *row, question, answer


def _villages(connection: Connection, year: int, smallest: int, without: Sequence[str]) -> dict[str, str]:
    """Collection -> its village, blank where so few answered there that D-27 hides it."""
    house, piece = schema.collection.c, schema.fragment.c
    query = (
        select(house.collection, house.banner, house.village, piece.subject, func.count())
        .where(*_sealed(year, "opinion"), house.collection.not_in(without))
        .group_by(house.collection, house.banner, house.village, piece.subject)
    )
    place: dict[str, tuple[str, str]] = {}
    answered: Counter[str] = Counter()
    for name, banner, village, _, number in connection.execute(query):
        place[name] = (banner, village)
        answered[name] = max(answered[name], number)
    numbers: dict[str, Counter[str]] = {}
    for name, (banner, village) in place.items():
        numbers.setdefault(banner, Counter())[village] += answered[name]
    shown = {banner: _shown(counter, smallest, ()) for banner, counter in numbers.items()}
    return {name: shown[banner][village] for name, (banner, village) in place.items()}

