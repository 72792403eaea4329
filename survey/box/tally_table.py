"""A sealed collection's tally as tables of words and numbers: one for screen, projector, PDF and workbook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from survey.instrument import VOID, Form, say


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One question about one subject: counts in the order of the table's head; beside them cells with two marks on paper, and
    the ballots that left it blank (None where a blank cannot be told from a question that was not asked)."""

    question: str
    counts: tuple[int, ...]
    void: int
    blank: int | None

    @property
    def total(self) -> int:
        """The valid marks of the line."""
        return sum(self.counts)

    def percent(self, at: int) -> str:
        """A count's share of the line, one decimal, half up; "–" for an empty line."""
        if not self.total:
            return "–"
        tenths = (2000 * self.counts[at] + self.total) // (2 * self.total)
        return f"{tenths // 10}.{tenths % 10}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """One subject's lines; `head` names the answers. `subject` is a person's id, or "" for the team."""

    subject: str
    title: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def blanks(self) -> bool:
        """Whether blanks are told."""
        return any(line.blank is not None for line in self.lines)


def tables(form: Form, closing: Mapping[str, Any], language: str) -> list[Table]:
    """Tables for each subject, grouped by questions that share their answers; all groups summed. None where so few voted
    that the tally is withheld (D-27)."""
    if closing.get("withheld"):
        return []
    tally, ballots = closing["tally"], form.instrument.kind == "appraisal"
    found = []
    for part in form.instrument.parts:
        for rated in form.subjects(part):
            by_head: dict[tuple[str, ...], list[Line]] = {}
            for question in part.questions:
                if question.kind not in ("one", "many"):
                    continue
                voices = tally.get(rated.id, {}).get(question.id, {})
                counts = tuple(sum(answers.get(o.id, 0) for answers in voices.values()) for o in question.options)
                void = sum(answers.get(VOID, 0) for answers in voices.values())
                told = ballots and part.show_if is None and question.show_if is None and question.kind == "one"
                blank = closing["valid"] - sum(counts) - void if told else None
                head = tuple(say(o.text, language) for o in question.options)
                line = Line(question=say(question.text, language), counts=counts, void=void, blank=blank)
                by_head.setdefault(head, []).append(line)
            title = "　".join(x for x in (rated.name, rated.unit) if x) if part.scope == "person" else say(part.title, language)
            found += [Table(subject=rated.id, title=title, head=head, lines=tuple(lines)) for head, lines in by_head.items()]
    return found
