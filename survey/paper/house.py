"""Which collection a page of paper is about, and who may be there."""

from collections.abc import Sequence
from pathlib import Path

from flask import Flask, abort, current_app
from flask_babel import gettext as _

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


def not_third(here: Collection, typists: Sequence[str]) -> str:
    """Why this account may not settle what two accounts typed differently, in words; "" where it may.

    Only where no other account may count here does the one that typed first settle it, never the one that typed second.
    """
    me = access.me().account
    if me not in typists:
        return ""
    with db.reading() as connection:
        entitled = {each.account for each in access.everyone(connection) if each.sees(here.banner) and each.may(*COUNTING)}
    if not entitled <= set(typists):
        return str(_("这张票您录过一遍。两遍不同的地方，要请没有录过它的账号对照票面来定。"))
    return "" if me == typists[0] else str(_("没有第三个可以定的账号：由先录的人对照票面来定。"))


def instance() -> Path:
    """The folder of local data."""
    return Path(current_app.config["INSTANCE"])


def app() -> Flask:
    """The app itself, for a thread that outlives the request."""
    found: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return found
