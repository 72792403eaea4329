"""A year book's CSV files read into facts by plain loops, for the reckoning's own tests."""

import csv
from collections import defaultdict
from fractions import Fraction
from pathlib import Path

from tally.facts import Banner, Facts, Opinion, Person, Subject
from tally.rulebook import Rulebook


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    """The rows of one table."""
    path = folder / f"{table}.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read(folder: Path, rulebook: Rulebook) -> Facts:
    """The facts of a year book that has no faults."""
    year = {row["key"]: row["value"] for row in rows(folder, "year")}
    points: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for row in rows(folder, "points"):
        subject = Subject(banner=row["banner"], person=row["person"])
        points[subject][row["sheet"]][row["unit"]][row["item"]] = Fraction(row["points"])
    scores: dict = defaultdict(dict)
    for row in rows(folder, "scores"):
        scores[Subject(banner=row["banner"], person=row["person"])][row["component"]] = Fraction(row["score"])
    grades: dict = defaultdict(dict)
    for row in rows(folder, "grades"):
        grades[Subject(banner=row["banner"], person=row["person"])][row["assessor"]] = row["grade"]
    factors: dict = defaultdict(dict)
    for row in rows(folder, "factors"):
        factors[Subject(banner=row["banner"], person=row["person"])][row["factor"]] = row["evidence"]
    appraisal: dict = defaultdict(lambda: defaultdict(lambda: defaultdict(lambda: defaultdict(int))))
    for row in rows(folder, "ballots"):
        subject = Subject(banner=row["banner"], person=row["person"])
        appraisal[subject][row["item"]][row["group"]][row["grade"]] += 1
    ranked = year.get("ranked_total")
    return Facts(
        year=int(year["year"]),
        measure=year["measure"],
        ranked_total=int(ranked) if ranked else None,
        choices={key.removeprefix("choice."): text for key, text in year.items() if key.startswith("choice.")},
        banners=tuple(
            Banner(
                banner=row["banner"], league=row["league"], level=row["level"], poverty_rank=_rank(row["poverty_rank"])
            )
            for row in rows(folder, "banners")
        ),
        people=tuple(
            Person(
                person=row["person"],
                name=row["name"],
                banner=row["banner"],
                position=row["position"],
                unit=row["unit"],
                days=Fraction(row["days"]) if row["days"] else None,
                assigned_days=Fraction(row["assigned_days"] or "365"),
            )
            for row in rows(folder, "people")
        ),
        points=points,
        scores=scores,
        grades=grades,
        factors=factors,
        appraisal=appraisal,
        opinion=_opinion(rows(folder, "opinions"), rulebook),
    )


def _rank(text: str) -> int | str | None:
    return text if text == "none" else int(text) if text else None


def _opinion(answers: list[dict[str, str]], rulebook: Rulebook) -> dict[Subject, Opinion]:
    survey = rulebook.opinion
    assert survey is not None
    valid = {each.id for each in survey.answers}
    scored = {each.id for each in (*survey.person_questions, *survey.team_questions)}
    strangers = {
        (row["banner"], row["village"], row["response"], row["person"])
        for row in answers
        if row["question"] == survey.acquaintance.id and row["answer"] == survey.stranger
    }
    marks: dict = defaultdict(lambda: defaultdict(lambda: {"": defaultdict(int)}))
    responses = defaultdict(set)
    for row in answers:
        response = (row["banner"], row["village"], row["response"])
        if row["question"] not in scored or (*response, row["person"]) in strangers:
            continue
        subject = Subject(banner=row["banner"], person=row["person"])
        marks[subject][row["question"]][""][row["answer"]] += 1
        if row["answer"] in valid:
            responses[subject].add(response)
    return {
        subject: Opinion(marks=counts, valid_responses=len(responses[subject])) for subject, counts in marks.items()
    }
