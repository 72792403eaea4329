"""Uploads as grey pictures: a scanner's PDF, or a photo as JPEG or PNG.

The size is read from the head of a file before anything is decoded, so that a small file cannot unfold into gigabytes.
"""

import struct
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import pypdfium2
import pypdfium2.raw as pdfium

Picture = npt.NDArray[np.uint8]  # height × width, 0 black

MOST_PIXELS = 120_000_000  # a 100-megapixel phone
MOST_PAGES = 2_000
_ENOUGH = 24_000_000  # larger ones are halved while they are decoded
_RENDER = 200 / 72  # a PDF without one large image is drawn at 200 dpi


class Unreadable(ValueError):
    """A file that is no picture or scanner's PDF, or one too large to open."""


def pictures(data: bytes) -> Iterator[Picture]:
    """Every page of an upload, one at a time; raises Unreadable with what to do instead."""
    if data[:1024].lstrip().startswith(b"%PDF-"):
        yield from _pages(data)
    elif data.startswith((b"\xff\xd8", b"\x89PNG\r\n\x1a\n")):
        yield _photo(data)
    elif data[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"}:
        raise Unreadable("这是 HEIC 照片，请在手机上改存为 JPEG 再上传。")
    else:
        raise Unreadable("只能识读扫描的 PDF 和 JPEG、PNG 照片。")


def dimensions(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG or PNG, without decoding it; raises Unreadable."""
    if data.startswith(b"\x89PNG"):
        if data[12:16] != b"IHDR" or len(data) < 24:
            raise Unreadable("这个 PNG 文件已损坏。")
        width, height = struct.unpack(">II", data[16:24])
        return int(width), int(height)
    at = 2
    while at + 9 < len(data):
        if data[at] != 0xFF:
            break
        kind = data[at + 1]
        if kind == 0xFF:
            at += 1
        elif kind in {0x01, *range(0xD0, 0xD8)}:
            at += 2
        elif 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return int(width), int(height)
        else:
            at += 2 + int(struct.unpack(">H", data[at + 2 : at + 4])[0])
    raise Unreadable("这个 JPEG 文件已损坏。")


def _photo(data: bytes) -> Picture:
    width, height = dimensions(data)
    if not 0 < width * height <= MOST_PIXELS:
        raise Unreadable("这张照片太大，请改用 4800 万像素以下的尺寸。")
    halved = width * height > _ENOUGH and data.startswith(b"\xff\xd8")
    flag = cv2.IMREAD_REDUCED_GRAYSCALE_2 if halved else cv2.IMREAD_GRAYSCALE
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except cv2.error as error:
        raise Unreadable("这张照片已损坏，打不开。") from error
    if found is None:
        raise Unreadable("这张照片已损坏，打不开。")
    return np.asarray(found, np.uint8)


def _pages(data: bytes) -> Iterator[Picture]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        raise Unreadable("这个 PDF 打不开（已损坏或加了密码）。") from error
    try:
        if len(document) > MOST_PAGES:
            raise Unreadable("这个 PDF 超过 2000 页，请分开上传。")
        for page in document:
            try:
                picture = _embedded(page)
                yield _rendered(page) if picture is None else picture
            except pypdfium2.PdfiumError as error:
                raise Unreadable("这个 PDF 里有一页打不开。") from error
            finally:
                page.close()
    finally:
        document.close()


def _embedded(page: pypdfium2.PdfPage) -> Picture | None:
    """The one image that covers the page, as the scanner made it; None when the page is anything else."""
    objects = list(page.get_objects(max_depth=2))
    images = [found for found in objects if found.type == pdfium.FPDF_PAGEOBJ_IMAGE]
    others = [found for found in objects if found.type in {pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_SHADING}]
    if len(images) != 1 or others or not isinstance(images[0], pypdfium2.PdfImage):
        return None
    left, bottom, right, top = images[0].get_bounds()
    if (right - left) * (top - bottom) < 0.8 * page.get_width() * page.get_height():
        return None
    width, height = images[0].get_px_size()
    if not 0 < width * height <= MOST_PIXELS:
        raise Unreadable("这个 PDF 里的图像太大，请用 300 dpi 扫描。")
    matrix = images[0].get_matrix()
    if abs(matrix.b) + abs(matrix.c) > 1 or matrix.a < 0 or matrix.d < 0 or page.get_rotation():
        return None  # turned or mirrored by the page: let the renderer put it right
    bitmap = images[0].get_bitmap(render=False)
    try:
        return _grey(bitmap.to_numpy(), bitmap.mode)
    finally:
        bitmap.close()


def _rendered(page: pypdfium2.PdfPage) -> Picture:
    width, height = page.get_size()
    if width <= 0 or height <= 0:
        raise Unreadable("这个 PDF 里有一页没有大小。")
    scale = min(_RENDER, (_ENOUGH / (width * height)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        return _grey(bitmap.to_numpy(), bitmap.mode)
    finally:
        bitmap.close()


def _grey(pixels: npt.NDArray[np.uint8], mode: str) -> Picture:
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.ascontiguousarray(pixels.reshape(pixels.shape[:2]))
    if pixels.shape[2] == 4:
        way = cv2.COLOR_RGBA2GRAY if mode.startswith("RGB") else cv2.COLOR_BGRA2GRAY
    else:
        way = cv2.COLOR_RGB2GRAY if mode.startswith("RGB") else cv2.COLOR_BGR2GRAY
    return np.asarray(cv2.cvtColor(pixels, way), np.uint8)
