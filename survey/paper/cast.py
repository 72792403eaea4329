"""The deed *cast a batch*: settled sheets go into the box in one go; then their scans are destroyed, or sealed.

Begun again after a crash it counts nothing twice: each sheet's nonce is noted, encrypted, before the box is asked.
"""

import io
import json
import secrets
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nacl.exceptions
import nacl.pwhash
import nacl.secret
import nacl.utils
from flask import Flask

from survey import db, journal
from survey.box import casting
from survey.box import keys as key_store
from survey.box.collection import ALPHABET, Collection
from survey.box.officers import Refused
from survey.instrument import Form, Reply
from survey.paper import batch
from survey.paper.batch import Batch, Pile, Sheet

COUNTED = ("cast", "again")
LATER = ("busy", "stopped", "not_open")


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of a batch: outcomes by status, sheets that did not enter, and the envelope's code for sealed scans."""

    statuses: Mapping[str, int]
    refused: Mapping[str, str]  # code -> status
    envelope: str = ""

    @property
    def counted(self) -> int:
        """Sheets now in the box."""
        return sum(self.statuses.get(status, 0) for status in COUNTED)


def total(instance: Path, house: Collection, name: str, account: str, number: int) -> Batch:
    """Notes how many sheets an account counted by hand; it holds until a decision changes the batch."""
    with batch.alone(instance, house.collection, name) as found:
        changed = found.model_copy(update={"totals": {**found.totals, account: number}})
        batch.save(instance, changed)
        return changed


def obstacles(house: Collection, of: Batch, pile: Pile) -> list[str]:
    """What keeps a batch from being cast, each as a code: reading · state · open · totals_two · totals_differ · empty."""
    found = []
    if of.state != "open":
        found.append("reading")
    if house.phase() not in ("open", "closing"):
        found.append("state")
    if pile.open or any(each.once for each in pile.sheets):
        found.append("open")
    if not pile.counted:
        found.append("empty")
    if len(of.totals) < 2:
        found.append("totals_two")
    elif set(of.totals.values()) != {len(pile.counted)}:
        found.append("totals_differ")
    return found


def cast(app: Flask, house: Collection, name: str, *, form: Form, by: str, keep: bool) -> Result:
    """Casts a batch and destroys or seals what it was made from.

    Raises Refused with what is in the way, or where the box could not take it now: then nothing is lost; cast it again.
    """
    instance = Path(app.config["INSTANCE"])
    keys = key_store.of(instance, house.collection)
    with batch.alone(instance, house.collection, name) as found:
        with db.reading() as connection:
            pile = batch.collate(connection, instance, house, found, form)
        if left := obstacles(house, found, pile):
            raise Refused(" ".join(left))
        nonces = dict(found.nonces)
        for each in pile.counted:
            fresh = batch.link_nonce(keys, each.code) if house.mode == "link" else casting.new_nonce(house.collection)
            nonces.setdefault(each.code, fresh)
        found = found.model_copy(update={"nonces": nonces})
        batch.save(instance, found)
        sheets = list(pile.counted)
        secrets.SystemRandom().shuffle(sheets)
        ballots = [
            casting.Ballot(
                reply=reply(each, form),
                nonce=nonces[each.code],
                slip=None if house.mode == "link" else each.code,
                voice=each.voice,
            )
            for each in sheets
        ]
        outcomes = casting.cast_batch(collection=house, form=form, ballots=ballots, source="paper")
        statuses = Counter(each.status for each in outcomes)
        if any(status in LATER for status in statuses):
            raise Refused("later")
        refused = {s.code: o.status for s, o in zip(sheets, outcomes, strict=True) if o.status not in COUNTED}
        envelope = seal(instance, house, found) if keep and found.kind == "scan" else ""
        with db.deed() as connection:
            journal.record(
                connection,
                account=by,
                deed="paper.cast",
                subject=house.collection,
                kind=found.kind,
                sheets=len(sheets),
                outcomes=dict(statuses),
                totals=sorted(found.totals),
                scans="sealed" if envelope else "destroyed",
                spoiled=sum(bool(each.spoiled) for each in sheets),
            )
        batch.vault(instance, house.collection, name).destroy()
    return Result(statuses=statuses, refused=refused, envelope=envelope)


def reply(of: Sheet, form: Form) -> Reply:
    """A sheet's answers as the box takes them; a spoiled one is cast without any, so that it counts as 废票 (D-07)."""
    if of.spoiled:
        return Reply(answers={}, texts={})
    read, _faults = form.read(batch.fields(of, form), paper=True)
    return read


# ---- scans kept for the envelope -----------------------------------------------------------------------------------


def seal(instance: Path, house: Collection, of: Batch) -> str:
    """Keeps a batch's pictures as one file under a code that is returned for the envelope and stored nowhere."""
    store = batch.vault(instance, house.collection, of.batch)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        listed = []
        for scan in of.scans:
            if scan.picture and store.has(scan.picture):
                archive.writestr(zipfile.ZipInfo(f"{scan.picture}.jpg"), store.get(scan.picture))
                listed.append({"picture": f"{scan.picture}.jpg", "file": scan.file, "page": scan.page, "refused": scan.refused})
        archive.writestr(zipfile.ZipInfo("pages.json"), json.dumps(listed, ensure_ascii=False, indent=1))
    code = "".join(secrets.choice(ALPHABET) for _ in range(30))
    salt = nacl.utils.random(nacl.pwhash.argon2id.SALTBYTES)
    sealed = nacl.secret.SecretBox(_derive(code, salt)).encrypt(packed.getvalue())
    keys = key_store.Keys(batch.folder(instance, house.collection))
    keys.put(f"sealed-{of.batch}", salt + sealed)
    return code


def sealed_of(instance: Path, collection: str) -> list[str]:
    """Batches whose scans are kept sealed."""
    where = batch.folder(instance, collection)
    return sorted(path.name.removeprefix("sealed-") for path in where.glob("sealed-*")) if where.exists() else []


def unseal(instance: Path, collection: str, name: str, code: str) -> bytes:
    """The pictures of a sealed batch as a zip file. Raises ValueError for a wrong code."""
    if not name.isalnum():
        raise ValueError("not a batch")
    raw = (batch.folder(instance, collection) / f"sealed-{name}").read_bytes()
    at = nacl.pwhash.argon2id.SALTBYTES
    plain = "".join(code.upper().replace("O", "0").replace("I", "1").replace("L", "1").split()).replace("-", "")
    try:
        return bytes(nacl.secret.SecretBox(_derive(plain, raw[:at])).decrypt(raw[at:]))
    except nacl.exceptions.CryptoError:
        raise ValueError("密钥不对") from None


def _derive(code: str, salt: bytes) -> bytes:
    derived: bytes = nacl.pwhash.argon2id.kdf(32, code.encode(), salt, opslimit=2, memlimit=19 * 1024 * 1024)
    return derived
