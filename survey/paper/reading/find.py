"""Finds a sheet in a picture: corner marks, QR code, and the way from millimetres on paper to pixels.

Marks are looked for in passes of rising resolution; their numbers say which way up the paper lies and whether it is
portrait or landscape. With fewer than three marks the corners of the QR code join in.
"""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from survey.paper.geometry import LANDSCAPE, MARK, PORTRAIT, Stamp, code_place, corner_marks, stamp
from survey.paper.reading.picture import Picture

Pose = npt.NDArray[np.float64]  # 3 × 3, millimetres on paper → pixels of the picture

_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
_PASSES = (800, 1300, 2000, 3200)  # longest side in pixels


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a picture shows of a sheet; `pose` is None when too little of it was found."""

    pose: Pose | None
    landscape: bool
    marks: int
    said: Stamp | None
    foreign: bool  # a QR code that is none of ours


def find(picture: Picture) -> Found:
    """The sheet in a picture."""
    corners = _marks(picture)
    portrait = {name: place for name, place in corners.items() if name in PORTRAIT}
    landscape = {name: place for name, place in corners.items() if name in LANDSCAPE}
    wide = len(landscape) > len(portrait)
    here = landscape if wide else portrait
    pose = _pose(here, wide) if len(here) >= 3 else None
    if pose is not None and (said := _code_at(picture, pose, wide)) is not None:
        return Found(pose=pose, landscape=wide, marks=len(here), said=said, foreign=False)
    said, place, foreign = _code_anywhere(picture)
    if pose is None and said is not None and place is not None and len(here) == 2:
        pose = _pose(here, wide, place)
    return Found(pose=pose, landscape=wide, marks=len(here), said=said, foreign=foreign)


def scale(pose: Pose, landscape: bool) -> float:
    """Pixels a millimetre where the picture is coarsest."""
    width, height = (297.0, 210.0) if landscape else (210.0, 297.0)
    least = np.inf
    for x, y in ((15.0, 15.0), (width - 15, 15.0), (width - 15, height - 15), (15.0, height - 15)):
        here, right, down = points(pose, np.array([[x, y], [x + 1, y], [x, y + 1]]))
        least = min(least, float(np.hypot(*(right - here))), float(np.hypot(*(down - here))))
    return least


def points(pose: Pose, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Places on paper (n × 2, mm) as pixels."""
    out = np.column_stack([places, np.ones(len(places))]) @ pose.T
    return np.asarray(out[:, :2] / out[:, 2:], np.float64)


def _marks(picture: Picture) -> dict[int, npt.NDArray[np.float32]]:
    """The corners of each mark seen, in pixels: upper left, upper right, lower right, lower left of the mark itself."""
    best: dict[int, npt.NDArray[np.float32]] = {}
    longest = max(picture.shape)
    for side in _PASSES:
        ratio = min(1.0, side / longest)
        small = picture if ratio == 1.0 else cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        corners, names, _ = _detector().detectMarkers(small)
        seen: dict[int, npt.NDArray[np.float32]] = {}
        for four, number in zip(corners, () if names is None else names.ravel(), strict=True):
            place, name = np.asarray((four.reshape(4, 2) + 0.5) / ratio - 0.5, np.float32), int(number)
            if name not in seen or cv2.contourArea(place) > cv2.contourArea(seen[name]):
                seen[name] = place
        best.update(seen)
        if any(all(name in best for name in names_) for names_ in (PORTRAIT, LANDSCAPE)) or ratio == 1.0:
            break
    return {name: _refined(picture, place) for name, place in best.items()}


def _refined(picture: Picture, place: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    side = float(np.sqrt(abs(cv2.contourArea(place))))
    reach = max(2, round(side / 14))
    left, top = np.floor(place.min(axis=0) - 3 * reach - 3).astype(int).clip(0)
    right, bottom = np.ceil(place.max(axis=0) + 3 * reach + 3).astype(int)
    patch = picture[top:bottom, left:right]
    if min(patch.shape) < 4 * reach + 6:
        return place
    start = (place - (left, top)).astype(np.float32).reshape(-1, 1, 2)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 30, 0.01)
    found = cv2.cornerSubPix(np.ascontiguousarray(patch), start.copy(), (reach, reach), (-1, -1), stop)
    moved = np.hypot(*(found - start).reshape(-1, 2).T)
    found[moved > 1.5 * reach] = start[moved > 1.5 * reach]
    return np.asarray(found.reshape(4, 2) + (left, top), np.float32)


def _pose(
    corners: dict[int, npt.NDArray[np.float32]], landscape: bool, code: npt.NDArray[np.float64] | None = None
) -> Pose | None:
    on_paper, in_picture = [], []
    places = corner_marks(landscape)
    for name, seen in corners.items():
        box = places[name]
        on_paper.append([[box.x, box.y], [box.x + MARK, box.y], [box.x + MARK, box.y + MARK], [box.x, box.y + MARK]])
        in_picture.append(seen)
    if code is not None:
        box = code_place(landscape)
        right, bottom = box.x + box.width, box.y + box.height
        on_paper.append([[box.x, box.y], [right, box.y], [right, bottom], [box.x, bottom]])
        in_picture.append(code.astype(np.float32))
    source = np.concatenate([np.asarray(four, np.float64) for four in on_paper])
    target = np.concatenate(in_picture).astype(np.float64)
    pose, _ = cv2.findHomography(source, target, 0)
    if pose is None or not np.all(np.isfinite(pose)) or np.linalg.det(pose) <= 0:
        return None
    found = np.asarray(pose, np.float64)
    off = np.hypot(*(points(found, source) - target).T) / max(scale(found, landscape), 1e-6)
    return found if float(off.max()) < 3.0 else None


def _code_at(picture: Picture, pose: Pose, landscape: bool) -> Stamp | None:
    box = code_place(landscape)
    for sharp, white in ((10.0, 3.5), (14.0, 4.0), (7.0, 4.0)):
        side = round((box.width + 2 * white) * sharp)
        to_paper = np.array([[1 / sharp, 0, box.x - white], [0, 1 / sharp, box.y - white], [0, 0, 1.0]])
        patch = cv2.warpPerspective(
            picture, pose @ to_paper, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=255
        )
        for found in zxingcpp.read_barcodes(patch, formats=_QR, try_rotate=False):
            if (said := stamp(found.text)) is not None:
                return said
    return None


def _code_anywhere(picture: Picture) -> tuple[Stamp | None, npt.NDArray[np.float64] | None, bool]:
    """Stamp, corners in pixels as on the upright paper, and whether another QR code was seen."""
    foreign = False
    longest = max(picture.shape)
    for side in (1600, 3200):
        ratio = min(1.0, side / longest)
        small = picture if ratio == 1.0 else cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
        for found in zxingcpp.read_barcodes(small, formats=_QR):
            said = stamp(found.text)
            if said is not None:
                at = found.position
                four = (at.top_left, at.top_right, at.bottom_right, at.bottom_left)
                return said, np.array([[(p.x + 0.5) / ratio, (p.y + 0.5) / ratio] for p in four]), False
            foreign = True
        if ratio == 1.0:
            break
    return None, None, foreign


@cache
def _detector() -> cv2.aruco.ArucoDetector:
    wanted = cv2.aruco.DetectorParameters()
    wanted.minMarkerPerimeterRate = 0.05
    wanted.maxMarkerPerimeterRate = 0.6
    wanted.adaptiveThreshWinSizeMin, wanted.adaptiveThreshWinSizeMax, wanted.adaptiveThreshWinSizeStep = 7, 21, 14
    wanted.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE
    wanted.errorCorrectionRate = 0.4
    return cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), wanted)
