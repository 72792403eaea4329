"""An XLSForm through the desk: uploaded, chosen for a survey, answered on a phone, counted at the seal."""

import io
from pathlib import Path

from survey import access, db
from survey.box import collection as collections
from survey.box import opening, sealing
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
    assert "示例调查" in upload(office, workbook())
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
