"""The results pages say what `flask score` says for the same year."""

import json
from pathlib import Path

import pytest

from survey import access, db
from survey.year import site, yearbook

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture
def office(make_app):
    """A signed-in office with the example year `small`."""
    book, rules = yearbook.read(EXAMPLES / "small")
    app = make_app()
    with app.app_context(), db.deed() as connection:
        site.take_in(connection, book, rules, by="office")
        access.create(connection, name="office", title="办公室", roles={"office"}, password="office-password", by="cli")
    client = app.test_client()
    token = client.get("/desk/sign-in").get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    client.post("/desk/sign-in", data={"csrf_token": token, "account": "office", "password": "office-password"})
    assert client.get("/desk/results").status_code == 200, "the invitation did not sign the office in"
    return client


def test_the_json_is_the_expected_result(office):
    mine = json.loads(office.get("/desk/results.json").get_data(as_text=True))
    right = json.loads((EXAMPLES / "small" / "expected.json").read_text(encoding="utf-8"))
    assert mine["quota"] == right["quota"]
    for name, rows in right["sequences"].items():
        assert [{key: row[key] for key in want} for row, want in zip(mine["sequences"][name], rows, strict=True)] == rows


def test_every_sequence_and_a_subject_have_their_pages(office):
    for name in ("team", "captain", "deputy", "liaison", "member"):
        page = office.get(f"/desk/results?sequence={name}").get_data(as_text=True)
        assert page.count("<h1") == 1 and "名次" in page
    page = office.get("/desk/results/captain/P0001").get_data(as_text=True)
    assert "这个分数是怎么来的" in page and "测评票分布" in page and "四（七）" in page or "（七）" in page


def test_another_choice_is_compared_and_saved_nowhere(office):
    before = office.get("/desk/results.json").get_data()
    page = office.get("/desk/what-if?ballot_points=97/87/77/67").get_data(as_text=True)
    assert "→" in page
    assert "100" in office.get("/desk/what-if?team.indicators=31").get_data(as_text=True)
    assert office.get("/desk/results.json").get_data() == before


def test_a_decision_wants_a_reason_and_stands_in_the_list(office):
    url = "/desk/results/captain/P0001"
    token = office.get(url).get_data(as_text=True).split('name="csrf_token" value="')[1].split('"')[0]
    office.post(url, data={"csrf_token": token, "grade": "basic", "reason": " "})
    assert "办公室决定" not in office.get("/desk/results?sequence=captain").get_data(as_text=True)
    office.post(url, data={"csrf_token": token, "grade": "basic", "reason": "领导小组审议"})
    assert "办公室决定" in office.get("/desk/results?sequence=captain").get_data(as_text=True)


def test_the_workbook_opens(office):
    import io

    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(io.BytesIO(office.get("/desk/results.xlsx").get_data()))
    assert len(book.sheet_names) >= 5
