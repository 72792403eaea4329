"""The short lane answers as the views do, byte for byte, and hands over whatever is not plain."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from app import HEADERS
from survey.box import casting
from survey.box import collection as collections
from survey.phone import page, pages
from tests.box.meeting import GRADES, opened


def environ(method, path, fields=None, query="", **headers):
    """What a server gives for one request."""
    body = urlencode(fields).encode() if isinstance(fields, dict) else fields or b""
    return {
        "REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": query, "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False, "HTTP_HOST": "127.0.0.1", "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
    } | {f"HTTP_{name.upper()}": value for name, value in headers.items()}  # fmt: skip


@pytest.fixture
def hall(app):
    """An open meeting, and how to ask: by the lane alone (None where it hands over), or by the views alone."""
    meeting = opened(app, people=3)
    lane = app.wsgi_app

    def asked(serve, *what, **headers):
        said = []
        body = b"".join(serve(environ(*what, **headers), lambda status, given, _=None: said.append((status, sorted(given)))))
        return (*said[0], body)

    def by_lane(*what, **headers):
        handed = []

        def further(_environ, start_response):
            handed.append(True)
            start_response("000", [])
            return []

        views, lane._further = lane._further, further
        try:
            found = asked(lane, *what, **headers)
        finally:
            lane._further = views
        return None if handed else found

    def by_views(*what, **headers):
        return asked(lane._further, *what, **headers)

    meeting.lane, meeting.views = by_lane, by_views
    return meeting


def without_nonce(answer):
    status, headers, body = answer
    return status, headers, re.sub(rb'(name="nonce" value=")[0-9a-f.]+', rb"\1", body)


def marks(meeting, **more):
    """A whole ballot's fields as the script posts them."""
    names = [item.name for item in meeting.form.items() if item.question.kind == "one"]
    return {name: GRADES[at % 4] for at, name in enumerate(names)} | {"lang": "zh", "size": "normal"} | more


def nonce_of(body):
    return re.search(rb'name="nonce" value="([0-9a-f.]+)', body)[1].decode()


@pytest.mark.parametrize("large", [False, True])
def test_a_vote_is_answered_alike_on_both_ways(hall, large):
    from survey import db

    with db.deed() as connection:
        collections.change(connection, hall.name, large=large)
    one = f"/v/{hall.name}/{hall.codes[0].token}"
    for accepted in ("", "gzip, br"):
        ways = [ask("GET", one, accept_encoding=accepted) for ask in (hall.lane, hall.views)]
        if accepted:  # the nonce stands in it as it is, the checksum with it
            ways = [(status, headers, without_nonce(("", (), body[:-8]))[2]) for status, headers, body in ways]
        assert without_nonce(ways[0]) == without_nonce(ways[1])
    assert set(HEADERS.items()) < set(ways[0][1])

    nonce = nonce_of(hall.lane("GET", one)[2])
    sent = marks(hall, nonce=nonce, slip=hall.codes[0].token)
    script = {"accept": "application/json"}
    first = hall.lane("POST", f"/v/{hall.name}/cast", sent, **script)
    assert json.loads(first[2])["status"] == "cast"
    again = [ask("POST", f"/v/{hall.name}/cast", sent, **script) for ask in (hall.lane, hall.views)]
    assert again[0] == again[1]
    assert {**json.loads(first[2]), "status": "again"} == json.loads(again[0][2])
    other = {**sent, next(iter(sent)): "poor", "nonce": nonce}
    assert hall.lane("POST", f"/v/{hall.name}/cast", other, **script) == hall.views("POST", f"/v/{hall.name}/cast", other, **script)
    receipts = [ask("POST", f"/v/{hall.name}/receipt", {"nonce": nonce}) for ask in (hall.lane, hall.views)]
    assert receipts[0] == receipts[1]
    assert json.loads(first[2])["receipt"][:5].encode() in receipts[0][2]


def test_what_is_not_plain_is_handed_over(hall):
    token, cast, script = hall.codes[0].token, f"/v/{hall.name}/cast", {"accept": "application/json"}
    nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{token}")[2])
    sent = marks(hall, nonce=nonce, slip=token)
    field = next(iter(sent))
    for what, headers in (
        (("GET", f"/v/{hall.name}/{token}", None, "lang=en"), {}),
        (("GET", f"/v/{hall.name}/{token}"), {"cookie": "desk-form=x"}),
        (("GET", f"/v/{hall.name}/{token}"), {"host": "a" * 300}),
        (("GET", f"/v/{hall.name}/{token}", {"lang": "en"}), {}),
        (("GET", f"v/v/{hall.name}/{token}"), {}),
        (("GET", f"/v/{hall.name}/{hall.codes[0].code}"), {}),
        (("GET", f"/v/{hall.name}/{'0' * 26}"), {}),
        (("GET", f"/v/XXXXXXXX/{token}"), {}),
        (("POST", cast, sent), {}),
        (("POST", cast, {**sent, "lang": "en"}), script),
        (("POST", cast, {**sent, "slip": hall.codes[0].code}), script),
        (("POST", cast, {**sent, field: "superb"}), script),
        (("POST", cast, {**sent, "q.P9.tasks": "good"}), script),
        (("POST", cast, f"{urlencode(sent)}&x=%ff".encode()), script),
        (("POST", cast, sent), script | {"transfer_encoding": "chunked"}),
        (("POST", cast, urlencode(sent).encode() + b"&x=" + b"y" * 70_000), script),
        (("POST", f"/v/{hall.name}/receipt", {"nonce": nonce}), {}),
    ):  # fmt: skip
        assert hall.lane(*what, **headers) is None, what
    assert json.loads(hall.lane("POST", cast, sent, **script)[2])["status"] == "cast"  # nothing was done before
    assert hall.lane("GET", f"/v/{hall.name}/{token}") is None  # spent: a view says so


def test_a_post_that_was_handed_over_is_read_again(hall):
    token = hall.codes[1].token
    nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{token}")[2])
    typed = marks(hall, nonce=nonce, slip=hall.codes[1].code)
    answer = hall.app.test_client().post(f"/v/{hall.name}/cast", data=typed, headers={"Accept": "application/json"})
    assert answer.get_json()["status"] == "cast"


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_a_post_cut_off_on_the_way_casts_nothing(hall, accept):
    nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{hall.codes[0].token}")[2])
    asked = environ("POST", f"/v/{hall.name}/cast", accept=accept)
    whole = urlencode({"slip": hall.codes[0].token, "nonce": nonce, **marks(hall)}).encode()
    said = []
    for sent in (whole[: whole.rindex(b"&")], whole):
        given = asked | {"wsgi.input": io.BytesIO(sent), "CONTENT_LENGTH": str(len(whole)), "wsgi.input_terminated": True}
        said.append(_status(hall.app, given))
    assert said[0].startswith("400") and said[1].startswith("200")


def _status(app, given):
    said = []
    list(app.wsgi_app(given, lambda status, _headers, _=None: said.append(status)))
    return said[0]


def test_what_was_just_seen_is_not_looked_up_again_to_cast(hall, monkeypatch):
    looked, real = [], collections.look
    monkeypatch.setattr(collections, "look", lambda *args, **named: looked.append(args) or real(*args, **named))
    cast, script = f"/v/{hall.name}/cast", {"accept": "application/json"}
    for late, looks in ((0.0, 1), (casting.LATELY + 0.1, 2)):
        looked.clear()
        code = hall.codes.pop()
        nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{code.token}")[2])
        now = time.monotonic
        with monkeypatch.context() as clock:
            clock.setattr(casting.time, "monotonic", lambda: now() + late)  # noqa: B023
            said = json.loads(hall.lane("POST", cast, marks(hall, nonce=nonce, slip=code.token), **script)[2])
        assert said["status"] == "cast" and len(looked) == looks


def test_a_receipt_just_given_is_not_looked_up_again(hall, monkeypatch):
    looked, real = [], casting.held
    monkeypatch.setattr(casting, "held", lambda *args: looked.append(args) or real(*args))
    pages_, script = f"/v/{hall.name}", {"accept": "application/json"}
    now, late = time.monotonic, [0.0]
    monkeypatch.setattr(casting.time, "monotonic", lambda: now() + late[0])
    for wait, looks in ((0.0, 0), (casting.LATELY + 0.1, 1)):
        looked.clear()
        code = hall.codes.pop()
        nonce = nonce_of(hall.lane("GET", f"{pages_}/{code.token}")[2])
        assert json.loads(hall.lane("POST", f"{pages_}/cast", marks(hall, nonce=nonce, slip=code.token), **script)[2])["status"] == "cast"
        late[0] += wait
        first = hall.lane("POST", f"{pages_}/receipt", {"nonce": nonce})
        assert len(looked) == looks
        late[0] -= wait
        assert hall.lane("POST", f"{pages_}/receipt", {"nonce": nonce}) == hall.views("POST", f"{pages_}/receipt", {"nonce": nonce}) == first
        assert len(looked) == looks + 2  # it is remembered for one look


def test_only_what_the_last_second_stored_is_remembered_and_nothing_of_a_box_whose_keys_are_gone(hall, monkeypatch):
    from survey.box import keys

    outcomes = [hall.vote(at) for at in range(3)]
    assert [casting.given_lately(hall.name, each.nonce) is not None for each in outcomes[:2]] == [True, True]
    now = time.monotonic
    with monkeypatch.context() as clock:
        clock.setattr(casting.time, "monotonic", lambda: now() + casting.LATELY + 0.1)
        kept = hall.vote(3).nonce
    from survey import db

    assert [nonce for _, nonce in casting._seen[db.engine()].given] == [kept]
    keys.of(hall.instance, hall.name).destroy("public")  # as a voiding does
    assert casting.given_lately(hall.name, kept) is None


def void_slip(hall, token):
    from survey import db
    from survey.box import keys, slip

    with db.deed() as connection:
        assert slip.void(connection, hall.name, keys.of(hall.instance, hall.name).slip_hash(token))


def close_it(hall, _token):
    from survey import db

    with db.deed() as connection:
        collections.change(connection, hall.name, state="closing")


def end_it(hall, _token):
    from survey import db

    with db.deed() as connection:
        collections.change(connection, hall.name, closes_at="2019-01-01T00:00:00+00:00")


@pytest.mark.parametrize("deed, status", [(void_slip, "void"), (close_it, "closed"), (end_it, "closed")])
def test_what_changed_since_it_was_seen_is_told_as_the_views_tell_it(hall, monkeypatch, deed, status):
    seen, real = [], casting.lately
    monkeypatch.setattr(casting, "lately", lambda *args: seen.append(real(*args)) or seen[-1])
    code, cast, script = hall.codes[0], f"/v/{hall.name}/cast", {"accept": "application/json"}
    nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{code.token}")[2])
    sent = marks(hall, nonce=nonce, slip=code.token)
    deed(hall, code.token)
    answers = [ask("POST", cast, sent, **script) for ask in (hall.lane, hall.views)]
    assert [look and look.status for look in seen] == ["ready"]
    assert answers[0] == answers[1] and json.loads(answers[0][2])["status"] == status
    assert casting.received(hall.name) == 0


def test_a_meeting_voided_since_it_was_seen_is_for_the_view_to_tell(hall):
    from survey import db

    code, cast, script = hall.codes[0], f"/v/{hall.name}/cast", {"accept": "application/json"}
    nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{code.token}")[2])
    with db.deed() as connection:
        collections.change(connection, hall.name, state="void")
    assert hall.lane("POST", cast, marks(hall, nonce=nonce, slip=code.token), **script) is None
    assert json.loads(hall.views("POST", cast, marks(hall, nonce=nonce, slip=code.token), **script)[2])["status"] == "void_collection"


def test_a_slip_spent_since_it_was_seen_is_not_spent_again(hall):
    code, cast, script = hall.codes[0], f"/v/{hall.name}/cast", {"accept": "application/json"}
    nonces = [nonce_of(hall.lane("GET", f"/v/{hall.name}/{code.token}")[2]) for _ in range(2)]
    said = [json.loads(hall.lane("POST", cast, marks(hall, nonce=nonce, slip=code.token), **script)[2])["status"] for nonce in nonces]
    assert said == ["cast", "already_used"] and casting.received(hall.name) == 1


def test_only_so_many_slips_are_remembered(hall, monkeypatch):
    monkeypatch.setattr(casting, "_FILLING", 2)
    for code in hall.codes[:3]:
        hall.lane("GET", f"/v/{hall.name}/{code.token}")
    for remembered in ([False, True, True], [False] * 3):  # and each once
        assert [casting.lately(hall.name, code.token) is not None for code in hall.codes[:3]] == remembered


def test_a_hall_that_begins_makes_the_form_once(hall, monkeypatch):
    made, real = [], page.render_template

    def slowly(*args, **named):
        made.append(args)
        time.sleep(0.2)
        return real(*args, **named)

    monkeypatch.setattr(page, "render_template", slowly)
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda code: hall.lane("GET", f"/v/{hall.name}/{code.token}"), hall.codes[:4]))
    assert len(made) == 1 and all(answers)


def test_an_error_is_said_by_the_view(hall, monkeypatch):
    def broken(*_):
        raise RuntimeError("broken")

    monkeypatch.setattr(pages, "empty", broken)
    hall.app.config["PROPAGATE_EXCEPTIONS"] = False
    assert hall.lane("GET", f"/v/{hall.name}/{hall.codes[0].token}") is None
    assert hall.app.test_client().get(f"/v/{hall.name}/{hall.codes[0].token}").status_code == 500


def test_a_copy_sent_after_the_seal_is_known_and_a_group_nobody_asked_for_is_no_matter(hall):
    cast, script = f"/v/{hall.name}/cast", {"Accept": "application/json"}
    nonce = nonce_of(hall.lane("GET", f"/v/{hall.name}/{hall.codes[0].token}")[2])
    sent = marks(hall, nonce=nonce, slip=hall.codes[0].token, voice="nobody")
    client = hall.app.test_client()
    first = client.post(cast, data=sent, headers=script).get_json()
    assert first["status"] == "cast"
    assert client.post(cast, data={**sent, "lang": "en"}, headers=script).get_json()["status"] == "again"
    for at in range(1, 6):
        hall.vote(at)
    hall.close()
    hall.seal()
    del sent["voice"]
    again = client.post(cast, data=sent, headers=script).get_json()
    assert again["status"] == "again" and again["receipt"] == first["receipt"]


def test_a_served_post_that_breaks_off_stores_nothing(app):
    meeting = opened(app, people=3)
    token = meeting.codes[0].token
    body = urlencode({"slip": token, "nonce": casting.new_nonce(meeting.name), **marks(meeting)}).encode()
    head = f"POST /v/{meeting.name}/cast HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    head = f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    served = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--log-level", "error", "--factory", "app:create_app"],
        cwd=Path(__file__).parents[2], start_new_session=True,
        env=os.environ | {"INSTANCE": str(app.config["INSTANCE"]), "DATABASE_URL": app.config["DATABASE_URL"]},
    )  # fmt: skip

    def send(content, *, hang_up=False):
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=20) as line:
                line.sendall(head + content)
                if hang_up:
                    line.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: line.recv(1 << 16), b""))
            time.sleep(0.1)
        raise AssertionError("no server")

    try:
        cut = send(body[: body.rindex(b"&", 0, len(body) // 2)], hang_up=True)
        assert b" 200 " not in cut[:20] and casting.received(meeting.name) == 0
        assert b'"status":"cast"' in send(body) and casting.received(meeting.name) == 1
    finally:
        os.killpg(served.pid, signal.SIGTERM)
        served.wait()
