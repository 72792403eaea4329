"""The deeds *close*, *seal* and *void* (BOX.md, steps 7 to 10).

Sealing can be killed at any point and begun again: until its one transaction nothing has changed; after it, the published
record stands in the database and what is left (read back, compact, destroy the keys) needs no secret.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nacl.exceptions
from nacl.public import PrivateKey
from sqlalchemy import Connection, Engine, delete, insert, select, update

from survey import db, journal
from survey.box import collection as collections
from survey.box import fragment as fragments
from survey.box import keys as key_store
from survey.box import mark, merkle, opening, slip, writer
from survey.box.casting import opened
from survey.box.collection import Collection
from survey.box.fragment import Fragment
from survey.box.keys import Keys
from survey.box.officers import Refused
from survey.instrument import Answers
from survey.schema import box, collection, comment, cycle, fragment, receipt, received, remark
from survey.schema import slip as slip_table


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One failed check of the seal: which, and where. `receipts` are rows that may be left out by decision."""

    check: str
    text: str
    receipts: tuple[str, ...] = ()


class Broken(RuntimeError):
    """The seal stopped: nothing was opened or changed. `evidence` is printed."""

    def __init__(self, evidence: Sequence[Evidence]) -> None:
        super().__init__("\n".join(each.text for each in evidence))
        self.evidence = tuple(evidence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """A scrutineer's noted vote: the slip's text, the receipt shown, the marks given (BOX.md, step 8)."""

    slip: str
    receipt: str
    answers: Answers


# ---- close ---------------------------------------------------------------------------------------------------------


def close(connection: Connection, house: Collection, *, by: str, minutes: int = 0) -> str:
    """Announces the end in some minutes, or closes at once; the time phones are refused from. Idempotent.

    Phone slips that are left are voided; paper batches and rescue files still enter.
    """
    if house.state in ("draft", "sealed", "void"):
        raise Refused("只有开着的票箱可以结束投票")
    now = datetime.now(UTC)
    if house.state == "closing":
        return house.closes_at or now.isoformat(timespec="seconds")
    at = (now + timedelta(minutes=minutes)).isoformat(timespec="seconds")
    if minutes:
        collections.change(connection, house.collection, closes_at=at)
        journal.record(connection, account=by, deed="collection.announce", subject=house.collection, closes_at=at)
        return at
    closed = connection.execute(
        update(collection)
        .where(collection.c.collection == house.collection, collection.c.state == "open")
        .values(state="closing", closes_at=at)
    )
    if closed.rowcount:
        if house.mode == "slips":
            slip.void_unspent(connection, house.collection, medium="phone")
        journal.record(connection, account=by, deed="collection.close", subject=house.collection)
        return at
    again = collections.get(connection, house.collection)
    return (again.closes_at if again else None) or at


# ---- the checks ----------------------------------------------------------------------------------------------------


def check(connection: Connection, instance: Path, house: Collection, *, without: Sequence[str] = ()) -> list[Evidence]:
    """Every failed check: each MAC, the mark, spent slips = ballots, returned ≤ issued (D-07)."""
    keys = key_store.of(instance, house.collection)
    missing = [name for name in ("mac", "secret.json", "public") if not keys.has(name)]
    if missing:
        return [Evidence(check="keys", text=f"缺少密钥文件：{'、'.join(missing)}")]
    found = []
    wrong = tuple(
        row.receipt
        for row in connection.execute(select(box).where(box.c.collection == house.collection))
        if keys.mac("ballot", house.collection, row.receipt.encode(), bytes(row.ciphertext)) != bytes(row.mac)
    )
    if set(wrong) - set(without):
        found.append(Evidence(check="mac", text=f"{len(wrong)} 张票的校验码不符：被改动、掉换或伪造", receipts=wrong))
    odd = sum(
        keys.mac("remark", house.collection, bytes(row.remark), bytes(row.ciphertext)) != bytes(row.mac)
        for row in connection.execute(select(remark).where(remark.c.collection == house.collection))
    )
    if odd:
        found.append(Evidence(check="remark", text=f"{odd} 条留言的校验码不符：被改动、掉换或伪造"))
    stored = writer.stored(connection, house.collection)
    try:
        if not mark.agrees(keys.folder, stored):
            noted = sum((mark.read(file)[0] for file in keys.folder.glob("mark-*")), mark.State())
            text = f"票箱里有 {stored.ballots} 张票，标记记的是 {noted.ballots} 张，或内容不同：有票被增加、删除、掉换，或数据库被退回到从前"
            found.append(Evidence(check="mark", text=text))
    except mark.MarkFault as fault:
        found.append(Evidence(check="mark", text=str(fault)))
    counts = collections.counts(connection, house.collection)
    if counts.spent != stored.ballots:
        text = f"已用的码 {counts.spent} 个，票箱里的票 {stored.ballots} 张，两数不等：有码被改回未用，或有票被增删"
        found.append(Evidence(check="slips", text=text))
    issued = house.published.get("opening", {}).get("issued_root") if house.published else None
    extra = house.published.get("issued_roots", []) if house.published else []
    if issued and opening.issued_root(connection, house.collection).hex() != (extra[-1] if extra else issued):
        found.append(Evidence(check="issued", text="测评码与开箱时公布的不同：有码被增加或删除"))
    if house.kind == "appraisal" and house.mode == "slips":
        if house.issued is None:
            found.append(Evidence(check="figures", text="请先由两人填写发出票数"))
        elif stored.ballots > house.issued:
            found.append(Evidence(check="returned", text="收回票数多于发出票数，本次测评无效，请重新组织。"))
        elif house.present is not None and house.issued > house.present and not house.reasons.get("issued"):
            found.append(Evidence(check="present", text="发出票数多于实到人数，请写明原因"))
    return found


# ---- seal ----------------------------------------------------------------------------------------------------------


def seal(
    engine: Engine,
    instance: Path,
    name: str,
    *,
    scored: frozenset[str],
    by: str,
    teller: str = "",
    scrutineer: str = "",
    envelope: str = "",
    audits: Sequence[Audit] = (),
    without: Sequence[str] = (),
    reason: str = "",
) -> Mapping[str, Any]:
    """Seals a closed collection and returns what is published. The officers' passwords were checked by the caller.

    `scored` are the questions an opinion response needs at least one answer to; `without` leaves failing rows out by decision
    of two accounts, with a `reason` that is printed. Raises Broken with the evidence, keys.WrongPassword, Refused.
    """
    with db.deed(engine) as connection:
        house = _locked(connection, name)
        if house.state == "sealed":
            return house.published or {}
        if not (house.published and "closing" in house.published):
            _unpack(
                connection, instance, house, scored=scored, by=by, secret_of=(teller, scrutineer, envelope), audits=audits,
                without=without, reason=reason,
            )  # fmt: skip
    return finish(engine, instance, name)


def finish(engine: Engine, instance: Path, name: str) -> Mapping[str, Any]:
    """What is left after the seal's transaction: read back, compact, destroy the keys, say that it is sealed."""
    with db.reading(engine) as connection:
        house = collections.get(connection, name)
        assert house is not None and house.published is not None
        if differs := read_back(connection, house):
            raise Broken([Evidence(check="read_back", text=differs)])
    compact(engine, name)
    keys = key_store.of(instance, name)
    marks = [path.name for path in keys.folder.glob("mark-*")] if keys.folder.exists() else []
    keys.destroy("secret.json", "mac", "sign", "nonce", "slip", "public", *marks)
    with db.deed(engine) as connection:
        collections.change(connection, name, state="sealed", sealed_on=datetime.now(UTC).date().isoformat())
    with db.reading(engine) as connection:
        sealed = collections.get(connection, name)
    assert sealed is not None and sealed.published is not None
    return sealed.published


def _locked(connection: Connection, name: str) -> Collection:
    query = select(collection.c.collection).where(collection.c.collection == name)
    connection.execute(query.with_for_update())
    house = collections.get(connection, name)
    if house is None or house.state not in ("closing", "sealed"):
        raise Refused("请先结束投票，再封箱")
    return house


def _unpack(
    connection: Connection,
    instance: Path,
    house: Collection,
    *,
    scored: frozenset[str],
    by: str,
    secret_of: tuple[str, str, str],
    audits: Sequence[Audit],
    without: Sequence[str],
    reason: str,
) -> None:
    if without and not reason.strip():
        raise Refused("去掉校验不符的票要写明原因")
    evidence = check(connection, instance, house, without=without)
    if without:
        evidence = [each for each in evidence if each.check not in ("mac", "mark", "slips")]
    if evidence:
        raise Broken(evidence)
    keys = key_store.of(instance, house.collection)
    teller, scrutineer, envelope = secret_of
    secret = key_store.unwrap(keys, teller=teller, scrutineer=scrutineer, envelope=envelope)
    ballots = _decrypted(connection, house, secret, without)
    audited = _audited(connection, keys, house, ballots, audits)
    form = collections.form(connection, house)
    counted = {name: each for name, each in ballots.items() if name not in audited["receipts"]}
    valid = [(voice, answers) for voice, answers in counted.values() if _valid(house, answers, scored)]
    pieces = fragments.cut(valid, smallest=house.smallest_group, order=[v.id for v in form.instrument.voices])
    words = _words(connection, house, secret)
    counts = collections.counts(connection, house.collection)
    slips = opening.slips_by(connection, house.collection)
    slip.void_unspent(connection, house.collection)
    _replace_rows(connection, house.collection, pieces, words, sorted(counted))
    closing = {
        "expected": house.expected, "present": house.present, "issued": house.issued, "returned": len(counted),
        "valid": len(valid), "spoiled": len(counted) - len(valid), "slips": slips,
        "unspent": counts.unspent, "void": counts.void, "spent": counts.spent,
        "audit": {key: audited[key] for key in ("entered", "equal", "unequal")},
        "more_slips": int(house.published.get("more_slips", 0)) if house.published else 0,
        "left_out": len(without), "reason": reason, "reasons": dict(house.reasons),
        "comments": len(words), "sealed_on": datetime.now(UTC).date().isoformat(),
        "smallest_group": house.smallest_group, **roots(pieces, sorted(counted)), "tally": fragments.tally(pieces),
    }  # fmt: skip
    collections.change(connection, house.collection, published={**(house.published or {}), "closing": closing})
    connection.execute(update(cycle).where(cycle.c.cycle == house.cycle).values(revision=cycle.c.revision + 1))
    journal.record(
        connection, account=by, deed="collection.seal", subject=house.collection, reason=reason,
        returned=len(counted), valid=len(valid), fragments_root=closing["fragments_root"],
    )  # fmt: skip


def _decrypted(
    connection: Connection, house: Collection, secret: PrivateKey, without: Sequence[str]
) -> dict[str, tuple[str, Answers]]:
    ballots: dict[str, tuple[str, Answers]] = {}
    damaged = []
    for row in connection.execute(select(box.c.receipt, box.c.ciphertext).where(box.c.collection == house.collection)):
        if row.receipt in without:
            continue
        try:
            content: Any = opened(key_store.open_ballot(secret, bytes(row.ciphertext)))
            ballots[row.receipt] = (content["voice"], content["answers"])
        except (nacl.exceptions.CryptoError, ValueError, KeyError):
            damaged.append(row.receipt)
    if damaged:
        raise Broken([Evidence(check="open", text=f"{len(damaged)} 张票打不开", receipts=tuple(damaged))])
    return ballots


def _valid(house: Collection, answers: Answers, scored: frozenset[str]) -> bool:
    """A ballot with any mark; a response with an answer to any scored question (D-07, MEASURE.md section 4)."""
    marked = [question for per in answers.values() for question, value in per.items() if value and value != "void"]
    return bool(marked) if house.kind == "appraisal" or not scored else not scored.isdisjoint(marked)


def _words(connection: Connection, house: Collection, secret: PrivateKey) -> list[tuple[str, str]]:
    found = []
    for row in connection.execute(select(remark.c.ciphertext).where(remark.c.collection == house.collection)):
        found += [(q, str(words)) for q, words in opened(key_store.open_ballot(secret, bytes(row.ciphertext))).items()]
    return found


def _audited(
    connection: Connection,
    keys: Keys,
    house: Collection,
    ballots: Mapping[str, tuple[str, Answers]],
    audits: Sequence[Audit],
) -> dict[str, Any]:
    """Compares the scrutineers' noted votes; only equal or unequal is said."""
    number = int(house.reasons.get("audit_slips", "0"))
    if len(audits) != number:
        raise Refused(f"开箱前定了 {number} 张监票人验证票，现在填了 {len(audits)} 张")
    equal, receipts = 0, set()
    for audit in audits:
        found = slip.find(connection, keys, house.collection, audit.slip)
        name = slip.plain(audit.receipt)
        if found is None or found.state != "spent" or name not in ballots or name in receipts:
            raise Refused("有一张验证票的测评码或回执号对不上，请核对")
        receipts.add(name)
        given = {subject: dict(per) for subject, per in ballots[name][1].items()}
        equal += given == {subject: dict(per) for subject, per in audit.answers.items() if per}
    return {"entered": len(audits), "equal": equal, "unequal": len(audits) - equal, "receipts": receipts}


def _replace_rows(
    connection: Connection, name: str, pieces: Sequence[Fragment], words: Sequence[tuple[str, str]], receipts: Sequence[str]
) -> None:
    """One transaction: what is published goes in by random key, the box goes out, the slips are written anew."""
    for table in (fragment, comment, receipt):
        connection.execute(delete(table).where(table.c.collection == name))
    rows = [{"collection": name, "fragment": p.fragment, "subject": p.subject, "voice": p.voice, "answers": p.answers} for p in pieces]
    _insert(connection, fragment, rows)
    said = sorted((secrets.token_bytes(16), question, text) for question, text in words)
    _insert(connection, comment, [{"collection": name, "comment": c, "question": q, "text": t} for c, q, t in said])
    _insert(connection, receipt, [{"collection": name, "receipt": each} for each in sorted(receipts)])
    for table in (box, remark):
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {opening.partition_name(table.name, name)}")
        else:
            connection.execute(delete(table).where(table.c.collection == name))
    connection.execute(delete(received).where(received.c.collection == name))
    kept = connection.execute(select(slip_table).where(slip_table.c.collection == name).order_by(slip_table.c.qr)).mappings().all()
    connection.execute(delete(slip_table).where(slip_table.c.collection == name))
    _insert(connection, slip_table, [dict(row) for row in kept])


def _insert(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    for at in range(0, len(rows), 2000):
        connection.execute(insert(table), list(rows[at : at + 2000]))


def roots(pieces: Sequence[Fragment], receipts: Sequence[str]) -> dict[str, str]:
    """The roots over fragments and receipts, as published."""
    return {
        "fragments_root": merkle.root(piece.leaf() for piece in pieces).hex(),
        "receipts_root": merkle.root(merkle.leaf(each.encode()) for each in receipts).hex(),
    }


def read_back(connection: Connection, house: Collection) -> str | None:
    """What differs between the rows as they are and what was published, in words; None when nothing does."""
    closing = (house.published or {}).get("closing", {})
    pieces = fragments.of(connection, house.collection)
    names = list(connection.execute(select(receipt.c.receipt).where(receipt.c.collection == house.collection)).scalars())
    now = roots(pieces, names)
    if now["fragments_root"] != closing.get("fragments_root"):
        return "测评明细与公布的根不符：有明细被改动、增加或删除"
    if now["receipts_root"] != closing.get("receipts_root"):
        return "回执与公布的根不符：有回执被增加或删除"
    if json.loads(json.dumps(fragments.tally(pieces))) != closing.get("tally"):
        return "重新计数与公布的结果不符"
    return None


def compact(engine: Engine, name: str) -> None:
    """Leaves no trace of deleted rows: SQLite is vacuumed in memory-backed temp and its WAL cut; PostgreSQL vacuums."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            raw: Any = connection.connection.dbapi_connection
            if raw.in_transaction:
                raw.execute("COMMIT")
            raw.execute("PRAGMA temp_store=MEMORY")
            raw.execute("VACUUM")
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            for table in ("slip", "fragment", "receipt", "comment", "received"):
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")


# ---- void ----------------------------------------------------------------------------------------------------------


def void(connection: Connection, instance: Path, house: Collection, *, by: str, reason: str) -> None:
    """Voids a collection before anything was opened: keys and box destroyed, slips void. A reason is required."""
    if not reason.strip():
        raise Refused("作废要写明原因")
    if house.state not in ("draft", "open", "closing") or (house.published and "closing" in house.published):
        raise Refused("已经封箱或作废，不能再作废")
    for table in (box, remark, received):
        connection.execute(delete(table).where(table.c.collection == house.collection))
    slip.void_unspent(connection, house.collection)
    collections.change(connection, house.collection, state="void", reasons={**house.reasons, "void": reason.strip()})
    journal.record(connection, account=by, deed="collection.void", subject=house.collection, reason=reason.strip())
    keys = key_store.of(instance, house.collection)
    if keys.folder.exists():
        keys.destroy(*[path.name for path in keys.folder.iterdir()])
