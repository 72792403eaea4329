"""The deed *open*: an empty box, a new key pair, a frozen form, the issued root (BOX.md, step 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Connection, func, select, text

from survey import clock, instrument, journal
from survey.box import collection as collections
from survey.box import keys as key_store
from survey.box import merkle, officers, packing, slip
from survey.box.collection import Collection
from survey.box.officers import Refused
from survey.instrument import canonical
from survey.schema import box, remark
from survey.schema import slip as slip_table

LEAD_DAYS = 3  # F-030, in calendar days (D-31)


@dataclass(frozen=True, kw_only=True, slots=True)
class Obstacle:
    """What stands in the way of opening. One that `needs_reason` yields to a written reason; others must be mended."""

    id: str
    text: str
    needs_reason: bool = False


def obstacles(connection: Connection, house: Collection, *, secure: bool) -> list[Obstacle]:
    """Everything in the way, at once. `secure`: the site is reached by HTTPS, or only from this machine."""
    found = []
    if house.state != "draft":
        return [Obstacle(id="state", text=_("只有筹备中的票箱可以开箱"))]
    form = collections.form(connection, house)
    if not form.people and any(part.scope == "person" for part in form.instrument.parts):
        found.append(Obstacle(id="people", text=_("本旗县还没有人员名单，请先录入")))
    if reason := officers.fault(connection, house):
        found.append(Obstacle(id="officers", text=reason))
    counts = collections.counts(connection, house.collection)
    if house.mode == "slips" and not counts.unspent:
        found.append(Obstacle(id="slips", text=_("还没有印测评码")))
    if house.kind == "appraisal":
        if house.expected is None or house.present is None:
            found.append(Obstacle(id="figures", text=_("请先填写应到人数和实到人数")))
        elif house.present * 2 <= house.expected:
            text_ = _("到会人数没有超过应到人数的一半，一般应过半再测评。仍要开始，请写明原因。")
            found.append(Obstacle(id="quorum", text=text_, needs_reason=True))
        late = not house.delivered_on or not house.held_on or _days(house.delivered_on, house.held_on) < LEAD_DAYS
        if late:
            text_ = _("述职材料送达不足三天，或没有填写送达日期。仍要开始，请写明原因。")
            found.append(Obstacle(id="materials", text=text_, needs_reason=True))
    if not secure:
        text_ = _("网站没有用 HTTPS：同一网络里的人可能看到投票内容。仍要开始，请写明原因，会记入日志。")
        found.append(Obstacle(id="https", text=text_, needs_reason=True))
    return found


def open_box(
    connection: Connection,
    instance: Path,
    house: Collection,
    *,
    teller: str,
    scrutineer: str,
    by: str,
    secure: bool,
    reasons: Mapping[str, str] | None = None,
) -> str:
    """Opens a collection whose officers' passwords were checked (`officers.both`); returns the envelope's code, printed once.

    Raises Refused, naming every obstacle that is left.
    """
    given = {key: value.strip() for key, value in (reasons or {}).items() if value.strip()}
    left = [o.text for o in obstacles(connection, house, secure=secure) if not (o.needs_reason and o.id in given)]
    if left:
        raise Refused("\n".join(left))
    for table in (box, remark):
        query = select(func.count()).select_from(table).where(table.c.collection == house.collection)
        if connection.execute(query).scalar_one():
            raise Refused(_("票箱不是空的，不能开箱"))
    keys = key_store.of(instance, house.collection)
    for name in ("nonce", "mac", "sign"):
        keys.make(name)
    if house.mode == "link":
        slip.make(connection, keys, house.collection, voice="", medium="link", number=house.cap or 0)
    partition(connection, house.collection)
    envelope = key_store.make_pair(keys, teller=teller, scrutineer=scrutineer)
    form = collections.form(connection, house)
    frozen = instrument.to_json(form)
    published = {
        "opening": {
            "collection": house.collection, "title": house.title, "banner": house.banner, "kind": house.kind,
            "mode": house.mode, "cap": house.cap, "opened_on": clock.today(), "form_sha256": sha256(frozen.encode()).hexdigest(),
            "slips": slips_by(connection, house.collection), "issued_root": issued_root(connection, house.collection).hex(),
            "receipt_key": keys.verify_key().hex(), "box_key": keys.get("public").hex(), "reasons": sorted(given),
            "audit_slips": int(house.reasons.get("audit_slips", "0")), "trial": house.trial,
        }
    }  # fmt: skip
    collections.change(
        connection, house.collection, state="open", form=frozen, length=packing.Packing(form).length, opened_on=clock.now(),
        reasons={**house.reasons, **given}, published=published,
    )  # fmt: skip
    journal.record(connection, account=by, deed="collection.open", subject=house.collection, reasons=given, **officers.named(house))
    return envelope


def issued_root(connection: Connection, collection: str) -> bytes:
    """The Merkle root over the slips' hashes, groups and media: which slips exist, and for whom, is fixed from opening on."""
    query = select(slip_table.c.qr, slip_table.c.voice, slip_table.c.medium).where(slip_table.c.collection == collection)
    return merkle.root(merkle.leaf(bytes(r.qr), canonical([r.voice, r.medium])) for r in connection.execute(query))


def note_slips(connection: Connection, house: Collection, made: int) -> None:
    """After opening, further or replaced slips are published as a new issued root beside the first (BOX.md, "People")."""
    if not house.published:
        return
    published = dict(house.published)
    published["more_slips"] = int(published.get("more_slips", 0)) + made
    published["issued_roots"] = [*published.get("issued_roots", []), issued_root(connection, house.collection).hex()]
    collections.change(connection, house.collection, published=published)


def slips_by(connection: Connection, collection: str) -> list[dict[str, Any]]:
    """Slips by medium, group and state, as published."""
    counts = collections.counts(connection, collection)
    return [{"medium": medium, "group": voice, **states} for (medium, voice), states in sorted(counts.by.items())]


def partition(connection: Connection, collection: str) -> None:
    """PostgreSQL keeps each box in a partition of its own, so that the seal can drop it whole."""
    if connection.dialect.name != "postgresql":
        return
    for table in ("box", "remark"):
        name = partition_name(table, collection)
        connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES IN ('{collection}')"))


def partition_name(table: str, collection: str) -> str:
    """The name of a collection's own partition. Raises ValueError for what is no id."""
    if set(collection) - set(collections.ALPHABET):
        raise ValueError("not a collection id")
    return f'"{table}_{collection.lower()}"'


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days
