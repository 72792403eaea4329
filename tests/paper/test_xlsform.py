"""An XLSForm survey on paper: printed with its conditions in words, ticked and written in, read back, keyed; the counts are what was drawn."""

from collections import Counter

import cv2
import numpy as np
import pypdfium2
import pytest

from bench import paper_simulate as simulate
from survey import db, questionnaire, xlsform
from survey.box import fragment
from survey.instrument import Form, Rated
from survey.paper import batch, printing, reading, sheet
from tests.paper import desk
from tests.paper.desk import client, open_box
from tests.paper.test_journey import answers_of, cast, settle, upload
from tests.phone.test_xlsform import workbook

LONG = "在发展产业、增加收入方面给过实际帮助，例如协调项目、联系销路、组织培训或者帮助贷款"
CHOICES = [
    *(("knows", *each) for each in (("yes", "知道"), ("no", "不知道"))),
    *(("help", f"h{at}", f"{LONG if at % 4 == 0 else '其他帮助'}{at}") for at in range(20)),
    *(("known", *each) for each in (("seen", "见过"), ("stranger", "不认识"))),
    *(("content", *each) for each in (("good", "满意"), ("poor", "不满意"), ("unsure", "说不清"))),
]
HEAD = ("type", "name", "label::中文 (zh)", "label::English (en)", "hint", "relevant", "constraint", "parameters")
ROWS = [
    ("note", "hello", "请照实填写。", "Please say it as it is.", "", "", "", ""),
    ("begin_group", "g", "总的情况", "In general", "", "", "", ""),
    ("select_one knows", "knows", "知道工作总队吗？", "Do you know the team?", "", "", "", ""),
    ("select_multiple help", "helped", "帮过什么？", "What help?", "打勾就行", "${knows} = 'yes'", "", ""),
    ("end_group", "", "", "", "", "", "", ""),
    ("begin_repeat", "p", "这些同志", "These people", "", "", "", ""),
    ("select_one known", "known", "认识吗？", "Known?", "", "", "", ""),
    ("select_one content", "content", "满意吗？", "Content?", "", "${known} != 'stranger'", "", ""),
    ("integer", "times", "见过几次？", "How often?", "", "", ". < 100", ""),
    ("end_repeat", "", "", "", "", "", "", ""),
    ("range", "mark", "打几分？", "Which mark?", "", "", "", "start=0 end=10"),
    ("date", "day", "哪天来的？", "When?", "", "", "", ""),
    ("text", "words", "还想说什么？", "Anything else?", "", "", "", ""),
]


@pytest.fixture
def desk_app(make_app):
    app = make_app("sqlite", WTF_CSRF_ENABLED=False, PUBLIC_URL="https://example.org")
    with app.app_context(), db.deed() as connection:
        questionnaire.add(connection, xlsform.read(form()))
    with app.app_context():
        yield app


def form(rows=ROWS, choices=CHOICES):
    english = [(*each, f"{each[1]} in English") for each in choices]
    head = ("list_name", "name", "label::中文 (zh)", "label::English (en)")
    return workbook(rows, head=HEAD, choices=english, settings=("paper", "纸面调查"), choice_head=head)


def laid(rows=ROWS, choices=CHOICES, language="zh"):
    people = (Rated(id="P0", name="示例甲", position="队长"), Rated(id="P1", name="示例乙", position="队员"))
    asked = Form(instrument=xlsform.read(form(rows, choices)), people=people)
    return sheet.lay_out(sheet.plan(asked, collection="DEMO2018", language=language))


def words(pdf):
    with pypdfium2.PdfDocument(pdf) as document:
        return "".join(page.get_textpage().get_text_range() for page in document).replace("\r\n", "")


def test_the_sheet_says_what_a_screen_would_do(app):
    said = words(laid().pdf)
    assert "1. 知道工作总队吗？" in said and "2. 帮过什么？" in said and "打勾就行" in said and "（可多选）" in said
    assert "仅当第 1 题选了“知道”，才填写。" in said and "第 3.2 题：仅当第 3.1 题没选“不认识”，才填写。" in said
    assert "3. 这些同志" in said and said.count("见过几次？") == 2 and "（填整数）" in said and "4. 打几分？" in said and "（填 0 到 10 的整数）" in said
    assert "请照实填写。" in said and "（填年、月、日）" in said
    assert "1. Do you know the team?" in words(laid(language="en").pdf)


def test_every_option_has_its_box_and_every_written_answer_its_space(app):
    geometry = laid().geometry
    boxes = {key for page in geometry.sheets for key in page.boxes}
    spaces = {key for page in geometry.sheets for key in page.spaces}
    assert len([key for key in boxes if key[1] == "helped"]) == 20
    assert spaces == {("P0", "times"), ("P1", "times"), ("", "mark"), ("", "day"), ("", "words")}


def test_a_question_that_no_sheet_can_hold_is_named(app):
    with pytest.raises(sheet.LayoutError, match="帮过什么？"):
        laid(choices=[*CHOICES, *(("help", f"x{at}", LONG * 3) for at in range(30))])


def written(page, place, text):
    """A person's handwriting in a space, as well as a drawing program can."""
    at = (round((place.x + 4) * simulate.SHARP), round((place.y + place.height - 2.5) * simulate.SHARP))
    cv2.putText(page, text, at, cv2.FONT_HERSHEY_SIMPLEX, 2.2, 60, 6, cv2.LINE_AA)


def test_from_print_to_count(desk_app):
    meeting = desk.draft(desk_app, kind="opinion", people=2, instrument="xlsform:paper")
    office, teller, scrutineer = (client(desk_app, who) for who in ("office", "teller", "scrutineer"))
    pdf = desk.printed(office, meeting.name, "ballots", **{"": 6})
    open_box(desk_app, meeting)
    with db.reading() as connection:
        known = printing.layouts(connection, meeting.house)
    rng = np.random.default_rng(11)
    scans, meant, wrote = [], {}, {}
    for page in simulate.printed(pdf):
        read = reading.read(page, known, meeting.name)
        code = read.code.replace("-", "")
        marked, truth = simulate.fill_in(page, known[read.layout], read.number, rng, 0.2)
        meant.setdefault(code, {}).update({batch.field_name(s, q): d for (s, q), d in truth.items()})
        for (subject, question), place in known[read.layout].sheets[read.number - 1].spaces.items():
            text = {"times": str(len(wrote) + 1), "mark": "7", "day": "2018-06-30", "words": "thank you"}[question]
            if rng.random() < 0.6:
                written(marked, place, text)
                wrote.setdefault(code, {})[batch.field_name(subject, question)] = text
        scans.append((code, scanned(marked, rng, known, meeting.name)))
    kept = sorted(meant)[:5]  # the sixth is keyed by hand
    files = [(f"{at}.png", cv2.imencode(".png", scan)[1].tobytes()) for at, (code, scan) in enumerate(scans) if code in kept]
    name = upload(teller, meeting, *files)
    base = f"/desk/paper/{meeting.name}/batch/{name}"
    found = batch.get(meeting.instance, meeting.name, name)
    assert not [scan.refused for scan in found.scans if scan.refused]
    inked = {(scan.code, space.name) for scan in found.scans for space in scan.spaces if space.inked}
    assert inked >= {(code, field) for code in kept for field in wrote.get(code, {})}, "writing was overlooked"
    number = next(((code, field) for code, field in sorted(inked) if field.endswith(".times")), None)
    assert number is not None
    told = scrutineer.post(f"{base}/review", data={"/".join(number): "123"}, headers={"X-Script": "1"})
    assert told.status_code == 422 and "见过几次？" in told.json["fault"]
    data = {f"{code}/{field}": [wrote.get(code, {}).get(field, "-")] for code, field in inked}
    assert scrutineer.post(f"{base}/review", data=data).status_code == 302
    settle(scrutineer, meeting, name, meant)
    assert "已投箱" in cast([teller, scrutineer], meeting, name, 5).text
    by_hand = next(code for code in meant if code not in kept)
    expected = Counter()
    for code in kept:
        count(expected, answers_of(meant[code]) | {field: (text,) for field, text in wrote.get(code, {}).items()})
    count(expected, key_by_hand(meeting, by_hand, teller, scrutineer, office))
    meeting.close()
    closing = meeting.seal()["closing"]
    assert closing["returned"] == 6 and closing["slips"][0]["spent"] == 6
    with db.reading() as connection:
        found = fragment.tally(fragment.of(connection, meeting.name))
        comments = fragment.comments(connection, meeting.name)
    got = Counter()
    for subject, questions in found.items():
        for question, voices in questions.items():
            for answers in voices.values():
                for value, number in answers.items():
                    got[f"q.{subject}.{question}", value] += number
    assert got == Counter({key: number for key, number in expected.items() if key[0] != "q..words"})
    assert len(comments) == sum(number for key, number in expected.items() if key[0] == "q..words")
    record = words(office.get(f"/desk/paper/{meeting.name}/tally.pdf").data)
    times = [int(value) for (field, value), number in expected.items() if field == "q.P0.times" for _each in range(number)]
    assert "数字题" in record and f"{len(times)}{sum(times) / len(times):.2f}{min(times)}{max(times)}" in record.replace(" ", "")


def scanned(page, rng, known, name):
    """A page as a scanner gives it; one that could not be read is laid on the glass again."""
    scan = simulate.degrade(page, "scan", rng)
    while reading.read(scan, known, name).refused:
        scan = simulate.degrade(page, "scan", rng)
    return scan


def count(into, fields):
    """Adds what a sheet says: what its conditions hide is not counted."""
    fields = {name: values for name, values in fields.items() if values}
    if fields.get("q..knows") != ("yes",):
        fields.pop("q..helped", None)
    for person in ("P0", "P1"):
        if fields.get(f"q.{person}.known") == ("stranger",):
            fields.pop(f"q.{person}.content", None)
    for name, values in fields.items():
        for value in values:
            into[name, value] += 1


def key_by_hand(meeting, code, one, two, third):
    """Types a sheet in twice: a number that cannot be is told, one that differs gets a third look. What it says in the end."""
    started = one.post(f"/desk/paper/{meeting.name}/keying").headers["Location"]
    base, key = started.rsplit("/", 1)[0], started
    fields = {"q..knows": "yes", "q..helped": ["h3", "h19"], "q.P0.known": "seen", "q.P0.content": "good", "q.P0.times": "１2", "q..mark": "11"}
    refused = one.post(key, data={"code": code, **fields})
    assert refused.status_code == 422 and "打几分？" in refused.text and "超出这一题的范围" in refused.text
    assert 'value="h19" data-key="20" checked' in refused.text and ">12</textarea>" in refused.text  # nothing typed is lost
    assert one.post(key, data={"code": code, **fields, "q..mark": "9"}).status_code == 302
    assert two.post(key, data={"code": code, **fields, "q..mark": "4"}).status_code == 302
    page = third.get(f"{base}/compare/{code}").text
    assert "打几分？" in page and ">9 " not in page
    third.post(f"{base}/compare/{code}", data={"q..mark": "19"})
    for browser in (one, two):
        browser.post(f"{base}/total", data={"total": 1})
    assert "还有没定下来的票" in one.post(f"{base}/cast", follow_redirects=True).text
    third.post(f"{base}/compare/{code}", data={"q..mark": "9"})
    for browser in (one, two):
        browser.post(f"{base}/total", data={"total": 1})
    assert "已投箱" in one.post(f"{base}/cast").text
    return {
        "q..knows": ("yes",), "q..helped": ("h3", "h19"), "q.P0.known": ("seen",), "q.P0.content": ("good",), "q.P0.times": ("12",),
        "q..mark": ("9",),
    }  # fmt: skip


def test_the_office_chooses_the_language_of_the_sheet(desk_app):
    meeting = desk.draft(desk_app, kind="opinion", people=2, instrument="xlsform:paper")
    office = client(desk_app, "office")
    assert "印成哪种文字" in office.get(f"/desk/paper/{meeting.name}").text
    answer = office.post(f"/desk/paper/{meeting.name}/print/ballots", data={"n.": 1, "language": "en"})
    made = office.get(f"/desk/paper/job/{desk.finish(answer).job}/result.pdf").data
    assert "1. Do you know the team?" in words(made) and "Only if you chose “yes in English” in question 1." in words(made)
    assert office.post(f"/desk/paper/{meeting.name}/print/ballots", data={"n.": 1, "language": "fr"}).status_code == 400
    assert "What help?" in words(office.get(f"/desk/paper/{meeting.name}/specimen.pdf?language=en").data)
