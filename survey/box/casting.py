"""The deed *cast*: a checked reply and a slip become one ciphertext in the box, or an honest reason why not

BOX.md, steps 4 and 5.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from flask import current_app
from sqlalchemy import Engine, func, select

from survey import db
from survey.box import collection as collections
from survey.box import keys as key_store
from survey.box import packing, writer
from survey.box import slip as slips
from survey.box.collection import ALPHABET, Collection
from survey.box.slip import Slip
from survey.instrument import TEXT_BYTES, Form, Reply, canonical
from survey.schema import received as received_table

SOURCES = ("phone", "paper", "rescue")
_CROCKFORD = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET.encode())
_NONCE = re.compile(r"[0-9a-f]{32}(\.[0-9a-f]{16})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a page may offer: status ready · spent · void · unknown · desk_only · draft · closing · sealed · void_collection."""

    status: str
    collection: Collection | None = None
    slip: Slip | None = None
    keys: key_store.Keys | None = field(default=None, repr=False)  # as they were then, for what follows at once


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of an answer.

    `status`: cast · again (stored before, same content) · first_counts (stored before, other content) · already_used ·
    void · unknown · desk_only · not_open · closed · over_cap · busy · stopped (the box does not agree with its mark) ·
    bad_nonce (take a new form).
    `receipt` stands with the first three; `signature` (hex) with cast and again.
    """

    status: str
    nonce: str
    receipt: str | None = None
    signature: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ballot:
    """One answer to be cast. `slip` is a token or typed code, or a `Slip` already found; None in a link collection. `reply` is a checked
    answer, or one without words that is packed already."""

    reply: Reply | bytes
    nonce: str
    slip: str | Slip | None = None
    voice: str = ""


def look(collection_id: str | None, text: str = "", *, desk: bool = False) -> Look:
    """What stands behind a collection's address or a slip's text; reads only.

    Without an id the text is looked for in every collection that has not ended. Paper slips are for the desk alone.
    """
    if collection_id is None:
        with db.reading() as connection:
            for name in collections.open_ids(connection):
                found = slips.find(connection, _keys(name), name, text)
                if found:
                    return _state(collections.get(connection, name), found, desk=desk)
        return Look(status="unknown")
    keys = _keys(collection_id)
    asked = slips.digest_of(keys, text) if text else None
    row = collections.look(collection_id, column=asked[0], digest=asked[1]) if asked else collections.look(collection_id)
    if row is None or row[0].origin != "site":
        return Look(status="unknown")
    house, there = row
    if house.state in ("sealed", "void"):
        _seen.setdefault(db.engine(), _Seen()).end(collection_id)
        return _state(house, None, desk=desk)
    if house.mode == "link":
        return _state(house, None, desk=desk)
    found = Slip(qr=there[0], voice=there[1], medium=there[2], state=there[3]) if there else None
    state = _state(house, found, keys, desk=desk) if found or not text else Look(status="unknown", collection=house)
    if state.status == "ready" and found and not desk:
        _seen.setdefault(db.engine(), _Seen()).remember(house, found)
    return state


def lately(collection_id: str, token: str) -> Look | None:
    """What `look` said of a scanned slip that was free, once, without asking again: the slip as this process saw it, of which only the
    state can change, in a collection this process saw open within the last second. None where it did not.

    Good for casting alone: the writer spends a slip that is free in a collection that is open, or says that it is not.
    """
    seen = _seen.get(db.engine())
    at, house = seen.open.get(collection_id, (0.0, None)) if seen else (0.0, None)
    if seen is None or house is None or time.monotonic() - at > LATELY:
        return None
    keys = _keys(collection_id)
    asked = slips.digest_of(keys, token)
    found = seen.free.pop((collection_id, asked[1]), None) if asked else None
    return _state(house, found, keys, desk=False) if found else None


LATELY = 1.0  # seconds
_FILLING = 2000  # slips remembered: more than a hall


@dataclass(frozen=True, slots=True)
class _Seen:
    """What this process saw: collections that were open, and when; free slips whose holders are filling in the form; answers it has
    just stored, and when."""

    open: dict[str, tuple[float, Collection]] = field(default_factory=dict)
    free: dict[tuple[str, bytes], Slip] = field(default_factory=dict)
    given: dict[tuple[str, str], tuple[float, Collection, Outcome]] = field(default_factory=dict)

    def remember(self, house: Collection, slip: Slip) -> None:
        """A free slip of an open collection, now."""
        self.open[house.collection] = (time.monotonic(), house)
        self.free[house.collection, slip.qr] = slip
        _forget(self.free, lambda _: len(self.free) > _FILLING)

    def end(self, name: str) -> None:
        """Forgets a collection that has ended."""
        self.open.pop(name, None)
        for slip in [key for key in list(self.free) if key[0] == name]:
            self.free.pop(slip, None)
        for nonce in [key for key in list(self.given) if key[0] == name]:
            self.given.pop(nonce, None)

    def stored(self, house: Collection, outcome: Outcome) -> None:
        """An answer that is in the box, now; those of more than a moment ago are forgotten."""
        now = time.monotonic()
        self.given[house.collection, outcome.nonce] = (now, house, outcome)
        _forget(self.given, lambda given: now - given[0] > LATELY)


def _forget(kept: dict[Any, Any], past: Callable[[Any], bool]) -> None:
    """Forgets the oldest, as long as they are past."""
    with suppress(KeyError, StopIteration, RuntimeError):  # another thread was first
        while past(kept[oldest := next(iter(kept))]):
            del kept[oldest]


_seen: WeakKeyDictionary[Engine, _Seen] = WeakKeyDictionary()


def _state(house: Collection | None, found: Slip | None, keys: key_store.Keys | None = None, *, desk: bool) -> Look:
    assert house is not None
    status = {"open": "ready", "void": "void_collection"}.get(house.phase(), house.phase())
    if found and house.state in ("open", "closing"):
        if found.state == "spent":
            status = "spent"
        elif found.state == "void":
            status = "void"
        elif found.medium == "paper" and not desk:
            status = "desk_only"
    return Look(status=status, collection=house, slip=found, keys=keys)


def new_nonce(collection_id: str, keys: key_store.Keys | None = None) -> str:
    """A nonce made by the server: 16 random bytes, bound to the collection, stored nowhere. `keys`: the collection's, where they are at
    hand."""
    random = secrets.token_bytes(16)
    return f"{random.hex()}.{(keys or _keys(collection_id)).nonce_seal(collection_id, random).hex()}"


def receipt_id(collection_id: str, nonce: str) -> str:
    """The receipt of a nonce: the first ten Crockford characters of SHA-256("receipt", collection, nonce)."""
    digest = hashlib.sha256(b"\x00".join((b"receipt", collection_id.encode(), nonce.encode()))).digest()
    return base64.b32encode(digest[:10])[:10].translate(_CROCKFORD).decode()


def cast(
    *,
    collection: Collection,
    form: Form,
    reply: Reply | bytes,
    nonce: str,
    slip: str | Slip | None = None,
    voice: str = "",
    source: str = "phone",
    keys: key_store.Keys | None = None,
) -> Outcome:
    """Casts one answer; see Outcome for what can become of it. Returns after the commit is durable. `keys`: as for `new_nonce`."""
    ballot = Ballot(reply=reply, nonce=nonce, slip=slip, voice=voice)
    outcome = cast_batch(collection=collection, form=form, ballots=[ballot], source=source, keys=keys)[0]
    if outcome.status == "cast":
        _seen.setdefault(db.engine(), _Seen()).stored(collection, outcome)
    return outcome


def cast_batch(
    *, collection: Collection, form: Form, ballots: Sequence[Ballot], source: str, keys: key_store.Keys | None = None
) -> list[Outcome]:
    """Casts answers in one commit (a batch of paper); one outcome each, in order."""
    if source not in SOURCES:
        raise ValueError(f"no such source: {source}")
    keys = keys or _keys(collection.collection)
    outcomes: list[Outcome | None] = []
    rows = []
    for ballot in ballots:
        refused, found = _refusal(collection, keys, ballot, source)
        outcomes.append(Outcome(status=refused, nonce=ballot.nonce) if refused else None)
        if not refused:
            rows.append(_row(collection, form, keys, ballot, found, source))
    answers = iter(_stored(rows))
    return [
        each or _outcome(collection, keys, ballot.nonce, next(answers)["status"])
        for each, ballot in zip(outcomes, ballots, strict=True)
    ]


def _refusal(house: Collection, keys: key_store.Keys, ballot: Ballot, source: str) -> tuple[str | None, Slip | None]:
    if not _NONCE.fullmatch(ballot.nonce) or not _bound(house, keys, ballot.nonce):
        return ("not_open" if house.state == "draft" else "closed" if house.state in ("sealed", "void") else "bad_nonce"), None
    if house.mode == "link" or house.state == "sealed":  # the seal destroyed the slips' key: the writer looks for the receipt
        return None, None
    found = ballot.slip
    if not isinstance(found, Slip):
        with db.reading() as connection:
            found = slips.find(connection, keys, house.collection, found or "")
    if found is None:
        return "unknown", None
    if found.medium == "paper" and source != "paper":
        return "desk_only", None
    return None, found


def _bound(house: Collection, keys: key_store.Keys, nonce: str) -> bool:
    random, _, seal = nonce.partition(".")
    if not seal:
        return house.mode == "link"  # the script of a link collection makes nonces itself
    if not keys.has("nonce"):
        return house.state == "sealed"  # after the seal only a receipt is looked up
    return hmac.compare_digest(keys.nonce_seal(house.collection, bytes.fromhex(random)).hex(), seal)


def _row(
    house: Collection, form: Form, keys: key_store.Keys, ballot: Ballot, found: Slip | None, source: str
) -> dict[str, object]:
    voice = found.voice if found and found.voice else ballot.voice
    content, words = ballot.reply, b"{}"
    if isinstance(content, Reply):
        words = canonical(dict(content.texts)) if content.texts else words
        content = packing.of(house.form or "").pack(voice, content.answers)
    nonce = ballot.nonce.encode()
    receipt = receipt_id(house.collection, ballot.nonce)
    row: dict[str, object] = {
        "collection": house.collection,
        "qr": found.qr.hex() if found else "",
        "receipt": receipt,
        "tag": hmac.new(nonce, content + b"\x00" + words, "sha256").hexdigest(),
        "late": source != "phone",
        "remark": None,
        "ciphertext": "",
        "mac": "",
    }
    if not keys.has("public"):
        return row  # ended, or a voiding was cut off: the writer only says so, or finds the receipt
    ciphertext = keys.seal(content)
    row["ciphertext"] = ciphertext.hex()
    row["mac"] = keys.mac("ballot", house.collection, receipt.encode(), ciphertext).hex()
    if questions := form.text_questions():
        name = secrets.token_bytes(16)
        sealed = keys.seal(words.ljust(remark_length(questions)))
        row["remark"] = [name.hex(), sealed.hex(), keys.mac("remark", house.collection, name, sealed).hex()]
    return row


def remark_length(questions: Sequence[str]) -> int:
    """Bytes a remark is padded to: every answer drops one, so that its presence says nothing."""
    return sum(len(canonical(question)) + TEXT_BYTES + 4 for question in questions) + 2


def _stored(rows: list[dict[str, object]]) -> list[dict[str, str]]:
    if not rows:
        return []
    try:
        config = current_app.config
        return writer.store(config["DATABASE_URL"], Path(config["INSTANCE"]), rows, wait=config.get("BOX_WAIT", writer.WAIT))
    except writer.Busy:
        return [{"status": "busy"}] * len(rows)


def _outcome(house: Collection, keys: key_store.Keys, nonce: str, status: str) -> Outcome:
    if status not in ("cast", "again", "first_counts"):
        return Outcome(status=status, nonce=nonce)
    receipt = receipt_id(house.collection, nonce)
    signature = sign(keys, house.collection, receipt) if status != "first_counts" else None
    return Outcome(status=status, nonce=nonce, receipt=receipt, signature=signature)


def sign(keys: key_store.Keys, collection_id: str, receipt: str) -> str | None:
    """The signature under a receipt, as 128 hex digits; None once the signing key is destroyed."""
    return keys.sign(f"receipt\x00{collection_id}\x00{receipt}".encode()).hex() if keys.has("sign") else None


def given_lately(collection_id: str, nonce: str) -> tuple[Collection, Outcome] | None:
    """What `held` would say of an answer this process stored within the last second, once, without asking again. None where it did
    not, or where the box takes no answers any more."""
    seen = _seen.get(db.engine())
    at, house, outcome = seen.given.pop((collection_id, nonce), (0.0, None, None)) if seen else (0.0, None, None)
    if house is None or outcome is None or time.monotonic() - at > LATELY or not _keys(collection_id).has("public"):
        return None
    return house, outcome


def held(collection_id: str, nonce: str) -> tuple[Collection, Outcome] | None:
    """A collection and the receipt of an answer that is in its box or counted, by its nonce; None where there is none."""
    receipt = receipt_id(collection_id, nonce)
    house = collections.holding(collection_id, receipt)
    if house is None or house.origin != "site":
        return None
    signature = sign(_keys(collection_id), collection_id, receipt)
    return house, Outcome(status="again", nonce=nonce, receipt=receipt, signature=signature)


def received(collection_id: str) -> int:
    """Ballots received so far: one small row a host, however many there are."""
    with db.reading() as connection:
        query = select(func.coalesce(func.sum(received_table.c.received), 0)).where(
            received_table.c.collection == collection_id
        )
        return int(connection.execute(query).scalar_one())


def _keys(collection_id: str) -> key_store.Keys:
    return key_store.of(current_app.config["INSTANCE"], collection_id)
