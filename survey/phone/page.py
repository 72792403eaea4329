"""How a respondent's page is made: language and size from the address or the form, compressed, never stored.

The ballot's page is rendered once for a collection, language and size; nonce and slip are spliced in afterwards.
"""

import gzip
from functools import lru_cache

from flask import Response, render_template, request
from flask_babel import get_locale

from survey.box.collection import Collection
from survey.instrument import Form, from_json, say

NONCE, SLIP = "@@nonce@@", "@@slip@@"
SIZES = ("normal", "large")


def size(house: Collection | None = None) -> str:
    """normal or large: what was asked for, else what the printed code carries."""
    asked = request.values.get("size", "")
    return asked if asked in SIZES else "large" if house and house.large else "normal"


def language() -> str:
    """zh or en."""
    return str(get_locale())


def show(template: str, code: int = 200, /, **values: object) -> Response:
    """A page of this face."""
    values.setdefault("size", size(values.get("house")))  # type: ignore[arg-type]
    return answer(render_template(f"phone/{template}.html", language=language(), say=_say, **values), code)


def answer(html: str, code: int = 200) -> Response:
    """A page's text as a response, compressed where the browser takes it."""
    response = Response(html, status=code, mimetype="text/html")
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.set_data(gzip.compress(html.encode(), 6, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    return response


def ballot(house: Collection, *, nonce: str, slip: str, voice: str) -> Response:
    """The empty form of an open collection. The same bytes for everyone, but for nonce and slip (BOX.md, step 4)."""
    ask_voice = not voice and bool(from_json(house.form or "").instrument.voices)
    html = _empty(house.collection, house.form or "", house.title, house.mode, language(), size(house), ask_voice, house.kind)
    response = answer(html.replace(NONCE, nonce).replace(SLIP, slip))
    if house.mode == "link":
        response.headers["X-Keep"] = "1"  # the worker may keep a page that holds no slip
    return response


@lru_cache(maxsize=256)
def _empty(collection: str, text: str, title: str, mode: str, language: str, size: str, ask_voice: bool, kind: str) -> str:
    return render_template(
        "phone/form.html", collection=collection, form=from_json(text), title=title, mode=mode, language=language, size=size,
        ask_voice=ask_voice, kind=kind, nonce=NONCE, slip=SLIP, fields={}, faults={}, say=_say,
    )  # fmt: skip


def filled(house: Collection, form: Form, *, nonce: str, slip: str, ask_voice: bool, faults: object = (), fields: object = ()) -> Response:
    """The form with what was given, for a return from the check page or after a fault."""
    return show(
        "form", 422 if faults else 200, collection=house.collection, form=form, title=house.title, mode=house.mode, house=house,
        ask_voice=ask_voice, kind=house.kind, nonce=nonce, slip=slip, fields=fields or {}, faults=faults or {},
    )  # fmt: skip


def _say(text: dict[str, str]) -> str:
    return say(text, language())
