"""Where things lie on a printed sheet, in millimetres from its upper left corner.

One source for printing and for reading: `sheet` fills a `Geometry` from the boxes that were laid out, the collection
keeps it as JSON, `reading` looks for ink where it says. Nothing here knows of instruments, people or images.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MARK = 9.0  # side of a corner mark
EDGE = 11.0  # from the paper's edge to a corner mark: more than any printer or feeder cuts off
CODE = 22.0  # side of the QR code
BOX = 5.0  # side of a box, outline included
GAP = 7.0  # least distance between two boxes
LINE = 0.3  # width of a box's outline
WHITE = 2.0  # around a box nothing is printed for so far

Kind = Literal["one", "many"]
Key = tuple[str, str, str]  # subject, question, option

# ArUco 4x4_50: the inner 16 modules by row, 1 is white. Upper left, upper right, lower right, lower left.
PORTRAIT = (0, 1, 2, 3)
LANDSCAPE = (4, 5, 6, 7)
MARKS = {
    0: "1011010100110010",
    1: "0000111110011010",
    2: "0011001100101101",
    3: "1001100101000110",
    4: "0101010010011110",
    5: "0111100111001101",
    6: "1001111000101110",
    7: "1100010011110010",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One question to one subject as it stands on paper; a blank subject is the team or the respondent."""

    subject: str
    question: str
    kind: Kind
    options: tuple[str, ...]
    at_most: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle on a sheet, in mm."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sheet:
    """One printed side: its boxes to tick and its spaces to write in (a person keys those)."""

    boxes: Mapping[Key, Box]
    spaces: Mapping[tuple[str, str], Box]


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """All sheets of one paper form; `layout` is the hash printed in each code."""

    collection: str
    layout: str
    landscape: bool
    rows: tuple[Row, ...]
    sheets: tuple[Sheet, ...]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the paper."""
        return size(self.landscape)

    def rows_of(self, page: int) -> tuple[Row, ...]:
        """The rows printed on a page (counted from 1), in printed order."""
        here = {(subject, question) for subject, question, _ in self.sheets[page - 1].boxes}
        return tuple(row for row in self.rows if (row.subject, row.question) in here)

    def to_json(self) -> str:
        """As text to keep with the collection; `from_json` gives an equal geometry back."""
        return json.dumps(
            {
                "collection": self.collection,
                "layout": self.layout,
                "landscape": self.landscape,
                "rows": [[r.subject, r.question, r.kind, list(r.options), r.at_most] for r in self.rows],
                "sheets": [_plain(sheet) for sheet in self.sheets],
            },
            ensure_ascii=False,
            separators=(",", ":"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What the QR code of a sheet says."""

    collection: str
    code: str
    page: int
    of: int
    layout: str

    def __str__(self) -> str:
        return f"P1/{self.collection}/{self.code}/{self.page}/{self.of}/{self.layout}"


_STAMP = re.compile(r"P1/([^/]{1,40})/([0-9A-Za-z-]{1,40})/([1-9]\d?)/([1-9]\d?)/([0-9A-Z]{8})")


def stamp(text: str) -> Stamp | None:
    """The stamp that a QR code's text is, or None for a code that is none of ours."""
    found = _STAMP.fullmatch(text)
    if found is None:
        return None
    page, of = int(found[3]), int(found[4])
    if page > of:
        return None
    return Stamp(collection=found[1], code=found[2], page=page, of=of, layout=found[5])


def from_json(text: str) -> Geometry:
    """The geometry that `Geometry.to_json` wrote."""
    data = json.loads(text)
    return Geometry(
        collection=data["collection"],
        layout=data["layout"],
        landscape=data["landscape"],
        rows=tuple(
            Row(subject=s, question=q, kind=kind, options=tuple(options), at_most=at_most)
            for s, q, kind, options, at_most in data["rows"]
        ),
        sheets=tuple(
            Sheet(
                boxes={(s, q, o): _box(place) for s, q, o, *place in sheet["boxes"]},
                spaces={(s, q): _box(place) for s, q, *place in sheet["spaces"]},
            )
            for sheet in data["sheets"]
        ),
    )


def layout(rows: Sequence[Row], sheets: Sequence[Sheet], words: str) -> str:
    """Eight characters that change with any box, row or printed word."""
    said = json.dumps(
        [[[r.subject, r.question, r.kind, r.options, r.at_most] for r in rows], [_plain(s) for s in sheets], words],
        ensure_ascii=False,
    )
    number = int.from_bytes(hashlib.sha256(said.encode()).digest()[:5])
    return "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[number >> shift & 31] for shift in range(35, -1, -5))


def size(landscape: bool) -> tuple[float, float]:
    """Width and height of A4."""
    return (297.0, 210.0) if landscape else (210.0, 297.0)


def corner_marks(landscape: bool) -> dict[int, Box]:
    """The four corner marks by their ArUco number."""
    width, height = size(landscape)
    left, top, right, bottom = EDGE, EDGE, width - EDGE - MARK, height - EDGE - MARK
    places = ((left, top), (right, top), (right, bottom), (left, bottom))
    names = LANDSCAPE if landscape else PORTRAIT
    return {name: Box(x=x, y=y, width=MARK, height=MARK) for name, (x, y) in zip(names, places, strict=True)}


def code_place(landscape: bool) -> Box:
    """Where the QR code stands: left of the upper right mark, white around it."""
    width, _ = size(landscape)
    return Box(x=width - EDGE - MARK - 4.5 - CODE, y=EDGE, width=CODE, height=CODE)


def _plain(sheet: Sheet) -> dict[str, list[list[str | float]]]:
    return {
        "boxes": [[*key, *_place(box)] for key, box in sheet.boxes.items()],
        "spaces": [[*key, *_place(box)] for key, box in sheet.spaces.items()],
    }


def _place(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.width, box.height


def _box(place: Sequence[float]) -> Box:
    x, y, width, height = place
    return Box(x=x, y=y, width=width, height=height)
