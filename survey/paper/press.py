"""Sets papers that nobody reads back by machine: HTML of templates/paper and templates/reports to PDF."""

from collections.abc import Callable, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

import jinja2
import weasyprint
from markupsafe import Markup

from survey.paper import font, sheet, stamp

_HOUSE = Path(__file__).parents[2]


def document(template: str, gettext: Callable[..., str], **given: object) -> weasyprint.Document:
    """A template of `templates/`, laid out; nothing is ever fetched."""
    text = _environment().get_template(template).render(**given, _=_speaking(gettext), font=font, qr=qr, fitting=fitting)
    return weasyprint.HTML(string=text, url_fetcher=sheet.refuse, base_url=None).render()


def pdf(template: str, gettext: Callable[..., str], **given: object) -> bytes:
    """A template of `templates/` as PDF."""
    out = BytesIO()
    document(template, gettext, **given).write_pdf(out)
    return out.getvalue()


def joined(parts: Sequence[bytes]) -> bytes:
    """PDFs one after the other; what the pages of one share stays shared."""
    import pikepdf

    if len(parts) == 1:
        return parts[0]
    with pikepdf.new() as whole:
        for part in parts:
            with pikepdf.open(BytesIO(part)) as each:
                whole.pages.extend(each.pages)
        out = BytesIO()
        whole.save(out, compress_streams=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


def qr(text: str) -> Markup:
    """A QR code as one SVG path, with its quiet zone."""
    rows = stamp.matrix(text)
    drawn = "".join(f"M{x + 4} {y + 4}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
    side = len(rows) + 8
    return Markup(f'<svg class="qr" viewBox="0 0 {side} {side}" xmlns="http://www.w3.org/2000/svg"><path d="{drawn}"/></svg>')  # noqa: S704


def fitting(name: str) -> Markup:
    """A style for a name whose characters the body's font lacks: another font for the whole name."""
    family = font.family(name)
    return Markup(f"font-family: '{family}'") if family and family != font.BODY[0] else Markup("")  # noqa: S704


def _speaking(gettext: Callable[..., str]) -> Callable[..., str]:
    return lambda text, **values: gettext(text, **values)


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(_HOUSE / "templates")
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
