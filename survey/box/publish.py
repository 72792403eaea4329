"""The published package of a sealed collection (BOX.md, step 11): what anyone may check, and the fragments for scrutineers."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, select

from survey.box import fragment as fragments
from survey.box import merkle
from survey.box.collection import Collection
from survey.box.slip import plain
from survey.schema import receipt, slip


def package(connection: Connection, house: Collection, *, with_fragments: bool = False) -> dict[str, bytes]:
    """File name -> content. Raises ValueError where the collection is not sealed.

    `fragments.csv` and `slips.csv` (the hashes of the slips, whose key is destroyed) are for scrutineers; where so few voted
    that the tally is withheld (D-27), the fragments are too.
    """
    if house.state != "sealed" or not house.published or "closing" not in house.published:
        raise ValueError("封箱以后才有公布的材料")
    closing = {"collection": house.collection, **house.published["closing"]}
    query = select(receipt.c.receipt).where(receipt.c.collection == house.collection).order_by(receipt.c.receipt)
    files = {
        "opening.json": _json(house.published["opening"]),
        "closing.json": _json(closing),
        "receipts.txt": "".join(f"{each}\n" for each in connection.execute(query).scalars()).encode(),
        "tally.csv": _csv(("subject", "question", "group", "answer", "count"), tally_rows(closing["tally"])),
        "verify.py": (Path(__file__).parent / "verify.py").read_bytes(),
    }
    if with_fragments:
        if not closing.get("withheld"):
            rows = [(f.fragment.hex(), f.subject, f.voice, f.answers) for f in fragments.of(connection, house.collection)]
            files["fragments.csv"] = _csv(("fragment", "subject", "group", "answers"), rows)
        known = select(slip.c.qr, slip.c.voice, slip.c.medium, slip.c.state).where(slip.c.collection == house.collection)
        hashes = [(bytes(r.qr).hex(), r.voice, r.medium, r.state) for r in connection.execute(known.order_by(slip.c.qr))]
        files["slips.csv"] = _csv(("slip", "group", "medium", "state"), hashes)
    return files


def zipped(files: dict[str, bytes]) -> bytes:
    """The package as one .zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tally_rows(tally: fragments.Tally) -> list[tuple[str, str, str, str, int]]:
    """(subject, question, group, answer, count), sorted."""
    return [
        (subject, question, voice, answer, number)
        for subject, questions in sorted(tally.items())
        for question, voices in sorted(questions.items())
        for voice, answers in sorted(voices.items())
        for answer, number in sorted(answers.items())
    ]


def counted(connection: Connection, house: Collection, text: str) -> bool:
    """Whether a receipt is among those counted."""
    query = select(receipt.c.receipt).where(receipt.c.collection == house.collection, receipt.c.receipt == plain(text))
    return connection.execute(query).first() is not None


def short_roots(house: Collection) -> dict[str, str]:
    """The roots as groups of characters, for the tally sheet, the projector and the receipt page."""
    published = house.published or {}
    found = {"issued": published.get("opening", {}).get("issued_root")}
    found |= {name: published.get("closing", {}).get(f"{name}_root") for name in ("receipts", "fragments")}
    return {name: merkle.short(value) for name, value in found.items() if value}


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1).encode()


def _csv(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue().encode()
