"""Sheets as they are printed: room for every mark, a code on each that can be read, and one source of geometry."""

import re
from io import BytesIO

import cv2
import numpy as np
import pypdfium2
import pytest
import zxingcpp

from survey.instrument import Form, Rated, load
from survey.paper import font, geometry, sheet, stamp


def people(number: int) -> tuple[Rated, ...]:
    return tuple(
        Rated(
            id=f"p{n}",
            name=["示例甲", "孛儿只斤·巴图孟克吉日嘎拉", "示例喆堃"][n % 3],
            position="副总队长",
            unit=["自治区示例厅", "内蒙古自治区示例农牧业产业化发展服务中心办公室"][n % 2],
        )
        for n in range(number)
    )


def laid(name: str, number: int, **more: str) -> sheet.Laid:
    form = Form(instrument=load(name), people=people(number))
    return sheet.lay_out(sheet.plan(form, collection="DEMO2018", **more))


def printed(form: sheet.Laid, codes: list[str]) -> bytes:
    out = BytesIO()
    assert sheet.write(form, codes, out) == len(codes)
    return out.getvalue()


def drawn(pdf: bytes, sharp: float = 8.0) -> list[np.ndarray]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.render(scale=sharp * 25.4 / 72, grayscale=True).to_numpy().squeeze().copy() for page in document]


def text(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


@pytest.mark.parametrize(("name", "number"), [("appraisal", 2), ("appraisal", 20), ("opinion", 7)])
def test_every_box_has_its_size_its_distance_and_white_paper_around(name: str, number: int) -> None:
    form = laid(name, number)
    pages = drawn(form.pdf)
    assert len(pages) == len(form.geometry.sheets)
    for picture, page in zip(pages, form.geometry.sheets, strict=True):
        boxes = list(page.boxes.values())
        for box in boxes:
            assert box.width == pytest.approx(5, abs=0.01) and box.height == pytest.approx(5, abs=0.01)
            left, top = round((box.x - 1.9) * 8), round((box.y - 1.9) * 8)
            window = picture[top : top + round(8.8 * 8), left : left + round(8.8 * 8)] < 250
            window[round(1.5 * 8) : round(7.3 * 8), round(1.5 * 8) : round(7.3 * 8)] = False
            assert not window.any(), "something is printed beside a box"
            line = picture[round((box.y + 2.5) * 8), round((box.x - 0.2) * 8) : round((box.x + 0.6) * 8)]
            assert line.min() < 90, "the outline is not where the geometry says"
        for one in boxes:
            for two in boxes:
                if one is not two:
                    assert max(abs(one.x - two.x), abs(one.y - two.y)) - 5 >= 6.95


def test_twenty_people_break_across_sheets_each_with_its_head_and_number() -> None:
    form = laid("appraisal", 20)
    assert form.geometry.landscape
    assert sum(len(page.boxes) for page in form.geometry.sheets) == 20 * 20
    said = text(form.pdf)
    of = len(said)
    assert of >= 2
    for number, words in enumerate(said, 1):
        assert "目标任务完成" in words and "较好" in words
        assert re.search(rf"第\s*{number}\s*张，共\s*{of}\s*张", words)


def test_a_questionnaire_asks_team_questions_once_and_the_person_questions_of_each() -> None:
    form = laid("opinion", 6)
    rows = form.geometry.rows
    assert not form.geometry.landscape
    assert [row.subject for row in rows if row.question == "satisfied"] == [f"p{n}" for n in range(6)]
    wishes = next(row for row in rows if row.question == "wishes")
    assert (wishes.kind, wishes.at_most) == ("many", 3)
    assert sum(len(page.spaces) for page in form.geometry.sheets) == 1
    words = "".join(text(form.pdf))
    assert "1. 您知道自治区" in words and "11. 您最盼着" in words and "原文件附件4正文缺失" in words


def test_a_questions_boxes_never_part() -> None:
    form = laid("opinion", 9)
    for row in form.geometry.rows:
        on = [all((row.subject, row.question, option) in page.boxes for option in row.options) for page in form.geometry.sheets]
        assert on.count(True) == 1


@pytest.mark.parametrize("name", ["appraisal", "opinion"])
def test_every_printed_code_is_read_again_and_is_not_mirrored(name: str) -> None:
    form = laid(name, 10)
    codes = [f"{n:05}-{'ABCDEFGHJK'[n % 10] * 5}" for n in range(12)]
    pages = drawn(printed(form, codes), 5.0)
    of = len(form.geometry.sheets)
    place = geometry.code_place(form.geometry.landscape)
    for number, picture in enumerate(pages):
        found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
        assert len(found) == 1
        said = geometry.stamp(found[0].text)
        assert said == geometry.Stamp(
            collection="DEMO2018", code=codes[number // of], page=number % of + 1, of=of, layout=form.geometry.layout
        )
        rows = stamp.matrix(found[0].text)
        middle = [(n + 0.5) * place.width / len(rows) for n in range(len(rows))]
        seen = [
            [bool(picture[round((place.y + y) * 5 - 0.5), round((place.x + x) * 5 - 0.5)] < 128) for x in middle]
            for y in middle
        ]
        wrong = sum(a != b for mine, theirs in zip(rows, seen, strict=True) for a, b in zip(mine, theirs, strict=True))
        assert wrong < 0.05 * len(rows) ** 2, "mirrored or displaced"


def test_the_code_is_printed_in_letters_too() -> None:
    words = text(printed(laid("appraisal", 3), ["ABCDE-FGHJK"]))
    assert "ABCDE-FGHJK" in words[0]


def test_corner_marks_are_those_that_are_looked_for() -> None:
    known = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    for name, bits in geometry.MARKS.items():
        image = cv2.aruco.generateImageMarker(known, name, 6)[1:5, 1:5]
        assert bits == "".join("1" if light else "0" for light in image.ravel() > 0)
    for landscape in (False, True):
        width, height = geometry.size(landscape)
        for box in geometry.corner_marks(landscape).values():
            assert box.x >= 11 and box.y >= 11 and box.x + box.width <= width - 11 and box.y + box.height <= height - 11


def test_geometry_survives_being_kept_as_text() -> None:
    form = laid("opinion", 4)
    assert geometry.from_json(form.geometry.to_json()) == form.geometry


def test_another_wording_or_another_person_is_another_layout() -> None:
    first = laid("appraisal", 4).geometry.layout
    assert laid("appraisal", 4).geometry.layout == first
    assert laid("appraisal", 5).geometry.layout != first
    assert laid("appraisal", 4, title="另一个标题").geometry.layout != first


def test_an_english_sheet_says_english_words() -> None:
    words = text(laid("appraisal", 2, language="en").pdf)[0]
    assert "Fairly" in words and "Democratic appraisal" in words


def test_one_person_twice_cannot_be_printed() -> None:
    form = Form(instrument=load("appraisal"), people=(people(1)[0], people(1)[0]))
    with pytest.raises(sheet.LayoutError):
        sheet.lay_out(sheet.plan(form, collection="DEMO2018"))


def test_texts_are_never_taken_as_markup_and_nothing_is_fetched() -> None:
    rated = Rated(id="p1", name="<img src='file:///etc/hostname'>", position="<b>", unit="&amp;")
    form = Form(instrument=load("appraisal"), people=(rated,))
    words = text(sheet.lay_out(sheet.plan(form, collection="DEMO2018")).pdf)[0]
    assert "<b>" in words and "&amp;" in words
    with pytest.raises(ValueError, match="fetches nothing"):
        sheet.refuse("file:///etc/hostname")


def test_a_name_is_set_in_one_font_that_has_all_of_it() -> None:
    family = font.family("示例喆堃玥")
    assert family is not None
    assert {ord(sign) for sign in "示例喆堃玥"} <= font.characters(family)
    assert font.missing("示例甲") == ""
    assert font.missing("示例\U0010fffd") == "\U0010fffd"
    assert font.family("示例\U0010fffd") is None
    assert font.characters("没有这种字体") == frozenset()


def test_only_our_own_codes_are_stamps() -> None:
    assert geometry.stamp("https://example.invalid/P1/a/b/1/1/ABCDEFGH") is None
    assert geometry.stamp("P1/DEMO/ABC/2/1/ABCDEFGH") is None
    said = geometry.stamp("P1/DEMO/ABC/1/2/ABCDEFGH")
    assert said is not None and str(said) == "P1/DEMO/ABC/1/2/ABCDEFGH"
