"""The explanation tree: every score is a `Step`, and what is printed about it is read off the same object.

A step holds its value and the steps it follows from; the line of arithmetic is written only when somebody looks,
from those very children, so a score and its explanation cannot disagree.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from html import escape
from typing import Any, ClassVar

from tally.number import fixed, plain


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """A name or sentence in Chinese, with English where there is one."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    zh: str
    en: str = ""

    def text(self, language: str = "zh") -> str:
        """The words in `language` ("zh" or "en"); Chinese where there is no English."""
        return self.en if language == "en" and self.en else self.zh


class Rule(Enum):
    """How a value follows from the children's values."""

    GIVEN = "given"  # entered or counted, follows from nothing
    SUM = "sum"
    MEAN = "mean"
    RATE = "rate"  # Σ children's value × weight ÷ Σ children's value: counts of marks, weight = points of the mark
    EACH = "each"  # Σ children's value × weight ÷ the value of the child without weight: choices, the last the responses
    SHARE = "share"  # Σ children's value × weight ÷ Σ weights: groups of voters
    WEIGHTED = "weighted"  # Σ children's value × weight %, children without a weight are added: the formulas
    SAME = "same"  # the one child's value


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One figure of the reckoning.

    `value` is what the next step uses, None when missing; `exact` the figure before rounding, where it was rounded.
    `how` says in words where the value comes from, `clause` where the measure says so. `weight` is the step's part in
    its parent (per cent of a component, points of a mark); `printed` says that the value shows two decimals.
    """

    label: Label
    value: Fraction | None
    how: Label
    rule: Rule = Rule.GIVEN
    clause: str = ""
    children: "tuple[Step, ...]" = ()
    exact: Fraction | None = None
    weight: Fraction | None = None
    printed: bool = False

    def walk(self) -> "Iterator[Step]":
        """This step and all below it, from the top."""
        yield self
        for child in self.children:
            yield from child.walk()


def cut(step: Step, labels: Collection[Label], depth: int) -> Step:
    """The tree, with only `depth` levels below the steps of these labels: a figure that is explained elsewhere."""
    if step.label in labels:
        return _levels(step, depth)
    return replace(step, children=tuple(cut(child, labels, depth) for child in step.children))


def _levels(step: Step, depth: int) -> Step:
    return replace(step, children=tuple(_levels(child, depth - 1) for child in step.children) if depth else ())


def shown(step: Step, language: str = "zh") -> str:
    """The step's value as printed: two decimals for a score, plain otherwise, 缺 when missing."""
    if step.value is None:
        return "missing" if language == "en" else "缺"
    return fixed(step.value) if step.printed else _figure(step.value)


def calculation(step: Step) -> str:
    """The arithmetic in one line, "(100×12 + 80×5) ÷ 17 = 94.1176… → 94.12"; empty where nothing is reckoned."""
    if step.value is None or not step.children:
        return ""
    if step.rule is Rule.SAME:
        return "" if step.exact is None else f"{_figure(step.exact)} → {fixed(step.value)}"
    write = _WRITE.get(step.rule)
    if write is None:
        return ""
    parts = [child for child in step.children if child.value is not None]
    if not parts:
        return ""
    before = step.value if step.exact is None else step.exact
    line = f"{write(parts)} = {_figure(before)}"
    return line if step.exact is None else f"{line} → {fixed(step.value)}"


def text(step: Step, *, language: str = "zh", depth: int | None = None) -> str:
    """The tree as indented lines, down to `depth` levels (all when None)."""
    return "\n".join(_lines(step, language, depth, 0, "")) + "\n"


def tree(step: Step, *, language: str = "zh") -> dict[str, Any]:
    """The tree as plain JSON: label, value (as printed, null when missing), how, calculation, clause, children."""
    return {
        "label": step.label.text(language),
        "value": None if step.value is None else shown(step, language),
        "how": step.how.text(language),
        "calculation": calculation(step),
        "clause": step.clause,
        "children": [tree(child, language=language) for child in step.children],
    }


def html(step: Step, *, language: str = "zh", depth: int | None = None, opened: int = 1, sign: str = "") -> str:
    """The tree as nested `<details>`, the first `opened` levels open; works without a script. All text is escaped.

    `sign` stands behind the step's own weight ("%" in a formula).
    """
    share = "" if step.weight is None else f' <span class="step-weight">× {escape(_weight(step))}{sign}</span>'
    head = (
        f'<span class="step-label">{escape(step.label.text(language))}</span> '
        f'<b class="step-value">{escape(shown(step, language))}</b>{share}'
    )
    line = calculation(step)
    body = f'<p class="step-how">{escape(step.how.text(language))}{_clause(step, language)}</p>'
    if line:
        body += f'<p class="step-calculation">{escape(line)}</p>'
    if not step.children or depth == 0:
        return f'<div class="step">{head}{body}</div>'
    below = None if depth is None else depth - 1
    inner = "".join(
        html(child, language=language, depth=below, opened=opened - 1, sign=_sign(step)) for child in step.children
    )
    state = " open" if opened > 0 else ""
    return (
        f'<details class="step"{state}><summary>{head}</summary>{body}<div class="step-parts">{inner}</div></details>'
    )


def _lines(step: Step, language: str, depth: int | None, level: int, sign: str) -> Iterator[str]:
    indent = "  " * level
    share = "" if step.weight is None else f" × {_weight(step)}{sign}"
    clause = f"〔{step.clause}〕" if step.clause else ""
    colon = ": " if language == "en" else "："
    yield f"{indent}{step.label.text(language)} {shown(step, language)}{share}{colon}{step.how.text(language)}{clause}"
    line = calculation(step)
    if line:
        yield f"{indent}  {line}"
    if depth is None or level < depth:
        for child in step.children:
            yield from _lines(child, language, depth, level + 1, _sign(step))


def _sign(step: Step) -> str:
    """What stands behind the weights of the step's children."""
    return "%" if step.rule in (Rule.WEIGHTED, Rule.SHARE) else ""


def _clause(step: Step, language: str) -> str:
    return f' <span class="step-clause">〔{escape(step.clause)}〕</span>' if step.clause else ""


def _figure(value: Fraction) -> str:
    """Exactly where a decimal is exact, else six places and an ellipsis."""
    exact = plain(value)
    if "/" not in exact:
        return exact
    scale = 10**6
    digits = abs(value.numerator) * scale // value.denominator
    sign = "-" if value < 0 else ""
    return f"{sign}{digits // scale}.{digits % scale:06d}…"


def _operand(step: Step) -> str:
    assert step.value is not None
    return fixed(step.value) if step.printed else _figure(step.value)


def _weight(step: Step) -> str:
    assert step.weight is not None
    return plain(step.weight)


def _sum(parts: list[Step]) -> str:
    line = " + ".join(_operand(part) for part in parts)
    return line.replace("+ -", "− ")


def _mean(parts: list[Step]) -> str:
    return f"({_sum(parts)}) ÷ {len(parts)}"


def _rate(parts: list[Step]) -> str:
    counted = [part for part in parts if part.weight is not None]
    total = sum((part.value for part in counted if part.value is not None), Fraction(0))
    products = " + ".join(f"{_weight(part)}×{_operand(part)}" for part in counted)
    return f"({products}) ÷ {plain(total)}"


def _each(parts: list[Step]) -> str:
    products = " + ".join(f"{_weight(part)}×{_operand(part)}" for part in parts if part.weight is not None)
    return f"({products}) ÷ {_operand(parts[-1])}"


def _share(parts: list[Step]) -> str:
    counted = [part for part in parts if part.weight is not None]
    total = sum((part.weight for part in counted if part.weight is not None), Fraction(0))
    products = " + ".join(f"{_operand(part)}×{_weight(part)}" for part in counted)
    return f"({products}) ÷ {plain(total)}"


def _weighted(parts: list[Step]) -> str:
    terms = [_operand(part) if part.weight is None else f"{_operand(part)}×{_weight(part)}%" for part in parts]
    return " + ".join(terms).replace("+ -", "− ")


_WRITE: dict[Rule, Callable[[list[Step]], str]] = {
    Rule.SUM: _sum,
    Rule.MEAN: _mean,
    Rule.RATE: _rate,
    Rule.EACH: _each,
    Rule.SHARE: _share,
    Rule.WEIGHTED: _weighted,
}
