"""The receipt's QR code: a picture of one bit a module, as a `data:` address.

With version and mask fixed, every module of a QR code is an affine function of the bits it carries (the check symbols are a
linear code, the mask is added last). So the code of one receipt is the code of a blank one, XORed with one difference for
each bit in which the receipt differs: the library draws a few dozen codes for an address, and no more. A picture of a few hundred bytes is stored as it is.
"""

import struct
import zlib
from base64 import b64encode
from functools import cache, lru_cache

import qrcode
import qrcode.util

CAPACITY = (14, 26, 42, 62, 84, 106, 122, 152, 180, 213)  # bytes that versions 1 to 10 hold at level M (ISO/IEC 18004)
QUIET = 4  # modules of white around the code
_MASK = 2


def picture(head: str, receipt: str) -> str:
    """The code of `head + receipt` as a PNG in a `data:` address. The receipt is ASCII."""
    length = len(receipt)
    modules, side = _drawn(head, bytes(length))
    for place, letter in enumerate(receipt.encode("ascii")):
        modules ^= _letter(head, length, place, letter)
    rows = modules.to_bytes(side * (1 + _width(side)))
    stored = b"\x78\x01\x01" + struct.pack("<HH", len(rows), len(rows) ^ 0xFFFF) + rows + struct.pack(">I", zlib.adler32(rows))
    return "data:image/png;base64," + b64encode(_head(side) + _chunk(b"IDAT", stored) + _END).decode()


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@cache
def _head(side: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))


_END = _chunk(b"IEND", b"")


def _width(side: int) -> int:
    return (side + 7) // 8


@lru_cache(maxsize=8192)
def _letter(head: str, length: int, place: int, letter: int) -> int:
    """What one letter changes in the code of a blank receipt: the sum of what its bits change."""
    modules = 0
    for bit in range(8):
        if letter >> bit & 1:
            tail = bytearray(length)
            tail[place] = 1 << bit
            modules ^= _drawn(head, bytes(length))[0] ^ _drawn(head, bytes(tail))[0]
    return modules


@lru_cache(maxsize=128)
def _drawn(head: str, tail: bytes) -> tuple[int, int]:
    """One code by the library: its rows as PNG has them (a filter byte, then a bit a module, 1 is white), and its side."""
    content = head.encode() + tail
    version = next((at for at, most in enumerate(CAPACITY, 1) if len(content) <= most), None)
    code = qrcode.QRCode(version=version, border=QUIET, mask_pattern=_MASK)
    code.add_data(qrcode.util.QRData(content, mode=qrcode.util.MODE_8BIT_BYTE))
    code.make(fit=version is None)
    matrix = code.get_matrix()
    side = len(matrix)
    rows = bytearray()
    for row in matrix:
        bits = int("".join("01"[not dark] for dark in row), 2) << (8 * _width(side) - side)
        rows += b"\x00" + bits.to_bytes(_width(side))
    return int.from_bytes(rows), side
