"""Serving: brings the database up to date, makes the office's one-time sign-in link, prints what to do next, and hands
over to granian."""

import os
import socket
import sys

import qrcode
from flask import Flask
from sqlalchemy import func, select

from survey import access, db
from survey.schema import collection, cycle

OFFICE = "office"
LOCAL = ("127.0.0.1", "localhost", "::1")


def prepare(app: Flask) -> None:
    """Migrates, and loads the demo into an empty database."""
    with app.app_context():
        db.migrate(db.engine())
        with db.reading() as connection:
            empty = not connection.execute(select(func.count()).select_from(cycle)).scalar_one()
        if empty and os.environ.get("DEMO", "1") != "0":
            from survey.demo import load

            load(app)


def taken(host: str, port: int) -> bool:
    """Whether another program listens there already."""
    try:
        with socket.create_connection(("127.0.0.1" if host in ("0.0.0.0", "") else host, port), timeout=1):
            return True
    except OSError:
        return False


def welcome(app: Flask, *, host: str, port: int) -> str:
    """What the terminal says: where the office signs in, where the demo's open survey is, and what to do next.

    The office's link signs in once within 24 hours; when it is spent, running again prints a new one.
    """
    local = f"http://127.0.0.1:{port}"
    reach = app.config["PUBLIC_URL"] or (local if host in LOCAL else f"http://{own_address()}:{port}")
    sign_in = invitation(app)
    with app.app_context(), db.reading() as connection:
        survey = connection.execute(
            select(collection.c.collection)
            .join(cycle, cycle.c.cycle == collection.c.cycle)
            .where(cycle.c.demo.is_(True), collection.c.mode == "link", collection.c.state == "open", collection.c.trial.is_(False))
        ).scalar()
    lines = ["", f"  办公室 Office (one-time sign-in, 24 h):   {local}{sign_in}"]
    if survey:
        address = f"{reach}/v/{survey}"
        lines += [f"  民意调查演示 Demo opinion survey:          {address}", "", *terminal_qr(address)]
        if reach != local:
            lines.append("  A phone in the same network can scan it.")
    lines += [
        "",
        "  Next: open the office's link, choose a password, then look at 会议与调查 (meetings) and 结果 (results).",
        "  Demo accounts of the two counting officers: instance/demo-accounts.txt" if survey else "  Next: import a roster.",
        "  Ctrl-C stops the server; everything is kept. `make demo` starts the demo over.",
        "",
    ]
    return "\n".join(lines)


def invitation(app: Flask) -> str:
    """A new one-time link for the office, as a path; the account is made where there is none."""
    with app.app_context(), db.deed() as connection:
        if access.find(connection, OFFICE) is None:
            access.create(connection, name=OFFICE, title="管理办公室", roles={"office"}, password=access.unusable(), by="serve")
        return f"/desk/welcome/{access.invite(connection, OFFICE)}"


def terminal_qr(text: str) -> list[str]:
    """A QR code in half-height characters, two rows of modules a line."""
    code = qrcode.QRCode(border=2, error_correction=qrcode.constants.ERROR_CORRECT_L)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return ["  " + "".join(blocks[(bool(a), bool(b))] for a, b in zip(top, low, strict=True)) for top, low in zip(rows[::2], rows[1::2], strict=True)]


def own_address() -> str:
    """This machine's address in its network, found without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.255", 1))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def run(*, host: str, port: int, workers: int) -> None:
    """Replaces this process by granian. No access log: it would be a list of who voted when."""
    threads = os.environ.get("THREADS", "32")
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", threads, "--backpressure", "512", "--no-access-log"]
    command += ["--log-level", "error", "--respawn-failed-workers", "--factory", "app:create_app"]
    if host not in LOCAL:
        os.environ["REACH"] = f"http://{own_address()}:{port}"  # what codes printed at this machine's own screen lead to
    os.execv(sys.executable, command)
