"""The writer: one process a host that stores ballots, many to a commit.

App processes hand it prepared rows over a Unix socket; it takes all that wait, stores each inside a savepoint, notes the
mark, commits once, and only then answers. It holds a lock for its life, so there is never a second one; it ends when the
last app process is gone. An app that finds no writer starts one: killed, it comes back, and an answer that was not
acknowledged is sent again and recognised by its nonce.
"""

import fcntl
import hashlib
import json
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from survey import db
from survey.box import mark
from survey.schema import box, remark

WAIT = 8.0  # seconds an app waits for an answer before it honestly says "busy" (BOX_WAIT in the configuration)
GROUP = 256  # ballots to a commit at most
LINGER = 0.003  # seconds at most, and a quarter of the last commit's time, that a commit waits for more to join it
_SIZE = struct.Struct(">I")


class Busy(RuntimeError):
    """No answer in time; nothing is known to be stored, and sending again is safe."""


# ---- storing -------------------------------------------------------------------------------------------------------

_SPEND = {
    "sqlite": "UPDATE slip SET state='spent' WHERE collection=? AND qr=? AND state='unspent'",
    # one statement spends and drops; the share lock makes a closing wait for it, or it for the closing
    "postgresql": (
        "WITH house AS (SELECT 1 FROM collection WHERE collection=%s AND state=ANY(%s) AND NOT emptied "
        "AND (%s OR closes_at IS NULL OR closes_at > %s) FOR SHARE), "
        "s AS (UPDATE slip SET state='spent' WHERE collection=%s AND qr=%s AND state='unspent' "
        "AND EXISTS(SELECT 1 FROM house) RETURNING 1), "
        "b AS (INSERT INTO box (collection,receipt,ciphertext,mac,tag) SELECT %s,%s,%s,%s,%s FROM s "
        "ON CONFLICT DO NOTHING RETURNING 1), "
        "r AS (INSERT INTO remark (collection,remark,ciphertext,mac) SELECT %s,%s,%s,%s FROM s "
        "WHERE %s RETURNING 1) "
        "SELECT count(*) FROM b"
    ),
}
_SQL = {
    "sqlite": {
        "state": (
            "SELECT CASE WHEN emptied THEN 'sealed' WHEN state='open' AND closes_at <= ? THEN 'closing' ELSE state END "
            "FROM collection WHERE collection=?"
        ),
        "known": "SELECT tag FROM box WHERE collection=? AND receipt=?",
        "counted": "SELECT 1 FROM receipt WHERE collection=? AND receipt=?",
        "slip": "SELECT state FROM slip WHERE collection=? AND qr=?",
        "unspent": "SELECT qr FROM slip WHERE collection=? AND state='unspent' AND qr>=? ORDER BY qr LIMIT 64",
        "drop": "INSERT INTO box (collection,receipt,ciphertext,mac,tag) VALUES (?,?,?,?,?)",
        "remark": "INSERT INTO remark (collection,remark,ciphertext,mac) VALUES (?,?,?,?)",
        "received": (
            "INSERT INTO received VALUES (?,?,?) "
            "ON CONFLICT (collection,host) DO UPDATE SET received=received.received+excluded.received"
        ),
    }
}
_SQL["postgresql"] = {name: text.replace("?", "%s") for name, text in _SQL["sqlite"].items()}


@dataclass(slots=True)
class Group:
    """One transaction under way. Every ballot's statements go to the driver itself: they are most of the writer's work."""

    connection: Connection
    cursor: Any
    sums: dict[str, tuple[list[bytes], int]] = field(default_factory=dict)  # collection -> MACs, ballots
    states: dict[str, str | None] = field(default_factory=dict)
    slips: dict[str, list[bytes]] = field(default_factory=dict)  # unspent ones of link collections, found and not yet taken

    @property
    def dialect(self) -> str:
        """sqlite or postgresql."""
        return self.connection.dialect.name

    def run(self, name: str, *values: object) -> None:
        """One statement of `_SQL`."""
        self.cursor.execute(_SQL[self.dialect][name], values)

    def one(self, name: str, *values: object) -> Any:
        """The first value one SELECT of `_SQL` finds, or None."""
        self.run(name, *values)
        row = self.cursor.fetchone()
        return row[0] if row else None

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
            self.states[name] = self.one("state", _now(), name)
        return self.states[name]


@dataclass(slots=True)
class Store:
    """The storing itself, without sockets: what the process runs, and what a test may call."""

    engine: Engine
    instance: Path
    marks: dict[str, tuple[mark.State, mark.State]] = field(default_factory=dict)

    def commit(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
        """Stores prepared rows in one transaction; one answer a row, in order: `{"status": …}`.

        A row: collection, qr (hex, or "" for a link), receipt, ciphertext, mac, tag (hex), remark (None or three hex texts),
        late (True for paper and rescue files, which enter while closing). On any failure of the whole, nothing is stored.
        """
        answers = []
        with self.engine.connect() as connection, connection.begin() as transaction:
            group = Group(connection, connection.connection.cursor())
            for row in rows:
                answers.append({"status": self._one(group, row)})
            pending = {}
            for name, (macs, ballots) in group.sums.items():
                confirmed = self.marks[name][0]
                pending[name] = confirmed.plus(macs, ballots)
                mark.write(self._mark(name), confirmed, pending[name])
                group.run("received", name, mark.host(), ballots)
            transaction.commit()
        for name, state in pending.items():
            self.marks[name] = (state, state)
            mark.write(self._mark(name), state, state, durable=False)
        return answers

    def _one(self, group: Group, row: Mapping[str, Any]) -> str:
        name = row["collection"]
        state = group.state(name)
        known = group.one("known", name, row["receipt"])
        qr = bytes.fromhex(row["qr"])
        if known is not None:
            if bytes(known) == bytes.fromhex(row["tag"]):
                return "again"
            return "bad_nonce" if qr and group.one("slip", name, qr) == "unspent" else "first_counts"
        if state == "sealed" and group.one("counted", name, row["receipt"]):
            return "again"
        if state not in (("open", "closing") if row["late"] else ("open",)):
            return "not_open" if state in (None, "draft") else "closed"
        if name not in self.marks and not self._begin(group.connection, name):
            return "stopped"
        if qr:
            return self._store(group, row, qr)
        for _ in range(8):  # another host may take the slip that was found; then another is looked for
            found = group.unspent(name)
            if found is None:
                return "over_cap"
            answer = self._store(group, row, found)
            if answer != "over_cap":
                return answer
        return "failed"

    def _store(self, group: Group, row: Mapping[str, Any], found: bytes) -> str:
        """Spends and drops inside a savepoint, so that one bad row takes no other with it."""
        name = row["collection"]
        group.cursor.execute("SAVEPOINT ballot")
        try:
            stored = self._spend_and_drop(group, row, found)
        except group.connection.dialect.loaded_dbapi.IntegrityError:  # two hosts, one nonce: the other was first
            group.cursor.execute("ROLLBACK TO ballot")
            return "bad_nonce"
        if not stored:
            group.cursor.execute("ROLLBACK TO ballot")
            return self._why_not(group, row, found)
        group.cursor.execute("RELEASE ballot")
        macs, ballots = group.sums.setdefault(name, ([], 0))
        macs.append(bytes.fromhex(row["mac"]))
        if row["remark"]:
            macs.append(bytes.fromhex(row["remark"][2]))
        group.sums[name] = (macs, ballots + 1)
        return "cast"

    def _spend_and_drop(self, group: Group, row: Mapping[str, Any], qr: bytes) -> bool:
        name = row["collection"]
        ballot = (name, row["receipt"], *(bytes.fromhex(row[key]) for key in ("ciphertext", "mac", "tag")))
        words = (name, *(bytes.fromhex(text) for text in row["remark"])) if row["remark"] else None
        if group.dialect == "postgresql":
            states = ["open", "closing"] if row["late"] else ["open"]
            given = (name, states, row["late"], _now(), name, qr, *ballot, *(words or (name, b"", b"", b"")), words is not None)
            group.cursor.execute(_SPEND["postgresql"], given)
            return bool(group.cursor.fetchone()[0])
        group.cursor.execute(_SPEND["sqlite"], (name, qr))
        if group.cursor.rowcount != 1:
            return False
        group.run("drop", *ballot)
        if words:
            group.run("remark", *words)
        return True

    def _why_not(self, group: Group, row: Mapping[str, Any], qr: bytes) -> str:
        name = row["collection"]
        state = group.one("state", _now(), name)
        known = group.one("known", name, row["receipt"])
        if known is not None:
            return "again" if bytes(known) == bytes.fromhex(row["tag"]) else "first_counts"
        of_slip = group.one("slip", name, qr)
        if of_slip == "spent":
            return "already_used" if row["qr"] else "over_cap"
        if of_slip == "void":
            return "void"
        return "closed" if of_slip == "unspent" and state != "open" else "unknown"

    def _begin(self, connection: Connection, name: str) -> bool:
        """Compares database and mark once, when this process first meets a collection."""
        folder = self.instance / "keys" / name
        try:
            for again in range(5):  # another host may be between its mark and its commit
                if mark.agrees(folder, stored(connection, name)):
                    break
                if again == 4 or connection.dialect.name == "sqlite":
                    return False
                time.sleep(0.05)
            confirmed, pending = mark.read(self._mark(name))
        except mark.MarkFault:
            return False
        if confirmed != pending:  # this host's last commit: did it happen?
            others = [mark.read(file) for file in folder.glob("mark-*") if file != self._mark(name)]
            rest = sum((each[0] for each in others), mark.State())
            if confirmed + rest != stored(connection, name):
                confirmed = pending
        self.marks[name] = (confirmed, confirmed)
        return True

    def _mark(self, name: str) -> Path:
        return mark.path(self.instance / "keys" / name)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def stored(connection: Connection, name: str) -> mark.State:
    """What the database holds of a collection: ballots, and the sum of all MACs."""
    total = mark.State()
    for table in (box, remark):
        macs = [bytes(row.mac) for row in connection.execute(select(table.c.mac).where(table.c.collection == name))]
        total = total.plus(macs, len(macs) if table is box else 0)
    return total


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
        store.marks.clear()  # look again before the next commit: did this one happen?
        store.engine.dispose()
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

# Idle connections, used by one thread at a time. Not of a thread: a server's own threads keep nothing between two requests.
_idle: dict[tuple[str, Path], list[socket.socket]] = {}


def store(url: str, instance: Path, rows: Sequence[Mapping[str, Any]], *, wait: float = WAIT) -> list[dict[str, str]]:
    """Hands rows to the writer and waits for its answers, starting a writer where there is none.

    Raises Busy when no answer came in time, or the rows could not be stored: nothing is half done, and sending the same again
    is safe.
    """
    until = time.monotonic() + wait
    while (left := until - time.monotonic()) > 0:
        client = None
        try:
            client = _connected(url, instance, left)
            client.settimeout(left)
            _send(client, {"rows": list(rows)})
            answers: list[dict[str, str]] = _receive(client)
        except TimeoutError:
            _forget(url, instance, client)
            break
        except (ConnectionError, OSError):
            _forget(url, instance, client)
            time.sleep(0.02)
            continue
        _idle.setdefault((url, instance), []).append(client)
        if any(answer["status"] == "failed" for answer in answers):
            raise Busy("票箱暂时写不进去")
        return answers
    raise Busy("票箱没有及时回应")


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
    with suppress(LookupError):
        return _idle[url, instance].pop()
    for other in list(_idle)[:-3]:  # a process serves one instance; tests pass through many, whose writers may then end
        _forget(*other)
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


def _forget(url: str, instance: Path, client: socket.socket | None = None) -> None:
    """Closes a connection that failed, and the idle ones, which go to the same writer."""
    for each in [*_idle.pop((url, instance), []), *([client] if client else [])]:
        each.close()


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
