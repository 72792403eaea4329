"""One picture read as one sheet: its code, its answers, or why it was refused; and cut-outs for the reviewer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from survey.paper.geometry import Box, Geometry, Row, size
from survey.paper.reading.find import Pose, find, scale
from survey.paper.reading.judge import Verdict, Why, judge
from survey.paper.reading.picture import Picture

__all__ = ["REASONS", "WHYS", "Page", "Reading", "Reason", "Verdict", "Why", "crop", "read", "whole"]

Reason = Literal[
    "blank_page", "no_code", "foreign", "other_collection", "older_layout", "no_marks", "torn", "few_pixels",
    "blurred", "covered",
]  # fmt: skip

REASONS: Mapping[Reason, str] = {  # what to tell the teller; translate with gettext
    "blank_page": "这是一张空白页。",
    "no_code": "找到了四角的标记，但读不出二维码：请重新扫描，或按纸上的代码录入。",
    "foreign": "这不是本系统印的表。",
    "other_collection": "这是另一场测评（调查）的表，不计入本场。",
    "older_layout": "这张表的版式不是本场印发的版式（可能是旧版），请按纸面录入。",
    "no_marks": "找不到四角的标记：请把整张纸拍进画面。",
    "torn": "四角的标记缺了两个以上（撕坏、折叠或没拍全）：请展平重拍，或按纸面录入。",
    "few_pixels": "图像太小，看不清格子：请走近一些重拍，或用 200 dpi 以上扫描，发送时选“原图”。",
    "blurred": "图像太模糊：请对好焦重拍。",
    "covered": "许多格子被遮住或没有印清楚：请重拍，或按纸面录入。",
}
WHYS: Mapping[Why, str] = {  # why a question is left to a person
    "": "",
    "two": "不止一格有笔迹",
    "faint": "似有很淡的笔迹",
    "overfilled": "涂满并出格，可能是涂改",
    "beside": "笔迹在格外",
    "outline": "格子的边框看不全",
    "odd": "有污渍或折痕",
    "too_many": "选得太多",
    "small": "笔迹很小或很淡",
}

LEAST = 3.4  # pixels a millimetre: under this a light tick and a speck look alike


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One question as read.

    "certain": `choices` holds for sure; "blank": nothing is marked; "person": somebody must look, `choices` is a
    suggestion and `why` the cause. `certainty` runs from 0 to 1; `box` is what to cut out, in mm.
    """

    subject: str
    question: str
    verdict: Verdict
    choices: tuple[str, ...]
    certainty: float
    why: Why
    box: Box


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One sheet of one form; `number` of `of` sheets. Refused pages have no readings."""

    collection: str
    code: str
    number: int
    of: int
    layout: str
    refused: Reason | None
    pose: tuple[float, ...]  # nine numbers, mm → pixels, row by row; empty when not found
    readings: tuple[Reading, ...]


def read(picture: Picture, known: Mapping[str, Geometry], collection: str) -> Page:
    """Reads one picture; `known` holds the geometries printed for the collection by their layout."""
    if max(picture.shape) < 600:
        return _refused("few_pixels")
    found = find(picture)
    said = found.said
    if said is None:
        if found.foreign and found.marks == 0:
            return _refused("foreign")
        if found.marks >= 2:
            return _refused("no_code")
        return _refused("blank_page" if _is_blank(picture) else "foreign")

    def refuse(reason: Reason) -> Page:
        return Page(
            collection=said.collection, code=said.code, number=said.page, of=said.of, layout=said.layout,
            refused=reason, pose=(), readings=(),
        )  # fmt: skip

    if said.collection != collection:
        return refuse("other_collection")
    geometry = known.get(said.layout)
    if geometry is None or said.of != len(geometry.sheets):
        return refuse("older_layout")
    if found.pose is None or found.landscape != geometry.landscape:
        return refuse("torn" if found.marks else "no_marks")
    if scale(found.pose, found.landscape) < LEAST:
        return refuse("few_pixels")
    sheet, rows = geometry.sheets[said.page - 1], geometry.rows_of(said.page)
    if not rows:  # a sheet with spaces to write in only
        return _page(said.collection, said.code, said.page, said.of, said.layout, found.pose, ())
    looked = judge(picture, found.pose, sheet, rows, found.landscape)
    if looked.refused:
        return refuse(looked.refused)
    readings = tuple(
        Reading(
            subject=judged.row.subject,
            question=judged.row.question,
            verdict=judged.verdict,
            choices=judged.choices,
            certainty=judged.certainty,
            why=judged.why,
            box=place(geometry, said.page, judged.row),
        )
        for judged in looked.judged
    )
    return _page(said.collection, said.code, said.page, said.of, said.layout, looked.pose, readings)


def place(geometry: Geometry, page: int, row: Row, around: float = 3.0) -> Box:
    """The rectangle that holds all boxes of a question, with some paper around, in mm."""
    boxes = [geometry.sheets[page - 1].boxes[row.subject, row.question, option] for option in row.options]
    width, height = size(geometry.landscape)
    left = max(0.0, min(box.x for box in boxes) - around)
    top = max(0.0, min(box.y for box in boxes) - around)
    right = min(width, max(box.x + box.width for box in boxes) + around)
    bottom = min(height, max(box.y + box.height for box in boxes) + around)
    return Box(x=left, y=top, width=right - left, height=bottom - top)


def crop(picture: Picture, pose: tuple[float, ...], box: Box, sharp: float = 8.0) -> bytes:
    """A rectangle of the paper (mm) put straight, as PNG at `sharp` pixels a millimetre."""
    to_paper = np.array([[1 / sharp, 0, box.x], [0, 1 / sharp, box.y], [0, 0, 1.0]])
    cut = cv2.warpPerspective(
        picture, np.array(pose).reshape(3, 3) @ to_paper, (round(box.width * sharp), round(box.height * sharp)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=255,
    )  # fmt: skip
    done, data = cv2.imencode(".png", cut)
    if not done:
        raise ValueError("the cut-out could not be encoded")
    return data.tobytes()


def whole(picture: Picture, page: Page, landscape: bool, sharp: float = 5.0) -> bytes:
    """The whole sheet put straight, as PNG."""
    width, height = size(landscape)
    return crop(picture, page.pose, Box(x=0, y=0, width=width, height=height), sharp)


def _page(collection: str, code: str, number: int, of: int, layout: str, pose: Pose, readings: tuple[Reading, ...]) -> Page:
    return Page(
        collection=collection, code=code, number=number, of=of, layout=layout, refused=None,
        pose=tuple(float(value) for value in pose.ravel()), readings=readings,
    )  # fmt: skip


def _refused(reason: Reason) -> Page:
    return Page(collection="", code="", number=0, of=0, layout="", refused=reason, pose=(), readings=())


def _is_blank(picture: Picture) -> bool:
    small = cv2.resize(picture, (210, 297), interpolation=cv2.INTER_AREA)[15:-15, 15:-15].astype(np.float32)
    paper = cv2.GaussianBlur(small, (0, 0), 12)
    return bool((np.abs(small - paper) > 18).mean() < 0.004)
