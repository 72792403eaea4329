"""Slips (测评码): small tickets to cut, each with a QR code, ten characters to type and three lines on how.

One page is laid out a group; its copies get the codes drawn in. The order is shuffled by the system's random numbers, and
nothing on a slip is a serial number.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from survey.paper import press, stamp
from survey.paper.geometry import Box

WIDTH, HEIGHT = 210.0, 297.0
_POINT = 72 / 25.4


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """One slip as printed: where its QR code leads, and what is typed instead."""

    address: str
    code: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Heading:
    """What all slips of a page say."""

    title: str
    banner: str
    group: str
    site: str
    large: bool = False
    trial: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Grid:
    """How slips lie on the page; lengths in mm, from a slip's own upper left corner."""

    columns: int
    rows: int
    qr: Box
    code_x: float
    code_y: float
    points: float

    @property
    def width(self) -> float:
        return WIDTH / self.columns

    @property
    def height(self) -> float:
        return HEIGHT / self.rows


_USUAL = _Grid(columns=2, rows=5, qr=Box(x=9, y=20.5, width=27, height=27), code_x=69, code_y=27, points=17)
_LARGE = _Grid(columns=2, rows=2, qr=Box(x=30, y=31, width=45, height=45), code_x=52.5, code_y=88, points=26)


def shown(code: str) -> str:
    """A typed code in two groups of five."""
    return f"{code[:5]} {code[5:]}"


def write(
    tickets: Sequence[Ticket],
    heading: Heading,
    out: BinaryIO,
    gettext: Callable[..., str],
    progress: Callable[[int], None] | None = None,
) -> int:
    """Prints slips of one group, shuffled, and says on how many pages. `progress` hears of slips."""
    grid = _LARGE if heading.large else _USUAL
    shuffled = list(tickets)
    secrets.SystemRandom().shuffle(shuffled)
    blank = press.pdf("paper/slips.html", gettext, heading=heading, grid=grid, count=grid.columns * grid.rows)
    each = grid.columns * grid.rows
    told = (lambda pages: progress(min(pages * each, len(shuffled)))) if progress else None
    return stamp.copies(blank, _pages(shuffled, grid), out, told)


def _pages(tickets: Sequence[Ticket], grid: _Grid) -> Iterator[list[bytes]]:
    each = grid.columns * grid.rows
    for at in range(0, len(tickets), each):
        here = tickets[at : at + each]
        drawn = [_ticket(ticket, grid, place) for place, ticket in enumerate(here)]
        drawn += [_white(grid, place) for place in range(len(here), each)]
        yield [b"".join(drawn)]


def _ticket(ticket: Ticket, grid: _Grid, place: int) -> bytes:
    left, top = (place % grid.columns) * grid.width, (place // grid.columns) * grid.height
    code = Box(x=left + grid.qr.x, y=top + grid.qr.y, width=grid.qr.width, height=grid.qr.height)
    drawn = stamp.modules(stamp.matrix(ticket.address), code, HEIGHT)
    return drawn + stamp.words(shown(ticket.code), left + grid.code_x, top + grid.code_y, grid.points, HEIGHT)


def _white(grid: _Grid, place: int) -> bytes:
    """A place of the last page that bears no slip."""
    left, top = (place % grid.columns) * grid.width, (place // grid.columns) * grid.height
    x, y = (left + 1) * _POINT, (HEIGHT - top - grid.height + 1) * _POINT
    return f"1 g {x:.2f} {y:.2f} {(grid.width - 2) * _POINT:.2f} {(grid.height - 2) * _POINT:.2f} re f\n".encode()


def pdf(tickets: Sequence[Ticket], heading: Heading, gettext: Callable[..., str]) -> bytes:
    """Slips of one group as PDF."""
    out = BytesIO()
    write(tickets, heading, out, gettext)
    return out.getvalue()
