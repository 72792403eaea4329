"""How far a year is: the calendar, what is missing and who owes it, and the one next step of each banner."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from survey import draw, schema
from tally import workday
from tally.outcome import Outcome
from tally.rulebook import Rulebook

FROM_TEAM = "supervision"
STAGES = ("people", "villages", "appraisal", "opinion", "inputs", "grades")


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """A collection as far as its progress needs: no form, no answers."""

    collection: str
    banner: str
    kind: str
    state: str
    slips: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Date:
    """A date of the calendar: `due` as an ISO text, `left` days until then (negative: overdue by as many)."""

    id: str
    due: str
    left: int
    weekend: bool
    open: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """An input that is missing: of which banners' teams, and of how many people."""

    input: str
    banners: tuple[str, ...]
    people: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A banner's stages (stage -> "done", "doing" or "todo") and its one next step.

    `step`: people · villages · appraisal.draft · .slips · .open · .close · .seal · the same of opinion · input:<id> ·
    decide · done; `collection` is where it is done, "" where that is none.
    """

    banner: str
    stages: Mapping[str, str]
    step: str
    collection: str = ""


def houses(connection: Connection, year: int) -> list[House]:
    """The year's real collections that are not void."""
    house, slip = schema.collection.c, schema.slip.c
    made = select(slip.collection, func.count().label("slips")).group_by(slip.collection)
    made = made.where(slip.collection.in_(select(house.collection).where(house.cycle == year, house.state == "draft")))
    slips = {row.collection: row.slips for row in connection.execute(made)}
    query = select(house.collection, house.banner, house.kind, house.state, house.mode).where(
        house.cycle == year, house.trial.is_(False), house.state != "void"
    )
    return [
        House(
            collection=row.collection,
            banner=row.banner,
            kind=row.kind,
            state=row.state,
            slips=1 if row.mode == "link" else slips.get(row.collection, 0),
        )
        for row in connection.execute(query.order_by(house.banner, house.kind, house.collection))
    ]


def imported(connection: Connection, year: int) -> frozenset[str]:
    """The banners some of whose marks were imported rather than cast here."""
    house = schema.collection.c
    query = select(house.banner).where(house.cycle == year, house.origin == "imported", house.state == "sealed")
    return frozenset(connection.execute(query).scalars())


def calendar(rulebook: Rulebook, year: int, today: str, gaps: Sequence[Gap]) -> list[Date]:
    """The year's dates, each with the number of banners that still lack what it asks for."""
    dates = []
    asked = {"annual_check": {"appraisal", "ledger", "visits", "opinion", "assessors"}, "third_party": {"third_party"}}
    for each in rulebook.deadlines:
        due = workday.due(each, year)
        wanted = asked.get(each.id)
        if each.id == "consolidation":
            wanted = {gap.input for gap in gaps}
        lacking = {banner for gap in gaps if wanted and gap.input in wanted for banner in gap.banners}
        dates.append(
            Date(id=each.id, due=due, left=workday.between(today, due), weekend=workday.weekend(due), open=len(lacking))
        )
    return sorted(dates, key=lambda date: date.due)


def gaps(outcome: Outcome, banners: Iterable[str]) -> list[Gap]:
    """What is missing of those banners, most wanted first. What is missing only because the team's score is, is left out."""
    own = set(banners)
    found: dict[str, tuple[set[str], int]] = {}
    for ranking in outcome.rankings:
        for row in ranking.rows:
            for each in row.missing:
                if row.banner in own and not (each == FROM_TEAM and outcome.choices.get(FROM_TEAM, "") != "entered"):
                    names, people = found.get(each, (set(), 0))
                    found[each] = (names | {row.banner}, people + bool(row.subject.person))
    listed = [Gap(input=each, banners=tuple(sorted(names)), people=people) for each, (names, people) in found.items()]
    return sorted(listed, key=lambda gap: (-len(gap.banners), gap.input))


def standings(
    connection: Connection, year: int, outcome: Outcome, rulebook: Rulebook, decided: Iterable[tuple[str, str]]
) -> list[Standing]:
    """Every banner's stages and next step, in the order of the names."""
    of: dict[tuple[str, str], list[House]] = {}
    for house in houses(connection, year):
        of.setdefault((house.banner, house.kind), []).append(house)
    drawn = set(draw.every(connection, year))
    missing: dict[str, set[str]] = {}
    torn: set[str] = set()
    peopled: set[str] = set()
    done = set(decided)
    for ranking in outcome.rankings:
        for row in ranking.rows:
            missing.setdefault(row.banner, set()).update(row.missing)
            if row.subject.person:
                peopled.add(row.banner)
            if row.decision_needed and (row.banner, row.subject.person) not in done:
                torn.add(row.banner)
    return [
        _standing(
            banner,
            lacks - {FROM_TEAM},
            banner in peopled,
            banner in drawn,
            banner in torn,
            rulebook,
            {kind: of.get((banner, kind), []) for kind in ("appraisal", "opinion")},
        )
        for banner, lacks in sorted(missing.items())
    ]


def _standing(
    banner: str,
    lacks: set[str],
    peopled: bool,
    drawn: bool,
    torn: bool,
    rulebook: Rulebook,
    collections: Mapping[str, Sequence[House]],
) -> Standing:
    stages = {"people": "done" if peopled else "todo"}
    steps: list[tuple[str, str]] = [] if peopled else [("people", "")]
    if rulebook.sample and not drawn and "visits" in lacks:
        steps.append(("villages", ""))
    stages["villages"] = "done" if drawn or "visits" not in lacks else "todo"
    for kind, wanted in (("appraisal", rulebook.ballots is not None), ("opinion", rulebook.opinion is not None)):
        if wanted:
            step, at = _collecting(kind, collections[kind], kind in lacks)
            begun = any(each.state != "draft" for each in collections[kind])
            stages[kind] = "done" if not step else "doing" if begun else "todo"
            steps += [(step, at)] if step else []
    inputs = sorted(lacks - {"appraisal", "opinion"})
    stages["inputs"] = "todo" if inputs else "done"
    steps += [(f"input:{each}", "") for each in inputs]
    if not steps and lacks:  # sealed, yet too few answered for a score
        steps += [(f"input:{each}", "") for each in sorted(lacks)]
    steps += [("decide", "")] if torn else []
    stages["grades"] = "todo" if steps else "done"
    step, at = steps[0] if steps else ("done", "")
    return Standing(banner=banner, stages=stages, step=step, collection=at)


def _collecting(kind: str, houses: Sequence[House], lacking: bool) -> tuple[str, str]:
    """The next step of a banner's meetings, or of its surveys, and where; "" where nothing is left to do."""
    for state, step in (("closing", "seal"), ("open", "close")):
        for each in houses:
            if each.state == state:
                return f"{kind}.{step}", each.collection
    drafts = [each for each in houses if each.state == "draft"]
    if drafts:
        first = drafts[0]
        return f"{kind}.{'open' if first.slips else 'slips'}", first.collection
    if not any(each.state == "sealed" for each in houses) and lacking:
        return f"{kind}.draft", ""
    return "", ""
