"""The writer: one process a host that stores ballots, many to a commit.

App processes hand it prepared rows over a Unix socket; it takes all that wait, stores them together (or, where one is to be
refused, each inside a savepoint), notes the mark, commits once, and only then answers. It holds a lock for its life, so there
is never a second one; it ends when the last app process is gone. An app that finds no writer starts one: killed, it comes back,
and an answer that was not acknowledged is sent again and recognised by its nonce.
"""

import fcntl
import hashlib
import json
import os
import random
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, literal, select, union_all
from sqlalchemy.exc import DBAPIError

from survey import clock, db
from survey.box import mark
from survey.schema import box, remark

WAIT = 8.0  # seconds an app waits for an answer before it honestly says "busy" (BOX_WAIT in the configuration)
GROUP = 256  # ballots to a commit at most
LINGER = 0.003  # seconds at most, and a quarter of the last commit's time, that a commit waits for more to join it
STOPPED = 1.0  # seconds until a box that does not agree with its mark is looked at again: it is read whole
_SIZE = struct.Struct(">I")


class Busy(RuntimeError):
    """No answer in time; nothing is known to be stored, and sending again is safe."""


# ---- storing -------------------------------------------------------------------------------------------------------

_SQL = {
    "sqlite": {
        "state": (
            "SELECT CASE WHEN emptied THEN 'sealed' WHEN state='open' AND closes_at <= ? THEN 'closing' ELSE state END "
            "FROM collection WHERE collection=?"
        ),
        "known": "SELECT tag FROM box WHERE collection=? AND receipt=?",
        "counted": "SELECT 1 FROM receipt WHERE collection=? AND receipt=?",
        "touch": "SELECT 1 FROM box WHERE collection=? LIMIT 1",
        "slip": "SELECT state FROM slip WHERE collection=? AND qr=?",
        "unspent": (
            "SELECT qr FROM slip WHERE collection=? AND state='unspent' AND medium='link' AND qr>=? ORDER BY qr LIMIT 64"
        ),
        "spend": "UPDATE slip SET state='spent' WHERE collection=? AND qr=? AND state='unspent'",
        "drop": "INSERT OR IGNORE INTO box (collection,receipt,ciphertext,mac,tag) VALUES (?,?,?,?,?)",
        "remark": "INSERT INTO remark (collection,remark,ciphertext,mac) VALUES (?,?,?,?)",
        "hosts": "SELECT host, received FROM received WHERE collection=?",
        "received": (
            "INSERT INTO received VALUES (?,?,?) "
            "ON CONFLICT (collection,host) DO UPDATE SET received=received.received+excluded.received RETURNING received"
        ),
    }
}
_SQL["postgresql"] = {name: text.replace("?", "%s") for name, text in _SQL["sqlite"].items()} | {
    # one statement spends and drops; the share lock makes a closing wait for it, or it for the closing. %b: bytes go as they are
    "spend_and_drop": (
        "WITH house AS (SELECT 1 FROM collection WHERE collection=%s AND state=ANY(%s) AND NOT emptied "
        "AND (%s OR closes_at IS NULL OR closes_at > %s) FOR SHARE), "
        "given AS (SELECT * FROM unnest(%b::bytea[],%s::text[],%b::bytea[],%b::bytea[],%b::bytea[]) "
        "AS g(qr,receipt,ciphertext,mac,tag)), "
        "s AS (UPDATE slip SET state='spent' WHERE collection=%s AND qr=ANY(%b) AND state='unspent' "
        "AND EXISTS(SELECT 1 FROM house) RETURNING qr), "
        "b AS (INSERT INTO box (collection,receipt,ciphertext,mac,tag) SELECT %s,receipt,ciphertext,mac,tag "
        "FROM given JOIN s USING (qr) ON CONFLICT DO NOTHING RETURNING 1), "
        "r AS (INSERT INTO remark (collection,remark,ciphertext,mac) "
        "SELECT %s,* FROM unnest(%b::bytea[],%b::bytea[],%b::bytea[]) RETURNING 1), "
        "n AS (INSERT INTO received SELECT %s,%s,count(*) FROM b "
        "ON CONFLICT (collection,host) DO UPDATE SET received=received.received+excluded.received RETURNING received) "
        # fewer slips than ballots: one was given twice
        "SELECT least((SELECT count(*) FROM s), (SELECT count(*) FROM b)), (SELECT received FROM n)"
    ),
}


@dataclass(slots=True)
class _Ballot:
    """One row as the database takes it. `given` is empty for a link, where a slip is found for it."""

    collection: str
    given: bytes
    receipt: str
    content: tuple[bytes, bytes, bytes]  # ciphertext, MAC, tag
    remark: tuple[bytes, bytes, bytes] | None
    late: bool
    qr: bytes = b""  # the slip it is stored with

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "_Ballot":
        ciphertext, mac, tag = (bytes.fromhex(row[key]) for key in ("ciphertext", "mac", "tag"))
        name, words, of_words = map(bytes.fromhex, row["remark"] or ("", "", ""))
        remark = (name, words, of_words) if row["remark"] else None
        return cls(row["collection"], bytes.fromhex(row["qr"]), row["receipt"], (ciphertext, mac, tag), remark, row["late"])


def _macs(ballots: Iterable[_Ballot]) -> list[bytes]:
    """All MACs of some ballots and their remarks: a mark holds their sum."""
    return [mac for each in ballots for mac in (each.content[1], *((each.remark[2],) if each.remark else ()))]


@dataclass(frozen=True, slots=True)
class _Note:
    """A mark on its way to the disk."""

    pending: mark.State
    done: Future[None]


@dataclass(slots=True)
class Group:
    """Some ballots on their way to one commit. Its statements go to the driver itself: they are most of the writer's work."""

    connection: Connection
    cursor: Any
    sums: dict[str, tuple[list[bytes], int]] = field(default_factory=dict)  # collection -> MACs, ballots
    received: dict[str, int] = field(default_factory=dict)  # collection -> what the database says this host has stored, with these
    states: dict[str, str | None] = field(default_factory=dict)
    noted: dict[str, _Note] = field(default_factory=dict)  # collection -> its mark, begun before the statements
    slips: dict[str, list[bytes]] = field(default_factory=dict)  # unspent ones of link collections, found and not yet taken

    @property
    def dialect(self) -> str:
        """sqlite or postgresql."""
        return self.connection.dialect.name

    def begin(self) -> Any:
        """A transaction; what an earlier one found in the database is asked for again."""
        self.sums.clear()
        self.states.clear()
        return self.connection.begin()

    def run(self, name: str, *values: object) -> None:
        """One statement of `_SQL`."""
        self.cursor.execute(_SQL[self.dialect][name], values)

    def row(self, name: str, *values: object) -> Any:
        """The first row one statement of `_SQL` returns, or None."""
        self.run(name, *values)
        return next(iter(self.cursor.fetchall()), None)  # a statement that is not read to its end holds SQLite's commit

    def one(self, name: str, *values: object) -> Any:
        """The first value one statement of `_SQL` returns, or None."""
        row = self.row(name, *values)
        return row[0] if row else None

    def all(self, name: str, rows: Sequence[tuple[object, ...]]) -> int:
        """One statement of `_SQL` for each row; how many rows of the database it touched in all."""
        self.cursor.executemany(_SQL[self.dialect][name], rows)
        return int(self.cursor.rowcount)

    def unspent(self, name: str) -> bytes | None:
        """An unspent slip of a link collection, from a random place in the table; None where there is none."""
        waiting = self.slips.setdefault(name, [])
        for start in (os.urandom(32), b""):
            if not waiting:
                self.run("unspent", name, start)
                waiting += [bytes(row[0]) for row in self.cursor.fetchall()]
        return waiting.pop() if waiting else None

    def state(self, name: str) -> str | None:
        """The state a collection had when this transaction met it; spending asks again where it could have changed."""
        if name not in self.states:
            self.states[name] = self.one("state", clock.now(), name)
        return self.states[name]

    def store(self, ballots: Sequence[_Ballot]) -> bool:
        """Spends the slips of ballots of one collection, drops them and counts them. False where one slip is not unspent, or one receipt
        is there already: what was done then must be rolled back."""
        name, late, number = ballots[0].collection, ballots[0].late, len(ballots)
        remarks = [each.remark for each in ballots if each.remark]
        try:
            if self.dialect == "postgresql":
                columns = [[each.qr for each in ballots], [each.receipt for each in ballots]]
                columns += map(list, zip(*(each.content for each in ballots), strict=True))
                words = list(map(list, zip(*remarks, strict=True))) or [[], [], []]
                states = ["open", "closing"] if late else ["open"]
                values = (name, states, late, clock.now(), *columns, name, columns[0], name, name, *words, name, mark.host())
                done, received = self.row("spend_and_drop", *values)
                if done != number:
                    return False
            else:
                if self.all("spend", [(name, each.qr) for each in ballots]) != number:
                    return False
                if self.all("drop", [(name, each.receipt, *each.content) for each in ballots]) != number:
                    return False
                self.all("remark", [(name, *each) for each in remarks])
                received = self.one("received", name, mark.host(), number)
        except self.connection.dialect.loaded_dbapi.IntegrityError:  # two hosts, one nonce: the other was first
            return False
        macs, before = self.sums.setdefault(name, ([], 0))
        self.sums[name] = (macs + _macs(ballots), before + number)
        self.received[name] = received
        return True

    def store_one(self, ballot: _Ballot) -> bool:
        """`store` inside a savepoint, so that a ballot that is refused takes no other with it."""
        self.cursor.execute("SAVEPOINT ballot")
        if not (stored := self.store([ballot])):
            self.cursor.execute("ROLLBACK TO ballot")
        self.cursor.execute("RELEASE ballot")
        return stored


@dataclass(slots=True)
class Store:
    """The storing itself, without sockets: what the process runs, and what a test may call."""

    engine: Engine
    instance: Path
    marks: dict[str, mark.State] = field(default_factory=dict)
    stopped: dict[str, float] = field(default_factory=dict)  # collections whose box does not agree with its mark, and when that was seen
    connection: Connection | None = None  # kept from one commit to the next
    file: tuple[int, int] | None = None  # SQLite's file: device and inode
    pen: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1))  # waits for the disk to take a mark while statements run

    def commit(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Stores prepared rows in one transaction; one answer a row, in order: `{"status": …}`.

        A row: collection, qr (hex, or "" for a link), receipt, ciphertext, mac, tag (hex), remark (None or three hex texts),
        late (True for paper and rescue files, which enter while closing). On any failure of the whole, nothing is stored.
        """
        ballots = [_Ballot.of(row) for row in rows]
        if self.file != (now := self._file()):  # another file was put in its place: what is open is the old one
            self.forget()
            self.file = now
        self.connection = connection = self.connection or self.engine.connect()
        with closing(connection.connection.cursor()) as cursor:
            return self._commit(Group(connection, cursor), ballots)

    def _commit(self, group: Group, ballots: Sequence[_Ballot]) -> list[dict[str, str]]:
        begun: dict[str, mark.State] = {}  # the marks as they were
        for stored in (self._together, self._each, self._each):
            with group.begin() as transaction:
                answers = stored(group, ballots)
                begun |= self.marks
                pending = {name: self.marks[name].plus(macs, number) for name, (macs, number) in group.sums.items()}
                strange = [name for name, state in pending.items() if answers and self._strange(group, name, state)]
                for name in strange:
                    del self.marks[name]
                if answers is None or strange:
                    transaction.rollback()
                    continue
                self._noted(group.noted, pending)
                transaction.commit()
            break
        else:  # nothing was stored
            answers, pending = ["failed"] * len(ballots), {}
        for name in {*pending, *group.noted}:  # what was begun and not stored is taken back
            state = pending.get(name, begun[name])
            if name in self.marks:
                self.marks[name] = state
            mark.write(self._mark(name), state, state, durable=False)
            if not (self._mark(name).parent / "public").exists():  # sealed or void meanwhile: its folder stays empty
                self._mark(name).unlink(missing_ok=True)
        return [{"status": each} for each in answers]

    def _note(self, name: str, pending: mark.State) -> _Note:
        """Writes a mark; while the disk takes it, the statements go on."""
        handle = mark.put(self._mark(name), self.marks[name], pending)
        under_way = threading.Lock()
        under_way.acquire()

        def synced() -> None:
            under_way.release()
            try:
                os.fdatasync(handle)
            finally:
                os.close(handle)

        note = _Note(pending, self.pen.submit(synced))
        under_way.acquire()  # or the other thread would wait for this one's next pause
        return note

    def _noted(self, begun: Mapping[str, _Note], pending: Mapping[str, mark.State]) -> None:
        """Returns when each mark is on the disk; one that was begun with other ballots is written anew."""
        for note in begun.values():
            note.done.result()
        for note in [self._note(name, state) for name, state in pending.items() if name not in begun or begun[name].pending != state]:
            note.done.result()

    def _file(self) -> tuple[int, int] | None:
        """Which file SQLite's database is now."""
        if self.engine.dialect.name != "sqlite":
            return None
        with suppress(FileNotFoundError):
            found = os.stat(self.engine.url.database or "")
            return found.st_dev, found.st_ino
        return 0, 0

    def forget(self) -> None:
        """After a failed commit nothing is taken for known: the next one looks at database and mark again."""
        self.marks.clear()
        connection, self.connection = self.connection, None
        if connection:
            with suppress(DBAPIError):
                connection.invalidate()
                connection.close()
        self.engine.dispose()

    def _together(self, group: Group, ballots: Sequence[_Ballot]) -> list[str] | None:
        """Stores all at once, which costs a fraction; None where one of them is to be refused."""
        plain: dict[tuple[str, bool], list[_Ballot]] = {}
        for each in ballots:
            if not self._plain(group, each):
                return None
            plain.setdefault((each.collection, each.late), []).append(each)
        for (name, _late), some in plain.items():
            macs, number = group.sums.get(name, ([], 0))
            group.noted[name] = self._note(name, self.marks[name].plus(macs + _macs(some), number + len(some)))
            if not group.store(some):
                return None
        return ["cast"] * len(ballots)

    def _each(self, group: Group, ballots: Sequence[_Ballot]) -> list[str]:
        """Stores each alone, or says why not."""
        return [self._one(group, each) for each in ballots]

    def _plain(self, group: Group, ballot: _Ballot) -> bool:
        """Whether a ballot may go with others; PostgreSQL asks for the state in the statement that spends."""
        if group.dialect == "postgresql" and ballot.collection in self.marks and ballot.content[0]:
            return self._found(group, ballot)
        return self._closed(group, ballot) is None and self._found(group, ballot)

    def _found(self, group: Group, ballot: _Ballot) -> bool:
        """Whether there is a slip: its own, or for a link one that nobody took."""
        ballot.qr = ballot.given or group.unspent(ballot.collection) or b""
        return bool(ballot.qr)

    def _closed(self, group: Group, ballot: _Ballot) -> str | None:
        """Why the collection takes no ballot now; None where it does."""
        name = ballot.collection
        state = group.state(name)
        if state not in (("open", "closing") if ballot.late else ("open",)):
            return "not_open" if state in (None, "draft") else "closed"
        if not ballot.content[0]:
            return "closed"  # nobody could seal it: its keys are gone
        if name not in self.marks and time.monotonic() - self.stopped.get(name, -STOPPED) >= STOPPED and not self._begin(group, name):
            self.stopped[name] = time.monotonic()
        return None if name in self.marks else "stopped"

    def _one(self, group: Group, ballot: _Ballot) -> str:
        name = ballot.collection
        known = self._known(group, ballot)
        if known:
            return known
        if group.state(name) == "sealed" and group.one("counted", name, ballot.receipt):
            return "again"
        closed = self._closed(group, ballot)
        if closed:
            return closed
        for _ in range(1 if ballot.given else 8):  # another host may take the slip that was found; then another is looked for
            if not self._found(group, ballot):
                return "over_cap"
            if group.store_one(ballot):
                return "cast"
            answer = self._why_not(group, ballot)
            if answer != "over_cap":
                return answer
        return "failed"

    def _known(self, group: Group, ballot: _Ballot) -> str | None:
        """What an answer is whose receipt is in the box already; None where it is not."""
        tag = group.one("known", ballot.collection, ballot.receipt)
        if tag is None:
            return None
        if bytes(tag) == ballot.content[2]:
            return "again"
        return "bad_nonce" if ballot.given and group.one("slip", ballot.collection, ballot.given) == "unspent" else "first_counts"

    def _why_not(self, group: Group, ballot: _Ballot) -> str:
        name = ballot.collection
        state = group.one("state", clock.now(), name)
        known = self._known(group, ballot)
        if known:  # another host stored it a moment ago
            return known
        of_slip = group.one("slip", name, ballot.qr)
        if of_slip == "spent":
            return "already_used" if ballot.given else "over_cap"
        if of_slip == "void":
            return "void"
        return "closed" if of_slip == "unspent" and state != "open" else "unknown"

    def _begin(self, group: Group, name: str) -> bool:
        """Compares database and mark once, when this process first meets a collection."""
        folder = self.instance / "keys" / name
        group.run("touch", name)  # its box before any row, as a voiding has it: else each may wait for the other
        own = group.one("received", name, mark.host(), 0)  # waits for a commit a killed writer of this host left under way
        try:
            confirmed, pending = mark.read(self._mark(name))
            mine = pending if own == pending.ballots else confirmed  # counted in the same commit: it tells whether the last one happened
            if own != mine.ballots:
                return False
            only = {self._mark(name).name: {mine}}
            for again in range(10):  # other hosts may store meanwhile
                before = mark.states(folder)
                if mark.agrees(stored(group.connection, name), before | only, mark.states(folder) | only):
                    break
                if again == 9 or group.dialect == "sqlite":
                    return False
                time.sleep(random.uniform(0, 0.05))
        except mark.MarkFault:
            return False
        self.marks[name] = mine
        return True

    def _strange(self, group: Group, name: str, pending: mark.State) -> bool:
        """Whether the database is not the one the marks know (it was put back, or changed): it counts another number of this host's
        ballots, or fewer of another host's than that host has confirmed."""
        if group.received[name] != pending.ballots:
            return True
        own = self._mark(name)
        try:
            said = {file.name: mark.read(file)[0].ballots for file in own.parent.glob("mark-*") if file.name != own.name}
        except mark.MarkFault:
            return True
        if not any(said.values()):
            return False
        group.run("hosts", name)
        held = {mark.path(Path(), host).name: number for host, number in group.cursor.fetchall()}
        return any(held.get(host, 0) < number for host, number in said.items())

    def _mark(self, name: str) -> Path:
        return mark.path(self.instance / "keys" / name)


def stored(connection: Connection, name: str) -> mark.State:
    """What the database holds of a collection at one moment: ballots, and the sum of all MACs."""
    of = [select(table.c.mac, literal(table is box)).where(table.c.collection == name) for table in (box, remark)]
    rows = connection.execute(union_all(*of)).all()
    return mark.State().plus([bytes(mac) for mac, _ in rows], sum(ballot for _, ballot in rows))


# ---- the process ---------------------------------------------------------------------------------------------------


def serve(url: str, instance: Path) -> None:
    """Runs until no app process is connected any more."""
    run = instance / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = (run / f"{_name(url)}.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    address = run / f"{_name(url)}.sock"
    address.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    _bound(listener.bind, address)
    listener.listen(512)
    store = Store(db.make_engine(url), instance)
    clients = _Clients(listener)
    waiting: list[tuple[socket.socket, dict[str, Any]]] = []
    took = 0.0  # seconds the last commit took
    while clients.any():
        waiting += clients.messages(0 if waiting else 1.0)
        if not waiting:
            continue
        until = time.monotonic() + min(took / 4, LINGER)
        while (left := until - time.monotonic()) > 0 and len(waiting) < clients.number():
            waiting += clients.messages(left)  # those answered together come back together
        group, waiting = _fitting(waiting)
        began = time.monotonic()
        _store(store, group)
        took = time.monotonic() - began


class _Clients:
    """The app processes' connections, and what they have sent so far."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._buffers: dict[socket.socket, bytearray] = {}
        self._alone_since = time.monotonic()

    def any(self) -> bool:
        """Whether somebody is connected, or was a moment ago."""
        return bool(self._buffers) or time.monotonic() - self._alone_since < 10

    def number(self) -> int:
        """How many are connected."""
        return len(self._buffers)

    def messages(self, wait: float) -> list[tuple[socket.socket, dict[str, Any]]]:
        """What has arrived whole, from whom; waits at most `wait` seconds for anything at all."""
        found: list[tuple[socket.socket, dict[str, Any]]] = []
        for key, _ in self._selector.select(wait):
            if key.fileobj is self._listener:
                client, _ = self._listener.accept()
                client.setblocking(True)
                self._buffers[client] = bytearray()
                self._selector.register(client, selectors.EVENT_READ)
                continue
            client = key.fileobj  # type: ignore[assignment]
            chunk = b""
            with suppress(ConnectionError):
                chunk = client.recv(1 << 16)
            if not chunk:
                self._selector.unregister(client)
                client.close()
                del self._buffers[client]
                self._alone_since = time.monotonic()
                continue
            self._buffers[client] += chunk
            found += [(client, message) for message in _messages(self._buffers[client])]
        return found


def _fitting(waiting: list[tuple[socket.socket, dict[str, Any]]]) -> tuple[list[Any], list[Any]]:
    """As many requests as fit in one commit; a batch of paper stays whole."""
    size = 0
    for at, (_, message) in enumerate(waiting):
        size += len(message["rows"])
        if size >= GROUP:
            return waiting[: at + 1], waiting[at + 1 :]
    return waiting, []


def _store(store: Store, group: list[tuple[socket.socket, dict[str, Any]]]) -> None:
    rows = [row for _, message in group for row in message["rows"]]
    try:
        answers = store.commit(rows)
    except (DBAPIError, store.engine.dialect.loaded_dbapi.Error, OSError) as error:
        store.forget()  # did this one happen?
        answers = [{"status": "failed", "why": type(error).__name__}] * len(rows)
    for client, message in group:
        mine, answers = answers[: len(message["rows"])], answers[len(message["rows"]) :]
        with suppress(OSError):
            _send(client, mine)


def _name(url: str) -> str:
    """A writer is of one database: after a change of DATABASE_URL nobody meets the old one."""
    return f"writer-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def _messages(buffer: bytearray) -> list[dict[str, Any]]:
    found = []
    while len(buffer) >= _SIZE.size:
        (size,) = _SIZE.unpack_from(buffer)
        if len(buffer) < _SIZE.size + size:
            break
        found.append(json.loads(buffer[_SIZE.size : _SIZE.size + size]))
        del buffer[: _SIZE.size + size]
    return found


def _send(to: socket.socket, message: object) -> None:
    text = json.dumps(message).encode()
    to.sendall(_SIZE.pack(len(text)) + text)


# ---- the app's side ------------------------------------------------------------------------------------------------


def store(url: str, instance: Path, rows: Sequence[Mapping[str, Any]], *, wait: float = WAIT) -> list[dict[str, str]]:
    """Hands rows to the writer and waits for its answers, starting a writer where there is none.

    Raises Busy when no answer came in time, or the rows could not be stored: nothing is half done, and sending the same again
    is safe.
    """
    answers = _line(url, instance).ask(_Call(rows, time.monotonic() + wait))
    if answers is None:
        raise Busy("票箱没有及时回应")
    if any(answer["status"] == "failed" for answer in answers):
        raise Busy("票箱暂时写不进去")
    return answers


@dataclass(slots=True, eq=False)
class _Call:
    """What one thread wants stored. Its gate, shut at first, opens when there are answers or when it is its turn to speak."""

    rows: Sequence[Mapping[str, Any]]
    until: float
    answers: list[dict[str, str]] | None = None
    speaks: bool = False
    gone: bool = False  # nobody waits for the answers any more
    gate: Any = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.gate.acquire()


class _Line:
    """A process's conversation with one writer. One thread speaks at a time, for all who came while another spoke."""

    def __init__(self, url: str, instance: Path) -> None:
        self._url, self._instance = url, instance
        self._client: socket.socket | None = None
        self._lock = threading.Lock()
        self._waiting: list[_Call] = []
        self._spoken = False  # somebody speaks, or was told to
        self._last = (0, 0.0)  # how many spoke together the last time, and how many seconds it took
        self._all = threading.Event()  # as many wait as spoke together the last time

    def ask(self, call: _Call) -> list[dict[str, str]] | None:
        """The answers; None where there were none in time."""
        with self._lock:
            self._waiting.append(call)
            if len(self._waiting) >= self._last[0]:
                self._all.set()
            if not self._spoken:
                self._spoken = call.speaks = True
        if not call.speaks and not call.gate.acquire(timeout=max(0.0, call.until - time.monotonic())):
            with self._lock:
                call.gone = not call.speaks
                if call.gone and call in self._waiting:
                    self._waiting.remove(call)
        if call.speaks:
            self._speak(call)
        return call.answers

    def _speak(self, call: _Call) -> None:
        """Asks for all who wait, and lets the next one speak."""
        self._all.wait(min(self._last[1] / 4, LINGER))  # those answered together come back together
        with self._lock:
            self._waiting.remove(call)
            others, size = [], len(call.rows)
            while self._waiting and size + len(self._waiting[0].rows) <= GROUP:
                others.append(self._waiting.pop(0))
                size += len(others[-1].rows)
        answers, began = None, time.monotonic()
        try:
            answers = self._conversed([row for each in (call, *others) for row in each.rows], call.until)
        finally:
            with self._lock:
                self._last = (1 + len(others), time.monotonic() - began)
                if answers is None:  # none in this one's time; others may have some left
                    self._waiting[:0] = [each for each in others if not each.gone]
                else:
                    for each in (call, *others):
                        each.answers, answers = answers[: len(each.rows)], answers[len(each.rows) :]
                    for each in others:
                        each.gate.release()
                self._spoken = bool(self._waiting)
                if len(self._waiting) < self._last[0]:
                    self._all.clear()
                if self._spoken:
                    self._waiting[0].speaks = True
                    self._waiting[0].gate.release()

    def _conversed(self, rows: Sequence[Mapping[str, Any]], until: float) -> list[dict[str, str]] | None:
        while (left := until - time.monotonic()) > 0:
            try:
                self._client = self._client or _connected(self._url, self._instance, left)
                self._client.settimeout(left)
                _send(self._client, {"rows": list(rows)})
                return _receive(self._client)
            except TimeoutError:
                self.close()
                break
            except OSError:
                self.close()
                time.sleep(0.02)
            except BaseException:  # the answer that comes is nobody's now
                self.close()
                raise
        return None

    def close(self) -> None:
        """Hangs up; the next to speak calls again."""
        client, self._client = self._client, None
        if client:
            client.close()


_lines: dict[tuple[str, Path], _Line] = {}


def _line(url: str, instance: Path) -> _Line:
    found = _lines.get((url, instance))
    if found is None:
        found = _lines.setdefault((url, instance), _Line(url, instance))
        for other in list(_lines)[:-3]:  # a process serves one instance; tests pass through many, whose writers may then end
            _lines.pop(other).close()
    return found


def _receive(client: socket.socket) -> list[dict[str, str]]:
    buffer = bytearray()
    while True:
        chunk = client.recv(1 << 16)
        if not chunk:
            raise ConnectionError
        buffer += chunk
        if found := _messages(buffer):
            return found[0]  # type: ignore[return-value]


def _connected(url: str, instance: Path, wait: float) -> socket.socket:
    address = instance / "run" / f"{_name(url)}.sock"
    until = time.monotonic() + wait
    while True:
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            _bound(client.connect, address)
            return client
        except (FileNotFoundError, ConnectionRefusedError):
            client.close()
            if time.monotonic() > until:
                raise TimeoutError from None
            _start(url, instance)
            time.sleep(0.05)


def _start(url: str, instance: Path) -> None:
    """Starts a writer unless one is starting or runs."""
    run = instance / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (run / f"{_name(url)}.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    with (run / f"{_name(url)}.start").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        subprocess.Popen(
            [sys.executable, "-m", "survey.box.writer"],
            cwd=Path(__file__).parent.parent.parent,
            env={**os.environ, "WRITER_DATABASE_URL": url, "WRITER_INSTANCE": str(instance)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(100):  # until it listens, so that a crowd of threads starts one process only
            time.sleep(0.05)
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                _bound(probe.connect, run / f"{_name(url)}.sock")
                return


def _bound(call: Any, address: Path) -> None:
    """A socket's name may have 107 bytes: a longer path is reached through its folder's descriptor."""
    if len(str(address).encode()) < 100:
        call(str(address))
        return
    folder = os.open(address.parent, os.O_RDONLY)
    try:
        call(f"/proc/self/fd/{folder}/{address.name}")
    finally:
        os.close(folder)


if __name__ == "__main__":
    serve(os.environ["WRITER_DATABASE_URL"], Path(os.environ["WRITER_INSTANCE"]))
