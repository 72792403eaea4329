"""The letters to the units that sent people: each unit's own people and grades, no score, no rank (四（七）, 六（三）)."""

import io
from urllib.parse import quote

import pypdfium2

from survey import db, schema

from .conftest import Form
from .test_feedback import LONG, pages, year_of

LETTERS = "/desk/decisions/dispatch"
PAPER = "/desk/paper/dispatch.pdf"


def printed(desk, **said):
    """The letters as the page's form asks for them."""
    fields = next(each for each in Form(desk.get(f"{LETTERS}?unit={quote(said.pop('unit', ''))}")).forms if "office" in each)
    answer = desk.client.get(PAPER, query_string=fields | said)
    assert answer.mimetype == "application/pdf", answer.get_data(as_text=True)
    return answer.get_data()


def by_unit(app):
    found = {}
    for _person, name, banner, _position, unit, *_days in app.book["people"]:
        found.setdefault(unit, []).append((name, banner))
    return found


def test_each_unit_reads_of_its_own_people_only(office, desk_app):
    grades = {"excellent": "优秀", "competent": "称职", "basic": "基本称职", "incompetent": "不称职"}
    proposed = {(row.name, row.banner): row.grade for ranking in year_of(desk_app).outcome.rankings for row in ranking.rows}
    letters, found = by_unit(desk_app), pages(printed(office, office="示例办公室", phone="0471-0000000", day="2019-03-05"))
    begins = [text for text in found if text.startswith("关于派驻人员2018年度考核结果的函")]
    assert len(begins) == len(letters) > 1
    for unit, own in letters.items():
        (text,) = [text for text in begins if f"考核结果的函{unit}：" in text]
        for each in own:
            assert each[0] in text and each[1] in text
            assert proposed[each] in grades and f"{each[1]}{grades[proposed[each]]}" in text
        mine = "".join(name for name, _ in own)
        strangers = {name for other, theirs in letters.items() if other != unit for name, _ in theirs if name not in mine}
        assert strangers and not [name for name in strangers if name in text]
        assert "不占派出单位评优名额（四（七））" in text and "名次" not in text and "得分" not in text and "待定" not in text
        assert "示例办公室2019年3月5日" in text and "0471-0000000" in text


def test_one_unit_alone(office, desk_app):
    unit = next(iter(by_unit(desk_app)))
    (text,) = pages(printed(office, unit=unit))
    assert f"的函{unit}：" in text
    page = office.get(f"{LETTERS}?unit={quote(unit)}")
    assert all(name in page for name, _ in by_unit(desk_app)[unit]) and "1 个单位的函 PDF" in page


def test_an_undecided_grade_is_open_and_not_to_be_filed(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "第三方评估"): ""})
    text = "".join(pages(printed(office)))
    assert text.count("待定”的等次还没有决定") == len({unit for unit, own in by_unit(desk_app).items() if desk_app.first in dict(own).values()})
    assert f"{desk_app.first}待定" in text and "不作为存档依据" in text
    assert "没有得分和等次" in office.get(LETTERS)


def test_who_has_no_unit_is_named(office, desk_app):
    name = desk_app.book["people"]["name"][0]
    assert "没有单位" not in office.get(LETTERS)
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(schema.person.update().where(schema.person.c.person == desk_app.book["people"]["person"][0]).values(unit=" "))
        connection.execute(schema.cycle.update().values(revision=schema.cycle.c.revision + 1))
    assert f"1 人的名册里没有单位，没有函：{name}" in office.get(LETTERS)


def test_a_unit_or_a_day_that_is_none_is_told(office):
    assert "没有“示例局”这个单位" in office.get(f"{LETTERS}?unit={quote('示例局')}", status=404)
    answer = office.client.get(PAPER, query_string={"unit": "示例局"})
    assert answer.status_code == 404 and "没有“示例局”这个单位" in answer.get_data(as_text=True)
    assert office.client.get(PAPER, query_string={"day": "2019-02-30"}).status_code == 422


def test_a_demo_year_is_marked_and_the_longest_name_stays_on_the_sheet(office, desk_app):
    with desk_app.app_context(), db.deed() as connection:
        connection.execute(schema.cycle.update().values(demo=True))
        connection.execute(schema.person.update().where(schema.person.c.person == "P0001").values(name=LONG, unit=LONG * 4))
        connection.execute(schema.cycle.update().values(revision=schema.cycle.c.revision + 1))
    document = pypdfium2.PdfDocument(io.BytesIO(printed(office)))
    assert LONG in "".join("".join(page.get_textpage().get_text_range().split()) for page in document)
    for page in document:
        text = page.get_textpage()
        boxes = [text.get_charbox(at) for at in range(text.count_chars())]
        assert "演示数据" in text.get_text_range()
        assert max(box[2] for box in boxes) < page.get_width() - 50 and min(box[0] for box in boxes if box[2]) > 50


def test_the_letters_are_for_the_office_and_the_viewer(sign_in):
    assert "致派出单位函" in sign_in("viewer").get(LETTERS) and LETTERS in sign_in("viewer").get("/desk/decisions")
    for role in ("staff", "assessor", "teller"):
        sign_in(role).get(LETTERS, status=403)
