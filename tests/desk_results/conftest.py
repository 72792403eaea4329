"""A desk with the example year `small`, and accounts of every role signed in through the sign-in page."""

import contextlib
import re
import shutil
import sqlite3
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import insert
from werkzeug.serving import make_server

from app import create_app
from survey import access, db, schema
from survey.year import site, yearbook

EXAMPLES = Path(__file__).parents[1] / "examples"
PASSWORD = "a-long-password"


class Form(HTMLParser):
    """What a page's forms would post: field -> value, by the deed of their button."""

    def __init__(self, page):
        super().__init__()
        self.forms, self.area, self.select = [], None, None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        if tag == "form":
            self.forms.append({})
        elif self.forms and tag == "input" and at.get("name") and at.get("type") != "file":
            self.forms[-1][at["name"]] = at.get("value") or ""
        elif self.forms and tag == "select":
            self.select = at["name"]
            self.forms[-1][self.select] = ""
        elif self.select and tag == "option" and "selected" in at:
            self.forms[-1][self.select] = at.get("value", "")
        elif self.forms and tag == "textarea":
            self.area = at["name"]
            self.forms[-1][self.area] = ""
        elif self.forms and tag == "button" and at.get("name"):
            self.forms[-1][at["name"]] = at.get("value", "")

    def handle_data(self, text):
        if self.area:
            self.forms[-1][self.area] += text

    def handle_endtag(self, tag):
        if tag == "select":
            self.select = None
        elif tag == "textarea":
            self.area = None

    def with_(self, **fields):
        """The first form whose fields have these values."""
        return dict(next(form for form in self.forms if all(form.get(k) == v for k, v in fields.items())))


class Desk:
    """A signed-in browser without a script."""

    def __init__(self, client):
        self.client = client

    def get(self, url, status=200):
        answer = self.client.get(url)
        assert answer.status_code == status, (url, answer.status_code, answer.get_data(as_text=True)[:2000])
        return answer.get_data(as_text=True)

    def bytes(self, url):
        answer = self.client.get(url)
        assert answer.status_code == 200, url
        return answer.get_data()

    def post(self, url, fields, follow=True):
        return self.client.post(url, data=fields, follow_redirects=follow)

    def cell(self, page, row, column):
        """The field of a row's and column's cell, as its label names it."""
        name = re.search(rf'name="([^"]+)" aria-label="{re.escape(row)} {re.escape(column)}"', page)
        assert name, f"no cell {row} {column}"
        return name[1]

    def save(self, url, changes, status=200):
        """Types into cells ((row, column) -> text) and presses save."""
        page = self.get(url)
        fields = Form(page).with_(deed="save")
        fields |= {self.cell(page, row, column): text for (row, column), text in changes.items()}
        answer = self.post(url, fields)
        assert answer.status_code == status, answer.get_data(as_text=True)[:3000]
        return answer.get_data(as_text=True)

    def paste(self, url, block, status=200):
        """Pastes a block under the grid."""
        fields = Form(self.get(url)).with_(deed="paste") | {"block": block}
        answer = self.post(url, fields)
        assert answer.status_code == status
        return answer.get_data(as_text=True)


@pytest.fixture(scope="session")
def kept_year(tmp_path_factory):
    """A database file, made once: `small`, accounts of every role, and villages for the first banner."""
    folder = tmp_path_factory.mktemp("year")
    file = folder / "survey.db"
    app = create_app({"INSTANCE": str(folder), "DATABASE_URL": f"sqlite:///{file}", "TESTING": True})
    book, rules = yearbook.read(EXAMPLES / "small")
    first = sorted(book["banners"]["banner"])[0]
    with app.app_context():
        db.migrate(db.engine())
        with db.deed() as connection:
            site.take_in(connection, book, rules, by="cli")
            for role in access.ROLES:
                banner = first if role in ("staff", "assessor") else ""
                access.create(
                    connection, name=role, title=f"示例{role}", roles={role}, password=PASSWORD, by="cli", banner=banner
                )
            villages = [
                {"cycle": 2018, "banner": first, "township": f"示例{t}镇", "village": f"示例{t}{v}村"}
                for t in "甲乙丙丁戊"
                for v in "一二三"
            ]
            connection.execute(insert(schema.village), villages)
    app.extensions["engine"].dispose()
    with contextlib.closing(sqlite3.connect(file)) as connection:  # the file alone, without its log
        connection.execute("VACUUM INTO ?", (str(folder / "kept.db"),))
    return folder / "kept.db", book


@pytest.fixture
def desk_app(kept_year, tmp_path):
    """An app on a copy of that database."""
    file, book = kept_year
    shutil.copy(file, tmp_path / "survey.db")
    url = f"sqlite:///{tmp_path / 'survey.db'}"
    app = create_app({"INSTANCE": str(tmp_path), "DATABASE_URL": url, "TESTING": True, "RATELIMIT_ENABLED": False})
    app.first, app.second = sorted(book["banners"]["banner"])[:2]
    app.book = book
    yield app
    app.extensions["engine"].dispose()


@pytest.fixture
def sign_in(desk_app):
    """Signs an account in: `sign_in("office")` gives its Desk."""

    def enter(name):
        client = desk_app.test_client()
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/desk/sign-in").get_data(as_text=True))[1]
        answer = client.post("/desk/sign-in", data={"csrf_token": token, "account": name, "password": PASSWORD})
        assert answer.status_code == 302
        return Desk(client)

    return enter


@pytest.fixture
def office(sign_in):
    """The office, signed in."""
    return sign_in("office")


@pytest.fixture
def entries(desk_app):
    """The journal's newest entries: `entries(deed="score")`."""
    from survey import journal

    def read(**wanted):
        with desk_app.app_context(), db.reading() as connection:
            return journal.entries(connection, **wanted)

    return read


@pytest.fixture
def address(desk_app):
    """The app served over HTTP for a real browser."""
    server = make_server("127.0.0.1", 0, desk_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
