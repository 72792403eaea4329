"""The rule file: what is in it is the measure's; what is wrong with one is said at once, with its place."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from tally import rulebook
from tally.rulebook import RulebookFault

MEASURE = re.sub(r"\s", "", (Path(__file__).parent / "measure.txt").read_text(encoding="utf-8"))


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(RulebookFault) as caught:
        rulebook.load(text)
    return caught.value.faults


def test_every_quote_stands_in_the_measure(rules_text):
    quotes = re.findall(r'quote = "([^"]*)"', rules_text)
    assert len(quotes) > 80
    assert [quote for quote in quotes if re.sub(r"\s", "", quote) not in MEASURE] == []


def test_every_open_point_is_settled(rules):
    assert {each.point for each in rules.choices} == {f"D-{number:02d}" for number in range(1, 32)}
    assert all(each.why.zh and each.why.en and each.settled.zh and each.settled.en for each in rules.choices)


def test_the_defaults_are_in_effect_until_others_are_chosen(rules):
    assert rules.in_effect["ballot_points"] == "100/80/60/40"
    assert rules.with_choices({"ballot_points": "97/87/77/67"}).in_effect["ballot_points"] == "97/87/77/67"
    assert rules.in_effect["ballot_points"] == "100/80/60/40"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ballot_points", "97/87/77/67"), ("ballot_points", "1/2/3/4.5"), ("opinion_points", "100/75/55/0"),
        ("grades", "90/80/60"), ("group_weights", "30/20/20/15/15"), ("group_weights", "none"),
        ("assessors_min", "1"), ("opinion_min_valid", "6"), ("supervision", "entered"), ("round_components", "exact"),
        ("quota_rounding", "ceil"), ("smallest_group", "8"), ("lead_days", "working"), ("days_rule", "literal"),
    ],
)  # fmt: skip
def test_a_good_choice(rules, name, text):
    assert rules.check_choice(name, text) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ballot_points", "100/80/60"), ("ballot_points", "101/80/60/40"), ("ballot_points", "a/b/c/d"),
        ("ballot_points", "-1/80/60/40"), ("grades", "60/70/90"), ("grades", "90/90/60"), ("group_weights", "30/20/20/15/14"),
        ("assessors_min", "0"), ("assessors_min", "1.5"), ("supervision", "none"), ("no_such", "1"),
        ("draw", "sha256-order-1"), ("round_components", ""), ("smallest_group", "1"), ("opinion_points", "100/80/60/40/"),
    ],
)  # fmt: skip
def test_a_bad_choice_is_said_in_words(rules, name, text):
    assert rules.check_choice(name, text)
    with pytest.raises(RulebookFault, match=name):
        rules.with_choices({name: text})


def test_other_weights_must_sum_to_100(rules):
    changed = rules.with_weights("team", {"indicators": Fraction(40), "routine": Fraction(10)})
    assert changed.formula_of(changed.team_sequence).weights["indicators"] == 40
    assert rules.formula_of(rules.team_sequence).weights["indicators"] == 30
    with pytest.raises(RulebookFault, match="sum to 110"):
        rules.with_weights("team", {"indicators": Fraction(40)})
    with pytest.raises(RulebookFault, match="opinion"):
        rules.with_weights("team", {"opinion": Fraction(0)})
    with pytest.raises(RulebookFault, match="less than 0"):
        rules.with_weights("team", {"indicators": Fraction(-10), "routine": Fraction(60)})


def test_who_may_be_entered_follows_from_the_formulas(rules):
    assert rules.entered_for("indicators") == {"team"}
    assert rules.entered_for("routine") == {"team", "person"}
    assert rules.entered_for("supervision") == frozenset()
    assert rules.with_choices({"supervision": "entered"}).entered_for("supervision") == {"team", "person"}
    assert rules.sheet_for("visits") == {"team", "person"}
    assert rules.factor_for("exit_precise") == {"team"}
    assert rules.factor_for("solved_problems") == {"team", "person"}
    assert rules.factor_for("days_over") == frozenset()


def test_a_number_without_a_clause_is_refused(rules_text):
    rounding = 'rounding = { choice = "quota_rounding" }\n'
    found = faults(rules_text.replace(f'{rounding}clause = "四（七）"\n', rounding))
    assert "quota.percent: 30: a number without clause and quote" in found
    assert "quota.clause: is missing" in found


def test_a_number_without_a_quote_is_refused_also_when_it_is_blank(rules_text):
    text = rules_text.replace('quote = "驻旗县工作总队工作总结和个人述职材料提前三天送参会人员参阅"', 'quote = " "', 1)
    assert any(fault.startswith("lead.days: 3: a number without clause and quote") for fault in faults(text))


def test_weights_that_do_not_sum_to_100_are_refused(rules_text):
    found = faults(rules_text.replace("indicators = 30", "indicators = 31"))
    assert found == ("formula[team].weights: sum to 101; they must sum to 100",)


def test_a_sheet_that_does_not_sum_to_100_is_refused(rules_text):
    found = faults(rules_text.replace("max = 40", "max = 45"))
    assert found == ("sheet[visits].items: the points sum to 105; they must sum to 100",)


def test_a_float_is_refused_with_the_way_to_write_it(rules_text):
    found = faults(rules_text.replace("percent = 30", "percent = 30.0"))
    assert found == ('quota.percent: 30.0: a float is not exact; write "30.0"',)


@pytest.mark.parametrize("number", ["1e2", "nan", "inf"])
def test_other_floats_are_refused_too(rules_text, number):
    assert f'quota.percent: {number}: a float is not exact; write "{number}"' in faults(
        rules_text.replace("percent = 30", f"percent = {number}")
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("percent = 30", "percent = 30\nper_cent = 30", "quota.per_cent: unknown key"),
        ('id = "neimenggu-2018"', 'id = "neimenggu-2018"\nchosen = 1', "chosen: unknown key"),
        ('en = "Captains" }', 'en = "Captains", mn = "x" }', "sequence[captain].label.mn: unknown key"),
        ("percent = 30", "percent = true", "quota.percent: a whole number, or a decimal in quotation marks"),
        ('formula = "team"', 'formula = "teams"', "sequence[team].formula: teams: no formula of this id"),
        ("third_party = 20", "third_parti = 20", "formula[team].weights.third_parti: no component of this id"),
        ('sheet = "ledger"', 'sheet = "ledgers"', "component[ledger].sheet: ledgers: no sheet of this id"),
        ('excludes = "exit_precise"', 'excludes = "x"', "factor[exit_imprecise].excludes: x: no factor of this id"),
        ('choice = "quota_rounding" }', 'choice = "rounding" }', "quota.rounding: rounding: no choice of this id"),
        ('id = "deputy"', 'id = "captain"', "sequence: captain: the id is given twice"),
        ('default = "floor"', 'default = "down"', "choice[quota_rounding].default: down: not among the alternatives"),
        ('value = "ceil"', 'value = "up"', "quota.rounding: up: one of floor, half_up, ceil"),
        ('default = "90/70/60"', 'default = "90/60"', "grades.cuts: 90/60: 3 numbers are needed here"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(rules_text, old, new, fault):
    assert old in rules_text
    assert fault in faults(rules_text.replace(old, new, 1))


def test_all_faults_are_told_at_once(rules_text):
    text = (
        rules_text.replace("indicators = 30", "indicators = 31")
        .replace("percent = 30", "percent = 30.5\nmore = 1")
        .replace('sheet = "ledger"', 'sheet = "x"')
    )
    assert set(faults(text)) == {
        "formula[team].weights: sum to 101; they must sum to 100",
        'quota.percent: 30.5: a float is not exact; write "30.5"',
        "quota.more: unknown key",
        "component[ledger].sheet: x: no sheet of this id",
    }


def test_what_is_not_toml_is_said(rules_text):
    assert faults("a = ")[0].startswith("the file is not TOML")
    assert "quota: is missing" in faults("")
