"""Looks into every box of a found sheet and says what each question's answer is, and how certain.

All boxes of a page are lifted out at eight pixels a millimetre, put in place by the outlines that are printed, and
compared with what an empty box looks like on this very page, since every paper, pen, lens and lamp differs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from survey.paper.geometry import BOX, LINE, WHITE, Key, Row, Sheet, size
from survey.paper.reading.find import Pose, scale
from survey.paper.reading.picture import Picture

Floats = npt.NDArray[np.float32]
Verdict = Literal["certain", "blank", "person"]
Why = Literal["", "two", "faint", "overfilled", "beside", "outline", "odd", "too_many", "small"]

FINE = 8.0  # pixels a millimetre
_COARSE = 2.0  # of the estimate of the blank paper
_SEARCH = 1.2  # mm an outline may be off after the corner marks are in place
_REACH = BOX / 2 + WHITE - 0.1  # mm from a box's middle that are looked at
_SIDE = 2 * round(_REACH * FINE) + 1
_PIXEL = 1 / FINE**2  # mm²

INK_MARK = 0.75  # mm² of ink that make a mark
INK_NONE = 0.10  # mm² that the other boxes may show
INK_BLANK = 0.05  # mm² that any box of a blank question may show

TRACE = 9.0  # times the noise: a spot that is worth a softer look

# Blackness is area times darkness, in mm² of full black: blur spreads it but does not change it.
HAIR = 0.1  # mm² of black that hardly a hair or a grain of dust holds
STROKE = 0.2  # mm² of black that the shortest stroke of a pen holds
PALE = 0.11  # mm² of black of the palest pencil, where its line is longer than any hair
MISSED = 0.3  # mm² of black that make a mark outside its box
UNLIKE = 1.5  # a mark this many times as large as another one for the same question was crossed out


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One question as read. `choices` of a verdict "person" are a suggestion; certainty runs from 0 to 1."""

    row: Row
    verdict: Verdict
    choices: tuple[str, ...]
    certainty: float
    why: Why


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What a page's boxes showed: answers, or why the page cannot be judged."""

    judged: tuple[Judged, ...]
    pose: Pose  # put right by the outlines, as far as one plane can be
    refused: Literal["", "blurred", "covered"]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stroke:
    """What one box and the paper around it show to a softer look, in which a pale pencil's line holds together."""

    black: float  # mm² of black
    beside: float  # of that, outside the outline
    dark: float  # its darker parts
    outside: float  # mm² outside the outline
    longest: float  # mm, the longest line
    thick: float  # mm, half the width of the thickest spot
    leaves: int  # times it runs out of the window
    upright: bool  # whether it does so above or below, where other questions are


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ink:
    """What one box shows, in mm² and shares of black."""

    inside: float  # strokes within the outline
    specks: float  # dust within the outline
    longest: float  # mm, the longest stroke within
    outside: float  # strokes around the outline
    sides: int  # of the four sides outside, how many bear ink
    cover: float  # share of the inside that is inked
    dark: float  # mean darkness of the strokes
    black: float  # mm² of black within, dust and all
    trace: float  # darkest spot inside after smoothing, or strongest pale line, in units of noise
    outline: bool  # the printed outline is where it should be
    odd: bool  # a stain's edge or a fold runs through


def judge(picture: Picture, pose: Pose, sheet: Sheet, rows: Sequence[Row], landscape: bool) -> Looked:
    """The answers on one page."""
    keys = list(sheet.boxes)
    centres = np.array([[b.x + b.width / 2, b.y + b.height / 2] for b in sheet.boxes.values()], np.float64)
    page, paper = _flat(picture, pose, landscape)
    shifts = _register(page, paper, centres)
    seen = _windows(page, paper, centres + shifts)
    blank = _typical(seen)
    edge = _contrast(blank)
    if edge < 0.16:
        return Looked(judged=(), pose=pose, refused="blurred")
    inks, rest = _inks(seen, blank)
    if sum(not ink.outline for ink in inks) > 0.3 * len(inks):
        return Looked(judged=(), pose=pose, refused="covered")
    quiet = rest.noise < 0.02 and edge > 0.3
    inks = _doubly_checked(keys, inks, rest)
    number_of = {key: number for number, key in enumerate(keys)}
    judged = []
    for row in rows:
        numbers = [number_of[row.subject, row.question, option] for option in row.options]
        boxes = [inks[number] for number in numbers]
        answer = _one(row, boxes, quiet) if row.kind == "one" else _many(row, boxes, quiet)
        judged.append(_again(answer, boxes, [rest.more[number] for number in numbers], rest))
    return Looked(judged=tuple(judged), pose=_moved(pose, centres, shifts), refused="")


# --- from picture to windows


def _flat(picture: Picture, pose: Pose, landscape: bool) -> tuple[Picture, Floats]:
    """The page at FINE pixels a millimetre, and the blank paper under it at _COARSE."""
    fine = scale(pose, landscape)
    if fine > 1.5 * FINE:
        ratio = 1.15 * FINE / fine
        picture, pose = _shrunk(picture, pose, ratio)
        fine *= ratio
    width, height = size(landscape)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    to_fine = pose @ np.diag([1 / FINE, 1 / FINE, 1.0])
    page = cv2.warpPerspective(
        picture, to_fine, (round(width * FINE), round(height * FINE)), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    small = cv2.resize(page, (round(width * _COARSE), round(height * _COARSE)), interpolation=cv2.INTER_AREA)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    small = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    paper = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 3.0)
    return np.asarray(page, np.uint8), np.asarray(np.maximum(paper, 1.0), np.float32)


def _shrunk(picture: Picture, pose: Pose, ratio: float) -> tuple[Picture, Pose]:
    small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    shift = 0.5 * ratio - 0.5
    return np.asarray(small, np.uint8), np.array([[ratio, 0, shift], [0, ratio, shift], [0, 0, 1.0]]) @ pose


def _lift(page: Picture, paper: Floats, centres: npt.NDArray[np.float64], reach: int) -> Floats:
    """Windows of 2·reach+1 pixels around places in mm, as shares of black: n × side × side."""
    side = 2 * reach + 1
    steps = np.arange(-reach, reach + 1, dtype=np.float32)
    x = (centres[:, 0].astype(np.float32) * FINE)[:, None] + steps
    y = (centres[:, 1].astype(np.float32) * FINE)[:, None] + steps
    across = np.broadcast_to(x[:, None, :], (len(centres), side, side)).reshape(-1, side)
    down = np.broadcast_to(y[:, :, None], (len(centres), side, side)).reshape(-1, side)
    out = np.empty((len(centres) * side, side), np.float32)
    for start in range(0, len(out), 30_000):  # remap takes at most 32,767 rows
        part = slice(start, start + 30_000)
        lifted = cv2.remap(page, across[part], down[part], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        ratio = np.float32(_COARSE / FINE)
        under = cv2.remap(paper, across[part] * ratio, down[part] * ratio, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out[part] = 1.0 - lifted.astype(np.float32) / under
    return out.reshape(len(centres), side, side)


def _windows(page: Picture, paper: Floats, centres: npt.NDArray[np.float64]) -> Floats:
    """Windows around boxes, each against its own paper: shares of black, about 0 on paper."""
    seen = _lift(page, paper, centres, _SIDE // 2)
    sample = np.sort(seen[:, ::4, ::4].reshape(len(seen), -1), axis=1)
    own = np.median(sample[:, : sample.shape[1] * 6 // 10], axis=1)
    return np.asarray((seen - own[:, None, None]) / np.maximum(1.0 - own, 0.2)[:, None, None], np.float32)


# --- putting boxes in place


def _register(page: Picture, paper: Floats, centres: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far each box lies from where it should, in mm: a smooth bend through what the outlines say."""
    reach = round((BOX / 2 + _SEARCH + 0.6) * FINE)
    seen = np.clip(_lift(page, paper, centres, reach), 0, 1)
    inner = slice(reach - round(1.9 * FINE), reach + round(1.9 * FINE) + 1)
    found = np.empty_like(centres)
    trust = np.empty_like(centres)
    for axis, profile in ((0, seen[:, inner, :].mean(axis=1)), (1, seen[:, :, inner].mean(axis=2))):
        found[:, axis], trust[:, axis] = _offset(profile, reach)
    model = np.empty_like(centres)
    for axis in (0, 1):
        model[:, axis] = _bend(centres, found[:, axis], trust[:, axis])
    return model


def _offset(profile: Floats, reach: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Per window the shift at which two lines stand a box's width apart, and how clearly."""
    half = (BOX - LINE) / 2 * FINE
    search = round(_SEARCH * FINE)
    at = np.arange(profile.shape[1])
    steps = np.arange(-search, search + 1)

    def value(place: float) -> Floats:
        low = int(np.floor(place))
        part = np.float32(place - low)
        low = min(max(low, 0), len(at) - 2)
        return np.asarray(profile[:, low] * (1 - part) + profile[:, low + 1] * part, np.float32)

    scores = np.empty((len(profile), len(steps)), np.float64)
    beside = 0.55 * FINE
    for number, step in enumerate(steps):
        left, right = reach + step - half, reach + step + half
        lines = np.minimum(value(left), 0.6) + np.minimum(value(right), 0.6)
        scores[:, number] = (
            lines
            - 0.5 * (value(left - beside) + value(right + beside))
            - 0.25 * (np.minimum(value(left + beside), 0.6) + np.minimum(value(right - beside), 0.6))
        )
    best = scores[:, 1:-1].argmax(axis=1) + 1
    rows = np.arange(len(profile))
    before, here, after = scores[rows, best - 1], scores[rows, best], scores[rows, best + 1]
    bow = before - 2 * here + after
    part = np.where(np.abs(bow) > 1e-6, 0.5 * (before - after) / np.where(bow == 0, 1, bow), 0)
    return (steps[best] + np.clip(part, -0.5, 0.5)) / FINE, np.maximum(here, 1e-3)


def _bend(
    centres: npt.NDArray[np.float64], found: npt.NDArray[np.float64], trust: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """A polynomial over the page, fitted so that single wrong outlines do not pull it."""
    x, y = ((centres - centres.mean(axis=0)) / 100.0).T
    terms = [np.ones_like(x)]
    if len(x) >= 8:
        terms += [x, y]
    if len(x) >= 20:
        terms += [x * x, x * y, y * y]
    if len(x) >= 50:
        terms += [x**3, x * x * y, x * y * y, y**3]
    base = np.column_stack(terms)
    weight = trust / trust.max()
    start = np.median(found)
    robust = weight / (1 + ((found - start) / 0.4) ** 2)
    for _ in range(5):
        root = np.sqrt(robust)[:, None]
        ridge = np.eye(base.shape[1]) * 1e-4
        ridge[0, 0] = 0
        scaled = base * root
        answer = np.linalg.solve(scaled.T @ scaled + ridge, scaled.T @ (found * root[:, 0]))
        off = found - base @ answer
        spread = max(0.04, 1.5 * float(np.median(np.abs(off))))
        robust = weight / (1 + (off / spread) ** 2)
    return np.asarray(base @ answer, np.float64)


def _moved(pose: Pose, centres: npt.NDArray[np.float64], shifts: npt.NDArray[np.float64]) -> Pose:
    """The pose with the mean shift of the boxes in it."""
    x, y = shifts.mean(axis=0)
    return np.asarray(pose @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]), np.float64)


# --- ink


def _typical(seen: Floats) -> Floats:
    """What an empty box looks like on this page; most boxes are empty."""
    seen = seen[:: max(1, len(seen) // 60)]
    rank = max(0, round(0.35 * len(seen)) - 1) if len(seen) > 2 else 0
    return np.asarray(np.partition(seen, rank, axis=0)[rank], np.float32)


def _grid() -> tuple[Floats, Floats]:
    steps = (np.arange(_SIDE, dtype=np.float32) - _SIDE // 2) / FINE
    return np.asarray(np.abs(steps)[None, :].repeat(_SIDE, 0)), np.asarray(np.abs(steps)[:, None].repeat(_SIDE, 1))


_ACROSS, _DOWN = _grid()
_FROM_MIDDLE = np.maximum(_ACROSS, _DOWN)
_MID_LINE = (BOX - LINE) / 2
_ON_LINE = np.abs(_FROM_MIDDLE - _MID_LINE) <= 0.13
_MIDDLE = _FROM_MIDDLE < _MID_LINE
_SIDES = tuple(
    np.asarray(where)
    for where in (
        _ON_LINE & (_DOWN < 1.9) & (np.arange(_SIDE)[None, :] < _SIDE // 2) & (_ACROSS > _DOWN),
        _ON_LINE & (_DOWN < 1.9) & (np.arange(_SIDE)[None, :] > _SIDE // 2) & (_ACROSS > _DOWN),
        _ON_LINE & (_ACROSS < 1.9) & (np.arange(_SIDE)[:, None] < _SIDE // 2) & (_DOWN > _ACROSS),
        _ON_LINE & (_ACROSS < 1.9) & (np.arange(_SIDE)[:, None] > _SIDE // 2) & (_DOWN > _ACROSS),
    )
)


def _contrast(blank: Floats) -> float:
    """How much darker a printed outline is than the paper beside it."""
    beside = float(np.median(blank[np.abs(_FROM_MIDDLE - _MID_LINE + 0.7) <= 0.13]))
    return float(np.mean([np.median(blank[side]) for side in _SIDES])) - beside


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rest:
    """What is darker than an empty box, where it was looked for, and the noise of the paper."""

    more: Floats
    inside: npt.NDArray[np.bool_]
    outside: npt.NDArray[np.bool_]
    noise: float


def _inks(seen: Floats, blank: Floats) -> tuple[list[_Ink], _Rest]:
    more = seen - blank
    # Near the outline a hair's breadth of misplacement looks like ink: keep off as far as the outline reaches here.
    guard = np.asarray(cv2.dilate((np.abs(blank) > 0.04).astype(np.uint8), np.ones((3, 3), np.uint8)), np.bool_)
    guard |= np.abs(_FROM_MIDDLE - _MID_LINE) < 0.3
    inside, outside = _MIDDLE & ~guard, ~_MIDDLE & ~guard
    if inside.sum() * _PIXEL < 6:  # a blank that is not blank: fall back on the outline's own breadth
        guard = np.abs(_FROM_MIDDLE - _MID_LINE) < 0.6
        inside, outside = _MIDDLE & ~guard, ~_MIDDLE & ~guard
    within = more[:, inside]
    noise = float(np.percentile(1.4826 * np.median(np.abs(within), axis=1), 40))
    threshold = max(0.085, 5 * noise)
    soft = _smoothed(np.where(guard, np.float32(0), more))[:, inside]
    middle = np.median(soft, axis=1)
    spread = 1.4826 * np.median(np.abs(soft - middle[:, None]), axis=1)
    trace = (soft.max(axis=1) - middle) / max(0.004, float(np.percentile(spread, 40)))
    strong = np.asarray(more > threshold, np.bool_)
    lines = np.column_stack([np.median(seen[:, side], axis=1) for side in _SIDES])
    usual = np.array([np.median(blank[side]) for side in _SIDES])
    there = np.all(lines >= 0.45 * usual, axis=1)
    area = float(inside.sum()) * _PIXEL
    inks = [
        _ink(strong[number], more[number], inside, outside, area, float(trace[number]), bool(there[number]))
        for number in range(len(seen))
    ]
    return inks, _Rest(more=more, inside=inside, outside=outside, noise=noise)


def _smoothed(more: Floats) -> Floats:
    out = np.empty_like(more)
    for number, window in enumerate(more):
        cv2.blur(window, (4, 4), dst=out[number])
    return out


def _ink(
    strong: npt.NDArray[np.bool_], more: Floats, inside: npt.NDArray[np.bool_], outside: npt.NDArray[np.bool_],
    area: float, trace: float, outline: bool,
) -> _Ink:  # fmt: skip
    within, around = strong & inside, strong & outside
    if not within.any() and not around.any():
        return _Ink(
            inside=0, specks=0, longest=0, outside=0, sides=0, cover=0, dark=0, black=0, trace=trace, outline=outline, odd=False
        )
    ink = specks = longest = weight = black = 0.0
    if within.any():
        count, names, stats, _ = cv2.connectedComponentsWithStats(within.astype(np.uint8), connectivity=8)
        inner = 2 * (_MID_LINE - 0.4)
        for name in range(1, count):
            _, _, wide, high, pixels = stats[name]
            size_ = pixels * _PIXEL
            extent = float(np.hypot(wide, high)) / FINE
            thin = min(wide, high) / FINE < 0.65 and max(wide, high) / FINE > 0.85 * inner
            if thin and _through(strong, stats[name]):
                specks += 0.04  # a streak of the scanner; the softer test of blanks still sees it
                continue
            here = float(more[names == name].sum()) * _PIXEL
            black += here
            if size_ < 0.12 or extent < 0.7:
                specks += size_
            else:
                ink += size_
                longest = max(longest, extent)
                weight += here
    out, sides, exits = 0.0, 0, 0
    if around.any():
        count, names, stats, _ = cv2.connectedComponentsWithStats(around.astype(np.uint8), connectivity=8)
        for left, top, wide, high, pixels in stats[1:]:
            streak = min(wide, high) / FINE < 0.6 and max(wide, high) >= _SIDE - 2
            if pixels * _PIXEL >= 0.1 and not streak:
                out += pixels * _PIXEL
                exits += left == 0 or top == 0 or left + wide == _SIDE or top + high == _SIDE
        half = _SIDE // 2
        reach = round(_MID_LINE * FINE)
        strips = (around[:, : half - reach], around[:, half + reach :], around[: half - reach], around[half + reach :])
        sides = sum(int(strip.sum()) * _PIXEL > 0.25 for strip in strips)
    dark = weight / ink if ink else 0.0
    # A stain's edge or a fold comes in and goes out again, a drop is broader than any stroke, and both are pale.
    # A box blackened softly with a pencil is broad too, but keeps to its outline.
    filled = ink / area > 0.65 and out < 0.8
    odd = bool(ink) and ((dark < 0.35 and exits >= 2) or (dark < 0.5 and not filled and _broad(strong)))
    return _Ink(
        inside=ink, specks=specks, longest=longest, outside=out, sides=sides, cover=min(1.0, ink / area), dark=dark,
        black=black, trace=trace, outline=outline, odd=odd,
    )  # fmt: skip


def _through(strong: npt.NDArray[np.bool_], stats: npt.NDArray[np.int32]) -> bool:
    """Whether a thin straight line runs through the whole window, outline and all: a scanner's streak."""
    left, top, wide, high, _ = (int(number) for number in stats)
    upright = high >= wide
    strip = strong[:, max(0, left - 1) : left + wide + 1] if upright else strong[max(0, top - 1) : top + high + 1]
    band = np.asarray(strip.any(axis=1 if upright else 0), np.bool_)
    half, reach = _SIDE // 2, round(_MID_LINE * FINE)
    ends = np.concatenate([band[: half - reach - 4], band[half + reach + 5 :]])
    return bool(ends.mean() > 0.8)


def _broad(strong: npt.NDArray[np.bool_]) -> bool:
    """Whether there is a spot of ink about 2 mm across."""
    depth = cv2.distanceTransform((strong & (_FROM_MIDDLE < _MID_LINE - 0.2)).astype(np.uint8), cv2.DIST_L2, 3)
    return float(depth.max()) / FINE > 0.95


def _softly(more: Floats, rest: _Rest, where: npt.NDArray[np.bool_]) -> _Stroke:
    strong = (cv2.GaussianBlur(more, (0, 0), 1.2) > max(0.05, 3 * rest.noise)) & where
    count, names, stats, _ = cv2.connectedComponentsWithStats(strong.astype(np.uint8), connectivity=8)
    large = [name for name in range(1, count) if stats[name][4] * _PIXEL >= 0.1]
    ink = np.isin(names, large)
    rim = np.concatenate([ink[0], ink[1:, -1], ink[-1, -2::-1], ink[-2:0:-1, 0]])
    depth = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 3)
    return _Stroke(
        black=float(more[ink].sum()) * _PIXEL,
        beside=float(more[ink & rest.outside].sum()) * _PIXEL,
        dark=float(np.percentile(more[ink], 90)) if large else 0.0,
        outside=float((ink & rest.outside).sum()) * _PIXEL,
        longest=max((float(np.hypot(*stats[name][2:4])) / FINE for name in large), default=0.0),
        thick=float(depth.max()) / FINE,
        leaves=int(np.count_nonzero(rim & ~np.roll(rim, 1))),
        upright=bool(ink[0].any() or ink[-1].any()),
    )


def _doubly_checked(keys: Sequence[Key], inks: list[_Ink], rest: _Rest) -> list[_Ink]:
    """Boxes of questions that seem blank are searched once more, for the palest line."""
    bare = np.array([ink.inside + ink.specks < INK_BLANK for ink in inks])
    inked = {key[:2] for key, empty in zip(keys, bare, strict=True) if not empty}
    doubtful = [number for number, key in enumerate(keys) if key[:2] not in inked]
    if not doubtful:
        return inks
    known = rest.more[bare]
    lines = _faintest(rest.more[doubtful], known[:: max(1, len(known) // 24)], rest.inside)
    checked = list(inks)
    for number, line in zip(doubtful, lines, strict=True):
        # A line is surer than a spot: five and a half of its noise weigh as much as six and a half of a spot's.
        checked[number] = replace(inks[number], trace=max(inks[number].trace, float(line) * 6.5 / 5.5))
    return checked


def _faintest(more: Floats, rest: Floats, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The strongest pale line in each window, in units of noise: sums along four directions find what the eye does.

    `rest` are windows without ink of the same page, to learn the noise from.
    """
    both = np.where(inside, np.concatenate([more, rest]), np.float32(0)).astype(np.float32)
    tall = both.reshape(-1, _SIDE)
    best = np.zeros(len(more))
    for kernel in _LINES:
        sums = cv2.filter2D(tall, cv2.CV_32F, kernel, borderType=cv2.BORDER_REPLICATE).reshape(both.shape)[:, inside]
        sums = sums - np.median(sums, axis=1, keepdims=True)
        noise = max(0.0025, 1.4826 * float(np.median(np.abs(sums))))
        best = np.maximum(best, sums[: len(more)].max(axis=1) / noise)
    return best


def _kernels() -> tuple[Floats, ...]:
    kernels = []
    for angle in (0, 45, 90, 135, 20, 110):
        line = np.zeros((15, 15), np.uint8)
        x, y = np.cos(np.deg2rad(angle)) * 6, np.sin(np.deg2rad(angle)) * 6
        cv2.line(line, (round(7 - x), round(7 - y)), (round(7 + x), round(7 + y)), 255, 3, cv2.LINE_AA)
        kernels.append(np.asarray(line / line.sum(), np.float32))
    return tuple(kernels)


_LINES = _kernels()


# --- verdicts


def _one(row: Row, boxes: Sequence[_Ink], quiet: bool) -> Judged:
    total = [ink.inside + ink.specks for ink in boxes]
    order = sorted(range(len(boxes)), key=lambda number: -total[number])
    first = boxes[order[0]]
    rest = [boxes[number] for number in order[1:]]
    second = max((ink.inside + ink.specks for ink in rest), default=0.0)
    beside = max((ink.outside for ink in rest), default=0.0)
    likely = (row.options[order[0]],) if total[order[0]] >= INK_BLANK else ()

    def person(why: Why, choices: tuple[str, ...] = likely) -> Judged:
        margin = abs(total[order[0]] - second) / (total[order[0]] + second + 0.2)
        return Judged(row=row, verdict="person", choices=choices, certainty=round(min(0.9, margin), 3), why=why)

    if not all(ink.outline for ink in boxes):
        return person("outline")
    ringed = [number for number, ink in enumerate(boxes) if ink.sides == 4 and ink.outside > 2.5]
    if len(ringed) == 1 and not first.odd:
        ring, others = boxes[ringed[0]], [ink for number, ink in enumerate(boxes) if number != ringed[0]]
        if ring.cover < 0.1 and all(ink.inside + ink.specks < INK_NONE and ink.outside < 0.4 for ink in others):
            return Judged(row=row, verdict="certain", choices=(row.options[ringed[0]],), certainty=0.6, why="")
    if all(ink.inside + ink.specks < INK_BLANK for ink in boxes):
        if any(ink.outside > 0.2 for ink in boxes):
            most = max(range(len(boxes)), key=lambda number: boxes[number].outside)
            return person("beside", (row.options[most],))
        if any(ink.trace > 6.5 for ink in boxes) or not quiet:
            most = max(range(len(boxes)), key=lambda number: boxes[number].trace)
            return person("faint", (row.options[most],) if boxes[most].trace > 6.5 else ())
        sure = 1 - max(ink.trace for ink in boxes) / 13
        return Judged(row=row, verdict="blank", choices=(), certainty=round(max(0.5, sure), 3), why="")
    if any(ink.odd for ink in boxes):
        return person("odd")
    if _overfilled(first):
        return person("overfilled")
    plain = first.inside >= 1.6 * INK_MARK and first.longest >= 2.0
    if any(not _empty(ink, first, plain) for ink in rest):
        both = tuple(row.options[n] for n in sorted(order) if total[n] >= INK_NONE)
        return person("two", both or likely)
    if beside > (1.3 if plain else 0.6):
        return person("beside")
    if not _marked(first):
        # A tick that mostly missed its box, where the others show nothing at all.
        missed = first.inside >= 0.3 and first.longest >= 0.8 and first.inside + first.outside >= 2 * INK_MARK
        if not (missed and second < INK_BLANK and beside < 0.2 and first.dark > 0.2):
            return person("small")
    sure = 0.5 + 0.25 * min(1.0, first.inside / INK_MARK - 1) + 0.25 * max(0.0, 1 - second / INK_NONE)
    return Judged(row=row, verdict="certain", choices=likely, certainty=round(sure, 3), why="")


def _marked(ink: _Ink) -> bool:
    """Whether a pen did this: enough ink in a stroke that is long enough; longer than a hair where it is as pale as one,
    and within the box where it is as pale as a stain."""
    if ink.dark < 0.32:
        return ink.inside >= 1.4 * INK_MARK and ink.longest >= 2.4 and ink.outside <= 3.0
    return ink.inside >= INK_MARK and ink.longest >= 1.4


def _empty(ink: _Ink, first: _Ink, plain: bool) -> bool:
    """Whether a box beside a marked one shows nothing; beside a plain mark a hair or dust is no second mark."""
    if ink.inside or ink.specks:
        return ink.inside + ink.specks < INK_NONE or (plain and ink.black < min(1.4 * HAIR, 0.08 * first.black))
    return ink.trace <= 25 or ink.trace <= 0.3 * first.trace


def _again(answer: Judged, boxes: Sequence[_Ink], windows: Sequence[Floats], rest: _Rest) -> Judged:
    """A softer look both ways: is a mark that seems certain alone, and is one that is pale, short or misplaced clear?"""
    row = answer.row
    if answer.verdict == "certain":
        for option, ink, window in zip(row.options, boxes, windows, strict=True):
            if option in answer.choices or (ink.trace <= TRACE and not ink.inside and not ink.specks):
                continue
            stroke = _softly(window, rest, rest.inside)
            if stroke.black >= HAIR or stroke.longest >= 2.0:
                return replace(answer, verdict="person", choices=(*answer.choices, option), why="two")
    elif row.kind == "one" and answer.why in {"small", "faint", "beside"}:
        everywhere = rest.inside | rest.outside
        lone = _lone([_softly(window, rest, everywhere) for window in windows], boxes)
        if lone is not None:
            return Judged(row=row, verdict="certain", choices=(row.options[lone],), certainty=0.5, why="")
    return answer


def _lone(strokes: Sequence[_Stroke], boxes: Sequence[_Ink]) -> int | None:
    """The one box that a pale, short or misplaced mark is for: a pen's line, where all other boxes show nothing."""
    number = max(range(len(strokes)), key=lambda number: strokes[number].black)
    mark = strokes[number]
    for other, (stroke, ink) in enumerate(zip(strokes, boxes, strict=True)):
        if other != number and (stroke.black > min(HAIR, 0.25 * mark.black) or ink.trace > TRACE):
            return None
    if mark.thick > 1.2 or mark.leaves > 1 or mark.outside > 6:  # stains and folds are broad or run through
        return None
    if mark.beside > 0.5 * mark.black:
        missed = mark.black >= MISSED and mark.longest >= 1.8 and mark.dark >= 0.2
        return number if missed and not mark.upright else None
    drawn = (mark.black >= STROKE and mark.longest >= 1.4) or (mark.black >= PALE and mark.longest >= 3.0)
    return number if drawn else None


def _many(row: Row, boxes: Sequence[_Ink], quiet: bool) -> Judged:
    likely = tuple(option for option, ink in zip(row.options, boxes, strict=True) if ink.inside >= 0.3)

    def person(why: Why) -> Judged:
        return Judged(row=row, verdict="person", choices=likely, certainty=0.5, why=why)

    if not all(ink.outline for ink in boxes):
        return person("outline")
    if all(ink.inside + ink.specks < INK_BLANK for ink in boxes):
        return _one(row, boxes, quiet)
    if any(ink.odd for ink in boxes):
        return person("odd")
    ticked = [ink for ink in boxes if _marked(ink)]
    if not ticked:
        return person("small")
    faintest = min(ticked, key=lambda ink: ink.inside)
    plain = faintest.inside >= 1.6 * INK_MARK and faintest.longest >= 2.0
    if any(not _marked(ink) and not _empty(ink, faintest, plain) for ink in boxes):
        return person("small")
    if any(not _marked(ink) and ink.outside > 0.6 for ink in boxes):
        return person("beside")
    sizes = [ink.inside + ink.outside for ink in ticked]
    if any(_overfilled(ink) for ink in ticked) or max(sizes) > UNLIKE * min(sizes):
        return person("overfilled")
    if row.at_most is not None and len(ticked) > row.at_most:
        return person("too_many")
    return Judged(row=row, verdict="certain", choices=likely, certainty=0.8, why="")


def _overfilled(ink: _Ink) -> bool:
    """Blackened beyond the outline on most sides: a cancelled mark."""
    return ink.cover > 0.5 and ink.sides >= 3 and ink.outside > 2.0
