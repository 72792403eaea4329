"""What holds for every year: a second reckoning agrees, order never matters, a better mark never lowers a score."""

import random
from dataclasses import replace
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from tally.facts import Facts, Opinion, Subject
from tally.outcome import appraise, as_result
from tests.tally.a_year import ABOUT_PERSON, ABOUT_TEAM, INDICATORS, ITEMS, POSITIONS, Year, person, team
from tests.tally.recount import BANNER_FACTORS, LETTERS, OWN_FACTORS, recount

MARKS = ("good", "fairly_good", "average", "poor", "blank", "void")
LEDGER = ("records", "diaries", "reports", "supervision", "problems", "advice", "practice", "household_plans")
CHOSEN = (
    {},
    {"group_weights": "30/20/20/15/15", "smallest_group": "2"},
    {"round_components": "exact", "supervision": "team_base", "team_appraisal": "captain"},
)
quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def anything(seed: int) -> Facts:
    """A random year of one to three banners in which anything may be missing."""
    dice = random.Random(seed)
    year = Year(size=dice.randint(1, 3), ranked_total=dice.choice([8, 57]))
    year.scores, year.grades, year.appraisal, year.opinion = {}, {}, {}, {}

    def score(subject: Subject, component: str, chance: float) -> None:
        if dice.random() < chance:
            year.scores.setdefault(subject, {})[component] = Fraction(dice.randint(0, 1_000_000), 10_000)

    def sheet(subject: Subject, name: str, unit: str, items: dict, chance: float) -> None:
        if dice.random() < chance:
            kept = {
                item: Fraction(dice.randint(0, most * 100), 100) for item, most in items.items() if dice.random() < 0.99
            }
            year.points.setdefault(subject, {}).setdefault(name, {})[unit] = kept

    def marks(items: tuple[str, ...], groups: tuple[str, ...], names: tuple[str, ...]) -> dict:
        return {
            item: {group: {name: dice.randint(0, 6) for name in names} for group in groups}
            for item in items
            if dice.random() < 0.98
        }

    for number in range(1, year.size + 1):
        for component in ("indicators", "routine", "third_party", "ledger", "visits"):
            score(team(number), component, 0.8)
        sheet(team(number), "indicators", "", INDICATORS, 0.8)
        sheet(team(number), "ledger", "", dict.fromkeys(LEDGER, 12), 0.8)
        year.ranks[number] = dice.choice([*range(1, year.ranked_total + 1), "none", "none", None])
        year.opinion[team(number)] = Opinion(marks=marks(ABOUT_TEAM, ("",), (*MARKS[:4], "unsure")), valid_responses=5)
        for subject in [team(number), *(person(number, position) for position in POSITIONS)]:
            year.grades[subject] = {
                f"考核员{each}": dice.choice(list(LETTERS)) for each in range(dice.choice([2, 3, 3, 4, 7]))
            }
            year.factors[subject] = {name: "依据" for name in (BANNER_FACTORS | OWN_FACTORS) if dice.random() < 0.3}
            if not subject.person:
                continue
            score(subject, "routine", 0.3)
            score(subject, "visits", 0.3)
            for unit in ("甲嘎查", "乙嘎查"):
                sheet(subject, "visits", unit, {"effects": 30, "precision": 40, "conduct": 30}, 0.3)
            year.appraisal[subject] = marks(ITEMS, ("leaders", "households"), MARKS)
            if dice.random() < 0.8:
                own = marks(ABOUT_PERSON, ("",), (*MARKS[:4], "unsure"))
                year.opinion[subject] = Opinion(marks=own, valid_responses=dice.choice([0, 9, 10, 30]))
            year.days[subject] = dice.choice([None, *map(Fraction, ("239.5", "240", "240.5", "0", "300"))])
    return year.facts()


@quick
@given(some.integers(0, 10**9))
def test_a_second_reckoning_from_scratch_agrees(rules, seed):
    facts = anything(seed)
    outcome = appraise(facts, rules)
    found = {row.subject: (row.score, set(row.missing)) for ranking in outcome.rankings for row in ranking.rows}
    assert found == recount(facts)


@quick
@given(some.integers(0, 10**9))
def test_the_order_in_which_things_are_handed_in_never_matters(rules, seed):
    facts = anything(seed)
    dice = random.Random(seed)

    def shuffled(thing):
        if isinstance(thing, dict):
            pairs = [(key, shuffled(value)) for key, value in thing.items()]
            dice.shuffle(pairs)
            return dict(pairs)
        if isinstance(thing, tuple):
            return tuple(dice.sample(thing, len(thing)))
        return replace(thing, marks=shuffled(thing.marks)) if isinstance(thing, Opinion) else thing

    names = ("banners", "people", "points", "scores", "grades", "factors", "appraisal", "opinion")
    other = replace(facts, **{name: shuffled(getattr(facts, name)) for name in names})
    assert as_result(appraise(other, rules), explained=True) == as_result(appraise(facts, rules), explained=True)


@quick
@given(some.integers(0, 10**9), some.sampled_from(ITEMS), some.sampled_from(MARKS[1:4]))
def test_a_better_mark_never_lowers_a_score(rules, seed, item, mark):
    facts = anything(seed)
    one = person(1)
    counts = facts.appraisal[one].get(item, {}).get("leaders", {})
    if not counts.get(mark):
        return
    better = {**counts, mark: counts[mark] - 1, "good": counts["good"] + 1}
    marks = {**facts.appraisal[one], item: {**facts.appraisal[one][item], "leaders": better}}
    before = appraise(facts, rules)
    after = appraise(replace(facts, appraisal={**facts.appraisal, one: marks}), rules)
    for ranking in before.rankings:
        for row in ranking.rows:
            if row.score is not None:
                assert after.row(row.subject).score >= row.score


@quick
@given(some.integers(0, 10**9), some.sampled_from(CHOSEN))
def test_every_printed_figure_of_an_explanation_follows_from_those_below_it(rules, seed, chosen):
    """The arithmetic of the tree, redone from its children alone."""
    outcome = appraise(anything(seed), rules.with_choices(chosen))
    for ranking in outcome.rankings:
        for row in ranking.rows:
            assert row.step.value == row.score
            for step in row.step.walk():
                if step.value is None or not step.children:
                    continue
                values = [(each.value, each.weight) for each in step.children if each.value is not None]
                exact = step.value if step.exact is None else step.exact
                match step.rule.value:
                    case "sum":
                        assert exact == sum(value for value, _ in values)
                    case "mean":
                        assert exact == sum(value for value, _ in values) / Fraction(len(values))
                    case "rate":
                        counted = [(value, weight) for value, weight in values if weight is not None]
                        assert exact == sum(v * w for v, w in counted) / sum(v for v, _ in counted)
                    case "share":
                        assert exact == sum(v * w for v, w in values) / sum(w for _, w in values)
                    case "weighted":
                        assert exact == sum(v if w is None else v * w / 100 for v, w in values)
                    case "same":
                        assert exact == values[0][0]
                    case other:
                        raise AssertionError(other)
