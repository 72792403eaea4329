"""The public notice: grades without scores, five working days, in an order that tells no rank (四（七）, D-26)."""

import re
from html.parser import HTMLParser

import pypdfium2

from survey import db
from survey.year import scoring
from tally.number import fixed

NOTICE = "/desk/decisions/notice"
PAPER = "/desk/paper/notice.pdf"
SAID = "start=2019-02-01&office=示例办公室&phone=0471-0000000"


class Rows(HTMLParser):
    """The rows of a page's tables, by caption."""

    def __init__(self, page):
        super().__init__()
        self.tables, self.at, self.cell = {}, "", None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag in ("caption", "td", "th"):
            self.cell = ""
        elif tag == "tr" and self.at:
            self.tables[self.at].append([])

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data

    def handle_endtag(self, tag):
        if tag == "caption":
            self.at = self.cell.strip()
            self.tables[self.at] = []
        elif tag in ("td", "th") and self.at and self.tables[self.at]:
            self.tables[self.at][-1].append(self.cell.strip())
        if tag == "table":
            self.at = ""


def outcome_of(app):
    with app.app_context(), db.reading() as connection:
        return scoring.reckoned(connection, 2018).outcome


def test_the_notice_lists_every_grade_and_no_score(office, desk_app):
    outcome = outcome_of(desk_app)
    page = office.get(f"{NOTICE}?{SAID}")
    assert "公示 PDF" in page and "还不能公示" not in page
    tables = Rows(page).tables
    pdf = office.bytes(f"{PAPER}?{SAID}")
    text = "".join("".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(pdf))
    for ranking in outcome.rankings:
        rows = [row for row in tables[ranking.label.zh] if row][1:]
        assert len(rows) == len(ranking.rows)
        for row in ranking.rows:
            assert row.name in text and not re.search(rf"(?<![0-9]){re.escape(fixed(row.score))}(?![0-9])", text + page)
        listed = [cells[0] for cells in rows]
        best = [row.name for row in ranking.rows if row.grade == "excellent"]
        assert sorted(listed[: len(best)]) == sorted(best)
    members = [row.name for row in outcome.rankings[-1].rows]
    assert [cells[0] for cells in tables[outcome.rankings[-1].label.zh] if cells][1:] != members, "the order would tell the ranks"
    # 1 February 2019 is a Friday; the Saturday and Sunday after it are worked, then the Spring Festival's week is off
    assert "公示时间：2019年2月1日至2019年2月12日，共5个工作日" in text
    assert "示例办公室" in text and "0471-0000000" in text and "真实姓名" in text and "邮戳" in text


def test_nothing_is_put_up_before_every_grade_stands(office, desk_app):
    office.save("/desk/entry/scores", {(desk_app.first, "日常督查"): ""})
    page = office.get(NOTICE)
    assert "还不能公示" in page and "有缺项" in page and "公示 PDF" not in page
    refused = office.client.get(PAPER, follow_redirects=True)
    assert refused.mimetype == "text/html" and "有缺项" in refused.get_data(as_text=True)


def test_a_day_that_is_none_is_told(office):
    assert office.client.get(f"{NOTICE}?start=2019-02-30").status_code == 422
    assert office.client.get(f"{NOTICE}?start=今天").status_code == 422
