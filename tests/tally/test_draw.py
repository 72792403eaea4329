"""The draw of 4 townships and 8 villages: anyone with the seed and the list draws the same."""

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tally.draw import draw

POOL = {f"示例{number}苏木": tuple(f"{number}-{village}嘎查" for village in range(1, 6)) for number in range(1, 8)}


def first(seed: str, kind: str, names: dict[str, tuple[str, ...]], many: int) -> list[str]:
    """The draw by hand, as the docstring has it."""
    return sorted(names, key=lambda name: hashlib.sha256("\n".join((seed, kind, *names[name])).encode()).hexdigest())[
        :many
    ]


def test_the_draw_is_what_its_description_says(rules):
    drawn = draw(POOL, "示例种子", rules.sample)
    townships = first("示例种子", "township", {name: (name,) for name in POOL}, 4)
    assert list(drawn.villages) == townships
    for name in townships:
        assert list(drawn.villages[name]) == first(
            "示例种子", "village", {each: (name, each) for each in POOL[name]}, 2
        )
    assert (drawn.algorithm, drawn.short) == ("sha256-order-1", 0)


def test_another_seed_draws_others(rules):
    assert len({tuple(draw(POOL, str(seed), rules.sample).villages) for seed in range(20)}) > 10


@given(some.permutations(list(POOL)), some.text(min_size=1))
def test_the_order_of_the_list_does_not_matter(rules, order, seed):
    shuffled = {name: tuple(reversed(POOL[name])) for name in order}
    assert draw(shuffled, seed, rules.sample) == draw(POOL, seed, rules.sample)


def test_a_township_with_one_village_is_refilled_from_the_others(rules):
    pool = {
        name: villages if number else villages[:1] for number, (name, villages) in enumerate(list(POOL.items())[:4])
    }
    drawn = draw(pool, "x", rules.sample)
    counts = sorted(map(len, drawn.villages.values()))
    assert counts == [1, 2, 2, 3]
    assert len({village for villages in drawn.villages.values() for village in villages}) == 8


def test_a_township_without_villages_is_not_drawn(rules):
    pool = {**POOL, "空苏木": ()}
    assert all("空苏木" not in draw(pool, str(seed), rules.sample).villages for seed in range(30))


def test_what_the_list_cannot_give_is_said(rules):
    assert draw({"甲": ("a",), "乙": ("b", "c")}, "x", rules.sample).short == 5


@dataclass
class Other:
    townships: int = 4
    villages: int = 8
    each: int = 2
    algorithm: str = "coin"


def test_another_algorithm_no_seed_and_a_doubled_village_are_refused(rules):
    with pytest.raises(ValueError, match="coin"):
        draw(POOL, "x", Other())
    with pytest.raises(ValueError, match="seed"):
        draw(POOL, "", rules.sample)
    with pytest.raises(ValueError, match="twice"):
        draw({"甲": ("a", "a")}, "x", rules.sample)
