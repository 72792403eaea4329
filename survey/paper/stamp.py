"""Repeats laid-out pages, each copy with its own code drawn in as one path.

Laying out a page costs a tenth of a second, drawing a code into a clone about a millisecond. All copies share the
page's stream and fonts, so a job of many thousands stays small.
"""

import zlib
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from typing import BinaryIO

import pikepdf
import qrcode
from pikepdf import Array, Dictionary, Name

from survey.paper.geometry import Box

_POINT = 72 / 25.4


def matrix(text: str) -> list[list[bool]]:
    """The modules of a QR code of level Q; one fixed mask, since choosing among eight costs five times as much."""
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q, mask_pattern=3, border=0)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.modules]


def modules(rows: Sequence[Sequence[bool]], place: Box, height: float) -> bytes:
    """PDF operators that fill the dark modules inside a place (mm) of a page of that height (mm), one path."""
    step = place.width * _POINT / len(rows)
    left, top = place.x * _POINT, (height - place.y) * _POINT
    drawn = [f"0 g q {step:.5f} 0 0 {-step:.5f} {left:.3f} {top:.3f} cm"]  # modules count in whole numbers, downwards
    for down, row in enumerate(rows):
        start = None
        for across, dark in enumerate([*row, False]):
            if dark and start is None:
                start = across
            elif not dark and start is not None:
                drawn.append(f"{start} {down} {across - start} 1 re")
                start = None
    drawn.append("f Q\n")
    return "\n".join(drawn).encode()


def words(text: str, x: float, y: float, points: float, height: float) -> bytes:
    """PDF operators that set ASCII text centred on x with its foot at y (mm); each letter is 0.6 of its size wide."""
    left = x * _POINT - 0.3 * points * len(text)
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"0 g BT /Code {points} Tf {left:.2f} {(height - y) * _POINT:.2f} Td ({escaped}) Tj ET\n".encode("ascii")


def copies(
    blank: bytes,
    drawings: Iterable[Sequence[bytes]],
    out: BinaryIO,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Writes one PDF with a copy of all pages of `blank` per item of `drawings` and says how many copies it holds.

    Each item holds one stream of PDF operators a page of `blank`.
    """
    with pikepdf.open(BytesIO(blank)) as pdf:
        courier = pdf.make_indirect(
            Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name("/Courier-Bold"), Encoding=Name.WinAnsiEncoding)
        )
        # WeasyPrint's page stream leaves a flipped matrix behind, which would mirror the codes: q … Q around it.
        before = pdf.make_stream(b"q\n")
        after = pdf.make_stream(b"\nQ\n")
        bases = []
        for page in pdf.pages:
            page.contents_coalesce()
            if Name.Font not in page.resources:
                page.resources[Name.Font] = Dictionary()
            page.resources[Name.Font][Name.Code] = courier
            resources = pdf.make_indirect(page.resources)
            bases.append((page.obj.MediaBox, resources, pdf.make_indirect(page.obj.Contents)))
        del pdf.pages[:]
        done = 0
        for drawing in drawings:
            for (box, resources, base), drawn in zip(bases, drawing, strict=True):
                # Packed at once: thousands of open streams would be what fills the memory.
                packed = pdf.make_stream(zlib.compress(drawn), Filter=Name.FlateDecode)
                copy = Dictionary(
                    Type=Name.Page, MediaBox=box, Resources=resources,
                    Contents=Array([before, base, after, packed]),
                )  # fmt: skip
                pdf.pages.append(pikepdf.Page(pdf.make_indirect(copy)))
            done += 1
            if progress is not None:
                progress(done)
        pdf.save(out, compress_streams=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return done
