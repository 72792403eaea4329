"""D-27 over everything that shows counts: no group under the limit, and none by subtraction or by trying weights.

Every part of a sitting (its ballots of one group) marks one cell of its own `poor` and all others `good`. A table of counts then
says by itself whose ballots it holds, whatever stands above it: what was published becomes rows of a matrix over the parts, and
what follows from it by any sums and differences is the span of those rows.
"""

import csv
import io
import itertools
import json
import sqlite3
import zipfile
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pypdfium2
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import insert

from survey import access, db, schema
from survey.box import casting, keys, opening, sealing, slip
from survey.box import collection as collections
from survey.year import scoring
from tests.box.meeting import SCORED, SCRUTINEER, TELLER
from tests.desk.office import PASSWORDS, sign_in

LEAST = 5
PEOPLE = 3
ITEMS = {"tasks": "目标任务完成", "organisation": "基层组织建设", "service": "为民服务事宜", "results": "脱贫攻坚成效", "overall": "总体评价"}
ASKED = {"work": ("干事实在不实在", "干事实在"), "help": ("帮大家解决问题", "解决问题"), "satisfied": ("总的满意不满意", "总的满意")}
GROUPS = {"appraisal": ("leaders", "departments", "townships", "village_teams", "households"), "opinion": ("committee", "household")}
VILLAGES = ("示例一嘎查", "示例二嘎查", "示例三嘎查")
POOR = ("差", "不满意")  # a questionnaire's word and the measure's

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # an example takes seconds: a failing one is not made smaller

numbers = st.integers(0, 7)

def sittings(groups):
    """One to three sittings with some ballots each, by group."""
    one = st.fixed_dictionaries(dict.fromkeys(groups, numbers)).filter(lambda each: any(each.values()))
    return st.lists(one, min_size=1, max_size=3)


@pytest.fixture
def world(make_app):
    """An app with the officers and the office signed in; every example makes a year of its own, the newest, which the desk works on."""
    app = make_app("sqlite")
    with app.app_context(), db.deed() as connection:
        for name, password in (("teller", TELLER), ("scrutineer", SCRUTINEER), ("office", PASSWORDS["office"])):
            access.create(connection, name=name, title=name, roles={name}, password=password, by="cli")
    return SimpleNamespace(app=app, office=sign_in(app, "office"), year=itertools.count(2001))


def held(world, *given):
    """A year as `sealed` makes it; pages are asked for outside, in contexts of their own."""
    with world.app.app_context():
        return sealed(world, *given)


def sealed(world, kind, numbers, weighted=False):
    """A year with sealed sittings of these numbers of ballots a group; its parts, as (sitting, group) -> (number, cell)."""
    year, instance = next(world.year), Path(world.app.config["INSTANCE"])
    banner = f"示例{year}旗"
    parts, houses = {}, []
    cells = itertools.cycle(itertools.product([f"P{year}{at}" for at in range(PEOPLE)], ITEMS if kind == "appraisal" else ASKED))
    with db.deed() as connection:
        choices = json.dumps({"group_weights": "30/20/20/15/15"}) if weighted else "{}"
        connection.execute(insert(schema.cycle).values(cycle=year, measure="neimenggu-2018", choices=choices))
        connection.execute(insert(schema.banner).values(cycle=year, banner=banner))
        for at in range(PEOPLE):
            row = {"cycle": year, "person": f"P{year}{at}", "name": f"示例{'甲乙丙'[at]}{year}", "banner": banner}
            connection.execute(insert(schema.person).values(**row, position=("captain", "deputy", "member")[at], unit="示例厅"))
    for at, of_sitting in enumerate(numbers):
        total = sum(of_sitting.values())
        village = VILLAGES[at] if kind == "opinion" else ""
        with db.deed() as connection:
            name = collections.draft(connection, cycle=year, banner=banner, kind=kind, mode="slips", title="示例会", village=village)
            store = keys.of(instance, name)
            codes = {
                group: slip.make(connection, store, name, voice=group, medium="phone", number=number)
                for group, number in of_sitting.items()
            }
            collections.change(
                connection, name, teller="teller", scrutineer="scrutineer", expected=total, present=total, issued=total,
                held_on="2019-01-10", delivered_on="2019-01-05",
            )  # fmt: skip
            house = collections.get(connection, name)
            opening.open_box(
                connection, instance, house, teller=TELLER, scrutineer=SCRUTINEER, by="teller", secure=True
            )
        with db.reading() as connection:
            house = collections.get(connection, name)
            form = collections.form(connection, house)
        ballots = []
        for group, number in of_sitting.items():
            if number:
                parts[at, group] = (number, next(cells))
                reply = marked(form, kind, parts[at, group][1])
                ballots += [
                    casting.Ballot(reply=reply, nonce=casting.new_nonce(name), slip=each.token) for each in codes[group]
                ]
        assert {each.status for each in casting.cast_batch(collection=house, form=form, ballots=ballots, source="phone")} <= {"cast"}
        with db.deed() as connection:
            sealing.close(connection, house, by="teller")
        sealing.seal(
            db.engine(), instance, name, scored=SCORED, by="teller", teller=TELLER, scrutineer=SCRUTINEER
        )
        houses.append(name)
    return SimpleNamespace(year=year, banner=banner, parts=parts, houses=houses, kind=kind)


def marked(form, kind, cell):
    """Good everywhere, poor in one cell."""
    given = {}
    for item in form.items():
        options = [each.id for each in item.question.options]
        if item.question.kind == "one" and "good" in options:
            given[item.name] = ["poor" if (item.subject, item.question.id) == cell else "good"]
        elif item.question.id == "known":
            given[item.name] = ["acquainted"]
    reply, faults = form.read(given)
    assert not faults
    return reply


# ---- what the pages say --------------------------------------------------------------------------------------------


class Tables(HTMLParser):
    """The tables of a page, as (caption, rows of cells)."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.cell, self.at = [], None, ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append(["", []])
        elif tag == "tr" and self.tables:
            self.tables[-1][1].append([])
        elif tag in ("td", "th", "caption"):
            self.cell = ""

    def handle_endtag(self, tag):
        if tag == "caption":
            self.tables[-1][0] = self.cell
        elif tag in ("td", "th") and self.tables and self.tables[-1][1]:
            self.tables[-1][1][-1].append(self.cell)

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data


class Tree(HTMLParser):
    """The steps of an explanation, as (label, value, children)."""

    def __init__(self, html):
        super().__init__()
        self.root = ("", "", [])
        self.open, self.tags, self.at = [self.root], [], None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        kind = dict(attrs).get("class", "")
        if tag in ("div", "details"):
            self.tags.append(kind == "step")
            if kind == "step":
                self.open.append(["", "", []])
                self.open[-2][2].append(self.open[-1])
        self.at = {"step-label": 0, "step-value": 1}.get(kind, self.at if tag in ("span", "b") and not kind else None)

    def handle_endtag(self, tag):
        if tag in ("div", "details") and self.tags.pop():
            self.open.pop()
        self.at = None

    def handle_data(self, data):
        if self.at is not None and len(self.open) > 1:
            self.open[-1][self.at] += data


def aggregates(year, office):
    """Everything published: (where, which) -> (person, question) -> number of poor marks. Only cells that were printed."""
    found = {}
    names = {f"示例{'甲乙丙'[at]}{year.year}": f"P{year.year}{at}" for at in range(PEOPLE)}
    words = {label: id for id, labels in ASKED.items() for label in labels} | {label: id for id, label in ITEMS.items()}
    questions = {id: label for label, id in words.items() if (id in ITEMS) == (year.kind == "appraisal")}
    words = {label: id for label, id in words.items() if id in questions}
    def get(url):
        answer = office.client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)
        return answer

    def note(where, which, person, question, number):
        """A number printed; where it is printed again it is the same."""
        assert found.setdefault((where, which), {}).setdefault((person, question), int(number)) == int(number)

    def add(where, which, person, question, poor):
        """One row of many that a reader would count."""
        cells = found.setdefault((where, which), {})
        cells[person, question] = cells.get((person, question), 0) + poor

    def poor_of(rows, row):
        return row[next(at for at, head in enumerate(rows[0]) if head in POOR)].split()[0]

    def page(where, which, html):
        for caption, rows in Tables(html).tables:
            person = next((id for name, id in names.items() if name in caption), None)
            for row in rows[1:]:
                if row and row[0] in words:
                    assert person, (where, caption)
                    note(where, which, person, words[row[0]], poor_of(rows, row))

    for name in year.houses:
        for where in (f"/desk/meeting/{name}", f"/desk/meeting/{name}/projector", f"/published/{name}"):
            page(where, "", get(where).get_data(as_text=True))
        for where in (f"/published/{name}/package.zip", f"/desk/meeting/{name}/package.zip"):
            with zipfile.ZipFile(io.BytesIO(get(where).data)) as files:
                for row in csv.DictReader(io.StringIO(files.read("tally.csv").decode())):
                    if row["question"] in questions:
                        add(where, row["group"], row["subject"], row["question"], int(row["count"]) * (row["answer"] == "poor"))
                closing = json.loads(files.read("closing.json"))
                assert not closing["tally"] or min(closing["groups"].values()) >= LEAST
                if "fragments.csv" in files.namelist():
                    for row in csv.DictReader(io.StringIO(files.read("fragments.csv").decode())):
                        for question, answer in json.loads(row["answers"]).items():
                            if question in questions:
                                add(where + " fragments", row["group"], row["subject"], question, answer == "poor")
        book = CalamineWorkbook.from_filelike(io.BytesIO(get(f"/desk/paper/{name}/tally.xlsx").data))
        by_group = []
        for sheet, group_at in (("计数", None), ("按类别", 0)):
            for row in book.get_sheet_by_name(sheet).to_python()[1:] if sheet in book.sheet_names else ():
                person, question, option, number = row[1:5]
                if person in names and question in words and option in POOR:
                    note(f"{name} {sheet}", "" if group_at is None else row[0], names[person], words[question], number)
                    by_group += [int(number)] if group_at == 0 else []
        text = spoken(get(f"/desk/paper/{name}/tally.pdf").data)
        counted = any(key[0] == f"{name} 计数" for key in found)
        assert any(label in text for label in words) == counted, "the record on paper and the workbook show the same"
        assert ("按类别计数" in text) == bool(by_group)

    with zipfile.ZipFile(io.BytesIO(get("/desk/cycle/export.zip").data)) as files:
        for row in csv.DictReader(io.StringIO(files.read("ballots.csv").decode("utf-8-sig"))):
            add("export", row["group"], row["person"], row["item"], row["grade"] == "poor")
        for row in csv.DictReader(io.StringIO(files.read("opinions.csv").decode("utf-8-sig"))):
            if row["question"] in questions:
                add("export", (row["village"], row["respondent"]), row["person"], row["question"], row["answer"] == "poor")

    archive = sqlite3.connect(":memory:")
    archive.deserialize(get("/desk/cycle/archive.db").data)
    for group, person, item, grade in archive.execute('SELECT "group", person, item, grade FROM ballots'):
        add("archive", group, person, item, grade == "poor")
    for village, group, person, question, answer in archive.execute("SELECT village, respondent, person, question, answer FROM opinions"):
        if question in questions:
            add("archive", (village, group), person, question, answer == "poor")
    for *which, person, question, answer, number in archive.execute(
        'SELECT collection, "group", subject, question, answer, count FROM archive_tally'
    ):
        if question in questions:
            add("archive tally", tuple(which), person, question, number * (answer == "poor"))

    labels = set()

    def walk(step, person, group, depth=0):
        label, _value, children = step
        labels.add(label)
        person = names.get(label.strip(), person)
        inside = {child[0]: child[1] for child in children}
        poor = next((number for word, number in inside.items() if word in POOR), None)
        if poor is not None and (label in words or group):
            note("tree", "" if label in words else label, person, words.get(label, group), poor)
        for child in children:
            walk(child, person, words.get(label, group), depth + 1)

    for at, sequence in enumerate(("captain", "deputy", "member")):
        person = f"P{year.year}{at}"
        html = get(f"/desk/results/{sequence}/{person}").get_data(as_text=True)
        for caption, rows in Tables(html).tables:
            if caption in ("测评票分布", "民意调查分布"):
                for row in rows[1:]:
                    note("bars", "", person, words[row[0]], poor_of(rows, row))
        walk(Tree(html).root, person, "")
        if at == 0:
            text = spoken(get(f"/desk/results/{sequence}/{person}.pdf").data)
            assert labels & set(words) or not any(label in text for label in set(words) - {"解决问题"}), "paper says more"
    told_by_archive = {label for (label,) in archive.execute("SELECT DISTINCT label FROM archive_step")}
    assert told_by_archive & set(words) <= labels, "the archive says more"
    for url in ("/desk/results.xlsx", "/desk/decisions.xlsx"):
        book = CalamineWorkbook.from_filelike(io.BytesIO(get(url).data))
        cells = {str(cell).strip() for name in book.sheet_names for row in book.get_sheet_by_name(name).to_python() for cell in row}
        assert cells & set(words) <= labels, f"{url} says more"
    assert not any(f'"{question}"' in get("/desk/results.json").get_data(as_text=True) for question in questions)
    return found


def spoken(pdf):
    """A PDF's text without spaces."""
    return "".join("".join(page.get_textpage().get_text_range().split()) for page in pypdfium2.PdfDocument(pdf))


# ---- what follows from it ------------------------------------------------------------------------------------------


def vectors(year, found):
    """Each published sum as 0 and 1 over the parts. A part is in it whole or not at all."""
    rows = set()
    for which, cells in found.items():
        row = []
        for number, cell in year.parts.values():
            assert cells.get(cell, 0) in (0, number), f"{which} takes a part in pieces"
            row.append(int(cells.get(cell, 0) == number))
        rows.add(tuple(row))
    return rows


def rank(rows):
    """The rank of a matrix, exactly."""
    left, found = [[Fraction(each) for each in row] for row in rows], 0
    for column in range(len(left[0]) if left else 0):
        pivot = next((row for row in left[found:] if row[column]), None)
        if pivot is not None:
            left.remove(pivot)
            left.insert(found, pivot)
            for at, row in enumerate(left):
                if at != found and row[column]:
                    factor = row[column] / pivot[column]
                    left[at] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
            found += 1
    return found


def told(year, rows):
    """The sets of fewer than five ballots that follow from the rows by sums and differences."""
    sizes = [number for number, _cell in year.parts.values()]
    known = rank(list(rows))
    small = (
        chosen
        for many in range(1, LEAST)
        for chosen in itertools.combinations(range(len(sizes)), many)
        if sum(sizes[at] for at in chosen) < LEAST
    )
    return [
        chosen for chosen in small if rank([*rows, tuple(int(at in chosen) for at in range(len(sizes)))]) == known
    ]  # fmt: skip


def tried(world, year):
    """What trying weights gives: with all weight on one group, each group's ballots apart, where the page answers at all."""
    url = "/desk/what-if?choice.group_weights="
    found = {}
    with world.app.app_context(), db.reading() as connection:
        facts = scoring.reckoned(connection, year.year).facts
    for at, group in enumerate(GROUPS["appraisal"]):
        weights = "/".join("100" if at == other else "0" for other in range(5))
        page = world.office.client.get(url + weights).get_data(as_text=True)
        if 'role="alert"' not in page:
            for subject, items in facts.appraisal.items():
                for item, groups in items.items():
                    for voice, marks in groups.items():
                        if group in voice.split("+"):
                            cell = found.setdefault((weights, ""), {})
                            cell[subject.person, item] = cell.get((subject.person, item), 0) + marks.get("poor", 0)
    return found


def points_tried(world):
    """Whether other points of the marks may be tried."""
    html = world.office.client.get("/desk/what-if?choice.ballot_points=100/0/0/0").get_data(as_text=True)
    return 'role="alert"' not in html


@given(numbers=sittings(GROUPS["appraisal"][:4]), weighted=st.booleans())
@example(numbers=[{"leaders": 9, "departments": 8}, {"leaders": 2, "departments": 1}], weighted=False)  # a sitting for three
@example(numbers=[{"leaders": 9, "departments": 8}, {"leaders": 2, "departments": 1}], weighted=True)
@example(numbers=[{"leaders": 3}, {"departments": 3}, {"leaders": 20, "townships": 5}], weighted=False)  # two small ones
@example(numbers=[{"leaders": 2}], weighted=False)
@settings(max_examples=3, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
def test_no_sum_or_difference_of_what_a_meeting_shows_is_of_fewer_than_five_ballots(world, numbers, weighted):
    year = held(world, "appraisal", numbers, weighted)
    found = aggregates(year, world.office)
    trying = tried(world, year)
    for which, cells in (found | trying).items():
        total = sum(number for number, cell in year.parts.values() if cells.get(cell))
        assert total == 0 or total >= LEAST, (which, total)
    assert told(year, vectors(year, found | trying)) == []
    shown = {where for where, _which in found}
    whole = [sum(each.values()) for each in numbers]
    for name, total in zip(year.houses, whole, strict=True):  # nor is anything withheld that may be shown
        assert (f"/published/{name}" in shown) == (total >= LEAST)
    withheld = sum(total for total in whole if total < LEAST)
    assert ("bars" in shown) == (sum(whole) > 0 and (withheld == 0 or withheld >= LEAST))
    assert points_tried(world) == (withheld == 0 or withheld >= LEAST)


@given(numbers=sittings(GROUPS["opinion"]))
@example(numbers=[{"committee": 8, "household": 9}, {"committee": 1, "household": 2}])
@example(numbers=[{"committee": 3, "household": 1}, {"committee": 0, "household": 7}, {"committee": 2, "household": 2}])
@settings(max_examples=3, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
def test_no_sum_or_difference_of_what_a_survey_shows_is_of_fewer_than_five_responses(world, numbers):
    year = held(world, "opinion", numbers)
    found = aggregates(year, world.office)
    assert told(year, vectors(year, found)) == []
    for which, cells in found.items():
        total = sum(number for number, cell in year.parts.values() if cells.get(cell))
        assert total == 0 or total >= LEAST, (which, total)


def test_the_test_itself_finds_a_difference():
    year = SimpleNamespace(parts={"a": (3, "x"), "b": (9, "y"), "c": (6, "z")})
    assert told(year, {(1, 1, 0), (0, 0, 1)}) == []
    assert told(year, {(1, 1, 1), (0, 1, 0), (0, 0, 1)}) == [(0,)]
    assert told(year, {(1, 1, 0), (0, 1, 1), (0, 0, 1)}) == [(0,)]
