"""Sheets that are ticked by hand: annex 3's ballot, annex 4's questionnaire, any other instrument.

`plan` turns an instrument and the people into blocks, `lay_out` sets them and takes the place of every box from what
was laid out, `write` prints one copy a code. Pure: no database, no clock.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import jinja2
import weasyprint

from survey import condition
from survey.instrument import Condition, Form, Part, Question, say
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
_EM = 3.9  # a Chinese character of an option, in mm
_LINE, _LINE_OF_PERSON = 183.0, 138.0  # room for a question's options beside each other
_HEAD = 4  # characters of an option that stand above a grid's column
_TALL = 9  # options in one column at most, where two would do

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
    when: str = ""

    @property
    def columns(self) -> int:
        """How many options stand beside each other in columns; 0: they follow each other in one line."""
        room = _LINE_OF_PERSON if self.subject else _LINE
        widths = [_PITCH + _EM * _width(option.text) for option in self.options]
        if sum(widths) <= room:
            return 0
        fits = max(1, min(5, int(room / max(widths))))
        return 2 if fits == 1 and len(self.options) > _TALL else fits


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    """A question answered in writing: a person keys it."""

    subject: str
    question: str
    number: str
    text: str
    hint: str
    tall: bool
    when: str = ""


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
    gettext: Callable[[str], str] = str,
) -> SheetPlan:
    """The paper form of an instrument and its people, in one language; `gettext` translates the sheet's own words.

    A screen hides what is not to be answered, paper says so: once for questions in a row that ask for the same, else at each.
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
        if part.scope == "person" and _is_grid(part, language):
            blocks.append(
                Grid(
                    items=tuple(Choice(id=q.id, text=say(q.text, language)) for q in part.questions),
                    options=tuple(Choice(id=o.id, text=say(o.text, language)) for o in part.questions[0].options),
                    people=people,
                )
            )
        elif part.scope == "person":
            blocks.append(Words(look="heading", lines=(f"{form.numbers[part.id, '']}. {heading or gettext('对每位同志')}",)))
            blocks.extend(Words(look="when", lines=(told,)) for told in _told(form, part, part.show_if, language))
            for run in _runs(part.questions):
                blocks.extend(_reach(form, part, run, language, gettext))
            for person in people:
                blocks.append(Named(person=person))
                blocks.extend(_ask(q, person.subject, form.numbers.get((part.id, q.id), ""), language, gettext) for q in part.questions)
        else:
            if heading and (len(part.questions) != 1 or say(part.questions[0].text, language) != heading):
                blocks.append(Words(look="heading", lines=(heading,)))
            blocks.extend(Words(look="when", lines=(told,)) for told in _told(form, part, part.show_if, language))
            for run in _runs(part.questions):
                together = list(_reach(form, part, run, language, gettext)) if len(run) > 1 else []
                blocks.extend(together)
                for q in run:
                    number = form.numbers.get((part.id, q.id))
                    asks = "" if together else "".join(_told(form, part, q.show_if, language))
                    blocks.append(_ask(q, "", f"{number}." if number else "", language, gettext, asks))
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
    _check(plan, sheets, gettext)
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


def _is_grid(part: Part, language: str) -> bool:
    first, *others = part.questions
    heads = [(o.id, say(o.text, language)) for o in first.options]
    alike = all([(o.id, say(o.text, language)) for o in q.options] == heads for q in others)
    columns = len(part.questions) * len(first.options)
    fits = columns * _PITCH + _NAMES <= 297 - 2 * EDGE and all(_width(word) <= 2 * _HEAD for _id, text in heads for word in text.split())
    plain = all(q.kind == "one" and not q.hint and q.show_if is None for q in part.questions) and part.show_if is None
    return len(part.questions) > 1 and alike and fits and plain


def _width(text: str) -> float:
    """About how wide a text is, in Chinese characters."""
    return sum(0.55 if sign.isascii() else 1 for sign in text)


def _runs(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Questions in a row that are asked under the same condition."""
    for _condition, run in groupby(questions, key=lambda question: question.show_if):
        yield list(run)


def _told(form: Form, part: Part, show_if: Condition | None, language: str) -> list[str]:
    """A condition in words, if there is one."""
    return [condition.words(form, part, [show_if], partial(say, language=language))] if show_if else []


def _reach(form: Form, part: Part, run: Sequence[Question], language: str, gettext: Callable[[str], str]) -> Iterator[Words]:
    """The condition of several questions in a row, once for them all."""
    numbers = [form.numbers[part.id, q.id] for q in run if q.kind != "note"]
    for told in _told(form, part, run[0].show_if, language) if numbers else ():
        pattern = gettext("第 {first} 至 {last} 题：{when}") if len(numbers) > 1 else gettext("第 {first} 题：{when}")
        words = pattern.replace("{first}", numbers[0]).replace("{last}", numbers[-1]).replace("{when}", told)
        yield Words(look="when", lines=(words,))


def _ask(q: Question, subject: str, number: str, language: str, gettext: Callable[[str], str], when: str = "") -> Words | Asked | Space:
    text, hint = say(q.text, language), say(q.hint, language)
    if q.kind == "note":
        return Words(look="note", lines=(*([when] if when else []), text))
    if q.kind in ("one", "many"):
        options = tuple(Choice(id=option.id, text=say(option.text, language)) for option in q.options)
        return Asked(
            subject=subject, question=q.id, kind="one" if q.kind == "one" else "many", number=number, text=text,
            hint=hint, options=options, at_most=q.at_most, when=when,
        )  # fmt: skip
    told = [hint, _what_to_write(q, gettext), say(q.constraint_text, language)]
    return Space(
        subject=subject, question=q.id, number=number, text=text, hint=" ".join(filter(None, told)), tall=q.kind == "text", when=when
    )


def _what_to_write(q: Question, _: Callable[[str], str]) -> str:
    """What a number or a date is written like; "" for words."""
    if q.kind == "date":
        return _("（填年、月、日）")
    if q.kind == "text":
        return ""
    if q.least is not None and q.most is not None:
        words = _("（填 {least} 到 {most} 的整数）") if q.kind == "integer" else _("（填 {least} 到 {most} 的数）")
        return words.replace("{least}", q.least).replace("{most}", q.most)
    return _("（填整数）") if q.kind == "integer" else _("（填数字）")


def _rows(block: Block) -> Iterator[Row]:
    if isinstance(block, Asked):
        options = tuple(option.id for option in block.options)
        yield Row(subject=block.subject, question=block.question, kind=block.kind, options=options, at_most=block.at_most)
    elif isinstance(block, Grid):
        options = tuple(option.id for option in block.options)
        for person in block.people:
            for item in block.items:
                yield Row(subject=person.subject, question=item.id, kind="one", options=options)


def _check(plan: SheetPlan, sheets: Sequence[Sheet], gettext: Callable[[str], str]) -> None:
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
            words = {(b.subject, b.question): b.text for b in plan.blocks if isinstance(b, Asked)}
            name = f"“{words.get((row.subject, row.question), row.question)}”"
            raise LayoutError(gettext("{question}的选项一张纸排不下，请减少选项或缩短文字。").replace("{question}", name))
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
