"""The job *read*: an upload becomes the pages of a batch. The only module beside `reading` that touches images."""

import json
from pathlib import Path

from flask_babel import gettext as _

from survey import db, job
from survey.box import collection as collections
from survey.box import slip
from survey.paper import batch, printing
from survey.paper.batch import Mark, Scan, Space
from survey.paper.geometry import Box, Geometry

PICTURE_QUALITY = 82
INKED = 0.0012  # share of a space's paper that is darker than its surroundings


@job.work("read")
def read(task: job.Task) -> None:
    """Reads every picture of a batch's uploads, one at a time; refused files are told as pages of their own."""
    instance = Path(task.app.config["INSTANCE"])
    name = str(task.job.given["batch"])
    collection = task.job.subject.partition(" ")[0]
    with db.reading() as connection:
        house = collections.get(connection, collection)
        known = printing.layouts(connection, house) if house else {}
    found = batch.get(instance, collection, name)
    if found is None or house is None:
        return
    store = batch.vault(instance, collection, name)
    try:
        from survey.paper import reading
    except ImportError as error:
        batch.save(instance, found.model_copy(update={"state": "failed", "message": str(error)}))
        raise job.Failed(str(error)) from error
    uploads = json.loads(store.get("uploads"))
    scans: list[Scan] = []
    for at, title in enumerate(uploads):
        data = store.get(f"upload{at}")
        number = 0
        try:
            for picture in reading.pictures(data):
                number += 1
                scans.append(_page(picture, known, collection, store, title, number, len(scans)))
                task.tell(len(scans), max(len(scans), task.job.total))
        except reading.Unreadable as fault:
            scans.append(_refused(title, number + 1, str(fault)))
        task.tell(len(scans), max(len(scans), task.job.total))
    with batch.alone(instance, collection, name) as now:
        batch.save(instance, now.model_copy(update={"state": "open", "scans": tuple(scans)}))
    for at in range(len(uploads)):
        store.remove(f"upload{at}")


def _page(picture, known: dict[str, Geometry], collection: str, store, title: str, number: int, at: int) -> Scan:  # type: ignore[no-untyped-def]
    import cv2

    from survey.paper import reading

    page = reading.read(picture, known, collection)
    name = f"page{at}"
    _done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, PICTURE_QUALITY])
    store.put(name, encoded.tobytes())
    geometry = known.get(page.layout)
    spaces = []
    if geometry is not None and page.refused is None:
        for (subject, question), place in geometry.sheets[page.number - 1].spaces.items():
            inked = _inked(picture, page.pose, place)
            spaces.append(
                Space(subject=subject, question=question, inked=inked, box=(place.x, place.y, place.width, place.height))
            )
    return Scan(
        picture=name,
        file=title,
        page=number,
        refused=page.refused or "",
        collection=page.collection,
        code=slip.plain(page.code),
        number=page.number,
        of=page.of,
        landscape=bool(geometry and geometry.landscape),
        pose=page.pose,
        spaces=tuple(spaces),
        marks=tuple(
            Mark(
                subject=r.subject,
                question=r.question,
                verdict=r.verdict,
                choices=r.choices,
                certainty=r.certainty,
                why=r.why,
                box=(r.box.x, r.box.y, r.box.width, r.box.height),
            )
            for r in page.readings
        ),
    )


def _refused(title: str, number: int, why: str) -> Scan:
    return Scan(
        picture="", file=title, page=number, refused=why, collection="", code="", number=0, of=0, landscape=False, pose=()
    )


def _inked(picture, pose: tuple[float, ...], place: Box) -> bool:  # type: ignore[no-untyped-def]
    """Whether something is written in a space, on the safe side: a person looks where it is."""
    import cv2
    import numpy as np

    from survey.paper import reading

    inner = Box(x=place.x + 1.5, y=place.y + 1.5, width=place.width - 3, height=place.height - 3)
    data = np.frombuffer(reading.crop(picture, pose, inner, 4.0), np.uint8)
    cut = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert cut is not None
    paper = cv2.medianBlur(cut, 31).astype(np.int16)
    dark = (paper - cut.astype(np.int16) > 28).astype(np.uint8)
    return bool(dark.mean() > INKED)


def cut(store, scan: Scan, box: tuple[float, float, float, float]) -> bytes:  # type: ignore[no-untyped-def]
    """A part of a kept page, put straight, as PNG."""
    from survey.paper import reading

    x, y, width, height = box
    return reading.crop(_picture(store, scan), scan.pose, Box(x=x, y=y, width=width, height=height), 6.0)


def whole(store, scan: Scan) -> bytes:  # type: ignore[no-untyped-def]
    """A kept page put straight as PNG, or as it came where it was refused (JPEG)."""
    from survey.paper import reading
    from survey.paper.geometry import size

    if not scan.pose:
        kept: bytes = store.get(scan.picture)
        return kept
    wide, high = size(scan.landscape)
    return reading.crop(_picture(store, scan), scan.pose, Box(x=0, y=0, width=wide, height=high), 5.0)


def _picture(store, scan: Scan):  # type: ignore[no-untyped-def]
    import cv2
    import numpy as np

    return cv2.imdecode(np.frombuffer(store.get(scan.picture), np.uint8), cv2.IMREAD_GRAYSCALE)


def why_refused(reason: str) -> str:
    """The words for a refused page, in the page's language."""
    try:
        from survey.paper.reading import REASONS
    except ImportError:
        return reason
    return _(REASONS.get(reason, reason))  # type: ignore[call-overload]


def why_open(reason: str) -> str:
    """The words for what makes a question a person's, in the page's language."""
    try:
        from survey.paper.reading import WHYS
    except ImportError:
        return reason
    words = WHYS.get(reason, reason)  # type: ignore[call-overload]
    return _(words) if words else ""
