"""A year book into the site's database and out again: the same rows, the same scores, nothing small shown."""

import json
from collections import Counter

import pytest
from sqlalchemy import func, insert, select, update

from survey import db, journal, schema
from survey.year import gather, site, yearbook
from tally.outcome import appraise, as_result
from tests.year.conftest import EXAMPLES, NAMES, PLAIN, expected, holds, put, records


@pytest.fixture(autouse=True)
def in_chinese(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "zh")


@pytest.fixture
def flask(app):
    """Runs a flask command against a fresh database."""
    return lambda *arguments: app.test_cli_runner().invoke(args=[str(argument) for argument in arguments])


def without_ids(found: dict[str, list[tuple[str, ...]]]) -> dict[str, Counter[tuple[str, ...]]]:
    """Rows but for the ids of ballots and responses and for what D-27 may hide."""
    kept = {"ballots": (0, 3, 4, 5), "opinions": (0, 4, 5, 6)}
    return {
        name: Counter(tuple(row[place] for place in kept.get(name, range(len(row)))) for row in rows)
        for name, rows in found.items()
    }


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_imported_and_exported_again_a_year_book_holds_the_same_rows(make_app, tmp_path, kind):
    name = "choices" if kind == "postgresql" else "small"
    app = make_app(kind)
    run = app.test_cli_runner()
    assert run.invoke(args=["year", "import", str(EXAMPLES / name)]).exit_code == 0
    for form in ("out", "out.xlsx", "out.db"):
        assert run.invoke(args=["year", "export", str(tmp_path / form), "--year", "2018"]).exit_code == 0
    books = [yearbook.read(tmp_path / form)[0] for form in ("out", "out.xlsx", "out.db")]
    assert records(books[0]) == records(books[1]) == records(books[2])
    assert without_ids(records(books[0])) == without_ids(records(yearbook.read(EXAMPLES / name)[0]))


@pytest.mark.parametrize("name", NAMES)
def test_the_site_scores_as_the_year_book_does(app, flask, tmp_path, name):
    assert flask("year", "import", EXAMPLES / name).exit_code == 0
    year = expected(name)["year"]
    with db.reading() as connection:
        facts, rulebook = site.facts(connection, year)
    assert holds(expected(name), as_result(appraise(facts, rulebook))) == []
    assert flask("year", "export", tmp_path / "out", "--year", year).exit_code == 0
    book, rulebook = yearbook.read(tmp_path / "out")
    assert holds(expected(name), as_result(appraise(gather.facts(book, rulebook), rulebook))) == []


def test_an_export_imported_elsewhere_and_exported_is_the_same_but_for_ids(make_app, tmp_path):
    for at, source in (("first", EXAMPLES / "small"), ("second", tmp_path / "first")):
        app = make_app(DATABASE_URL=f"sqlite:///{tmp_path / at}.db")
        run = app.test_cli_runner()
        assert run.invoke(args=["year", "import", str(source)]).exit_code == 0
        assert run.invoke(args=["year", "export", str(tmp_path / at), "--year", "2018"]).exit_code == 0
    first, second = (records(yearbook.read(tmp_path / at)[0]) for at in ("first", "second"))
    assert without_ids(first) == without_ids(second)
    groups = [Counter((row[0], row[2]) for row in rows) for rows in (first["ballots"], second["ballots"])]
    assert groups[0] == groups[1]


def test_marks_become_sealed_collections_labelled_imported(app, flask):
    assert "16 个已封箱的导入记录" in flask("year", "import", EXAMPLES / "small").stdout
    with db.reading() as connection:
        houses = connection.execute(select(schema.collection)).all()
        assert {house.origin for house in houses} == {"imported"}
        assert {house.state for house in houses} == {"sealed"}
        assert all("导入" in house.title for house in houses)
        assert Counter((house.banner, house.kind, house.village) for house in houses).most_common(1)[0][1] == 1
        ids = connection.execute(select(schema.fragment.c.fragment)).scalars().all()
        assert len({bytes(id) for id in ids}) == len(ids)
        assert {len(bytes(id)) for id in ids} == {16}
        assert [entry.deed for entry in journal.entries(connection) if entry.deed.startswith("year.")] == ["year.import"]


def test_a_year_that_exists_is_refused_and_stays(app, flask, tmp_path):
    assert flask("year", "import", EXAMPLES / "small").exit_code == 0
    other = put(tmp_path / "book")
    run = flask("year", "import", other)
    assert run.exit_code == 1
    assert "2018 年度已经有了" in run.stderr
    run = flask("year", "import", other, "--replace")
    assert run.exit_code == 1
    assert "不能换掉" in run.stderr
    with db.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.person)).scalar_one() == 48


def test_a_year_without_a_collection_can_be_replaced(app, flask, tmp_path):
    assert flask("year", "import", put(tmp_path / "first", ballots=None, opinions=None)).exit_code == 0
    people = PLAIN["people"].replace("示例一", "示例新")
    assert flask("year", "import", put(tmp_path / "second", people=people)).exit_code == 1
    assert flask("year", "import", put(tmp_path / "second", people=people), "--replace").exit_code == 0
    with db.reading() as connection:
        assert connection.execute(select(schema.person.c.name).where(schema.person.c.person == "P1")).scalar_one() == "示例新"


def test_a_year_book_with_faults_is_not_imported_in_part(app, flask, tmp_path):
    run = flask("year", "import", put(tmp_path / "book", scores=PLAIN["scores"].replace("90", "900")))
    assert run.exit_code == 1
    assert run.stderr.startswith("scores:2:score: 900: ")
    with db.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.cycle)).scalar_one() == 0


def test_check_says_that_there_is_no_fault(flask, plain):
    run = flask("year", "check", plain)
    assert (run.exit_code, run.stderr) == (0, "")
    assert run.stdout.startswith("没有差错: year 3, banners 2, people 3")


def test_wrong_usage_is_status_2(flask, tmp_path, plain):
    assert flask("year", "export", tmp_path / "out", "--year", "1999").exit_code == 2
    assert flask("year", "import", plain).exit_code == 0
    assert flask("year", "export", tmp_path / "out.ods", "--year", "2018").exit_code == 2
    assert flask("year", "export", tmp_path / "out").exit_code == 2
    assert not (tmp_path / "out").exists()


# ---- what D-27 hides -----------------------------------------------------------------------------------------------


def ballots(**numbers: int) -> str:
    """Ballots about P1: group -> how many."""
    lines = [PLAIN["ballots"].splitlines()[0]]
    lines += [f"示例甲旗,{group}{at},{group},P1,tasks,good" for group, number in numbers.items() for at in range(number)]
    return "\n".join(lines) + "\n"


def exported(flask, tmp_path, **changed: str) -> yearbook.Book:
    assert flask("year", "import", put(tmp_path / "book", **changed)).exit_code == 0
    assert flask("year", "export", tmp_path / "out", "--year", "2018").exit_code == 0
    return yearbook.read(tmp_path / "out")[0]


def test_small_groups_are_left_blank_and_cannot_be_had_by_subtraction(flask, tmp_path):
    book = exported(flask, tmp_path, ballots=ballots(leaders=2, departments=6, townships=8))
    assert Counter(book["ballots"]["group"]) == {"": 8, "townships": 8}


def test_large_groups_stay(flask, tmp_path):
    book = exported(flask, tmp_path, ballots=ballots(leaders=5, departments=6))
    assert Counter(book["ballots"]["group"]) == {"leaders": 5, "departments": 6}


def test_groups_that_bear_weights_stay(flask, tmp_path):
    year = PLAIN["year"] + "choice.group_weights,20/20/20/20/20\n"
    book = exported(flask, tmp_path, year=year, ballots=ballots(leaders=2, departments=6))
    assert Counter(book["ballots"]["group"]) == {"leaders": 2, "departments": 6}


def test_small_villages_and_kinds_of_respondents_are_left_blank(flask, tmp_path):
    rows = [("甲", "household", 6), ("甲", "committee", 1), ("乙", "household", 3), ("丙", "household", 7)]
    lines = [PLAIN["opinions"].splitlines()[0]]
    lines += [f"示例甲旗,{village},{kind}{at},{kind},P1,work,good" for village, kind, number in rows for at in range(number)]
    book = exported(flask, tmp_path, opinions="\n".join(lines) + "\n")
    found = Counter(book["opinions"].pick("village", "respondent"))
    assert sum(found.values()) == 17
    villages = Counter(village for village, _ in found.elements())
    assert villages == {"丙": 7, "": 10} or villages == {"甲": 7, "": 10}
    assert min(found.values()) >= 5


# ---- what the site gathered itself ---------------------------------------------------------------------------------


def seal(connection, name: str, kind: str, *pieces: tuple[str, str, dict[str, object]], **columns: object) -> None:
    house = {"collection": name, "cycle": 2018, "banner": "示例甲旗", "kind": kind, "instrument": kind, "title": ""}
    connection.execute(insert(schema.collection), [house | {"mode": "slips", "state": "sealed"} | columns])
    names = ("subject", "voice", "answers")
    rows = [
        {"collection": name, "fragment": f"{name}{at:08}".encode()}
        | dict(zip(names, (subject, voice, json.dumps(answers)), strict=True))
        for at, (subject, voice, answers) in enumerate(pieces)
    ]
    connection.execute(insert(schema.fragment), rows)


def test_sittings_pool_and_trials_and_open_boxes_do_not_count(app, flask, tmp_path):
    assert flask("year", "import", put(tmp_path / "book", ballots=None, opinions=None)).exit_code == 0
    with db.deed() as connection:
        seal(connection, "AAAAAAAA", "appraisal", ("P1", "leaders", {"tasks": "good", "overall": "blank"}))
        seal(connection, "BBBBBBBB", "appraisal", ("P1", "leaders", {"tasks": "good"}), ("P1", "", {"tasks": "poor"}))
        seal(connection, "CCCCCCCC", "appraisal", ("P1", "leaders", {"tasks": "good"}), trial=True)
        seal(connection, "DDDDDDDD", "appraisal", ("P1", "leaders", {"tasks": "good"}), state="void")
        facts, _ = site.facts(connection, 2018)
    marks = next(iter(facts.appraisal.values()))
    assert marks == {"tasks": {"leaders": {"good": 2}, "": {"poor": 1}}, "overall": {"leaders": {"blank": 1}}}


def test_a_survey_of_the_site_is_counted_and_exported(app, flask, tmp_path):
    assert flask("year", "import", put(tmp_path / "book", ballots=None, opinions=None)).exit_code == 0
    pieces = [
        ("P1", "household", {"known": "stranger"}),
        ("P1", "household", {"known": "seen", "work": "good", "help": "unsure"}),
        ("P1", "household", {"known": "seen", "satisfied": "void"}),
        ("", "household", {"aware": "heard", "real_work": "good", "filled": "self", "wishes": ["income", "roads"]}),
    ]
    with db.deed() as connection:
        seal(connection, "AAAAAAAA", "opinion", *pieces, village="示例嘎查")
        facts, _ = site.facts(connection, 2018)
        book = site.give_out(connection, 2018)
    by_person = {subject.person: opinion for subject, opinion in facts.opinion.items()}
    assert by_person["P1"].marks == {"work": {"": {"good": 1}}, "help": {"": {"unsure": 1}}, "satisfied": {"": {"void": 1}}}
    assert by_person["P1"].valid_responses == 1
    assert by_person[""].marks == {"real_work": {"": {"good": 1}}}
    answered = sorted(book["opinions"].pick("village", "person", "question", "answer"))
    assert ("", "", "wishes", "income/roads") in answered
    assert all(question != "filled" for _, _, question, _ in answered)
    yearbook.write(book, tmp_path / "out.db")
    again, rulebook = yearbook.read(tmp_path / "out.db")
    assert gather.facts(again, rulebook).opinion == facts.opinion


def test_choices_of_the_site_go_with_the_year(app, flask, plain):
    assert flask("year", "import", plain).exit_code == 0
    with db.deed() as connection:
        connection.execute(update(schema.cycle).values(choices=json.dumps({"grades": "90/80/60"})))
        book = site.give_out(connection, 2018)
        facts, rulebook = site.facts(connection, 2018)
    assert book.settings["choice.grades"] == "90/80/60"
    assert facts.choices == {"grades": "90/80/60"}
    assert rulebook.chosen == {"grades": "90/80/60"}


def test_no_such_year(app):
    with db.reading() as connection:
        assert site.facts(connection, 1999) is None
        assert site.give_out(connection, 1999) is None
