"""A fault of a year book: where it stands, what stands there, and what would be right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Translate = Callable[[str], str]


def chinese(text: str) -> str:
    """The source language: every text as it is."""
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault. `row` is the line a person sees in an editor or Excel (0: the file or table as a whole).

    `remedy` is Chinese source text with named places (`%(max)s`) that `values` fill, so that any language can tell it.
    """

    table: str
    row: int
    column: str
    value: str
    remedy: str
    values: Mapping[str, str] = field(default_factory=dict)

    def advice(self, translate: Translate = chinese) -> str:
        """What would be right, in the language of `translate`."""
        return translate(self.remedy) % self.values if self.values else translate(self.remedy)

    def line(self, translate: Translate = chinese) -> str:
        """`table:row:column: value: remedy`, on one line."""
        value = " ".join(self.value.split()) if len(self.value) < 200 else " ".join(self.value[:197].split()) + "…"
        return f"{self.table}:{self.row or ''}:{self.column}: {value}: {self.advice(translate)}"


class Faulty(Exception):
    """The year book has faults: all of them, in the order of the tables and their rows."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = tuple(faults)
