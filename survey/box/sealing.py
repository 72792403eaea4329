"""The deeds *close*, *seal* and *void* (BOX.md, steps 7 to 10).

Sealing can be killed at any point and begun again: until its one transaction nothing has changed; after it, the published
record stands in the database and what is left (read back, compact, destroy the keys) needs no secret.
"""

import json
import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nacl.exceptions
from flask_babel import gettext as _
from nacl.public import PrivateKey
from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.exc import OperationalError

from survey import clock, db, journal
from survey.box import collection as collections
from survey.box import fragment as fragments
from survey.box import keys as key_store
from survey.box import mark, merkle, officers, opening, packing, slip, writer
from survey.box.collection import Collection
from survey.box.fragment import Fragment
from survey.box.keys import Keys
from survey.box.officers import Refused
from survey.instrument import Answers
from survey.schema import box, collection, comment, cycle, figures, fragment, receipt, received, remark
from survey.schema import slip as slip_table

ACCEPTABLE = frozenset({"mac", "remark", "mark", "slips", "issued"})  # checks two accounts may decide to go on in spite of


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

    Paper batches and rescue files still enter, so slips that are left are voided at the seal.
    """
    if house.state in ("draft", "sealed", "void"):
        raise Refused(_("只有开着的票箱可以结束投票"))
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
        collections.read_anew(connection, house.collection)
        journal.record(connection, account=by, deed="collection.close", subject=house.collection, **officers.named(house))
        return at
    again = collections.get(connection, house.collection)
    return (again.closes_at if again else None) or at


# ---- the checks ----------------------------------------------------------------------------------------------------


def check(connection: Connection, instance: Path, house: Collection, *, without: Sequence[str] = ()) -> list[Evidence]:
    """Every failed check: each MAC, the mark, the slips as issued, spent slips = ballots, returned ≤ issued (D-07)."""
    keys = key_store.of(instance, house.collection)
    missing = [name for name in ("mac", "secret.json", "public") if not keys.has(name)]
    if missing:
        return [Evidence(check="keys", text=_("缺少密钥文件：%(names)s", names="、".join(missing)))]
    found = []
    wrong = _failing(connection, keys, house)
    if set(wrong) - set(without):
        text = _("%(n)s 张票的校验码不符：被改动、掉换或伪造", n=len(wrong))
        found.append(Evidence(check="mac", text=text, receipts=wrong))
    if odd := len(_failing_remarks(connection, keys, house)):
        found.append(Evidence(check="remark", text=_("%(n)s 条留言的校验码不符：被改动、掉换或伪造", n=odd)))
    stored = writer.stored(connection, house.collection)
    try:
        if not mark.agrees(stored, mark.states(keys.folder)):
            noted = sum((mark.read(file)[0] for file in keys.folder.glob("mark-*")), mark.State())
            text = _(
                "票箱里有 %(stored)s 张票，标记记的是 %(noted)s 张，或内容不同：有票被增加、删除、掉换，或数据库被退回到从前",
                stored=stored.ballots, noted=noted.ballots,
            )  # fmt: skip
            found.append(Evidence(check="mark", text=text))
    except mark.MarkFault as fault:
        found.append(Evidence(check="mark", text=str(fault)))
    counts = collections.counts(connection, house.collection)
    if counts.spent != stored.ballots:
        text = _(
            "已用的码 %(spent)s 个，票箱里的票 %(stored)s 张，两数不等：有码被改回未用，或有票被增删",
            spent=counts.spent,
            stored=stored.ballots,
        )
        found.append(Evidence(check="slips", text=text))
    issued = house.published.get("opening", {}).get("issued_root") if house.published else None
    extra = house.published.get("issued_roots", []) if house.published else []
    if issued and opening.issued_root(connection, house.collection).hex() != (extra[-1] if extra else issued):
        found.append(Evidence(check="issued", text=_("测评码与开箱时公布的不同：有码被增加、删除，或被改了组别")))
    if house.kind == "appraisal" and house.mode == "slips":
        if house.issued is None:
            found.append(Evidence(check="figures", text=_("请先由两人填写发出票数")))
        elif stored.ballots > house.issued:
            found.append(Evidence(check="returned", text=_("收回票数多于发出票数，本次测评无效，请重新组织。")))
        elif house.present is not None and house.issued > house.present and not house.reasons.get("issued"):
            found.append(Evidence(check="present", text=_("发出票数多于实到人数，请写明原因")))
    return found


def _failing(connection: Connection, keys: Keys, house: Collection) -> tuple[str, ...]:
    rows = connection.execute(select(box).where(box.c.collection == house.collection))
    return tuple(
        r.receipt for r in rows if keys.mac("ballot", house.collection, r.receipt.encode(), bytes(r.ciphertext)) != bytes(r.mac)
    )


def _failing_remarks(connection: Connection, keys: Keys, house: Collection) -> frozenset[bytes]:
    rows = connection.execute(select(remark).where(remark.c.collection == house.collection))
    return frozenset(
        bytes(r.remark)
        for r in rows
        if keys.mac("remark", house.collection, bytes(r.remark), bytes(r.ciphertext)) != bytes(r.mac)
    )


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
    accepted: Sequence[str] = (),
    reason: str = "",
    missing: str = "",
) -> Mapping[str, Any]:
    """Seals a closed collection and returns what is published. Only both officers' passwords, or the envelope, unwrap the key.

    `scored` are the questions an opinion response needs at least one answer to. By decision of two accounts, with a
    `reason` that is printed, `without` leaves out failing rows by their receipts, and `accepted` goes on in spite of
    failed checks by their names (ACCEPTABLE). `missing`: why fewer `audits` than were drawn; an empty one is none. Raises Broken with
    the evidence, keys.WrongPassword, Refused.
    """
    with db.deed(engine) as connection:
        house = _locked(connection, name)
        if house.state == "sealed":
            return house.published or {}
        if not house.emptied:
            _unpack(
                connection, instance, house, scored=scored, by=by, secret_of=(teller, scrutineer, envelope), audits=audits,
                without=without, accepted=accepted, reason=reason.strip(), missing=missing.strip(),
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
    marks = [path.name for path in keys.folder.glob("*mark-*")] if keys.folder.exists() else []
    keys.destroy("secret.json", "mac", "sign", "nonce", "slip", "public", *marks)
    key_store.of_paper(instance, name).destroy("key")  # what was scanned or keyed and never cast can be read no more
    with db.deed(engine) as connection:
        collections.change(connection, name, state="sealed", sealed_on=clock.today())
    if engine.dialect.name == "sqlite":
        compact(engine, name)  # the pages that this last change freed
    with db.reading(engine) as connection:
        sealed = collections.get(connection, name)
    assert sealed is not None and sealed.published is not None
    return sealed.published


def _locked(connection: Connection, name: str) -> Collection:
    query = select(collection.c.collection).where(collection.c.collection == name)
    connection.execute(query.with_for_update())
    house = collections.get(connection, name)
    if house is None or house.state not in ("closing", "sealed"):
        raise Refused(_("请先结束投票，再封箱"))
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
    accepted: Sequence[str],
    reason: str,
    missing: str,
) -> None:
    if (without or accepted) and not reason:
        raise Refused(_("不顾没有通过的检查而封箱，要写明原因"))
    evidence = check(connection, instance, house)
    spared = set(accepted) & ACCEPTABLE | (ACCEPTABLE - {"remark"} if without else set())
    left = [each for each in evidence if each.check not in spared or set(each.receipts) - set(without)]
    if left:
        raise Broken(left)
    keys = key_store.of(instance, house.collection)
    teller, scrutineer, envelope = secret_of
    secret = key_store.unwrap(keys, teller=teller, scrutineer=scrutineer, envelope=envelope)
    ballots = _decrypted(connection, house, secret, without)
    audited = _audited(connection, keys, house, ballots, audits, missing)
    form = collections.form(connection, house)
    counted = {name: each for name, each in ballots.items() if name not in audited["receipts"]}
    scored = scored & {item.question.id for item in form.items()}  # a questionnaire of its own may ask none of them
    valid = [(voice, answers) for voice, answers in counted.values() if _valid(house, answers, scored)]
    order = [each.id for each in form.instrument.voices]
    names = fragments.merged(Counter(voice for voice, _answers in valid), house.smallest_group, order)
    pieces = fragments.cut(valid, names)
    withheld = 0 < len(valid) < house.smallest_group  # so few that their tally would tell single marks (D-27)
    words = _words(connection, house, secret, _failing_remarks(connection, keys, house))
    counts = collections.counts(connection, house.collection)
    slips = opening.slips_by(connection, house.collection)
    slip.void_unspent(connection, house.collection)
    _replace_rows(connection, house.collection, pieces, words, sorted(counted))
    closing = {
        "expected": house.expected, "present": house.present, "issued": house.issued, "returned": len(counted),
        "valid": len(valid), "spoiled": len(counted) - len(valid), "slips": slips,
        "unspent": counts.unspent, "void": counts.void, "spent": counts.spent,
        "audit": {key: audited[key] for key in ("drawn", "entered", "equal", "unequal", "missing")},
        "more_slips": int(house.published.get("more_slips", 0)) if house.published else 0,
        "issued_roots": list(house.published.get("issued_roots", [])) if house.published else [],
        "left_out": len(without), "reason": reason, "evidence": [each.text for each in evidence],
        "reasons": dict(house.reasons),
        "comments": len(words), "sealed_on": clock.today(),
        "smallest_group": house.smallest_group, "groups": fragments.groups(valid, names), "withheld": withheld,
        **roots(pieces, sorted(counted)), "tally": {} if withheld else fragments.tally(pieces),
    }  # fmt: skip
    collections.change(connection, house.collection, published={**(house.published or {}), "closing": closing}, emptied=True)
    connection.execute(update(cycle).where(cycle.c.cycle == house.cycle).values(revision=cycle.c.revision + 1))
    journal.record(
        connection, account=by, deed="collection.seal", subject=house.collection, reason=reason,
        returned=len(counted), valid=len(valid), fragments_root=closing["fragments_root"], **officers.named(house),
    )  # fmt: skip


def _decrypted(
    connection: Connection, house: Collection, secret: PrivateKey, without: Sequence[str]
) -> dict[str, tuple[str, Answers]]:
    ballots: dict[str, tuple[str, Answers]] = {}
    packed = packing.of(house.form or "")
    damaged = []
    for row in connection.execute(select(box.c.receipt, box.c.ciphertext).where(box.c.collection == house.collection)):
        if row.receipt in without:
            continue
        try:
            ballots[row.receipt] = packed.unpack(key_store.open_ballot(secret, bytes(row.ciphertext)))
        except (nacl.exceptions.CryptoError, ValueError):
            damaged.append(row.receipt)
    if damaged:
        raise Broken([Evidence(check="open", text=_("%(n)s 张票打不开", n=len(damaged)), receipts=tuple(damaged))])
    return ballots


def _valid(house: Collection, answers: Answers, scored: frozenset[str]) -> bool:
    """A ballot with any mark; a response with an answer to any scored question (D-07, MEASURE.md section 4)."""
    marked = [question for per in answers.values() for question, value in per.items() if value and value != "void"]
    return bool(marked) if house.kind == "appraisal" or not scored else not scored.isdisjoint(marked)


def _words(connection: Connection, house: Collection, secret: PrivateKey, without: frozenset[bytes]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for row in connection.execute(select(remark.c.remark, remark.c.ciphertext).where(remark.c.collection == house.collection)):
        if bytes(row.remark) in without:
            continue
        found += [(q, str(words)) for q, words in json.loads(key_store.open_ballot(secret, bytes(row.ciphertext))).items()]
    return found


def _audited(
    connection: Connection,
    keys: Keys,
    house: Collection,
    ballots: Mapping[str, tuple[str, Answers]],
    audits: Sequence[Audit],
    missing: str,
) -> dict[str, Any]:
    """Compares the scrutineers' noted votes; only equal or unequal is said. A slip that was drawn and not cast, or whose receipt is
    lost, stays empty, with a reason that is published."""
    drawn = int(house.reasons.get("audit_slips", "0"))
    given_in = [(at, audit) for at, audit in enumerate(audits, 1) if audit.slip.strip() or audit.receipt.strip() or audit.answers]
    if len(given_in) > drawn:
        raise Refused(_("开箱前定了 %(k)s 张监票人验证票，现在填了 %(n)s 张", k=drawn, n=len(given_in)))
    if len(given_in) < drawn and not missing:
        raise Refused(_("开箱前定了 %(k)s 张监票人验证票，只填了 %(n)s 张：没有投或没有回执的请空着，并写明原因", k=drawn, n=len(given_in)))
    equal, receipts = 0, set()
    for at, audit in given_in:
        found = slip.find(connection, keys, house.collection, audit.slip)
        name = slip.plain(audit.receipt)
        if found is None:
            raise Refused(_("验证票 %(n)s：没有这个测评码，请对照票面", n=at))
        if found.state != "spent":
            raise Refused(_("验证票 %(n)s：这个测评码没有投过票；没有投的验证票请整张空着", n=at))
        if name not in ballots:
            raise Refused(_("验证票 %(n)s：没有这个回执号，请核对", n=at))
        if name in receipts:
            raise Refused(_("验证票 %(n)s：这个回执号前面已经填过", n=at))
        receipts.add(name)
        given = {subject: dict(per) for subject, per in ballots[name][1].items()}
        equal += given == {subject: dict(per) for subject, per in audit.answers.items() if per}
    entered = len(given_in)
    return {
        "drawn": drawn, "entered": entered, "equal": equal, "unequal": entered - equal, "missing": missing if entered < drawn else "",
        "receipts": receipts,
    }  # fmt: skip


def _replace_rows(
    connection: Connection, name: str, pieces: Sequence[Fragment], words: Sequence[tuple[str, str]], receipts: Sequence[str]
) -> None:
    """One transaction: what is published goes in by random key, the box goes out, the slips are written anew."""
    for table in (fragment, comment, receipt):
        connection.execute(delete(table).where(table.c.collection == name))
    rows = [
        {"collection": name, "fragment": p.fragment, "subject": p.subject, "voice": p.voice, "answers": p.answers}
        for p in pieces
    ]
    _insert(connection, fragment, rows)
    said = sorted((secrets.token_bytes(16), question, text) for question, text in words)
    _insert(connection, comment, [{"collection": name, "comment": c, "question": q, "text": t} for c, q, t in said])
    _insert(connection, receipt, [{"collection": name, "receipt": each} for each in sorted(receipts)])
    if connection.dialect.name == "sqlite":  # else dropped in `compact`: here a vote elsewhere could deadlock
        for table in (box, remark):
            connection.execute(delete(table).where(table.c.collection == name))
    connection.execute(delete(received).where(received.c.collection == name))
    kept = (
        connection.execute(select(slip_table).where(slip_table.c.collection == name).order_by(slip_table.c.qr)).mappings().all()
    )
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
        return str(_("测评明细与公布的根不符：有明细被改动、增加或删除"))
    if now["receipts_root"] != closing.get("receipts_root"):
        return str(_("回执与公布的根不符：有回执被增加或删除"))
    if not closing.get("withheld") and json.loads(json.dumps(fragments.tally(pieces))) != closing.get("tally"):
        return str(_("重新计数与公布的结果不符"))
    return None


def compact(engine: Engine, name: str) -> None:
    """Leaves no trace of deleted rows: SQLite is vacuumed with its temporary data in memory and its WAL cut; PostgreSQL drops
    the box's own partition and writes the slips' file anew (fragments, comments and receipts were only ever written once)."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "sqlite":
            raw: Any = connection.connection.dbapi_connection
            if raw.in_transaction:
                raw.execute("COMMIT")
            raw.execute("PRAGMA temp_store=MEMORY")
            raw.execute("VACUUM")
            _cut_log(raw)
        else:
            _drop_soon(connection, name)
            for table in ("slip", "received"):
                connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {table}")


def _cut_log(raw: Any) -> None:
    """Empties SQLite's write-ahead log, waiting for those who still read from it. Raises RuntimeError when they do not end."""
    for _try in range(50):
        busy, *_pages = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
        time.sleep(0.1)
    raise RuntimeError("the log of the database cannot be emptied while somebody reads it; seal again")


def _drop_soon(connection: Connection, name: str) -> None:
    """Drops the partitions, waiting for those who read a box only a moment at a time: whoever comes meanwhile waits behind it. Raises
    RuntimeError when they do not end."""
    connection.exec_driver_sql("SET lock_timeout = '200ms'")
    try:
        for _try in range(100):
            with suppress(OperationalError):
                return _drop_partitions(connection, name)
            time.sleep(0.2)
        raise RuntimeError("the box cannot be dropped while somebody reads it; seal again")
    finally:
        connection.exec_driver_sql("SET lock_timeout = DEFAULT")


def _drop_partitions(connection: Connection, name: str) -> None:
    for table in (box, remark):
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {opening.partition_name(table.name, name)}")


# ---- void ----------------------------------------------------------------------------------------------------------


def void(connection: Connection, instance: Path, house: Collection, *, by: str, reason: str) -> None:
    """Voids a collection before anything was opened: keys and box destroyed, slips void. A reason is required."""
    if not reason.strip():
        raise Refused(_("作废要写明原因"))
    if house.state not in ("draft", "open", "closing") or house.emptied:
        raise Refused(_("已经封箱或作废，不能再作废"))
    if connection.dialect.name == "postgresql":  # the box before any row, as a vote has it: else each may wait for the other
        _drop_partitions(connection, house.collection)
    house = collections.hold(connection, house.collection) or house
    if house.state not in ("draft", "open", "closing") or house.emptied:
        raise Refused(_("已经封箱或作废，不能再作废"))
    for table in (box, remark, received):
        connection.execute(delete(table).where(table.c.collection == house.collection))
    slip.void_unspent(connection, house.collection)
    collections.change(connection, house.collection, state="void", reasons={**house.reasons, "void": reason.strip()})
    journal.record(connection, account=by, deed="collection.void", subject=house.collection, reason=reason.strip(), **officers.named(house))
    keys = key_store.of(instance, house.collection)
    if keys.folder.exists():
        keys.destroy(*[path.name for path in keys.folder.iterdir()])
    key_store.of_paper(instance, house.collection).destroy("key")


def remove_trial(connection: Connection, instance: Path, name: str) -> None:
    """Deletes a trial collection with all that is in it, its partitions and its keys. Raises ValueError for a real one."""
    found = collections.get(connection, name)
    if found is None or not found.trial:
        raise ValueError(_("只有试投可以清除"))
    for table in (slip_table, box, remark, received, receipt, fragment, comment, figures, collection):
        connection.execute(delete(table).where(table.c.collection == name))
    if connection.dialect.name == "postgresql":
        _drop_partitions(connection, name)
    store = key_store.of(instance, name)
    if store.folder.exists():
        store.destroy(*[path.name for path in store.folder.iterdir() if path.is_file()])
