"""Simulated paper: marks drawn on printed sheets as hands draw them, then scanned or photographed badly.

Used by `paper_read.py` and by the tests of reading; the app never imports it. Everything comes from the seed.
Simulated paper is not real paper: README says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2

from survey.paper.geometry import Box, Geometry, Row

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Way = Literal["scan", "photo", "chat"]

SHARP = 12.0  # pixels a millimetre of the printed page: about 305 dpi

ORDINARY = {"tick": 0.60, "cross": 0.12, "fill": 0.07, "long_tick": 0.16, "blank": 0.05}
AWKWARD = {
    "corrected": 0.17, "double": 0.08, "cancelled": 0.03, "ring": 0.12, "beside": 0.14, "dash": 0.24, "faint": 0.22,
}  # fmt: skip
TO_A_PERSON = frozenset({"corrected", "double", "cancelled", "too_many"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What a voter drew for one question: the kind of mark and the options meant."""

    kind: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pen:
    """Width in mm, darkness of its stroke, grain of a pencil (0 for ink)."""

    width: float
    dark: float
    grain: float


def printed(pdf: bytes, *, first: int = 0, last: int | None = None) -> list[Picture]:
    """Pages of a PDF as a printer would put them on paper, grey."""
    with pypdfium2.PdfDocument(pdf) as document:
        numbers = range(first, len(document) if last is None else last)
        return [
            np.ascontiguousarray(document[n].render(scale=SHARP * 25.4 / 72, grayscale=True).to_numpy().squeeze())
            for n in numbers
        ]


# --- hands


def fill_in(
    page: Picture, geometry: Geometry, number: int, rng: np.random.Generator, awkward: float = 0.0
) -> tuple[Picture, dict[tuple[str, str], Drawn]]:
    """The page with one voter's marks, and what was meant; `awkward` is the share of awkward marks."""
    page = page.copy()
    sheet = geometry.sheets[number - 1]
    truth: dict[tuple[str, str], Drawn] = {}
    pen = _pen(rng)
    habit = float(rng.uniform(0.75, 1.25))
    style = str(rng.choice(["tick", "tick", "tick", "cross", "mixed", "mixed"]))
    for row in geometry.rows_of(number):
        boxes = [sheet.boxes[row.subject, row.question, option] for option in row.options]
        truth[row.subject, row.question] = _answer(page, row, boxes, pen, habit, style, rng, awkward)
    return page, truth


def _pen(rng: np.random.Generator) -> Pen:
    kind = rng.choice(["ball", "gel", "pencil", "light", "felt"], p=[0.42, 0.28, 0.14, 0.10, 0.06])
    if kind == "ball":
        return Pen(width=rng.uniform(0.3, 0.5), dark=rng.uniform(0.5, 0.85), grain=0.05)
    if kind == "gel":
        return Pen(width=rng.uniform(0.45, 0.7), dark=rng.uniform(0.75, 0.95), grain=0)
    if kind == "pencil":
        return Pen(width=rng.uniform(0.4, 0.7), dark=rng.uniform(0.35, 0.6), grain=0.35)
    if kind == "light":
        return Pen(width=rng.uniform(0.4, 0.6), dark=rng.uniform(0.2, 0.34), grain=0.3)
    return Pen(width=rng.uniform(0.9, 1.4), dark=rng.uniform(0.8, 0.97), grain=0)


def _answer(
    page: Picture, row: Row, boxes: Sequence[Box], pen: Pen, habit: float, style: str, rng: np.random.Generator,
    awkward: float,
) -> Drawn:  # fmt: skip
    def one_of(shares: dict[str, float]) -> str:
        kinds = list(shares)
        weights = np.array([shares[kind] for kind in kinds])
        return str(rng.choice(kinds, p=weights / weights.sum()))

    order = [int(n) for n in rng.permutation(len(boxes))]
    first = order[0]
    strange = rng.random() < awkward
    kind = one_of(AWKWARD) if strange else one_of(ORDINARY)
    if not strange and style != "mixed" and kind in {"tick", "cross"}:
        kind = style
    if row.kind == "many" and kind not in {"blank", "corrected"}:
        most = row.at_most or len(boxes)
        count = int(rng.integers(1, most + 1))
        if strange and kind == "double":
            count = min(len(boxes), most + 1)
        mark = kind if kind in ORDINARY else "tick"
        for number in order[:count]:
            _mark(page, boxes[number], mark, pen, habit, rng)
        options = tuple(row.options[number] for number in sorted(order[:count]))
        return Drawn(kind="too_many" if count > most else mark, options=options)
    if kind == "blank":
        return Drawn(kind=kind, options=())
    meant = (row.options[first],)
    if kind == "corrected":
        _mark(page, boxes[order[1]], one_of({"tick": 0.8, "cross": 0.2}), pen, habit, rng)
        _strike(page, boxes[order[1]], pen, rng, heavy=rng.random() < 0.6)
        _mark(page, boxes[first], "tick", pen, habit, rng)
    elif kind == "double":
        _mark(page, boxes[order[1]], "tick", pen, habit, rng)
        _mark(page, boxes[first], "tick", pen, habit, rng)
        meant = tuple(row.options[number] for number in sorted(order[:2]))
    elif kind == "cancelled":
        _mark(page, boxes[first], "tick", pen, habit, rng)
        _strike(page, boxes[first], pen, rng, heavy=True)
        meant = ()
    elif kind == "faint":
        _mark(page, boxes[first], "tick", Pen(width=0.4, dark=rng.uniform(0.1, 0.2), grain=0.4), habit, rng)
    else:
        _mark(page, boxes[first], kind, pen, habit, rng)
    return Drawn(kind=kind, options=meant)


def _mark(page: Picture, box: Box, kind: str, pen: Pen, habit: float, rng: np.random.Generator) -> None:
    x = box.x + box.width / 2 + rng.normal(0, 0.45)
    y = box.y + box.height / 2 + rng.normal(0, 0.45)

    def at(*places: tuple[float, float]) -> Points:
        return np.array([(x + habit * (a + rng.normal(0, 0.25)), y + habit * (b + rng.normal(0, 0.25))) for a, b in places])

    if kind == "tick":
        _stroke(page, at((-1.6, -0.1), (-0.4, 1.5), (1.9, -1.8)), pen, rng)
    elif kind == "long_tick":
        far = rng.uniform(3.0, 5.5)
        _stroke(page, at((-1.5, 0), (-0.3, 1.5), (far * 0.8, -far)), pen, rng)
    elif kind == "cross":
        _stroke(page, at((-1.7, -1.7), (1.7, 1.7)), pen, rng)
        _stroke(page, at((1.7, -1.7), (-1.7, 1.7)), pen, rng)
    elif kind == "fill":
        turns = int(rng.integers(7, 12))
        zigzag = [((-1.9 if n % 2 else 1.9), -1.9 + 3.8 * n / turns) for n in range(turns + 1)]
        fixed = np.array([(box.x + 2.5 + a + rng.normal(0, 0.15), box.y + 2.5 + b) for a, b in zigzag])
        _stroke(page, fixed, Pen(width=max(pen.width, 0.5), dark=pen.dark, grain=pen.grain), rng)
    elif kind == "dash":
        half = rng.uniform(0.5, 1.3)
        _stroke(page, at((-half, 0), (half, rng.normal(0, 0.3))), pen, rng)
    elif kind == "ring":
        angles = np.linspace(0.3, 0.3 + 2.15 * np.pi, 14)
        wide, high = rng.uniform(3.2, 4.2), rng.uniform(3.2, 4.2)
        ring = [(x + wide * np.cos(a) + rng.normal(0, 0.1), y + high * np.sin(a) + rng.normal(0, 0.1)) for a in angles]
        _stroke(page, np.array(ring), pen, rng)
    elif kind == "beside":
        side = rng.choice([-1, 1])
        x += side * rng.uniform(2.6, 3.8)
        _stroke(page, at((-1.2, -0.1), (-0.3, 1.2), (1.4, -1.4)), pen, rng)
    else:
        raise ValueError(kind)


def _strike(page: Picture, box: Box, pen: Pen, rng: np.random.Generator, *, heavy: bool) -> None:
    """A mark struck out: scribbled over, or two lines through it."""
    x, y = box.x + 2.5, box.y + 2.5
    if heavy:
        turns = int(rng.integers(8, 14))
        reach = rng.uniform(3.0, 3.8)
        places = [
            (x + (-reach if n % 2 else reach) + rng.normal(0, 0.4), y - 3.0 + 6.0 * n / turns + rng.normal(0, 0.3))
            for n in range(turns + 1)
        ]
        _stroke(page, np.array(places), pen, rng)
    else:
        for lift in (-0.6, 0.6):
            ends = [(x - 3 + rng.normal(0, 0.4), y + lift), (x + 3 + rng.normal(0, 0.4), y + lift + rng.normal(0, 0.5))]
            _stroke(page, np.array(ends), pen, rng)


def _stroke(page: Picture, places: Points, pen: Pen, rng: np.random.Generator) -> None:
    """A bent line through places (mm), with the unevenness of a hand."""
    path = _smooth(places, rng)
    edge = pen.width + 0.5
    left, top = np.maximum(0, np.floor((path.min(axis=0) - edge) * SHARP)).astype(int)
    right, bottom = np.ceil((path.max(axis=0) + edge) * SHARP).astype(int)
    patch = page[top:bottom, left:right]
    if patch.size == 0:
        return
    mask = np.zeros((patch.shape[0] * 2, patch.shape[1] * 2), np.uint8)
    fine = np.round((path * SHARP - (left, top)) * 2 * 16).astype(np.int32)
    cv2.polylines(mask, [fine.reshape(-1, 1, 2)], False, 255, max(1, round(pen.width * SHARP * 2)), cv2.LINE_AA, 4)
    cover = cv2.resize(mask, (patch.shape[1], patch.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    if pen.grain:
        rough = cv2.GaussianBlur(rng.normal(0, 1, patch.shape).astype(np.float32), (0, 0), 1.2)
        cover *= np.clip(1 + 2.2 * pen.grain * rough, 0, 1.2)
    slow = cv2.GaussianBlur(rng.normal(0, 1, patch.shape).astype(np.float32), (0, 0), 9)
    cover *= np.clip(0.92 + 1.6 * slow, 0.55, 1.1)
    patch[:] = np.clip(patch * (1 - np.clip(cover, 0, 1) * pen.dark), 0, 255).astype(np.uint8)


def _smooth(places: Points, rng: np.random.Generator) -> Points:
    if len(places) == 2:
        middle = places.mean(axis=0) + rng.normal(0, 0.12, 2)
        places = np.array([places[0], middle, places[1]])
    ends = np.vstack([2 * places[0] - places[1], places, 2 * places[-1] - places[-2]])
    out = []
    tight = 0.25  # corners of ticks stay corners
    for before, here, after, beyond in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for t in np.linspace(0, 1, 10, endpoint=False):
            a, b = tight * (after - before), tight * (beyond - here)
            out.append(
                (2 * t**3 - 3 * t**2 + 1) * here
                + (t**3 - 2 * t**2 + t) * a
                + (-2 * t**3 + 3 * t**2) * after
                + (t**3 - t**2) * b
            )
    out.append(places[-1])
    path = np.array(out)
    return path + np.cumsum(rng.normal(0, 0.01, path.shape), axis=0)


# --- machines


def degrade(page: Picture, way: Way, rng: np.random.Generator) -> Picture:
    """The page as it comes back from a scanner, a phone's camera, or a camera and a chat app."""
    if way == "scan":
        return scan(page, rng)
    return photo(page, rng, chat=way == "chat")


def scan(page: Picture, rng: np.random.Generator) -> Picture:
    """An office scanner, 150–300 dpi, grey: skew, noise, dust, streaks, sometimes coffee, sometimes upside down."""
    page = _coffee(page, rng) if rng.random() < 0.05 else page
    page = _dust(page, rng)
    dpi = float(rng.choice([150, 200, 200, 300]))
    ratio = dpi / 25.4 / SHARP
    if ratio < 1:
        page = cv2.GaussianBlur(page, (0, 0), 0.42 / ratio)
    high, wide = round(page.shape[0] * ratio), round(page.shape[1] * ratio)
    angle = np.deg2rad(np.clip(rng.normal(0, 0.7), -2.2, 2.2))
    cos, sin = np.cos(angle) * ratio, np.sin(angle) * ratio
    shift = rng.normal(0, 0.8 * dpi / 25.4, 2)
    move = np.array([
        [cos, -sin * rng.uniform(0.998, 1.002), wide / 2 - cos * page.shape[1] / 2 + sin * page.shape[0] / 2 + shift[0]],
        [sin, cos * rng.uniform(0.996, 1.004), high / 2 - sin * page.shape[1] / 2 - cos * page.shape[0] / 2 + shift[1]],
    ])  # fmt: skip
    out = cv2.warpAffine(page, move, (wide, high), flags=cv2.INTER_LINEAR, borderValue=float(rng.choice([255, 200, 40])))
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.3, 0.75)).astype(np.float32)
    if rng.random() < 0.15:
        at = int(rng.integers(0, wide))
        out[:, at : at + int(rng.integers(1, 3))] *= rng.uniform(0.6, 0.92)
    black, white = rng.uniform(0, 40), rng.uniform(225, 262)
    out = black + out * (white - black) / 255
    out += rng.normal(0, rng.uniform(0.5, 4), out.shape).astype(np.float32)
    return _sent(_turned(out, rng, 0.25, 0.03), rng, 60, 93)


def photo(page: Picture, rng: np.random.Generator, *, chat: bool = False) -> Picture:
    """A phone held over the sheet: perspective, bend, shadow, blur, noise; `chat` shrinks and squeezes it again."""
    page = _coffee(page, rng) if rng.random() < 0.03 else page
    page = _dust(page, rng)
    page = cv2.resize(page, None, fx=0.85, fy=0.85, interpolation=cv2.INTER_AREA)
    high, wide = page.shape
    long_side = float(rng.uniform(2900, 4000))
    ratio = long_side * rng.uniform(0.78, 0.95) / max(high, wide)
    canvas = (round(long_side * 0.75), round(long_side)) if high > wide else (round(long_side), round(long_side * 0.75))
    corners = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]], np.float64) / 2
    tilt = np.deg2rad(rng.normal(0, 7, 2)).clip(-0.28, 0.28)
    spin = np.deg2rad(rng.normal(0, 4))
    away = 2.2 * max(high, wide)
    seen = []
    for x, y in corners:
        x, y = x * np.cos(spin) - y * np.sin(spin), x * np.sin(spin) + y * np.cos(spin)
        depth = 1 + (x * np.sin(tilt[0]) + y * np.sin(tilt[1])) / away
        seen.append((canvas[0] / 2 + ratio * x * np.cos(tilt[0]) / depth, canvas[1] / 2 + ratio * y * np.cos(tilt[1]) / depth))
    target = np.array(seen)
    room = np.array(canvas) - 12
    span = target.max(axis=0) - target.min(axis=0)
    target = (target - target.mean(axis=0)) * min(1.0, *(room / span)) + np.array(canvas) / 2
    target += np.clip(rng.normal(0, 10, 2), -20, 20)
    pose = cv2.getPerspectiveTransform((corners + (wide / 2, high / 2)).astype(np.float32), target.astype(np.float32))
    bend = rng.normal(0, 0.5) * SHARP * 0.85
    if abs(bend) > 1:
        lift = (bend * np.sin(np.pi * np.arange(wide) / wide * rng.uniform(0.8, 1.6))).astype(np.float32)
        xs = np.arange(wide, dtype=np.float32)[None, :].repeat(high, 0)
        ys = np.arange(high, dtype=np.float32)[:, None] + lift[None, :]
        page = cv2.remap(page, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    desk = int(rng.integers(40, 190))
    if ratio < 0.8:
        page = cv2.GaussianBlur(page, (0, 0), 0.4 / ratio)
    out = cv2.warpPerspective(page, pose, canvas, flags=cv2.INTER_LINEAR, borderValue=desk).astype(np.float32)
    out *= _light(out.shape, rng)
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.6, 1.7))
    out = rng.uniform(5, 25) + out * rng.uniform(0.72, 0.92)
    out += rng.normal(0, rng.uniform(1, 5), out.shape).astype(np.float32)
    if rng.random() < 0.7:  # what the phone's own sharpening does
        out += rng.uniform(0.2, 0.7) * (out - cv2.GaussianBlur(out, (0, 0), 2))
    out = _turned(out, rng, 0.12, 0.12)
    if chat:
        out = _sent(out, rng, 80, 92).astype(np.float32)
        small = rng.uniform(1440, 1920) / max(out.shape)
        out = cv2.resize(out, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
        return _sent(out, rng, 55, 78)
    return _sent(out, rng, 72, 94)


def _light(shape: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Uneven light on a small grid, enlarged: a slope, falling off to the corners, the shadow of a hand or a phone."""
    high, wide = 96, round(96 * shape[1] / shape[0])
    y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
    slope = rng.normal(0, 0.1, 2)
    light = 1 + slope[0] * x + slope[1] * y - rng.uniform(0, 0.12) * (x * x + y * y)
    if rng.random() < 0.6:
        middle, angle = rng.uniform(-0.8, 0.8, 2), rng.uniform(0, 2 * np.pi)
        side = (x - middle[0]) * np.cos(angle) + (y - middle[1]) * np.sin(angle)
        shadow = 1 / (1 + np.exp(-side / rng.uniform(0.02, 0.2)))
        light *= 1 - rng.uniform(0.1, 0.42) * shadow
    return np.asarray(cv2.resize(light.astype(np.float32), (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC))


def _dust(page: Picture, rng: np.random.Generator) -> Picture:
    page = page.copy()
    for _ in range(int(rng.integers(0, 60))):
        x, y = rng.integers(0, page.shape[1]), rng.integers(0, page.shape[0])
        radius = rng.uniform(0.03, 0.22) * SHARP
        axes = (max(1, round(radius)), max(1, round(radius * rng.uniform(0.4, 1))))
        _shade(page, (int(x), int(y)), axes, rng.uniform(0.15, 0.8), rng.uniform(0, 180))
    for _ in range(int(rng.poisson(0.6))):  # hairs
        x, y = rng.integers(60, page.shape[1] - 60), rng.integers(60, page.shape[0] - 60)
        path = np.cumsum(rng.normal(0, 0.35, (6, 2)), axis=0) + np.array([x, y]) / SHARP
        _stroke(page, path, Pen(width=0.09, dark=rng.uniform(0.2, 0.6), grain=0), rng)
    return page


def _shade(page: Picture, middle: tuple[int, int], axes: tuple[int, int], dark: float, angle: float) -> None:
    reach = max(axes) + 2
    left, top = max(0, middle[0] - reach), max(0, middle[1] - reach)
    patch = page[top : middle[1] + reach, left : middle[0] + reach]
    if patch.size == 0:
        return
    mask = np.zeros(patch.shape, np.uint8)
    cv2.ellipse(mask, (middle[0] - left, middle[1] - top), axes, angle, 0, 360, 255, -1, cv2.LINE_AA)
    patch[:] = (patch * (1 - dark * mask.astype(np.float32) / 255)).astype(np.uint8)


def _coffee(page: Picture, rng: np.random.Generator) -> Picture:
    """The ring of a cup and a few drops."""
    small = 4
    high, wide = page.shape[0] // small, page.shape[1] // small
    stain = np.zeros((high, wide), np.float32)
    middle = (int(rng.integers(0, wide)), int(rng.integers(0, high)))
    radius = round(rng.uniform(30, 42) * SHARP / small)
    start = rng.uniform(0, 360)
    width = max(1, round(rng.uniform(0.8, 3) * SHARP / small))
    cv2.ellipse(stain, middle, (radius, radius), 0, start, start + rng.uniform(150, 360), rng.uniform(0.08, 0.3), width)
    if rng.random() < 0.5:
        spot = (int(rng.integers(0, wide)), int(rng.integers(0, high)))
        cv2.circle(stain, spot, round(rng.uniform(3, 14) * SHARP / small), rng.uniform(0.05, 0.2), -1)
    stain = cv2.GaussianBlur(stain, (0, 0), rng.uniform(0.8, 2.5))
    full = cv2.resize(stain, (page.shape[1], page.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray((page * (1 - full)).astype(np.uint8))


def _turned(page: npt.NDArray[np.float32], rng: np.random.Generator, over: float, sideways: float) -> npt.NDArray[np.float32]:
    lot = rng.random()
    turns = 2 if lot < over else int(rng.choice([1, 3])) if lot < over + sideways else 0
    return np.ascontiguousarray(np.rot90(page, turns))


def _sent(page: npt.NDArray[np.float32], rng: np.random.Generator, worst: int, best: int) -> Picture:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(worst, best + 1))]
    _, data = cv2.imencode(".jpg", np.clip(page, 0, 255).astype(np.uint8), quality)
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
