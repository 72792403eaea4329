"""The noun *slip* (测评码): one slip, one ballot. The database knows only hashes; the codes live in the printed PDF.

A slip has two texts: a token of 128 bits for the QR code and a code of ten Crockford characters to type. Both are stored as
`HMAC(slip key, text)`. State: unspent → spent, or void.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection, insert, select, update

from survey.box.collection import ALPHABET
from survey.box.keys import Keys
from survey.schema import slip

TOKEN, CODE = 26, 10  # characters; 26 × 5 bits carry 128
_READ_AS = str.maketrans("OIL", "011", " \t\r\n-_·.　")


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """The texts of one new slip: for print only, kept nowhere."""

    token: str
    code: str
    voice: str
    medium: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Slip:
    """What the database knows of a slip."""

    qr: bytes
    voice: str
    medium: str
    state: str


def plain(text: str) -> str:
    """A typed or scanned text as it was printed: full width, case, spaces, dashes, O/0 and I, L/1 forgiven."""
    if not text.isascii():
        text = "".join(chr(ord(c) - 0xFEE0) if "！" <= c <= "～" else c for c in text)
    return text.upper().translate(_READ_AS)


def make(connection: Connection, keys: Keys, collection: str, *, voice: str, medium: str, number: int) -> list[Code]:
    """Makes slips and returns their texts; medium phone, paper or link."""
    keys.make("slip")
    made = [
        Code(token=_base32(secrets.randbits(128), TOKEN), code=_base32(secrets.randbits(50), CODE), voice=voice, medium=medium)
        for _ in range(number)
    ]
    rows = [
        {
            "collection": collection, "qr": keys.slip_hash(each.token), "code": keys.slip_hash(each.code),
            "voice": voice, "medium": medium, "state": "unspent",
        }
        for each in made
    ]  # fmt: skip
    for at in range(0, len(rows), 1000):
        connection.execute(insert(slip), rows[at : at + 1000])
    return made


def digest_of(keys: Keys, text: str) -> tuple[str, bytes] | None:
    """The column a scanned or typed text stands in (qr or code) and its hash; None where it can be no slip's."""
    asked = plain(text)
    if len(asked) not in (TOKEN, CODE) or not keys.has("slip"):
        return None
    return "qr" if len(asked) == TOKEN else "code", keys.slip_hash(asked)


def find(connection: Connection, keys: Keys, collection: str, text: str) -> Slip | None:
    """The slip of a token or a typed code, or None."""
    asked = digest_of(keys, text)
    if asked is None:
        return None
    column, digest = slip.c[asked[0]], asked[1]
    row = connection.execute(
        select(slip.c.qr, slip.c.voice, slip.c.medium, slip.c.state).where(slip.c.collection == collection, column == digest)
    ).first()
    return Slip(qr=bytes(row.qr), voice=row.voice, medium=row.medium, state=row.state) if row else None


def void(connection: Connection, collection: str, qr: bytes) -> bool:
    """Voids an unspent slip; False where it is spent or void already."""
    query = update(slip).where(slip.c.collection == collection, slip.c.qr == qr, slip.c.state == "unspent")
    return connection.execute(query.values(state="void")).rowcount == 1


def void_made(connection: Connection, keys: Keys, collection: str, codes: Iterable[Code]) -> int:
    """Voids the slips of an interrupted print job; how many were unspent."""
    return sum(void(connection, collection, keys.slip_hash(each.token)) for each in codes)


def void_unspent(connection: Connection, collection: str, *, medium: str | None = None) -> int:
    """Voids all unspent slips (at closing, or of one medium when its printing starts over); how many."""
    query = update(slip).where(slip.c.collection == collection, slip.c.state == "unspent")
    if medium:
        query = query.where(slip.c.medium == medium)
    return connection.execute(query.values(state="void")).rowcount


def replace(connection: Connection, keys: Keys, collection: str, text: str) -> list[Code]:
    """A damaged slip is voided and replaced by two (BOX.md, step 2), so that no new slip can be told to be its holder's.

    Raises ValueError where the slip is unknown, spent or void.
    """
    found = _unspent(connection, keys, collection, text)
    void(connection, collection, found.qr)
    return make(connection, keys, collection, voice=found.voice, medium=found.medium, number=2)


def exchange(connection: Connection, keys: Keys, collection: str, text: str, *, medium: str) -> list[Code]:
    """A phone slip for a paper one, or the other way: the old one is voided (one voter, one ballot)."""
    found = _unspent(connection, keys, collection, text)
    if found.medium == medium:
        raise ValueError(_("这个码已经是这种方式，不用换"))
    void(connection, collection, found.qr)
    return make(connection, keys, collection, voice=found.voice, medium=medium, number=1)


def _unspent(connection: Connection, keys: Keys, collection: str, text: str) -> Slip:
    found = find(connection, keys, collection, text)
    if found is None:
        raise ValueError(_("没有这个测评码，请对照票面再输一次"))
    if found.state != "unspent":
        raise ValueError(_("这个测评码已经用过，不能更换") if found.state == "spent" else _("这个测评码已经作废"))
    return found


def _base32(number: int, length: int) -> str:
    text = ""
    for _digit in range(length):
        number, digit = divmod(number, 32)
        text = ALPHABET[digit] + text
    return text
