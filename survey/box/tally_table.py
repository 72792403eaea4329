"""A sealed collection's tally as tables of words and numbers: one for screen and projector; a line of it for the record on paper too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from survey.instrument import VOID, Form, Part, Question, say


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
    found = []
    for part in form.instrument.parts:
        for rated in form.subjects(part):
            by_head: dict[tuple[str, ...], list[Line]] = {}
            for question in part.questions:
                if question.kind not in ("one", "many"):
                    continue
                head = tuple(say(o.text, language) for o in question.options)
                by_head.setdefault(head, []).append(line_of(form, closing, part, rated.id, question, language))
            title = "　".join(x for x in (rated.name, rated.unit) if x) if part.scope == "person" else say(part.title, language)
            found += [Table(subject=rated.id, title=title, head=head, lines=tuple(lines)) for head, lines in by_head.items()]
    return found


def line_of(form: Form, closing: Mapping[str, Any], part: Part, subject: str, question: Question, language: str) -> Line:
    """A question's line about one subject, all groups summed; for screen and paper alike."""
    voices = closing["tally"].get(subject, {}).get(question.id, {})
    counts = tuple(sum(answers.get(option.id, 0) for answers in voices.values()) for option in question.options)
    void = sum(answers.get(VOID, 0) for answers in voices.values())
    told = form.instrument.kind == "appraisal" and part.show_if is None and question.show_if is None and question.kind == "one"
    return Line(
        question=say(question.text, language), counts=counts, void=void,
        blank=closing["valid"] - sum(counts) - void if told else None,
    )  # fmt: skip
