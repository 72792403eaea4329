"""The sealed box under load: a voter's three requests (page, cast, receipt) beside a bare page, a naive form and fsync.

`python -m bench.box [sqlite] [postgresql] [voters] [writer] [disk]`. Everything on loopback, in one run: granian serves, a process of its own asks. Each
figure is printed with its ratio to the baseline of the same run; a machine's absolute numbers say little.
"""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parent.parent
SERVER = ["--interface", "wsgi", "--workers", "2", "--blocking-threads", "32", "--backpressure", "512", "--no-ws"]
BARE = """
from flask import Flask
app = Flask(__name__)
@app.get("/")
def page():
    return "<!doctype html><title>bare</title><p>a page"
"""
NAIVE = """
import os, secrets, sqlite3
from flask import Flask, render_template_string, request
from wtforms import Form, RadioField
CHOICES = [(c, c) for c in ("good", "fairly_good", "average", "poor")]
Ballot = type("Ballot", (Form,), {f"q{at}": RadioField(str(at), choices=CHOICES) for at in range(40)})
app = Flask(__name__)
PATH = os.environ["NAIVE"]
@app.get("/")
def page():
    fields = "<form method=post>{% for f in form %}{{ f.label }}{{ f() }}{% endfor %}</form>"
    return render_template_string(fields, form=Ballot())
@app.post("/")
def cast():
    form = Ballot(request.form)
    if not form.validate():
        return "no", 422
    c = sqlite3.connect(PATH, timeout=30)
    c.execute("PRAGMA synchronous=FULL")
    vote = secrets.token_hex(8)
    with c:
        c.executemany("INSERT INTO answer VALUES (?,?,?)", [(vote, n, v) for n, v in form.data.items()])
    c.close()
    return "thank you"
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What one load gave: units a second, latencies in milliseconds, errors, seconds of the servers' CPU for one unit."""

    rate: float
    p50: float
    p99: float
    p999: float
    errors: int
    cpu: float


# ---- servers ---------------------------------------------------------------------------------------------------------


@contextmanager
def serving(
    target: str, *, folder: Path, factory: bool = False, python: str | Path = sys.executable, **environment: str
) -> Iterator[tuple[int, int]]:
    """A granian of its own: (port, process id)."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(python), "-m", "granian", *SERVER, "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    path = os.pathsep.join((str(folder), str(ROOT)))
    process = subprocess.Popen(
        [*command, *(["--factory"] if factory else []), target],
        env={**os.environ, "PYTHONPATH": path, **environment}, start_new_session=True, cwd=folder,
    )  # fmt: skip
    try:
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield port, process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def processor(roots: Sequence[int]) -> float:
    """Seconds of CPU used so far by these processes and their children."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    wanted = set(roots)
    while more := {pid for pid, parent in parents.items() if parent in wanted} - wanted:
        wanted |= more
    return sum(used.get(pid, 0.0) for pid in wanted)


@contextmanager
def postgres(*, slow: bool = False) -> Iterator[str]:
    """A private PostgreSQL with fsync on, reached by its own socket; `slow`: on a slow disk."""
    tools = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    folder = Path(tempfile.mkdtemp(prefix="pgbench"))
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "postgres", "postgres")

    def run(*command: object) -> None:
        subprocess.run([*user, *map(str, command)], check=True, stdout=subprocess.DEVNULL, cwd="/")

    run(tools / "initdb", "-D", folder / "d", "-U", "bench", "-A", "trust", "-E", "UTF8")
    server = tools / "postgres"
    if slow:
        server = folder / "postgres"
        server.write_text(f'#!/bin/sh\nexec {shlex.join(strace())} {tools / "postgres"} "$@"\n')
        server.chmod(0o755)
    run(tools / "pg_ctl", "-p", server, "-D", folder / "d", "-l", folder / "log", "-w", "-o", f"-k {folder} -c listen_addresses=''", "start")
    try:
        yield f"postgresql://bench@/postgres?host={folder}"
    finally:
        run(tools / "pg_ctl", "-D", folder / "d", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


# ---- asking ----------------------------------------------------------------------------------------------------------


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """One request on a kept connection: status and body."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    return int(head[9:12]), await reader.readexactly(int(found[1]) if found else 0)


def post(path: str, body: bytes) -> bytes:
    """A form post as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str) -> bytes:
    """A page's request as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode()


Unit = Callable[[str, dict[str, str], asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bool]]


async def _unit(kind: str, job: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """One voter's work: true when every answer was right."""
    if kind == "bare":
        return (await ask(reader, writer, get("/")))[0] == 200
    if kind == "naive":
        page = await ask(reader, writer, get("/"))
        return page[0] == 200 and (await ask(reader, writer, post("/", job["marks"].encode())))[0] == 200
    status, page_body = await ask(reader, writer, get(f"/v/{job['collection']}/{job['token']}"))
    found = re.search(rb'name="?nonce"? value="?([0-9a-f.]+)', page_body)
    if status != 200 or not found:
        return False
    nonce = found[1].decode()
    sent = f"{job['marks']}&nonce={nonce}&slip={job['token']}".encode()
    status, body = await ask(reader, writer, post(f"/v/{job['collection']}/cast", sent))
    if status != 200 or json.loads(body)["status"] != "cast":
        return False
    return (await ask(reader, writer, post(f"/v/{job['collection']}/receipt", f"nonce={nonce}".encode())))[0] == 200


async def asked(port: int, kind: str, jobs: list[dict[str, str]], clients: int, pace: float, unit: Unit) -> dict[str, object]:
    """Lets clients do the jobs, each on a kept connection: seconds, latencies, and how many were not right."""
    taken, errors, latencies = iter(enumerate(jobs)), [0], []
    began = time.perf_counter()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        for at, job in taken:
            if pace:
                await asyncio.sleep(max(0.0, began + at / pace - time.perf_counter()))
            start = time.perf_counter()
            try:
                right = await asyncio.wait_for(unit(kind, job, reader, writer), 60)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                right = False
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
            latencies.append(time.perf_counter() - start)
            errors[0] += not right
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return {"seconds": time.perf_counter() - began, "latencies": latencies, "errors": errors[0]}


def load(
    port: int, kind: str, jobs: list[dict[str, str]], clients: int, *, pids: Sequence[int], pace: float = 0, by: str = "bench.box"
) -> Load:
    """Runs a load in a process of its own and says what it gave; `by` is the module whose --load asks."""
    before = processor(pids)
    given = json.dumps({"port": port, "kind": kind, "jobs": jobs, "clients": clients, "pace": pace})
    done = subprocess.run(
        [sys.executable, "-m", by, "--load"], input=given, text=True, capture_output=True, check=True, cwd=ROOT
    )
    said = json.loads(done.stdout)
    sorted_ = sorted(said["latencies"])

    def part(share: float) -> float:
        return 1000 * sorted_[min(len(sorted_) - 1, int(share * len(sorted_)))]

    return Load(
        rate=len(jobs) / said["seconds"], p50=part(0.5), p99=part(0.99), p999=part(0.999), errors=said["errors"],
        cpu=(processor(pids) - before) / len(jobs),
    )  # fmt: skip


# ---- a meeting -------------------------------------------------------------------------------------------------------


def meeting(folder: Path, url: str, *, slips: int) -> tuple[str, list[dict[str, str]]]:
    """An open collection of eight invented people: its id and one job a slip."""
    from sqlalchemy import insert

    from app import create_app
    from survey import access, db
    from survey.box import collection as collections
    from survey.box import keys, opening, slip
    from survey.schema import banner, cycle, person

    app = create_app({"INSTANCE": str(folder), "DATABASE_URL": url})
    with app.app_context():
        db.migrate(db.engine())
        with db.deed() as c:
            if not access.find(c, "teller"):
                c.execute(insert(cycle).values(cycle=2018, measure="neimenggu-2018", demo=True))
                c.execute(insert(banner).values(cycle=2018, banner="示例旗"))
                for at in range(8):
                    c.execute(
                        insert(person).values(
                            cycle=2018, person=f"P{at}", name=f"示例{at}", banner="示例旗", position="liaison"
                        )
                    )
                for role in ("teller", "scrutineer"):
                    access.create(c, name=role, title=role, roles={role}, password=f"{role}-password", by="bench")
            name = collections.draft(c, cycle=2018, banner="示例旗", kind="appraisal", mode="slips", title="演示数据")
            codes = slip.make(c, keys.of(folder, name), name, voice="leaders", medium="phone", number=slips)
            collections.change(
                c, name, teller="teller", scrutineer="scrutineer", expected=slips, present=slips, issued=slips,
                held_on="2019-01-10", delivered_on="2019-01-05",
            )  # fmt: skip
            house = collections.get(c, name)
            assert house is not None
            opening.open_box(
                c, folder, house, teller="teller-password", scrutineer="scrutineer-password", by="bench", secure=True
            )
            house = collections.get(c, name)
            assert house is not None
            form = collections.form(c, house)
        marks = "&".join(f"{item.name}={item.question.options[0].id}" for item in form.items() if item.question.options)
        db.engine().dispose()
    return name, [{"collection": name, "token": code.token, "marks": marks} for code in codes]


def show(what: str, found: Load, ratio: str = "") -> None:
    """One line of figures."""
    print(
        f"{what:44} {found.rate:8.0f}/s  p50 {found.p50:6.1f}  p99 {found.p99:7.1f}  p99.9 {found.p999:7.1f} ms  "
        f"errors {found.errors}  CPU {1000 * found.cpu:5.2f} ms  {ratio}",
        flush=True,
    )


def fsyncs(folder: Path, seconds: float = 2.0) -> float:
    """Plain writes of 4 KiB with fdatasync, one after the other, a second."""
    with (folder / "fsync").open("wb") as file:
        began, number = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            os.fdatasync(file.fileno())
            number += 1
        return number / (time.perf_counter() - began)


def baselines(folder: Path) -> tuple[Load, Load]:
    """The bare page and the naive form."""
    (folder / "bare.py").write_text(BARE)
    (folder / "naive.py").write_text(NAIVE)
    with closing(sqlite3.connect(folder / "naive.db")) as c:
        c.execute("PRAGMA journal_mode=WAL")
        c.execute("CREATE TABLE answer (vote TEXT, question TEXT, value TEXT)")
    with serving("bare:app", folder=folder) as (port, pid):
        load(port, "bare", [{}] * 500, 50, pids=[pid])
        bare = bare_page(port, pid)
    with serving("naive:app", folder=folder, NAIVE=str(folder / "naive.db")) as (port, pid):
        marks = "&".join(f"q{at}=good" for at in range(40))
        naive = load(port, "naive", [{"marks": marks}] * 300, 50, pids=[pid])
    show("bare page, 50 clients", bare)
    show("naive form (page, cast), 50 clients", naive)
    return bare, naive


def bare_page(port: int, pid: int) -> Load:
    """The bare page now: a machine's speed changes from minute to minute."""
    return load(port, "bare", [{}] * 12000, 50, pids=[pid])


def voters(folder: Path, url: str, kind: str, naive: Load) -> None:
    """A voter's three requests at 1, 50 and 300 clients and paced. The bare page is asked before and after each."""
    loads = ((1, 200), (50, 3000), *[(300, 3000)] * 4)
    _, jobs = meeting(folder, url, slips=50 + sum(number for _, number in loads) + 1200)
    with hall(folder, url, jobs[:50]) as ask:
        at, rates, costs = 50, [], []
        for clients, number in loads:
            found, bare = ask(jobs[at : at + number], clients)
            at += number
            rates.append(found.rate / bare.rate)
            costs.append(found.cpu / bare.cpu)
            ratio = f"{rates[-1]:.3f}x bare (goal 0.12), {found.rate / naive.rate:.1f}x naive (goal 12)"
            more = f", CPU {costs[-1]:.1f}x (goal 10), p99/p50 {found.p99 / found.p50:.1f} (goal 3 at 300)"
            show(f"{kind}: page, cast, receipt, {clients} clients", found, ratio + more)
        print(f"{kind}: 300 clients, mean of four: {sum(rates[-4:]) / 4:.3f}x bare, CPU {sum(costs[-4:]) / 4:.1f}x")
        found, _ = ask(jobs[at : at + 1200], 64, pace=200)
        show(f"{kind}: paced 200 ballots/s", found, "goal p99 100 ms")


@contextmanager
def hall(folder: Path, url: str, first: list[dict[str, str]]) -> Iterator[Callable[..., tuple[Load, Load]]]:
    """The app, served, beside the bare page: lets clients vote and gives their load with the bare page's of before and after it."""
    with (
        serving("bare:app", folder=folder.parent) as bare,
        serving("app:create_app", folder=ROOT, factory=True, INSTANCE=str(folder), DATABASE_URL=url) as (port, pid),
    ):
        load(port, "vote", first, 16, pids=[pid])
        time.sleep(10)  # all workers and the writer have loaded: a hall does not vote in a server's first second
        last = [bare_page(*bare)]
        writer = [int(file.read_text()) for file in (folder / "run").glob("writer-*.lock") if file.read_text()]

        def ask(jobs: list[dict[str, str]], clients: int, pace: float = 0) -> tuple[Load, Load]:
            found, before = load(port, "vote", jobs, clients, pids=[pid, *writer], pace=pace), last[0]
            last[0] = after = bare_page(*bare)
            return found, replace(before, rate=(before.rate + after.rate) / 2, cpu=(before.cpu + after.cpu) / 2)

        yield ask


class Rows:
    """Prepared rows of one open meeting, as the app hands them to the writer: each takes the next slip."""

    def __init__(self, folder: Path, url: str, *, slips: int) -> None:
        from app import create_app
        from survey import db
        from survey.box import collection as collections
        from survey.box import keys as key_store

        self.folder, self.url = folder, url
        self.name, self.jobs = meeting(folder, url, slips=slips)
        self.app = create_app({"INSTANCE": str(folder), "DATABASE_URL": url})
        with self.app.app_context(), db.reading() as c:
            house = collections.get(c, self.name)
            assert house is not None
            self._form, self._house, self._keys = collections.form(c, house), house, key_store.of(folder, self.name)
        marks = {item.name: [item.question.options[0].id] for item in self._form.items() if item.question.options}
        self._reply, _ = self._form.read(marks)

    def take(self, number: int) -> list[dict[str, object]]:
        """The next ones."""
        from survey.box import casting
        from survey.box.slip import Slip

        jobs, self.jobs = self.jobs[:number], self.jobs[number:]
        rows = []
        for job in jobs:
            ballot = casting.Ballot(reply=self._reply, nonce=os.urandom(16).hex())
            slip = Slip(qr=self._keys.slip_hash(job["token"]), voice="leaders", medium="phone", state="unspent")
            rows.append(casting._row(self._house, self._form, self._keys, ballot, slip, "phone"))
        return rows

    def by_threads(self, number: int) -> float:
        """Ballots a second when 16 threads hand over one each."""
        from survey.box import writer

        rows = self.take(number)
        writer.store(self.url, self.folder, self.take(1), wait=60)  # the writer is there
        return _threads(lambda at: writer.store(self.url, self.folder, [rows[at]]), number)

    def by_groups(self, number: int) -> float:
        """Ballots a second, 256 to a commit."""
        from survey.box import writer

        rows = self.take(number)
        began = time.perf_counter()
        for at in range(0, number, 256):
            writer.store(self.url, self.folder, rows[at : at + 256], wait=60)
        return number / (time.perf_counter() - began)

    def counted(self) -> float:
        """Milliseconds the live count takes."""
        from survey.box import casting

        with self.app.app_context():
            began = time.perf_counter()
            casting.received(self.name)
            return 1000 * (time.perf_counter() - began)


def grouped(folder: Path, url: str, kind: str) -> None:
    """The writer alone, 16 threads handing it ballots; then from an empty box to 100,000 ballots."""
    rows = Rows(folder, url, slips=120_000)
    before = fsyncs(folder)
    rate = rows.by_threads(6400)
    raw = (before + fsyncs(folder)) / 2
    print(f"{kind}: 16 writers, grouped commits {rate:8.0f}/s beside {raw:.0f} fsync/s: {rate / raw:.2f}x (goal 0.65)", flush=True)
    with hall(folder, url, rows.jobs[:50]) as ask:
        rows.jobs = rows.jobs[50:]

        def voters() -> float:
            jobs, rows.jobs = rows.jobs[:3000], rows.jobs[3000:]
            found, bare = ask(jobs, 300)
            return found.rate / bare.rate

        voters()  # the app is warm
        votes, counts = [voters()], [rows.counted()]
        groups = [rows.by_groups(4096) for _ in range(21)]
        counts.append(rows.counted())
        votes.append(voters())
    again = rows.by_threads(3200)
    first, last = sum(groups[:3]) / 3, sum(groups[-3:]) / 3
    print(
        f"{kind}: at 100,000 ballots beside the beginning: 300 clients {votes[1] / votes[0]:.2f}x ({votes[0]:.3f}x bare, then "
        f"{votes[1]:.3f}x), 16 writers {again / rate:.2f}x, 256 to a commit {last / first:.2f}x ({first:.0f}/s, then {last:.0f}/s); "
        f"the live count {counts[0]:.1f} ms, then {counts[1]:.1f} ms",
        flush=True,
    )


SLOW = 4000  # microseconds more for each fdatasync: NOTES has seen a disk that other processes load take that long


def strace() -> list[str]:
    """What makes a command's disk slow, as the head of its command line; empty where there is no strace."""
    traced = "fdatasync,fsync"
    found = shutil.which("strace")
    slow = ["-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={traced}", "-e", f"inject={traced}:delay_exit={SLOW}"]
    return [found, *slow] if found else []


def disk_bound(folder: Path, url: str, kind: str) -> None:
    """The writer where the disk is the limit: its process, and PostgreSQL's, wait for each fdatasync as for a slow disk."""
    rows = Rows(folder, url, slips=4000)
    code = "import sys; from pathlib import Path; from bench.box import fsyncs; print(fsyncs(Path(sys.argv[1])))"
    raw = float(subprocess.run([*strace(), sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    environment = {**os.environ, "WRITER_DATABASE_URL": url, "WRITER_INSTANCE": str(folder)}
    writer = subprocess.Popen([*strace(), sys.executable, "-m", "survey.box.writer"], cwd=ROOT, env=environment)
    time.sleep(2)
    rate = rows.by_threads(3200)
    print(f"{kind}: a slow disk, 16 writers {rate:8.0f}/s beside {raw:.0f} fsync/s: {rate / raw:.1f}x (goal 3)", flush=True)
    writer.kill()
    writer.wait()


def _threads(call: Callable[[int], object], number: int, threads: int = 16) -> float:
    taken = iter(range(number))
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                at = next(taken, None)
            if at is None:
                return
            call(at)

    workers = [threading.Thread(target=run) for _ in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return number / (time.perf_counter() - began)


def main() -> None:
    """Every figure of the box."""
    if "--load" in sys.argv:
        print(json.dumps(asyncio.run(asked(**json.load(sys.stdin), unit=_unit))))
        return
    kinds = [each for each in sys.argv[1:] if each in KINDS] or list(KINDS)
    parts = [each for each in sys.argv[1:] if each in PARTS] or list(PARTS)
    folder = Path(tempfile.mkdtemp(prefix="boxbench"))
    folder.chmod(0o755)
    try:
        _, naive = baselines(folder)
        print(f"raw fsync {fsyncs(folder):.0f}/s")
        for kind, part in product(kinds, parts):
            if part == "disk" and not strace():
                print("a slow disk: needs strace (sudo apt-get install strace)")
                continue
            home = folder / f"{kind}-{part}"
            home.mkdir()
            with postgres(slow=part == "disk") if kind == "postgresql" else nullcontext(f"sqlite:///{home / 'survey.db'}") as url:
                if part == "voters":
                    voters(home, url, kind, naive)
                else:
                    {"writer": grouped, "disk": disk_bound}[part](home, url, kind)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


KINDS = ("sqlite", "postgresql")
PARTS = ("voters", "writer", "disk")

if __name__ == "__main__":
    main()
