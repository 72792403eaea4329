"""The short lane of a full hall: a scanned form, its cast by the script and its receipt, without the framework's objects.

Only the plain case, in Chinese and with nothing to explain; it costs a third of a view. Everything else (a typed code, another
language, a fault, a slip that is spent, an end) goes on to the views of `pages`, and nothing has been done yet. Both ways call
the same functions, and a test holds their answers together byte for byte.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask
from werkzeug.wsgi import get_host

from survey.box import casting, packing
from survey.box import slip as slips
from survey.box.casting import Look, Outcome
from survey.box.collection import Collection
from survey.instrument import Reply
from survey.phone import page, pages
from survey.phone.page import Face, Page

LONGEST = 1 << 16  # bytes of a post; a longer one is looked at by the framework, which has limits of its own
FIELDS = 5000

Environ = dict[str, Any]
Served = Callable[[Environ, Any], Iterable[bytes]]


class Lane:
    """The application as a server calls it. `headers`: what every page has; `first`: what is done before a first request."""

    def __init__(self, app: Flask, headers: Mapping[str, str], first: Callable[[], None]) -> None:
        self._app, self._headers, self._first = app, list(headers.items()), first
        self._further: Served = app.wsgi_app

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answers a plain request; hands over any other. A body counts by its length: a server that only says that it ended
        does not say whether the line broke."""
        environ.pop("wsgi.input_terminated", None)
        way = _way(environ)
        if way:
            found = None
            with suppress(Exception), self._app.app_context():  # a view meets it again, and says and logs it as every page does
                self._first()
                found = way(environ)
            if found:
                start_response("200 OK", [*found.headers, ("Content-Length", str(len(found.body))), *self._headers])
                return [found.body]
        return self._further(environ, start_response)


def _way(environ: Environ) -> Callable[[Environ], Page | None] | None:
    """Who may answer a request: by its method and address alone."""
    parts = environ["PATH_INFO"].split("/")
    if len(parts) != 4 or parts[:2] != ["", "v"] or environ.get("QUERY_STRING") or "desk-form" in environ.get("HTTP_COOKIE", ""):
        return None
    if len(environ.get("HTTP_HOST", "")) > 63 or "HTTP_TRANSFER_ENCODING" in environ:
        return None
    if environ["REQUEST_METHOD"] == "GET":
        return _form if len(parts[3]) == slips.TOKEN and environ.get("CONTENT_LENGTH") in (None, "", "0") else None
    if environ["REQUEST_METHOD"] == "POST":
        return {"cast": _cast, "receipt": _receipt}.get(parts[3])
    return None


def _form(environ: Environ) -> Page | None:
    collection, token = environ["PATH_INFO"].split("/")[2:]
    look = casting.look(collection, token) if token.isascii() and len(slips.plain(token)) == slips.TOKEN else None
    if look is None or look.status != "ready" or look.collection is None or look.slip is None:
        return None
    return pages.empty(look, token, _face(environ, look.collection))


def _cast(environ: Environ) -> Page | None:
    if not environ.get("HTTP_ACCEPT", "").startswith("application/json") or not (pairs := _pairs(environ)):
        return None
    marks: list[str] = []
    others: list[str] = []
    for pair in pairs:
        (marks if pair[:2] == "q." else others).append(pair)
    fields = _decoded(others)
    slip, nonce = (fields.get(name, [""])[0] for name in ("slip", "nonce"))
    if len(slips.plain(slip)) != slips.TOKEN or fields.get("lang", ["zh"]) != ["zh"]:
        return None
    seen = casting.lately(_collection(environ), slip)
    done = _stored(seen, marks, fields, nonce) if seen else None
    if done is None or done[1].status not in ("cast", "again", "busy"):  # not seen lately, or no longer so
        done = _stored(casting.look(_collection(environ), slip), marks, fields, nonce)
    return pages.said(*done, _site(environ)) if done else None


def _stored(look: Look, marks: list[str], fields: dict[str, list[str]], nonce: str) -> tuple[Collection, Outcome] | None:
    look, form = pages.asked(look)
    if form is None or look.collection is None or pages.asks_voice(look, form):
        return None
    reply: Reply | bytes | None = None
    if look.slip and look.collection.form and not any(name.startswith("q.") for name in fields):
        reply = packing.of(look.collection.form).pack_plain(look.slip.voice, marks)
    if reply is None:
        reply, faults = form.read(_decoded(marks) | fields)
        if faults:
            return None
    outcome = casting.cast(collection=look.collection, form=form, reply=reply, nonce=nonce[:64], slip=look.slip, keys=look.keys)
    return look.collection, outcome


def _receipt(environ: Environ) -> Page | None:
    fields = _decoded(_pairs(environ) or [])
    if fields.keys() != {"nonce"}:
        return None
    nonce = fields["nonce"][0][:64]
    found = casting.given_lately(_collection(environ), nonce) or casting.held(_collection(environ), nonce)
    return pages.shown(*found, _face(environ, found[0]), _site(environ)) if found else None


def _collection(environ: Environ) -> str:
    return str(environ["PATH_INFO"].split("/")[2])


def _face(environ: Environ, house: Collection) -> Face:
    return Face(size="large" if house.large else "normal", packed=page.takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")))


def _site(environ: Environ) -> str:
    return pages.site(f"{environ['wsgi.url_scheme']}://{get_host(environ)}{environ.get('SCRIPT_NAME', '').rstrip('/')}")


def _pairs(environ: Environ) -> list[str] | None:
    """A small form's fields as they were sent; None where the framework should look at them. What was read is there to be read
    again."""
    length = environ.get("CONTENT_LENGTH") or ""
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0]
    if not length.isdecimal() or int(length) > LONGEST or kind != "application/x-www-form-urlencoded":
        return None
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = io.BytesIO(body)
    if len(body) != int(length):  # the line broke on the way: half a ballot is none
        return None
    pairs = body.decode().split("&")  # what is no UTF-8 is for the framework too
    return pairs if len(pairs) <= FIELDS else None


def _decoded(pairs: list[str]) -> dict[str, list[str]]:
    """Fields by name."""
    text = "&".join(pairs)
    coded = "%" in text or "+" in text  # plain marks are not
    fields: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors="strict") if coded else (
        pair.partition("=")[::2] for pair in pairs if pair
    ):
        fields.setdefault(name, []).append(value)
    return fields
