"""An XLSForm through the desk: uploaded, chosen for a survey, answered on a phone, counted at the seal."""

import io
import re
from pathlib import Path

from sqlalchemy import update

from survey import access, db, questionnaire
from survey.box import collection as collections
from survey.box import opening, sealing
from survey.schema import cycle
from tests.box.meeting import BANNER, SCORED, SCRUTINEER, TELLER, roster
from tests.desk_results.test_meeting import Person
from tests.phone.test_pages import Voter
from tests.phone.test_xlsform import GOOD, workbook


def upload(office, content):
    office.get("/desk/questionnaires")
    return office.post("/desk/questionnaires", file=(io.BytesIO(content), "form.xlsx"))


def test_from_workbook_to_count(make_app):
    app = make_app()
    with app.app_context(), db.deed() as connection:
        roster(connection)
        access.create(connection, name="office", title="办公室", roles={"office"}, password="office-password", by="cli")
    office = Person(app, "office", "office-password")
    bad = workbook([*GOOD, ("geopoint", "place", "在哪？", "", "", "", "", "")])
    assert "geopoint" in upload(office, bad) and "还没有导入" in office.get("/desk/questionnaires")
    assert "还没有" not in upload(office, workbook()) and "示例调查" in office.get("/desk/questionnaires")
    assert "没有导入" in upload(office, workbook())  # the same id twice
    office.get("/desk/meetings/new?kind=opinion")
    office.post("/desk/meetings/new", banner=BANNER, kind="opinion", mode="link", cap="9", instrument="xlsform:survey1", title="示例")
    with app.app_context(), db.deed() as connection:
        [house] = collections.of_cycle(connection, 2018)
        collections.change(connection, house.collection, teller="teller", scrutineer="scrutineer")
        house = collections.get(connection, house.collection)
        opening.open_box(
            connection, Path(app.config["INSTANCE"]), house, teller=TELLER, scrutineer=SCRUTINEER, by="teller", secure=True
        )
    voter = Voter.__new__(Voter)
    voter.client = app.test_client(use_cookies=False)
    with app.app_context():
        form = voter.get(f"/v/{house.collection}").form("/check")
        fields = {**form["fields"], "q..knows": "yes", "q..wishes": ["roads", "water"], "q..age": "17", "q..words": "谢谢"}
        voter.post(form["action"], fields)
        assert voter.status == 422 and 'href="#q..age"' in voter.html
        check = voter.post(form["action"], {**fields, "q..age": "40"})
        voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
        assert "已提交" in voter.html
        with db.deed() as connection:
            sealing.close(connection, collections.get(connection, house.collection), by="teller")
        published = sealing.seal(
            db.engine(), Path(app.config["INSTANCE"]), house.collection, scored=SCORED, by="teller", teller=TELLER, scrutineer=SCRUTINEER
        )
    assert published["closing"]["valid"] == 1  # none of its questions is scored: any answer makes it valid


SATISFIED = [("satisfied", "good", "满意"), ("satisfied", "poor", "不满意"), ("satisfied", "unsure", "说不清")]
KNOWN = [("known", "seen", "见过"), ("known", "stranger", "不认识")]
HELP = [("help", "roads", "修路"), ("help", "water", "饮水"), ("help", "nothing", "都没有")]
ABOUT = [
    ("begin_repeat", "people", "这些同志", "These people", "", "", "", ""),
    ("select_one known", "known", "认识吗？", "Known?", "", "", "", ""),
    ("select_one satisfied", "content", "满意吗？", "Content?", "", "${known} != 'stranger'", "", ""),
    ("end_repeat", "", "", "", "", "", "", ""),
    ("select_multiple help", "helped", "帮了什么？", "What help?", "", "", "", ""),
    ("integer", "times", "来过几次？", "How often?", "", "", "", ""),
    ("text", "words", "还想说？", "Anything else?", "", "", "", ""),
]
POINTS = {
    "on.content": "1", "points.content.good": "100", "points.content.poor": "40",
    "on.helped": "1", "points.helped.roads": "60", "points.helped.water": "40",
    "on.times": "1", "points.times.zero": "0", "points.times.full": "12",
}  # fmt: skip


def was(html):
    return re.search(r'name="was" value="([^"]*)"', html)[1].replace("&#34;", '"').replace("&quot;", '"')


def test_points_set_at_the_desk_become_the_mark_and_its_explanation(make_app):
    app = make_app()
    with app.app_context(), db.deed() as connection:
        roster(connection)
        connection.execute(update(cycle).values(choices='{"opinion_min_valid": "2"}'))
        access.create(connection, name="office", title="办公室", roles={"office"}, password="office-password", by="cli")
    office = Person(app, "office", "office-password")
    page = upload(office, workbook(ABOUT, choices=[*SATISFIED, *KNOWN, *HELP], settings=("own", "本地问卷")))
    assert "计入本人" in page and "计入总队" in page and "文字题和日期题不计分" in page
    url, state = "/desk/questionnaire/own", was(page)
    page = office.post(url, **{**POINTS, "was": state, "points.content.good": "101", "points.helped.water": "41", "points.times.full": "0"})
    assert page.count('class="fault"') == 3 and "应在 0 到 100 之间" in page and "合计不能超过100，现在是 101" in page
    assert "不能相同" in page and 'value="101"' in page
    assert "计分已保存" in office.post(url, **POINTS, was=state)
    assert "别人刚改过" in office.post(url, **{**POINTS, "points.content.poor": "0", "was": state})
    with app.app_context(), db.deed() as connection:
        name = collections.draft(
            connection, cycle=2018, banner=BANNER, kind="opinion", mode="link", cap=9, title="调查", instrument="xlsform:own"
        )
        collections.change(connection, name, teller="teller", scrutineer="scrutineer")
        opening.open_box(
            connection, Path(app.config["INSTANCE"]), collections.get(connection, name), teller=TELLER, scrutineer=SCRUTINEER,
            by="teller", secure=True,
        )  # fmt: skip
    voter = Voter(app)
    for content, known, helped, times in (
        ("good", "seen", ["roads", "water"], "12"), ("good", "seen", ["water"], "3"), ("poor", "seen", ["nothing"], "30"),
        ("unsure", "seen", [], "0"), ("poor", "stranger", ["roads"], ""),
    ):  # fmt: skip
        form = voter.get(f"/v/{name}").form("/check")
        given = {"q.P0.known": known, "q.P0.content": content, "q..helped": helped, "q..times": times}
        check = voter.post(form["action"], {**form["fields"], **given})
        voter.post(check.form("/cast")["action"], check.form("/cast")["fields"])
        assert "已提交" in voter.html
    teller = Person(app, "teller", TELLER)
    passwords = {"teller_password": TELLER, "scrutineer_password": SCRUTINEER}
    teller.get(f"/desk/meeting/{name}")
    teller.post(f"/desk/meeting/{name}/close", minutes="0", **passwords)
    assert "已封箱" in teller.post(f"/desk/meeting/{name}/seal", **passwords)
    # P0: two good and a poor of people who know them: (100×2 + 40×1) ÷ 3 = 80; the stranger's and the unsure do not count
    page = office.get("/desk/results/captain/P0")
    assert re.search(r'民意调查</span> <b class="step-value">80\.00</b>', page)
    assert "(100×2 + 40×1) ÷ 3 = 80" in page and "满意吗？" in page and "不满意" in page
    # P1 nobody marked: the team's level, the mean of (60 + 40 + 40 + 60) ÷ 3 = 66.6667 and (100 + 25 + 100 + 0) ÷ 4 = 56.25
    page = office.get("/desk/results/deputy/P1")
    assert re.search(r'民意调查</span> <b class="step-value">61\.46</b>', page) and "(60×2 + 40×2) ÷ 3 = 66.666666…" in page
    assert "(0×1 + 25×1 + 100×1 + 100×1) ÷ 4 = 56.25" in page and "0得0分，12得100分" in page
    state = was(office.get(url))
    assert "按新的分值重算" in office.post(url, **{**POINTS, "points.content.poor": "0", "was": state})
    assert re.search(r'民意调查</span> <b class="step-value">66\.67</b>', office.get("/desk/results/captain/P0"))
    assert "content/poor" in office.get("/desk/journal?deed=questionnaire.score") and "40 → 0" in office.get("/desk/journal")
    office.post(url, was=was(office.get(url)))  # nothing is ticked: the questionnaire scores nothing
    page = office.get("/desk/results?sequence=captain")
    assert "问卷没有设定计分，不计入得分：示例旗" in page and 'href="/desk/questionnaires">去设定计分' in page
    page = office.get("/desk/results/captain/P0")
    assert "民意调查的问卷没有设定计分；由考核组补" in page and "去设定计分" in page


def test_questions_named_as_the_measures_begin_with_its_points(make_app):
    app = make_app()
    with app.app_context(), db.deed() as connection:
        roster(connection)
        access.create(connection, name="office", title="办公室", roles={"office"}, password="office-password", by="cli")
    office = Person(app, "office", "office-password")
    rows = [
        ("select_one satisfied", "team_satisfied", "满意吗？", "", "", "", "", ""),
        ("select_one help", "solves", "帮了吗？", "", "", "", "", ""),  # other answers than the measure's
    ]
    upload(office, workbook(rows, choices=[*SATISFIED, *HELP]))
    with app.app_context(), db.reading() as connection:
        assert questionnaire.find(connection, "survey1").scoring == {"team_satisfied": {"good": "100", "poor": "40"}}
