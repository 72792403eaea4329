"""Today: the calendar, who owes what, and one next step for each banner."""

import re

from sqlalchemy import insert

from survey import db, schema
from survey.box import collection as collections
from survey.year import progress, scoring, yearbook


def steps(app):
    with app.app_context(), db.reading() as connection:
        found = scoring.reckoned(connection, 2018)
        return {each.banner: each for each in progress.standings(connection, 2018, found.outcome, found.rulebook, ())}


def test_the_calendar_is_the_measures(office):
    page = office.get("/desk/today")
    for date in ("2019-01-05", "2019-01-31", "2019-02-10", "2019-02-28"):
        assert date in page
    assert "（周末）" in page  # 2019-01-05 is a Saturday


def test_a_date_is_overdue_only_while_something_is_missing():
    rules = yearbook.rulebook("neimenggu-2018")
    gap = progress.Gap(input="third_party", banners=("示例旗",), people=0)
    dates = {each.id: each for each in progress.calendar(rules, 2018, "2019-02-01", [gap])}
    assert dates["third_party"].left == -1 and dates["third_party"].open == 1
    assert dates["annual_check"].open == 0
    assert dates["consolidation"].left == 9 and dates["consolidation"].open == 1
    assert dates["assessors_report"].left == 27


def test_what_is_missing_is_told_with_who_owes_it(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    page = office.get("/desk/today")
    assert re.search(r"第三方评估</a>：\s*1 个旗县 · 由第三方评估机构补", page)
    assert "督导组考核得分：" not in page, "what lacks only because the team's score does is not named twice"


def test_the_next_step_follows_the_work(office, desk_app):
    banner = "示例新旗"
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(insert(schema.banner).values(cycle=2018, banner=banner))
        connection.execute(schema.cycle.update().values(revision=schema.cycle.c.revision + 1))
    assert steps(desk_app)[banner].step == "people"
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(
            insert(schema.person).values(cycle=2018, person="X1", name="示例甲", banner=banner, position="captain")
        )
        connection.execute(schema.cycle.update().values(revision=schema.cycle.c.revision + 1))
        connection.execute(insert(schema.draw).values(
            cycle=2018, banner=banner, seed="1", announced="x", algorithm="sha256-order-1", pool="{}", villages="{}",
            drawn_on="2019-01-01",
        ))  # fmt: skip
    assert steps(desk_app)[banner].step == "appraisal.draft"
    with desk_app.app_context(), db.deed() as connection:
        name = collections.draft(connection, cycle=2018, banner=banner, kind="appraisal", mode="slips", title="示例会")
    assert steps(desk_app)[banner].step == "appraisal.slips" and steps(desk_app)[banner].collection == name
    slip = {"collection": name, "qr": b"1", "code": b"2", "medium": "phone"}
    for change, step in (
        ({}, "appraisal.open"),
        ({"state": "open"}, "appraisal.close"),
        ({"state": "closing"}, "appraisal.seal"),
    ):
        with desk_app.app_context(), db.deed() as connection:
            if change:
                collections.change(connection, name, **change)
            else:
                connection.execute(insert(schema.slip).values(**slip))
        assert steps(desk_app)[banner].step == step
    with desk_app.app_context(), db.deed() as connection:
        collections.change(connection, name, state="sealed")
    assert steps(desk_app)[banner].step == "opinion.draft"
    assert steps(desk_app)[banner].stages["appraisal"] == "done"
    assert "示例新旗" in office.get("/desk/today")


def test_a_complete_banner_is_done(desk_app):
    standing = steps(desk_app)[desk_app.second]
    assert standing.step in ("done", "decide") or standing.step.startswith("input:")
    assert standing.stages["people"] == "done" and standing.stages["appraisal"] == "done"


def test_staff_see_their_own_banner(sign_in, desk_app):
    page = sign_in("staff").get("/desk/today")
    assert desk_app.first in page and desk_app.second not in page
    sign_in("teller").get("/desk/today")
