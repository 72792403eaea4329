"""A year book with questions of the office's own: checked, scored, imported and exported."""

from fractions import Fraction

import pytest
from sqlalchemy import update

from survey import db, questionnaire, schema
from survey.year import gather, site, yearbook
from tally.outcome import appraise
from tests.year.conftest import faults, put

QUESTIONS = (
    "question,of,kind,label,answer,meaning,points\n"
    "own.satisfied,person,one,满意吗,yes,满意,100\nown.satisfied,person,one,满意吗,no,不满意,40\n"
    "own.satisfied,person,one,满意吗,unsure,说不清,\n"
    "own.helps,team,many,做了什么,roads,修路,60\nown.helps,team,many,做了什么,water,饮水,40\n"
    "own.mark,team,number,打几分,2,,0\nown.mark,team,number,打几分,10,,100\n"
)
OPINIONS = "banner,village,response,respondent,person,question,answer\n" + "".join(
    f"示例甲旗,,{at},household,{person},{question},{answer}\n"
    for at, given in enumerate(
        [("yes", "roads/water", "10"), ("yes", "water", "6.5"), ("no", "roads", "1"), ("unsure", "void", "10"), ("no", "", "")], 1
    )
    for person, question, answer in (("P1", "own.satisfied", given[0]), ("", "own.helps", given[1]), ("", "own.mark", given[2]))
    if answer
) + "示例甲旗,,6,household,P1,known,stranger\n示例甲旗,,6,household,P1,own.satisfied,no\n"  # fmt: skip
YEAR = "key,value\nyear,2018\nmeasure,neimenggu-2018\nranked_total,2\nchoice.opinion_min_valid,3\n"


def opinion(facts, rulebook, key="P1"):
    found = appraise(facts, rulebook)
    row = next(row for ranking in found.rankings for row in ranking.rows if row.key == key)
    return row.components["opinion"]


def test_it_is_scored_from_the_points_it_brings(tmp_path):
    book, rulebook = yearbook.read(put(tmp_path / "book", questions=QUESTIONS, opinions=OPINIONS, year=YEAR))
    facts = gather.facts(book, rulebook)
    # P1: (100 + 100 + 40 + 40) ÷ 4 = 70; the stranger's "no" and the unsure stand in no denominator
    assert opinion(facts, rulebook) == 70
    # P2 has none: the team's level, the mean of (100 + 40 + 60) ÷ 3 = 66.6667 and (100 + 56.25 + 0 + 100) ÷ 4 = 64.0625
    assert opinion(facts, rulebook, "P2") == Fraction("65.36")


def test_in_and_out_of_the_site_it_gives_the_same_rows_and_the_same_score(make_app, tmp_path):
    app = make_app()
    path = put(tmp_path / "book", questions=QUESTIONS, opinions=OPINIONS, year=YEAR)
    run = app.test_cli_runner()
    assert run.invoke(args=["year", "import", str(path)]).exit_code == 0
    for form in ("out", "out.xlsx", "out.db"):
        assert run.invoke(args=["year", "export", str(tmp_path / form), "--year", "2018"]).exit_code == 0
        book, rulebook = yearbook.read(tmp_path / form)
        assert sorted(book["questions"]) == sorted(yearbook.read(path)[0]["questions"])
        assert len(book["opinions"]) == len(yearbook.read(path)[0]["opinions"])
        assert opinion(gather.facts(book, rulebook), rulebook) == 70
    with app.app_context(), db.deed() as connection:
        facts, rulebook = site.facts(connection, 2018)
        assert opinion(facts, rulebook) == 70
        kept = questionnaire.find(connection, "own")
        assert kept.scoring["mark"] == {"zero": "2", "full": "10"} and kept.scoring["satisfied"] == {"yes": "100", "no": "40"}
        changed = {**kept.scoring, "satisfied": {"yes": "100", "no": "0"}}
        assert questionnaire.score(connection, "own", changed, by="office")
        assert opinion(*site.facts(connection, 2018)) == 50
        with pytest.raises(site.Refused, match="own"):  # another year's book that scores the same questionnaire otherwise
            next_year = put(tmp_path / "next", questions=QUESTIONS, opinions=OPINIONS, year=YEAR.replace("2018\nm", "2019\nm"))
            site.take_in(connection, *yearbook.read(next_year), by="office")
    with app.app_context(), db.deed() as connection:
        connection.execute(update(schema.collection).values(published='{"closing": {"withheld": true}}'))
        with pytest.raises(ValueError, match="D-27"):
            questionnaire.score(connection, "own", kept.scoring, by="office")
        connection.execute(update(schema.cycle).values(state="final"))
        with pytest.raises(ValueError, match="2018"):
            questionnaire.score(connection, "own", kept.scoring, by="office")


def test_a_book_without_such_questions_is_written_as_before(tmp_path):
    book, _rulebook = yearbook.read(put(tmp_path / "book", questions=QUESTIONS))
    yearbook.write(book, tmp_path / "out")
    assert (tmp_path / "out" / "questions.csv").exists()
    yearbook.write(yearbook.read(put(tmp_path / "plain"))[0], tmp_path / "out")
    assert not (tmp_path / "out" / "questions.csv").exists()


@pytest.mark.parametrize(
    ("questions", "opinions", "line"),
    [
        (QUESTIONS.replace("own.helps", "helps"), None, "questions:5:question: helps"),
        (QUESTIONS.replace("own.helps,team,many,做了什么,water", "own.helps,person,many,做了什么,water"), None, "questions:5:label: own.helps"),
        (QUESTIONS.replace("10,,100", "10,,90"), None, "questions:7:points: own.mark"),
        (QUESTIONS.replace("mark,team,number,打几分,2,", "mark,team,number,打几分,few,"), None, "questions:7:points: own.mark"),
        (QUESTIONS.replace("饮水,40", "饮水,41"), None, "questions:5:points: own.helps"),
        (QUESTIONS.replace(",100\nown.satisfied", ",\nown.satisfied").replace("不满意,40", "不满意,"), None, "questions:2:points: own.satisfied"),
        (QUESTIONS, OPINIONS.replace("own.satisfied,yes", "own.satisfied,maybe"), "opinions:2:answer: maybe"),
        (QUESTIONS, OPINIONS.replace("roads/water", "roads/air"), "opinions:3:answer: roads/air"),
        (QUESTIONS, OPINIONS.replace("6.5", "six"), "opinions:7:answer: six"),
        (QUESTIONS, OPINIONS.replace("P1,own.satisfied,unsure", ",own.satisfied,unsure"), "opinions:11:person: "),
        (QUESTIONS, OPINIONS.replace("own.mark,1\n", "own.other,1\n"), "opinions:10:question: own.other"),
        (None, OPINIONS, "opinions:2:question: own.satisfied"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_a_fault_with_its_place(tmp_path, questions, opinions, line):
    found = faults(put(tmp_path / "book", year=YEAR, **{"questions": questions, **({"opinions": opinions} if opinions else {})}))
    assert any(each.startswith(line) for each in found), found
