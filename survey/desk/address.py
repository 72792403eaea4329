"""Where respondents find a collection: the address in its QR codes."""

import io

import qrcode
import qrcode.image.svg
from flask import current_app, request
from markupsafe import Markup

from survey.box.collection import Collection


def site() -> str:
    """What every printed and shown address begins with."""
    return str(current_app.config["PUBLIC_URL"] or request.url_root).rstrip("/")


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
