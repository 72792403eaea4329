"""FACE: the office. One module per task area; every route says who may open it."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module

from flask import Blueprint, current_app, g, has_request_context, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _

from survey import access

blueprint = Blueprint("desk", __name__, url_prefix="/desk")


WITHIN = {  # pages of a part whose addresses begin otherwise
    "desk.meetings": ("/desk/meeting/", "/desk/materials/", "/desk/paper/", "/desk/phones/"),
    "desk.results": ("/desk/what-if/", "/desk/decisions/", "/desk/papers/"),
}


def navigation() -> list[Mapping[str, object]]:
    """The head's links: those the signed-in account may open; `here` marks the part the page belongs to."""
    who = access.current()
    if who is None:
        return []
    parts = (
        ("desk.today", _("今日")),
        ("desk.meetings", _("会议与调查")),
        ("desk.entry", _("录入")),
        ("desk.results", _("结果")),
        ("desk.roster", _("名册")),
        ("desk.cycle", _("年度")),
        ("desk.accounts", _("账号")),
        ("desk.journal", _("日志")),
    )
    links: list[Mapping[str, object]] = []
    for endpoint, text in parts:
        view = current_app.view_functions.get(endpoint)
        if view is not None and who.may(*getattr(view, "who", ())):
            url = url_for(endpoint)
            links.append(
                {"url": url, "text": text, "here": f"{request.path}/".startswith((f"{url}/", *WITHIN.get(endpoint, ())))}
            )
    return links


@blueprint.app_context_processor
def _page() -> dict[str, object]:
    """What every page's head needs. The respondents' pages bring their own."""
    if not has_request_context() or request.blueprint not in ("desk", "paper") or "problem" in g:
        return {}
    from survey.desk.cycle import this_year

    who = access.current()
    links = navigation()
    return {
        "account": who,
        "navigation": links,
        "home": links[0]["url"] if links else url_for("desk.own_password"),
        "language": str(get_locale() or "zh")[:2],
        "here": request.full_path.rstrip("?") if request.method == "GET" else request.path,
        "year": this_year() if who else None,
    }


for _module in sorted(each.name for each in pkgutil.iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")
