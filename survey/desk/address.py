"""Where respondents find a collection: the address in its QR codes."""

import io
import os

import qrcode
import qrcode.image.svg
from flask import current_app, request
from markupsafe import Markup

from survey.box.collection import Collection

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def site() -> str:
    """What every printed and shown address begins with: what the office set, else where this page was asked for; at the server's own
    screen, which no phone can reach by that name, the server's address in its network."""
    reach = os.environ.get("REACH", "") if request.host.rpartition(":")[0] in LOOPBACK else ""
    return str(current_app.config["PUBLIC_URL"] or reach or request.url_root).rstrip("/")


def address(house: Collection) -> str:
    """A link's form, or the page where a slip's code is typed."""
    return f"{site()}/v/{house.collection}"


def door_qr(house: Collection) -> Markup:
    """That address as a QR code in SVG."""
    return _drawn(address(house))


def code_qr(house: Collection, token: str) -> Markup:
    """One slip's own address as a QR code in SVG."""
    return _drawn(f"{address(house)}/{token}")


def _drawn(text: str) -> Markup:
    image = qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, border=2, box_size=10)
    stream = io.BytesIO()
    image.save(stream)
    return Markup(stream.getvalue().decode().split("?>", 1)[-1])  # noqa: S704 — made here
