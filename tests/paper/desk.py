"""A signed-in desk for the tests of paper, on a meeting made as in tests/box."""

from flask import Response, g
from flask.testing import FlaskClient

from survey import access, db, job
from survey.box import collection as collections
from survey.box import opening
from tests.box import meeting as meetings

OFFICE = "office-password"


class Browser(FlaskClient):
    """A browser of one account, though the test itself holds the app's context."""

    def open(self, *args, **kw):
        for name in list(g):
            g.pop(name)
        return super().open(*args, **kw)


def client(app, account):
    """A browser signed in as that account."""
    with app.test_request_context(), db.deed() as connection:
        if not access.find(connection, account):
            roles = {"office"} if account.startswith("office") else {"staff"}
            access.create(connection, name=account, title=account, roles=roles, password=OFFICE, by="serve")
        answer = Response()
        access.start(connection, account, answer)
    cookie = answer.headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    app.test_client_class = Browser
    found = app.test_client()
    found.set_cookie("desk", cookie)
    return found


def draft(app, **kw):
    """A collection in draft without slips: the paper desk prints them."""
    return meetings.draft(app, slips=0, **kw)


def open_box(app, meeting, *, expected=40, present=40, issued=40):
    """Opens a drafted collection."""
    with db.deed() as connection:
        collections.change(connection, meeting.name, expected=expected, present=present, issued=issued)
        meeting.envelope = opening.open_box(
            connection,
            meeting.instance,
            collections.get(connection, meeting.name),
            teller=meetings.TELLER,
            scrutineer=meetings.SCRUTINEER,
            by="teller",
            secure=True,
        )


def finish(answer):
    """Follows a started job to its end and returns it."""
    assert answer.status_code == 302, answer.text
    name = answer.headers["Location"].rsplit("/", 1)[1]
    job.wait(name)
    with db.reading() as connection:
        found = job.get(connection, name)
    assert found is not None and found.state == "done", found
    return found


def printed(browser, name, medium, **counts):
    """Prints codes through the page and downloads the PDF."""
    found = finish(browser.post(f"/desk/paper/{name}/print/{medium}", data={f"n.{voice}": n for voice, n in counts.items()}))
    answer = browser.get(f"/desk/paper/job/{found.job}/result.pdf")
    assert answer.mimetype == "application/pdf"
    return answer.data
