"""Merkle trees over sorted leaf hashes, hashed as RFC 6962 does: leaf SHA-256(0x00, data), node SHA-256(0x01, left, right)."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from survey.box.collection import ALPHABET


def leaf(*parts: bytes) -> bytes:
    """The hash of one leaf."""
    return sha256(b"\x00" + b"".join(parts)).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes, which are sorted bytewise first: the order of rows says nothing and changes nothing."""
    level = sorted(leaves)
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        paired = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = paired + level[len(level) & ~1 :]
    return level[0]


@lru_cache(maxsize=64)
def short(root_hex: str) -> str:
    """The first 100 bits of a root as five groups of four characters, to read aloud and compare on paper."""
    number = int(root_hex, 16) >> 156
    text = "".join(ALPHABET[(number >> (5 * at)) & 31] for at in range(19, -1, -1))
    return " ".join(text[at : at + 4] for at in range(0, 20, 4))
