"""The noun *job*: long work in the background, with a progress that can be left and come back to.

A face names its work with `@work("kind")` and starts it with `start`; a thread of the app does it, watched by a row of
`job` and by a lock the thread holds for its life. A job whose lock nobody holds was interrupted, and `resume` begins it
anew. What comes of a job stays encrypted in a vault until it is taken or forgotten: printed codes are nowhere else.
"""

import fcntl
import json
import os
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask_babel import force_locale
from sqlalchemy import Connection, delete, insert, select, update

from survey import clock, db
from survey.schema import job as table
from survey.vault import Vault

KEPT = timedelta(hours=24)  # how long a result waits for its download
TELL = 0.4  # seconds between two notes of progress
STATES = ("waiting", "running", "done", "failed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of work. `given` are its arguments (no secrets); `message` says why it failed."""

    job: str
    kind: str
    subject: str
    account: str
    state: str
    done: int
    total: int
    message: str
    started_at: str
    given: Mapping[str, Any]

    @property
    def busy(self) -> bool:
        """True until it is done or has failed."""
        return self.state in ("waiting", "running")

    @property
    def percent(self) -> int:
        """How far it is; 0 while nobody knows how much there is."""
        return min(100, 100 * self.done // self.total) if self.total else 0


class Failed(RuntimeError):
    """Work that cannot be done; the words are shown to the person who started it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """What a running job works with: its arguments, its progress, and a note that outlives a crash."""

    job: Job
    app: Flask
    _told: list[float]

    def tell(self, done: int, total: int | None = None) -> None:
        """Notes the progress, not more often than is of use."""
        if time.monotonic() - self._told[0] < TELL and done != total:
            return
        self._told[0] = time.monotonic()
        values = {"done": done} if total is None else {"done": done, "total": total}
        with db.deed() as connection:
            connection.execute(update(table).where(table.c.job == self.job.job).values(**values))

    def note(self, content: bytes) -> None:
        """Keeps what a next try must know of this one, before this one commits anything."""
        vault(self.app).put(f"{self.job.job}.note", content)

    def noted(self) -> bytes | None:
        """The note of an interrupted try."""
        name = f"{self.job.job}.note"
        return vault(self.app).get(name) if vault(self.app).has(name) else None


Work = Callable[[Task], bytes | None]
_WORK: dict[str, Work] = {}
_THREADS: dict[str, threading.Thread] = {}
_STARTING = threading.Lock()


def work(kind: str) -> Callable[[Work], Work]:
    """Names the work of a kind. It returns what is to be downloaded, or None; it must bear being begun anew."""

    def named(does: Work) -> Work:
        _WORK[kind] = does
        return does

    return named


def start(
    app: Flask, *, kind: str, subject: str, account: str, total: int = 0, once: str = "", language: str = "zh", **given: object
) -> Job:
    """Starts a job, or returns the one under way for the same kind and subject: a second click starts nothing.

    `once` is the form's own random name for it, so that a form sent twice finds the job even after its end.
    """
    name = once or secrets.token_hex(8)
    with db.deed() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7002)")
        under_way = select(table).where(
            table.c.kind == kind, table.c.subject == subject, table.c.state.in_(("waiting", "running"))
        )
        for query in (select(table).where(table.c.job == name), under_way):
            if row := connection.execute(query).first():
                return _job(row)
        connection.execute(
            insert(table).values(
                job=name, kind=kind, subject=subject, account=account, state="waiting", done=0, total=total, started_at=clock.now(),
                given=json.dumps({**given, "_host": _host(app), "_language": language}, ensure_ascii=False),
            )
        )  # fmt: skip
    found = _in_thread(app, name)
    assert found is not None
    return found


def get(connection: Connection, name: str) -> Job | None:
    """The job of that id."""
    row = connection.execute(select(table).where(table.c.job == name)).first()
    return _job(row) if row else None


def of_subject(connection: Connection, subject: str) -> list[Job]:
    """A subject's jobs, the newest first."""
    query = select(table).where(table.c.subject == subject).order_by(table.c.started_at.desc(), table.c.job)
    return [_job(row) for row in connection.execute(query)]


def resume(app: Flask) -> int:
    """Begins every interrupted job of this host anew; how many. Those that run are left alone."""
    with db.reading() as connection:
        rows = connection.execute(select(table).where(table.c.state.in_(("waiting", "running")))).all()
    mine = [row.job for row in rows if json.loads(row.given).get("_host") == _host(app) and row.kind in _WORK]
    return sum(_in_thread(app, name) is not None for name in mine if not _held(app, name))


def wait(name: str, seconds: float = 60) -> None:
    """Waits for a job of this process."""
    if thread := _THREADS.get(name):
        thread.join(seconds)


# ---- results -------------------------------------------------------------------------------------------------------


def result(app: Flask, name: str) -> bytes | None:
    """What came of a job, while it waits for its download."""
    return vault(app).get(f"{name}.result") if vault(app).has(f"{name}.result") else None


def has_result(app: Flask, name: str) -> bool:
    """Whether there is something to download."""
    return vault(app).has(f"{name}.result")


def forget_result(app: Flask, name: str) -> None:
    """Deletes what came of a job: printed codes are then on paper alone."""
    vault(app).remove(f"{name}.result")


def forget(app: Flask, connection: Connection, subject: str) -> None:
    """Deletes what came of all of a subject's jobs: a collection's codes go at its opening (BOX.md, step 2)."""
    for each in of_subject(connection, subject):
        forget_result(app, each.job)


def sweep(app: Flask, connection: Connection) -> None:
    """Deletes results that waited too long, and rows of jobs ended a month ago."""
    late = (datetime.now(UTC) - KEPT).isoformat(timespec="seconds")
    for name in vault(app).names():
        row = connection.execute(select(table.c.started_at).where(table.c.job == name.partition(".")[0])).first()
        if name != "host" and (row is None or row.started_at < late):
            vault(app).remove(name)
    old = (datetime.now(UTC) - timedelta(days=30)).isoformat(timespec="seconds")
    connection.execute(delete(table).where(table.c.started_at < old, table.c.state.in_(("done", "failed"))))


def vault(app: Flask) -> Vault:
    """Where results wait."""
    folder = Path(app.config["INSTANCE"]) / "keys" / "jobs"
    return Vault(folder=folder / "kept", key=folder / "key")


# ---- the thread ----------------------------------------------------------------------------------------------------


def _in_thread(app: Flask, name: str) -> Job | None:
    """Starts a job's thread unless one runs; the job as it is now."""
    with _STARTING:
        running = _THREADS.get(name)
        if running is None or not running.is_alive():
            thread = threading.Thread(target=_run, args=(app, name), name=f"job-{name}", daemon=True)
            _THREADS[name] = thread
            thread.start()
    with db.reading() as connection:
        return get(connection, name)


def _run(app: Flask, name: str) -> None:
    handle = _lock(app, name, patience=1.0)
    if handle is None:
        return
    try:
        with app.app_context():
            with db.deed() as connection:
                found = get(connection, name)
                if found is None or not found.busy:
                    return
                connection.execute(update(table).where(table.c.job == name).values(state="running", done=0))
            with force_locale(str(found.given.get("_language", "zh"))):
                state, message = _work(app, found)
            with db.deed() as connection:
                values = {"state": state, "message": message} | ({"done": table.c.total} if state == "done" else {})
                connection.execute(update(table).where(table.c.job == name).values(**values))
            vault(app).remove(f"{name}.note")
    finally:
        os.close(handle)


def _work(app: Flask, found: Job) -> tuple[str, str]:
    try:
        made = _WORK[found.kind](Task(job=found, app=app, _told=[0.0]))
    except Failed as fault:
        return "failed", str(fault)
    except Exception as error:  # whatever it is, the row must not say "running" for ever; values stay out of the log
        where = "".join(traceback.format_tb(error.__traceback__))
        app.logger.error("job %s: %s\n%s", found.kind, type(error).__name__, where)
        return "failed", "出了内部错误，请再试一次。"
    if made is not None:
        vault(app).put(f"{found.job}.result", made)
    return "done", ""


def _locks(app: Flask) -> Path:
    return Path(app.config["INSTANCE"]) / "run" / "jobs"


def _lock(app: Flask, name: str, *, patience: float = 0.0) -> int | None:
    """A job's lock, or None where another has it. One that only looks has it for a moment: who runs the job waits that long."""
    _locks(app).mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(_locks(app) / name, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() >= until:
                os.close(handle)
                return None
        time.sleep(0.02)


def _held(app: Flask, name: str) -> bool:
    if (thread := _THREADS.get(name)) and thread.is_alive():
        return True
    handle = _lock(app, name)
    if handle is None:
        return True
    os.close(handle)
    return False


def _host(app: Flask) -> str:
    """A name for this instance folder: other hosts of one database leave its jobs alone."""
    path = Path(app.config["INSTANCE"]) / "run" / "host"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(8))
    except FileExistsError:
        pass
    return path.read_text()


def _job(row: Any) -> Job:
    return Job(**{**row._mapping, "given": json.loads(row.given)})
