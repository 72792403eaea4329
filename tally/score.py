"""A score: the components by their weights, then bonus and deduction, for a team and for a person alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tally.component import printed
from tally.factor import Adjusted, owed
from tally.number import total
from tally.rulebook import Formula, Rulebook
from tally.step import Label, Rule, Step

_JOINED = Label(zh="各项得分乘以权重相加，再加减分", en="components by weight, then bonus and deduction")
_BASE = Label(zh="各项得分乘以权重相加，不含加减分", en="components by weight, without bonus and deduction")


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One subject scored.

    `step` is the total's, printed with two decimals, its value None when an input is missing; `base` the printed
    weighted sum without ±, None when a component is missing. `missing` names components and inputs, sorted.
    """

    components: Mapping[str, Step]
    adjusted: Adjusted
    missing: tuple[str, ...]
    step: Step
    base: Step


def joined(
    rulebook: Rulebook, formula: Formula, name: str, components: Mapping[str, Step], adjusted: Adjusted
) -> Score:
    """Joins components (id -> step) by the formula's weights, adds ±, and rounds the total once, not capped (D-16)."""
    weighted = tuple(_weighed(components[each], weight) for each, weight in formula.weights.items())
    lacking = [each for each in formula.weights if components[each].value is None]
    missing = tuple(sorted({*lacking, *adjusted.missing}))
    exact = total(step.value * step.weight for step in weighted if step.value is not None and step.weight) / 100
    label = Label(zh=f"{name} {formula.label.zh}", en=f"{name}: {formula.label.en or formula.label.zh}")
    clause = formula.clause
    base_label = Label(zh=f"{name} 加权得分", en=f"{name}: weighted score")
    if lacking:
        base = Step(
            label=base_label,
            value=None,
            how=_gap(rulebook, lacking),
            rule=Rule.WEIGHTED,
            clause=clause,
            children=weighted,
        )
    else:
        base = printed(base_label, exact, _BASE, Rule.WEIGHTED, clause, weighted)
    children = (*weighted, adjusted.step)
    if missing:
        step = Step(
            label=label, value=None, how=_gap(rulebook, missing), rule=Rule.WEIGHTED, clause=clause, children=children
        )
    else:
        step = printed(label, exact + adjusted.total, _JOINED, Rule.WEIGHTED, clause, children)
    return Score(components=components, adjusted=adjusted, missing=missing, step=step, base=base)


def _weighed(step: Step, weight: Fraction) -> Step:
    return Step(
        label=step.label,
        value=step.value,
        how=step.how,
        rule=step.rule,
        clause=step.clause,
        children=step.children,
        exact=step.exact,
        weight=weight,
        printed=step.printed,
    )


def _gap(rulebook: Rulebook, missing: list[str] | tuple[str, ...]) -> Label:
    """What is missing and who owes it, in one line."""
    words = [(rulebook.word(name), owed(rulebook, name)) for name in missing]
    zh = "、".join(f"{word.zh}（{why.zh}）" for word, why in words)
    en = ", ".join(f"{word.en or word.zh} ({why.en})" for word, why in words)
    return Label(zh=zh, en=en)
