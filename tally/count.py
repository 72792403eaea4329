"""Counts of marks become a score: each item the mean of its valid marks, the whole the mean of its items.

Blank, void and unsure marks are shown but stand in no denominator (D-07).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import lcm

from tally import number
from tally.facts import RESPONSES, Asked
from tally.number import parse, plain, total
from tally.rulebook import Named
from tally.step import Label, Rule, Step

Counts = Mapping[str, Mapping[str, int]]  # group -> mark -> how many


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """The marks of a form from best to worst with their points, and the marks that do not count."""

    marks: Sequence[Named]
    points: Mapping[str, Fraction]
    neutral: Sequence[Named]
    worth: Mapping[str, int]  # the points as whole numbers …
    over: int  # … over one denominator


def scale(marks: Sequence[Named], points: Sequence[Fraction], neutral: Sequence[Named]) -> Scale:
    """A scale from its marks and their points in the same order."""
    over = lcm(*(each.denominator for each in points))
    names = [each.id for each in marks]
    worth = {name: int(each * over) for name, each in zip(names, points, strict=True)}
    return Scale(marks=marks, points=dict(zip(names, points, strict=True)), neutral=neutral, worth=worth, over=over)


@dataclass(frozen=True, kw_only=True, slots=True)
class Groups:
    """Voter groups with their weights in per cent (D-06); under `smallest` ballots none is shown apart (D-27)."""

    names: Sequence[Named]
    weights: Mapping[str, Fraction]
    smallest: int


_RATE = Label(zh="有效票的分数之和除以有效票数", en="points of the valid marks over their number")
_SHARE = Label(
    zh="各类得分按权重平均，没有有效票的类别让给其余各类", en="groups by weight, a group without valid marks gives way"
)
_HIDDEN = Label(zh="各类得分按权重平均；有类别票数太少，不列明细", en="groups by weight; one is too small to be shown")
_NO_MARK = Label(zh="没有有效票", en="no valid mark")
_NO_WEIGHT = Label(zh="有效票都在权重为零的类别", en="valid marks only in groups of weight 0")
_NO_GROUP = Label(
    zh="有的票没有类别，不能按类别加权", en="some marks bear no known group, so groups cannot be weighted"
)
_COUNTED = Label(zh="计票", en="counted")
_EACH = Label(zh="所选各项的分数之和除以有效答卷数", en="points of all that was chosen over the responses")
_LINE = Label(
    zh="{low}得0分，{high}得100分，之间按比例；各数的分数之和除以有效答卷数",
    en="{low} gives 0, {high} gives 100, in proportion between; points of the numbers over the responses",
)
_VOID = Named(id="void", label=Label(zh="作废", en="void"))
_RESPONSES = Label(zh="有效答卷", en="valid responses")


def item(label: Label, counts: Counts, scale: Scale, groups: Groups | None = None) -> Step:
    """The score of one item or question, exact; missing when nobody marked it."""
    if groups is None:
        return _pooled(label, _together(counts), scale)
    known = {each.id for each in groups.names}
    if any(not known.issuperset(group.split("+")) for group in counts):
        return Step(label=label, value=None, how=_NO_GROUP)
    parts = []
    for group in sorted(counts, key=lambda name: [each.id for each in groups.names].index(name.split("+")[0])):
        step = _pooled(_group_label(group, groups.names), counts[group], scale)
        if step.value is not None:
            parts.append((step, total(groups.weights[name] for name in group.split("+"))))
    whole = total(weight for _, weight in parts)
    if not whole:
        return Step(label=label, value=None, how=_NO_WEIGHT if parts else _NO_MARK)
    value = total(step.value * weight for step, weight in parts if step.value is not None) / whole
    if any(sum(counts[group].values()) < groups.smallest for group in counts):
        return Step(label=label, value=value, how=_HIDDEN)
    children = tuple(
        Step(label=step.label, value=step.value, how=step.how, rule=step.rule, children=step.children, weight=weight)
        for step, weight in parts
    )
    return Step(label=label, value=value, how=_SHARE, rule=Rule.SHARE, children=children)


def asked(question: Asked, marks: Mapping[str, int]) -> Step:
    """The score of a question of the office's own, exact; missing when no answer counts."""
    if question.kind == "many":
        return _several(question, marks)
    if question.kind == "number":
        return _numbers(question, marks)
    named = {each.id: Named(id=each.id, label=each.label) for each in question.answers}
    worth = {each.id: each.points for each in question.answers if each.points is not None}
    neutral = [each for id, each in named.items() if id not in worth]
    return _pooled(question.label, marks, scale([named[id] for id in worth], list(worth.values()), [*neutral, _VOID]))


def _numbers(question: Asked, marks: Mapping[str, int]) -> Step:
    """A question answered by a number: each different number with its points, by the two that are worth 0 and 100."""
    low, high = (exactly(each.id) for each in question.answers)
    given: dict[Fraction, int] = {}
    for text, times in marks.items():
        given[exactly(text)] = given.get(exactly(text), 0) + times
    names = [Named(id=plain(each), label=Label(zh=plain(each))) for each in sorted(given)]
    worth = [min(max((each - low) * 100 / (high - low), Fraction(0)), Fraction(100)) for each in sorted(given)]
    if not names:
        return Step(label=question.label, value=None, how=_NO_MARK)
    step = _pooled(question.label, {plain(each): times for each, times in given.items()}, scale(names, worth, ()))
    ends = {"low": plain(low), "high": plain(high)}
    return replace(step, how=Label(zh=_LINE.zh.format(**ends), en=_LINE.en.format(**ends)))


def exactly(text: str) -> Fraction:
    """The value of a number as it was typed: with a sign perhaps, at most 15 digits."""
    return parse(text.removeprefix("+"), places=15)


def _several(question: Asked, marks: Mapping[str, int]) -> Step:
    """A question of several: every choice brings its points, whatever else was chosen."""
    responses = marks.get(RESPONSES, 0)
    children = [
        Step(label=each.label, value=_whole(marks.get(each.id, 0)), how=_COUNTED, weight=each.points)
        for each in question.answers
    ]
    if not responses:
        return Step(label=question.label, value=None, how=_NO_MARK, children=tuple(children))
    points = total(each.value * each.weight for each in children if each.value is not None and each.weight is not None)
    whole = Step(label=_RESPONSES, value=_whole(responses), how=_COUNTED)
    return Step(label=question.label, value=points / responses, how=_EACH, rule=Rule.EACH, children=(*children, whole))


def mean(items: Sequence[Step]) -> Fraction | None:
    """The exact mean of the items; None when one of them is missing."""
    values = [step.value for step in items if step.value is not None]
    return number.mean(values) if items and len(values) == len(items) else None


def _together(counts: Counts) -> dict[str, int]:
    """The groups pooled."""
    pooled: dict[str, int] = {}
    for marks in counts.values():
        for mark, times in marks.items():
            pooled[mark] = pooled.get(mark, 0) + times
    return pooled


def _pooled(label: Label, marks: Mapping[str, int], scale: Scale) -> Step:
    valid = points = 0
    for mark, worth in scale.worth.items():
        times = marks.get(mark, 0)
        valid, points = valid + times, points + worth * times
    children = [
        Step(label=each.label, value=_whole(marks.get(each.id, 0)), how=_COUNTED, weight=scale.points[each.id])
        for each in scale.marks
    ]
    children += [
        Step(label=each.label, value=_whole(marks[each.id]), how=_COUNTED)
        for each in scale.neutral
        if marks.get(each.id)
    ]
    if not valid:
        return Step(label=label, value=None, how=_NO_MARK, children=tuple(children))
    value = Fraction(points, valid * scale.over)
    return Step(label=label, value=value, how=_RATE, rule=Rule.RATE, children=tuple(children))


@cache
def _whole(times: int) -> Fraction:
    """A count as an exact number; the same small ones come up thousands of times."""
    return Fraction(times)


def _group_label(group: str, names: Sequence[Named]) -> Label:
    parts = [each.label for name in group.split("+") for each in names if each.id == name]
    return Label(zh="、".join(part.zh for part in parts), en=", ".join(part.en or part.zh for part in parts))
