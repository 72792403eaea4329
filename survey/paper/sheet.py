"""Sheets that are ticked by hand: annex 3's ballot, annex 4's questionnaire, any other instrument.

`plan` turns an instrument and the people into blocks, `lay_out` sets them and takes the place of every box from what
was laid out, `write` prints one copy a code. Pure: no database, no clock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import jinja2
import weasyprint

from survey.instrument import Form, Part, Question, say
from survey.paper import font, stamp
from survey.paper.geometry import (
    BOX,
    EDGE,
    GAP,
    MARKS,
    Box,
    Geometry,
    Key,
    Kind,
    Row,
    Sheet,
    Stamp,
    code_place,
    corner_marks,
    layout,
    size,
)

_HOUSE = Path(__file__).parents[2]
_MM = 25.4 / 96  # a CSS pixel
_PITCH = BOX + GAP
_NAMES = 35.0  # width of a grid's column of names


VOICE = "voice"  # the question for the group, asked on sheets whose code carries none


class LayoutError(ValueError):
    """What was asked cannot be printed so that it can be read back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Who is rated, as printed; `subject` is the person's id."""

    subject: str
    name: str
    position: str = ""
    unit: str = ""

    @property
    def family(self) -> str | None:
        """The font of the whole name."""
        return font.family(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """An option with its words."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """Lines of text over the whole width; `look` is a CSS class: preamble, instructions, notice, heading, note."""

    look: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A heading with a person, before the questions on that person."""

    person: Person


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A question with its boxes in a line; `number` as printed."""

    subject: str
    question: str
    kind: Kind
    number: str
    text: str
    hint: str
    options: tuple[Choice, ...]
    at_most: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """A question answered in writing: a person keys it."""

    subject: str
    question: str
    number: str
    text: str
    hint: str
    tall: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """Annex 3's table: a row a person, the same options under every item."""

    items: tuple[Choice, ...]
    options: tuple[Choice, ...]
    people: tuple[Person, ...]


Block = Words | Named | Asked | Space | Grid


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetPlan:
    """What a paper form says, before it is laid out; reading knows of its `rows` only."""

    collection: str
    title: str
    subtitle: str
    language: str
    blocks: tuple[Block, ...]

    @property
    def landscape(self) -> bool:
        """Whether a grid needs the longer side."""
        widest = max((len(b.items) * len(b.options) for b in self.blocks if isinstance(b, Grid)), default=0)
        return widest * _PITCH + _NAMES > 210 - 2 * EDGE

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every question with boxes, in printed order."""
        return tuple(row for block in self.blocks for row in _rows(block))


@dataclass(frozen=True, kw_only=True, slots=True)
class Laid:
    """A form laid out once: its geometry and its pages without a code."""

    geometry: Geometry
    pdf: bytes


def plan(
    form: Form,
    *,
    collection: str,
    title: str = "",
    subtitle: str = "",
    language: str = "zh",
    ask_voice: bool = False,
) -> SheetPlan:
    """The paper form of an instrument and its people, in one language.

    The title stands on top of each sheet. `ask_voice` asks for the group, where the sheet's code does not carry it.
    """
    instrument = form.instrument
    blocks: list[Block] = []
    for look, texts in (("notice", (instrument.notice,)), ("preamble", (instrument.preamble,))):
        if lines := tuple(words for text in texts if (words := say(text, language))):
            blocks.append(Words(look=look, lines=lines))
    if instrument.instructions:
        told = (say(text, language) for text in instrument.instructions)
        blocks.append(Words(look="instructions", lines=tuple(f"{number}. {line}" for number, line in enumerate(told, 1))))
    if ask_voice and instrument.voices:
        blocks.append(
            Asked(
                subject="",
                question=VOICE,
                kind="one",
                number="",
                text=say(instrument.voices_title, language),
                hint="",
                options=tuple(Choice(id=voice.id, text=say(voice.text, language)) for voice in instrument.voices),
            )  # fmt: skip
        )
    for part in instrument.parts:
        people = tuple(
            Person(subject=rated.id, name=rated.name, position=rated.position, unit=rated.unit) for rated in form.subjects(part)
        )
        heading = say(part.title, language)
        if part.scope == "person" and _is_grid(part):
            blocks.append(
                Grid(
                    items=tuple(Choice(id=q.id, text=say(q.text, language)) for q in part.questions),
                    options=tuple(Choice(id=o.id, text=say(o.text, language)) for o in part.questions[0].options),
                    people=people,
                )
            )
        elif part.scope == "person":
            blocks.append(Words(look="heading", lines=(f"{form.numbers[part.id, '']}. {heading}",)))
            for person in people:
                blocks.append(Named(person=person))
                blocks.extend(_ask(q, person.subject, "", language) for q in part.questions)
        else:
            if heading and (len(part.questions) != 1 or say(part.questions[0].text, language) != heading):
                blocks.append(Words(look="heading", lines=(heading,)))
            for q in part.questions:
                number = form.numbers.get((part.id, q.id))
                blocks.append(_ask(q, "", f"{number}." if number else "", language))
    title = title or say(instrument.title, language)
    return SheetPlan(collection=collection, title=title, subtitle=subtitle, language=language, blocks=tuple(blocks))


def lay_out(plan: SheetPlan, gettext: Callable[[str], str] = str) -> Laid:
    """Sets the form once; raises LayoutError when a box would be unreadable.

    `gettext` translates the sheet's own few words (第 1 张，共 2 张).
    """
    keys = [(row.subject, row.question, option) for row in plan.rows for option in row.options]
    if not keys:
        raise LayoutError("这份问卷没有可以打钩的题目。")
    if len(set(keys)) != len(keys):
        raise LayoutError("同一个人或同一道题在表上出现了两次。")
    numbers, space_numbers = _names(plan)
    text = html(plan, gettext)
    document = render(text)
    found = [page.anchors for page in document.pages]
    sheets = tuple(
        Sheet(
            boxes={key: _place(anchors[number]) for key, number in numbers.items() if number in anchors},
            spaces={key: _place(anchors[number]) for key, number in space_numbers.items() if number in anchors},
        )
        for anchors in found
    )
    _check(plan, sheets)
    buffer = BytesIO()
    document.write_pdf(buffer)
    geometry = Geometry(
        collection=plan.collection,
        layout=layout(plan.rows, sheets, text),
        landscape=plan.landscape,
        rows=plan.rows,
        sheets=sheets,
    )
    return Laid(geometry=geometry, pdf=buffer.getvalue())


def html(plan: SheetPlan, gettext: Callable[[str], str] = str) -> str:
    """The form as HTML, each box and space with an id that its place is found by."""
    boxes, spaces = _names(plan)
    return _template().render(
        plan=plan, box=boxes, space=spaces, _=gettext, font=font, code=code_place(plan.landscape), pitch=_PITCH,
        size=size(plan.landscape), kind_of=lambda block: type(block).__name__,
    )  # fmt: skip


def _names(plan: SheetPlan) -> tuple[dict[Key, str], dict[tuple[str, str], str]]:
    keys = [(row.subject, row.question, option) for row in plan.rows for option in row.options]
    spaces = [(block.subject, block.question) for block in plan.blocks if isinstance(block, Space)]
    return {key: f"b{number}" for number, key in enumerate(keys)}, {key: f"s{n}" for n, key in enumerate(spaces)}


def render(html: str) -> weasyprint.Document:
    """An HTML text laid out with paper.css; nothing else is ever fetched."""
    return weasyprint.HTML(string=html, url_fetcher=refuse, base_url=None).render(stylesheets=[_style()])


def write(laid: Laid, codes: Iterable[str], out: BinaryIO, progress: Callable[[int], None] | None = None) -> int:
    """Prints one copy of the form a code into one PDF; says how many. The codes are kept nowhere else."""
    return stamp.copies(laid.pdf, _drawings(laid.geometry, codes), out, progress)


def drawing(geometry: Geometry, code: str, page: int) -> bytes:
    """The operators that make a blank page this sheet: corner marks, QR code and the code in letters."""
    height = geometry.size[1]
    place = code_place(geometry.landscape)
    said = Stamp(collection=geometry.collection, code=code, page=page, of=len(geometry.sheets), layout=geometry.layout)
    parts = [_marks(geometry.landscape), stamp.modules(stamp.matrix(str(said)), place, height)]
    parts.append(stamp.words(code, place.x + place.width / 2, place.y + place.height + 4.0, 9, height))
    return b"".join(parts)


def _drawings(geometry: Geometry, codes: Iterable[str]) -> Iterator[list[bytes]]:
    for code in codes:
        yield [drawing(geometry, code, page) for page in range(1, len(geometry.sheets) + 1)]


@cache
def _marks(landscape: bool) -> bytes:
    drawn = b""
    for name, place in corner_marks(landscape).items():
        white = [[sign == "1" for sign in MARKS[name][row : row + 4]] for row in (0, 4, 8, 12)]
        rows = [[True] * 6, *([True, *(not light for light in row), True] for row in white), [True] * 6]
        drawn += stamp.modules(rows, place, size(landscape)[1])
    return drawn


def _is_grid(part: Part) -> bool:
    first, *others = part.questions
    alike = all([o.id for o in q.options] == [o.id for o in first.options] for q in others)
    columns = len(part.questions) * len(first.options)
    fits = columns * _PITCH + _NAMES <= 297 - 2 * EDGE
    return len(part.questions) > 1 and alike and fits and all(q.kind == "one" for q in part.questions)


def _ask(q: Question, subject: str, number: str, language: str) -> Words | Asked | Space:
    text, hint = say(q.text, language), say(q.hint, language)
    if q.kind == "note":
        return Words(look="note", lines=(text,))
    if q.kind in ("one", "many"):
        options = tuple(Choice(id=option.id, text=say(option.text, language)) for option in q.options)
        return Asked(
            subject=subject, question=q.id, kind="one" if q.kind == "one" else "many", number=number, text=text,
            hint=hint, options=options, at_most=q.at_most,
        )  # fmt: skip
    return Space(subject=subject, question=q.id, number=number, text=text, hint=hint, tall=q.kind == "text")


def _rows(block: Block) -> Iterator[Row]:
    if isinstance(block, Asked):
        options = tuple(option.id for option in block.options)
        yield Row(subject=block.subject, question=block.question, kind=block.kind, options=options, at_most=block.at_most)
    elif isinstance(block, Grid):
        options = tuple(option.id for option in block.options)
        for person in block.people:
            for item in block.items:
                yield Row(subject=person.subject, question=item.id, kind="one", options=options)


def _check(plan: SheetPlan, sheets: Sequence[Sheet]) -> None:
    """A form that could not be read back is not printed."""
    width, height = size(plan.landscape)
    if len(sheets) > 99:
        raise LayoutError("这份表超过 99 张，请分开印。")
    for row in plan.rows:
        pages = {
            number
            for number, sheet in enumerate(sheets)
            for option in row.options
            if (row.subject, row.question, option) in sheet.boxes
        }
        if len(pages) != 1:
            raise LayoutError("有一道题的选项没有排在同一张纸上，请缩短文字。")
    for sheet in sheets:
        boxes = list(sheet.boxes.values())
        for number, box in enumerate(boxes):
            if box.x < EDGE or box.y < EDGE or box.x + BOX > width - EDGE or box.y + BOX > height - EDGE:
                raise LayoutError("有方格太靠近纸边，请缩短文字或分开印。")
            for other in boxes[number + 1 :]:
                apart = max(abs(box.x - other.x), abs(box.y - other.y)) - BOX
                if apart < GAP - 0.05:
                    raise LayoutError("有方格靠得太近，请缩短文字或分开印。")


def _place(anchor: Any) -> Box:
    left, top, right, bottom = (round(pixels * _MM, 3) for pixels in anchor)
    return Box(x=left, y=top, width=round(right - left, 3), height=round(bottom - top, 3))


def refuse(url: str, *_: Any, **__: Any) -> NoReturn:
    """The fetcher of every sheet: all that is printed is in the text already."""
    raise ValueError(f"a sheet fetches nothing: {url[:40]}")


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(_HOUSE / "templates" / "paper")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined).get_template("sheet.html")


@cache
def _style() -> weasyprint.CSS:
    return weasyprint.CSS(string=(_HOUSE / "static" / "paper.css").read_text("utf-8"), url_fetcher=refuse)
