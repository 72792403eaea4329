"""Today: what the calendar asks for, what is missing and who owes it, and one next step for each banner."""

from typing import Any

from flask import Response, current_app, render_template, url_for
from flask_babel import gettext as _

from survey import access, clock, db, entry
from survey.access import ROLES, allowed
from survey.desk import blueprint
from survey.desk.cycle import this
from survey.desk.spreadsheet import spreadsheet
from survey.desk.words import language
from survey.roster import Cycle
from survey.year import progress, scoring
from survey.year.progress import STAGES, Standing
from tally.outcome import Outcome
from tally.rulebook import Rulebook

GRIDS = {
    "indicators": "indicators",
    "routine": "scores",
    "third_party": "scores",
    "ledger": "ledger",
    "visits": "visits",
    "assessors": "letters",
    "days": "days",
    "poverty_rank": "ranks",
    "supervision": "person_scores",
}


@blueprint.get("/today")
@allowed(*ROLES)
def today() -> str:
    """The calendar, the gaps and the board, of the banners the account sees."""
    year, outcome, rulebook, own = _board()
    missing = progress.gaps(outcome, [each.banner for each in own])
    dates = progress.calendar(rulebook, year.cycle, clock.today(), missing)
    counts = {
        stage: sum(each.stages.get(stage) == "done" for each in own) for stage in STAGES if own and stage in own[0].stages
    }
    return render_template(
        "desk/today.html",
        cycle=year,
        dates=dates,
        gaps=missing,
        standings=own,
        rulebook=rulebook,
        counts=counts,
        lang=language(),
        stage_name=stage_name,
        step_name=lambda each: step_name(rulebook, each),
        step_url=step_url,
        grid_url=grid_url,
        deadlines={each.id: each for each in rulebook.deadlines},
        now=clock.today(),
    )


def stage_name(stage: str) -> str:
    """A stage of a banner's year."""
    names: dict[str, str] = {
        "people": _("名册"),
        "villages": _("抽村"),
        "appraisal": _("总结测评"),
        "opinion": _("民意调查"),
        "inputs": _("录入"),
        "grades": _("等次"),
    }
    return names[stage]


def step_name(rulebook: Rulebook, of: Standing) -> str:
    """A next step in words."""
    if of.step.startswith("input:"):
        return str(_("补%(what)s", what=rulebook.word(of.step.removeprefix("input:")).text(language())))
    names: dict[str, str] = {
        "people": _("录入人员"),
        "villages": _("抽取嘎查村"),
        "appraisal.draft": _("建总结测评会议"),
        "appraisal.slips": _("印测评码"),
        "appraisal.open": _("开箱测评"),
        "appraisal.close": _("结束投票"),
        "appraisal.seal": _("封箱"),
        "opinion.draft": _("建民意调查"),
        "opinion.slips": _("印调查码"),
        "opinion.open": _("开始调查"),
        "opinion.close": _("结束调查"),
        "opinion.seal": _("封存答卷"),
        "decide": _("决定同分的等次"),
        "done": _("已齐"),
    }
    return names[of.step]


def step_url(of: Standing) -> str:
    """Where the next step is taken; "" where there is nothing to do."""
    if of.step.startswith("input:"):
        return grid_url(of.step.removeprefix("input:"), of.banner)
    if of.step == "villages":
        return url_for("desk.draw_banner", banner=of.banner)
    if of.step == "decide":
        return url_for("desk.results")
    if of.collection:
        return _there("desk.meeting", collection=of.collection)
    if of.step.endswith(".draft"):
        return _there("desk.new_meeting", banner=of.banner, kind=of.step.removesuffix(".draft"))
    return _there("desk.banner", name=of.banner) if of.step == "people" else ""


def grid_url(missing: str, banner: str = "") -> str:
    """Where a missing input is entered; "" for what comes from a meeting or a survey."""
    if missing in GRIDS:
        return url_for("desk.grid", name=GRIDS[missing], banner=banner or None)
    return _there("desk.meetings") if missing in ("appraisal", "opinion") else ""


def _there(endpoint: str, **values: Any) -> str:
    """The address of a page the signed-in account may open, else ""."""
    view = current_app.view_functions.get(endpoint)
    return url_for(endpoint, **values) if view and access.me().may(*getattr(view, "who", ())) else ""


@blueprint.get("/today.xlsx")
@allowed(*ROLES)
def export_today() -> Response:
    """The board as a workbook."""
    year, _outcome, rulebook, own = _board()
    words = {"done": _("已完成"), "doing": _("进行中"), "todo": _("未做")}
    rows = [[_("旗县"), _("下一步"), *(stage_name(stage) for stage in STAGES)]]
    rows += [
        [
            each.banner,
            step_name(rulebook, each),
            *(words[each.stages[stage]] if stage in each.stages else "" for stage in STAGES),
        ]
        for each in own
    ]
    return spreadsheet(f"progress-{year.cycle}", _("进度"), rows)


def _board() -> tuple[Cycle, Outcome, Rulebook, list[Standing]]:
    """The year, its results, and where each of the account's banners stands."""
    me = access.me()
    with db.reading() as connection:
        year = this(connection)
        found = scoring.outcome(connection, year.cycle)
        assert found is not None, "the year was just read"
        standings = progress.standings(connection, year.cycle, *found, entry.decisions(connection, year.cycle))
    return year, *found, [each for each in standings if me.sees(each.banner)]
