"""The letter to the units that sent people (致派出单位函): their people's grades, to be filed, and that they take none of the unit's
own places (四（七）, 六（三）)."""

from flask import render_template, request
from flask_babel import gettext as _

from survey.access import allowed
from survey.desk import blueprint
from survey.desk.notice import given
from survey.desk.results import READERS, Decisions, labels, read_year
from survey.desk.standing import Standing, lacking, people
from survey.year.scoring import Reckoned

SAID = ("day", "office", "phone")  # what the office says; a line it leaves out is printed to be written on


@blueprint.get("/decisions/dispatch")
@allowed(*READERS)
def dispatch() -> str | tuple[str, int]:
    """Which units, whose people, and what the office says in the letter."""
    return page()


def page() -> str | tuple[str, int]:
    """The page for the unit asked for, or for all; a unit that is none is told, with 404."""
    year, decided = read_year()
    units = by_unit(year, decided)
    shown, unit = asked(units), request.values.get("unit", "")
    fault = "" if shown or not unit else _("本年度名册里没有“%(name)s”这个单位，请重新选。", name=unit[:50])
    answer = render_template(
        "desk/dispatch.html",
        units=[each for each in units if each],
        unit=unit if shown else "",
        letters=shown,
        without=[each.name for each in units.get("", ())],
        lacking=lacking(each for people_ in shown.values() for each in people_),
        fault=fault,
        given=given(SAID, day="day"),
        **labels(),
    )
    return (answer, 404) if fault else answer


def by_unit(year: Reckoned, decided: Decisions) -> dict[str, list[Standing]]:
    """Each unit's people, both in the roster's order; under "" those who have no unit."""
    found: dict[str, list[Standing]] = {}
    for each in people(year, decided):
        found.setdefault(each.unit.strip(), []).append(each)
    return found


def asked(units: dict[str, list[Standing]]) -> dict[str, list[Standing]]:
    """The unit the address names, or every one; none where it is unknown. Who has no unit is in no letter."""
    unit = request.values.get("unit", "")
    return {name: of for name, of in units.items() if name and unit in ("", name)}
