"""The notice of a person's result for the year (个人年度考核结果通知): score, grade, the right to a review, a line to sign.

The year's assessment counts as the person's own (六（三）); the result is told in writing (公务员法 第38条).
"""

from flask import render_template, request
from flask_babel import gettext as _

from survey.access import allowed
from survey.desk import blueprint
from survey.desk.notice import given
from survey.desk.results import READERS, Decisions, labels, read_year
from survey.desk.standing import Standing, lacking, people, teams
from survey.desk.words import language
from survey.year.scoring import Reckoned

SAID = ("day", "office", "limit", "phone")  # what the office says; a line it leaves out is printed to be written on


@blueprint.get("/decisions/personal")
@allowed(*READERS)
def personal() -> str | tuple[str, int]:
    """Whose notices, what they will say, and what the office says on them."""
    return page()


def page() -> str | tuple[str, int]:
    """The page for those asked for; a person, banner or sequence that is none is told, with 404."""
    year, decided = read_year()
    asked = wanted()
    listed = chosen(year, decided)
    banners = [each.banner for each in teams(year, decided)]
    sequences = {each.id: each.label.text(language()) for each in year.rulebook.positions}
    fault = ""
    if asked["person"] and not listed:
        fault = _("本年度名册里没有“%(name)s”这个人，请重新选。", name=asked["person"][:50])
    elif asked["banner"] and asked["banner"] not in banners:
        fault = _("本年度没有“%(name)s”的工作总队，请重新选。", name=asked["banner"][:50])
    elif asked["sequence"] and asked["sequence"] not in sequences:
        fault = _("没有“%(name)s”这个序列，请重新选。", name=asked["sequence"][:50])
    shown = render_template(
        "desk/personal.html",
        banners=banners,
        sequences=sequences,
        asked=asked,
        listed=listed,
        lacking=lacking(listed),
        fault=fault,
        given=given(SAID, day="day"),
        **labels(),
    )
    return (shown, 404) if fault else shown


def wanted() -> dict[str, str]:
    """Whom the address asks for; a person alone is enough."""
    asked = {name: request.args.get(name, "") for name in ("banner", "sequence", "person")}
    return asked if not asked["person"] else {"banner": "", "sequence": "", "person": asked["person"]}


def chosen(year: Reckoned, decided: Decisions) -> list[Standing]:
    """Those asked for; nobody where nothing is asked, for a notice to all at once is no single PDF."""
    asked = wanted()
    return people(year, decided, **asked) if any(asked.values()) else []
