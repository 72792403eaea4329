"""Which collection a page of paper is about, and who may be there."""

from pathlib import Path

from flask import Flask, abort, current_app, request

from survey import access, db
from survey.box import collection as collections
from survey.box.collection import Collection

DESK = ("office", "staff", "teller", "scrutineer")
COUNTING = ("office", "staff", "teller", "scrutineer")


def find(collection: str) -> Collection:
    """The collection, or 404 where it does not exist or is not this account's business."""
    with db.reading() as connection:
        found = collections.get(connection, collection)
    if found is None:
        abort(404)
    access.own_banner(found.banner)
    return found


def instance() -> Path:
    """The folder of local data."""
    return Path(current_app.config["INSTANCE"])


def site() -> str:
    """Where printed codes lead: PUBLIC_URL, else the address this page was asked for by."""
    return str(current_app.config["PUBLIC_URL"] or request.url_root).rstrip("/")


def app() -> Flask:
    """The app itself, for a thread that outlives the request."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found
