"""From paper back to marks: what is read for certain is what was drawn, the rest goes to a person or is refused."""

import struct
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
import pikepdf
import pytest

from bench import paper_simulate as simulate
from survey.instrument import Form, Rated, load
from survey.paper import geometry, reading, sheet
from survey.paper.reading import Page, Picture

CODES = ["ABCDE-FGHJK", "12345-6789A"]


@dataclass(frozen=True)
class Printed:
    geometry: geometry.Geometry
    pages: list[Picture]  # all sheets of both codes

    def read(self, picture: Picture, collection: str = "DEMO2018") -> Page:
        return reading.read(picture, {self.geometry.layout: self.geometry}, collection)


def print_form(name: str, number: int) -> Printed:
    people = tuple(Rated(id=f"p{n}", name=f"示例{'甲乙丙丁戊己庚辛壬癸子丑'[n]}", position="成员") for n in range(number))
    laid = sheet.lay_out(sheet.plan(Form(instrument=load(name), people=people), collection="DEMO2018"))
    out = BytesIO()
    sheet.write(laid, CODES, out)
    return Printed(laid.geometry, simulate.printed(out.getvalue()))


@pytest.fixture(scope="module")
def ballot() -> Printed:
    return print_form("appraisal", 11)


@pytest.fixture(scope="module")
def survey() -> Printed:
    return print_form("opinion", 3)


def jpeg(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def half(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=0.66, fy=0.66, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("way", ["scan", "photo", "chat"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_certain_is_what_was_drawn(ballot: Printed, survey: Printed, way: simulate.Way, seed: int) -> None:
    rng = np.random.default_rng([seed, len(way)])
    for form in (ballot, survey):
        number = 1
        drawn, truth = simulate.fill_in(form.pages[number - 1], form.geometry, number, rng, awkward=0.2)
        page = form.read(simulate.degrade(drawn, way, rng))
        assert (page.refused, page.code, page.number) == (None, CODES[0], number)
        assert {(r.subject, r.question) for r in page.readings} == set(truth)
        certain = [r for r in page.readings if r.verdict != "person"]
        assert len(certain) > 0.3 * len(truth)
        for r in certain:
            meant = truth[r.subject, r.question]
            assert set(r.choices) == set(meant.options)
            assert meant.kind not in simulate.TO_A_PERSON


def test_an_untouched_sheet_is_blank_throughout(ballot: Printed) -> None:
    page = ballot.read(half(ballot.pages[0]))
    assert page.refused is None
    assert {r.verdict for r in page.readings} == {"blank"}


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_any_way_up(ballot: Printed, turns: int) -> None:
    rng = np.random.default_rng(turns)
    drawn, truth = simulate.fill_in(ballot.pages[0], ballot.geometry, 1, rng)
    page = ballot.read(np.ascontiguousarray(np.rot90(half(drawn), turns)))
    right = [set(r.choices) == set(truth[r.subject, r.question].options) for r in page.readings if r.verdict != "person"]
    assert all(right) and len(right) > 0.9 * len(truth)


@pytest.mark.parametrize("kind", ["corrected", "double", "cancelled"])
def test_a_corrected_a_double_and_a_cancelled_mark_go_to_a_person(
    ballot: Printed, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "AWKWARD", {kind: 1.0})
    rng = np.random.default_rng(4)
    drawn, truth = simulate.fill_in(ballot.pages[0], ballot.geometry, 1, rng, awkward=1.0)
    assert {meant.kind for meant in truth.values()} == {kind}
    page = ballot.read(simulate.scan(drawn, rng))
    assert {r.verdict for r in page.readings} == {"person"}
    assert all(r.choices for r in page.readings), "the reviewer gets a suggestion"


@pytest.mark.parametrize("kind", ["faint", "dash", "beside"])
def test_a_pale_short_or_misplaced_mark_counts_where_the_other_boxes_show_nothing(
    ballot: Printed, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate, "AWKWARD", {kind: 1.0})
    rng = np.random.default_rng(6)
    drawn, truth = simulate.fill_in(ballot.pages[0], ballot.geometry, 1, rng, awkward=1.0)
    readings = ballot.read(simulate.scan(drawn, rng)).readings
    certain = [r for r in readings if r.verdict == "certain"]
    assert len(certain) > 0.8 * len(truth)
    assert all(r.choices == truth[r.subject, r.question].options for r in certain)


@pytest.mark.parametrize("seed", range(12))
def test_a_crossed_out_mark_among_several_goes_to_a_person(survey: Printed, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "AWKWARD", {"corrected": 1.0})
    rng = np.random.default_rng(seed)
    number = next(n for n in range(1, 9) if any(row.kind == "many" for row in survey.geometry.rows_of(n)))
    drawn, _ = simulate.fill_in(survey.pages[number - 1], survey.geometry, number, rng, awkward=1.0)
    assert {r.verdict for r in survey.read(simulate.scan(drawn, rng)).readings} == {"person"}


@pytest.mark.parametrize("ticked", [True, False])
def test_a_hair_is_no_mark(ballot: Printed, ticked: bool) -> None:
    rng = np.random.default_rng(2)
    pen, hair = simulate.Pen(width=0.5, dark=0.7, grain=0), simulate.Pen(width=0.09, dark=0.5, grain=0)
    picture, rows = ballot.pages[0].copy(), ballot.geometry.rows_of(1)
    for row in rows:
        tick, other = (ballot.geometry.sheets[0].boxes[row.subject, row.question, option] for option in row.options[1:3])
        if ticked:
            simulate._mark(picture, tick, "tick", pen, 1.0, rng)
        simulate._stroke(picture, np.array([[1.8, 1.7], [2.4, 2.2], [3.0, 2.2]]) + (other.x, other.y), hair, rng)
    readings = ballot.read(simulate.scan(picture, rng)).readings
    if ticked:
        assert sum(r.verdict == "certain" for r in readings) > 0.8 * len(rows)
        assert all(r.choices == row.options[1:2] for r, row in zip(readings, rows, strict=True) if r.verdict == "certain")
    else:
        assert {r.verdict for r in readings} == {"person"}


def test_too_many_choices_go_to_a_person(survey: Printed) -> None:
    number, row = next((n, row) for n in range(1, 9) for row in survey.geometry.rows_of(n) if row.question == "wishes")
    boxes = survey.geometry.sheets[number - 1].boxes
    for count, verdict in ((3, "certain"), (4, "person")):
        picture = survey.pages[number - 1].copy()
        for option in row.options[:count]:
            box = boxes["", "wishes", option]
            at = [
                (round((box.x + x) * simulate.SHARP), round((box.y + y) * simulate.SHARP)) for x, y in ((1, 2), (2, 4), (4, 1))
            ]
            cv2.polylines(picture, [np.array(at, np.int32)], False, 60, 6, cv2.LINE_AA)
        r = next(r for r in survey.read(half(picture)).readings if r.question == "wishes")
        assert (r.verdict, set(r.choices)) == (verdict, set(row.options[:count]))
    assert r.why == "too_many"


def test_a_covered_box_sends_its_question_to_a_person(ballot: Printed) -> None:
    picture = half(ballot.pages[0])
    row = ballot.geometry.rows_of(1)[7]
    box = ballot.geometry.sheets[0].boxes[row.subject, row.question, row.options[2]]
    sharp = simulate.SHARP * 0.66
    picture[
        round((box.y - 1) * sharp) : round((box.y + 6) * sharp), round((box.x - 1) * sharp) : round((box.x + 3) * sharp)
    ] = 255
    page = ballot.read(picture)
    assert [(r.subject, r.question, r.why) for r in page.readings if r.verdict == "person"] == [
        (row.subject, row.question, "outline")
    ]


def test_a_sheet_that_came_twice_counts_once_and_a_missing_one_is_told(ballot: Printed) -> None:
    of = len(ballot.geometry.sheets)
    assert of == 2
    order = [2, 1, 0, 2]  # second form's first sheet, first form's second, first form's first, and again
    pages = [ballot.read(half(ballot.pages[n])) for n in order]
    batch = reading.collate([*pages, ballot.read(np.full((1200, 900), 250, np.uint8))])
    assert batch.forms == {CODES[1]: {1: 0}, CODES[0]: {2: 1, 1: 2}}
    assert batch.twice == ((3, 0),) and batch.differing == ()
    assert batch.missing == {CODES[1]: (2,)}
    assert batch.refused == (4,)


def test_two_readings_of_one_sheet_that_differ_are_told(ballot: Printed) -> None:
    rng = np.random.default_rng(9)
    drawn, _ = simulate.fill_in(ballot.pages[0], ballot.geometry, 1, rng)
    batch = reading.collate([ballot.read(half(ballot.pages[0])), ballot.read(half(drawn))])
    assert batch.differing == ((1, 0),)


def test_refusals_name_their_reason(ballot: Printed, survey: Printed) -> None:
    good = half(ballot.pages[0])
    assert ballot.read(good, "OTHER").refused == "other_collection"
    assert reading.read(good, {survey.geometry.layout: survey.geometry}, "DEMO2018").refused == "older_layout"
    assert ballot.read(np.full((1600, 1200), 245, np.uint8)).refused == "blank_page"
    assert ballot.read(cv2.resize(good, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA)).refused in {
        "few_pixels",
        "no_code",
    }
    blurred = cv2.GaussianBlur(good, (0, 0), 7)
    assert ballot.read(blurred).refused in {"blurred", "no_code", "foreign"}
    letter = np.full((2000, 1400), 250, np.uint8)
    for line in range(30):
        cv2.putText(letter, "some other document of the office", (120, 120 + 55 * line), 0, 1.6, 20, 3)
    assert ballot.read(letter).refused == "foreign"


def test_a_torn_corner_is_read_by_the_other_three_but_not_by_one(ballot: Printed) -> None:
    torn = half(ballot.pages[0])
    torn[-250:, -260:] = 255
    page = ballot.read(torn)
    assert page.refused is None and all(r.verdict == "blank" for r in page.readings)
    torn[-250:, :260] = 255
    torn[:250, :260] = 255
    assert ballot.read(torn).refused == "torn"


def test_scans_and_photos_come_from_one_upload_or_many(ballot: Printed) -> None:
    pdf = pikepdf.new()
    scans = [half(ballot.pages[n]) for n in (1, 0)]
    for scan in scans:
        high, wide = scan.shape
        page = pdf.add_blank_page(page_size=(wide / 200 * 72, high / 200 * 72))
        image = pikepdf.Stream(
            pdf, jpeg(scan), Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Image, Width=wide, Height=high,
            ColorSpace=pikepdf.Name.DeviceGray, BitsPerComponent=8, Filter=pikepdf.Name.DCTDecode,
        )  # fmt: skip
        page.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im=image))
        page.contents_add(f"q {wide / 200 * 72} 0 0 {high / 200 * 72} 0 0 cm /Im Do Q".encode())
    out = BytesIO()
    pdf.save(out)
    found = list(reading.pictures(out.getvalue()))
    assert [picture.shape for picture in found] == [scan.shape for scan in scans], "as the scanner made them"
    assert [ballot.read(picture).number for picture in found] == [2, 1]
    (photo,) = reading.pictures(jpeg(scans[0]))
    assert ballot.read(photo).number == 2


def test_a_drawn_pdf_is_rendered(ballot: Printed) -> None:
    people = tuple(Rated(id=f"p{n}", name="示例甲") for n in range(2))
    laid = sheet.lay_out(sheet.plan(Form(instrument=load("appraisal"), people=people), collection="DEMO2018"))
    out = BytesIO()
    sheet.write(laid, ["ABCDE-FGHJK"], out)
    (picture,) = reading.pictures(out.getvalue())
    page = reading.read(picture, {laid.geometry.layout: laid.geometry}, "DEMO2018")
    assert page.refused is None and {r.verdict for r in page.readings} == {"blank"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"%PDF-1.7 and nothing else",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\x0dIHDR" + struct.pack(">II", 60_000, 60_000) + b"\x08\x00\x00\x00\x00",
        b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",
    ],
    ids=["empty", "gif", "broken pdf", "broken jpeg", "png of 3.6 gigapixels", "heic"],
)
def test_what_cannot_be_opened_is_told_in_words(data: bytes) -> None:
    with pytest.raises(reading.Unreadable) as told:
        list(reading.pictures(data))
    assert str(told.value)


def test_the_cut_out_shows_the_boxes_put_straight(ballot: Printed) -> None:
    rng = np.random.default_rng(3)
    page = ballot.read(photo := simulate.photo(ballot.pages[0], rng))
    r = page.readings[0]
    cut = cv2.imdecode(np.frombuffer(reading.crop(photo, page.pose, r.box), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert cut.shape == (round(r.box.height * 8), round(r.box.width * 8))
    line = cut[round(5.5 * 8), :].astype(float)
    edges = [round((3 + 12 * n + x) * 8) for n in range(4) for x in (0.15, 4.85)]
    assert all(line[edge - 3 : edge + 4].min() < np.median(line) - 40 for edge in edges)
    assert reading.whole(photo, page, landscape=True)[:4] == b"\x89PNG"


def test_without_the_extra_it_is_said_what_to_install() -> None:
    script = "import sys; sys.modules['cv2'] = None\nimport survey.paper.sheet\nimport survey.paper.reading"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "minzhu-ceping[scan]" in done.stderr
