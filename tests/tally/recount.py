"""The measure reckoned once more, from scratch and with Fractions only, to check the reckoning against.

It shares no code with `tally`: weights, points and cuts are written out as the measure and its defaults have them.
"""

from fractions import Fraction
from math import floor

from tally.facts import Facts, Subject

LETTERS = {
    "A1": 100,
    "A2": 97,
    "A3": 93,
    "B1": 90,
    "B2": 87,
    "B3": 83,
    "C1": 80,
    "C2": 77,
    "C3": 73,
    "D1": 70,
    "D2": 67,
    "D3": 63,
}
POINTS = {"good": 100, "fairly_good": 80, "average": 60, "poor": 40}
TEAM = {"indicators": 30, "routine": 20, "third_party": 20, "appraisal": 5, "ledger": 15, "assessors": 10}
PERSON = {"supervision": 30, "routine": 15, "appraisal": 5, "visits": 15, "opinion": 20, "assessors": 15}
SHEETS = {"indicators": 11, "ledger": 8, "visits": 3}
BANNER_FACTORS = {
    f"{name}_{kind}": sign
    for name in ("identification", "support", "exit")
    for kind, sign in (("precise", 1), ("imprecise", -1))
}
OWN_FACTORS = {"solved_problems": 2, "office_tasks_good": 2, "office_tasks_poor": -2}


def two(value: Fraction) -> Fraction:
    """Half away from zero."""
    hundredths = floor(abs(value) * 100 + Fraction(1, 2))
    return Fraction(hundredths if value >= 0 else -hundredths, 100)


def pooled(marks, items):
    means = []
    for item in items:
        points = count = 0
        for counts in marks.get(item, {}).values():
            for mark, times in counts.items():
                if mark in POINTS:
                    points, count = points + POINTS[mark] * times, count + times
        if count == 0:
            return None
        means.append(Fraction(points, count))
    return sum(means) / len(means)


def entered(facts: Facts, subject: Subject, component: str, sheet: str, *, team_too: bool):
    for one in [subject, Subject(banner=subject.banner)][: 1 + team_too]:
        if component in facts.scores.get(one, {}):
            return two(facts.scores[one][component])
        units = facts.points.get(one, {}).get(sheet)
        if units:
            if any(len(items) < SHEETS[sheet] for items in units.values()):
                return None
            return two(sum(sum(items.values()) for items in units.values()) / Fraction(len(units)))
    return None


def assessed(facts: Facts, subject: Subject):
    letters = facts.grades.get(subject, {})
    return two(Fraction(sum(LETTERS[each] for each in letters.values()), len(letters))) if len(letters) >= 3 else None


def appraised(facts: Facts, subject: Subject):
    mean = pooled(facts.appraisal.get(subject, {}), ("tasks", "organisation", "service", "results", "overall"))
    return None if mean is None else two(mean)


def asked(facts: Facts, subject: Subject):
    own, team = facts.opinion.get(subject), facts.opinion.get(Subject(banner=subject.banner))
    mean = None
    if own and own.valid_responses >= 10:
        mean = pooled(own.marks, ("work", "help", "satisfied"))
    if mean is None and team:
        mean = pooled(team.marks, ("real_work", "explains", "solves", "village_team", "team_satisfied"))
    return None if mean is None else two(mean)


def adjusted(facts: Facts, banner, person=None):
    """(points, missing inputs)."""
    team = Subject(banner=banner.banner)
    own = team if person is None else Subject(banner=banner.banner, person=person.person)
    points = sum(BANNER_FACTORS.get(name, 0) for name in facts.factors.get(team, {}))
    points += sum(OWN_FACTORS.get(name, 0) for name in facts.factors.get(own, {}))
    missing = set()
    rank = banner.poverty_rank
    if rank is None:
        missing.add("poverty_rank")
    elif rank != "none":
        points += 2 if rank <= 5 else 1 if rank <= 10 else 0
        points -= 2 if facts.ranked_total - rank < 5 else 0
    if person is not None:
        if person.days is None:
            missing.add("days")
        else:
            points += 2 if person.days > 240 else -2 if person.days < 240 else 0
    return points, missing


def recount(facts: Facts) -> dict[Subject, tuple[Fraction | None, set[str]]]:
    """Subject -> (printed score or None, what is missing)."""
    found = {}
    for banner in facts.banners:
        team = Subject(banner=banner.banner)
        people = [each for each in facts.people if each.banner == banner.banner]
        marks = [appraised(facts, Subject(banner=each.banner, person=each.person)) for each in people]
        marks = [each for each in marks if each is not None]
        parts = {
            "indicators": entered(facts, team, "indicators", "indicators", team_too=False),
            "routine": entered(facts, team, "routine", "", team_too=False),
            "third_party": entered(facts, team, "third_party", "", team_too=False),
            "appraisal": two(sum(marks) / len(marks)) if marks else None,
            "ledger": entered(facts, team, "ledger", "ledger", team_too=False),
            "assessors": assessed(facts, team),
        }
        found[team] = joined(parts, TEAM, adjusted(facts, banner))
        for each in people:
            own = Subject(banner=each.banner, person=each.person)
            parts = {
                "supervision": found[team][0],
                "routine": entered(facts, own, "routine", "", team_too=True),
                "appraisal": appraised(facts, own),
                "visits": entered(facts, own, "visits", "visits", team_too=True),
                "opinion": asked(facts, own),
                "assessors": assessed(facts, own),
            }
            found[own] = joined(parts, PERSON, adjusted(facts, banner, each))
    return found


def joined(parts, weights, adjustment):
    points, missing = adjustment
    missing = missing | {name for name, value in parts.items() if value is None}
    if missing:
        return None, missing
    return two(sum(parts[name] * weights[name] for name in weights) / Fraction(100) + points), missing
