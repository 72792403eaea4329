"""Another region's measure is another rule file: two sequences, other components, scale and cap, and no Python."""

from fractions import Fraction
from pathlib import Path

import pytest

from tally import rulebook
from tally.facts import Banner, Facts, Person, Subject
from tally.outcome import appraise, as_result


@pytest.fixture(scope="module")
def other():
    return rulebook.load((Path(__file__).parent / "another_measure.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def facts():
    office, clerks = Subject(banner="甲科"), [Subject(banner="甲科", person=name) for name in "子丑寅"]
    return Facts(
        year=2030,
        measure="demo-2030",
        banners=(Banner(banner="甲科"),),
        people=tuple(Person(person=each.person, name=each.person, banner="甲科", position="clerk") for each in clerks),
        points={
            office: {
                "desk": {
                    "一号窗": {"fast": Fraction(40), "right": Fraction(45)},
                    "二号窗": {"fast": Fraction(50), "right": Fraction(48)},
                }
            }
        },
        grades={office: {"a": "甲", "b": "乙", "c": "乙", "d": "丙"}},
        factors={office: {"praised": "示例"}, clerks[1]: {"praised": "示例"}},
        appraisal={
            clerks[0]: {"work": {"": {"yes": 3}}},
            clerks[1]: {"work": {"": {"yes": 3}}},
            clerks[2]: {"work": {"": {"yes": 1, "no": 1}}},
        },
    )


def test_it_is_scored_without_a_line_of_python(other, facts):
    result = as_result(appraise(facts, other))
    (office,) = result["sequences"]["office"]
    # (85 + 98) / 2 = 91.5; 甲 and 丙 go, 75: 91.5×75% + 75×25% = 87.375, + 0.5
    assert office["components"] == {"service": "91.50", "review": "75.00"}
    assert (office["score"], office["adjustment_total"], office["grade"]) == ("87.88", "0.5", "outstanding")
    # base 87.38: 90×62.5% + 87.38×37.5% = 89.0175, and 子 is not praised
    found = [(row["subject"], row["score"], row["rank"], row["grade"]) for row in result["sequences"]["clerk"]]
    assert found == [
        ("丑", "89.52", 1, "outstanding"),
        ("子", "89.02", 2, "outstanding"),
        ("寅", "70.27", 3, "ordinary"),
    ]
    assert result["quota"]["clerk"] == {"size": 3, "excellent": 2}


def test_its_choices_are_its_own(other, facts):
    result = as_result(appraise(facts, other.with_choices({"vote_points": "100/0"})))
    assert [row["components"]["vote"] for row in result["sequences"]["clerk"]] == ["100.00", "100.00", "50.00"]
    assert other.check_choice("ballot_points", "1/2/3/4") is not None
