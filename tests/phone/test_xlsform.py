"""An XLSForm becomes a questionnaire, or is refused with sheet, row and reason."""

import io

import pytest
import xlsxwriter

from survey import db, instrument, questionnaire, xlsform

HEAD = ("type", "name", "label::中文 (zh)", "label::English (en)", "required", "relevant", "constraint", "parameters")
CHOICES = [("yesno", "yes", "是"), ("yesno", "no", "否"), ("help", "roads", "修路"), ("help", "water", "饮水")]
GOOD = [
    ("begin_group", "g", "第一部分", "Part one", "", "", "", ""),
    ("select_one yesno", "knows", "知道吗？", "Do you know?", "yes", "", "", ""),
    ("select_multiple help", "wishes", "盼什么？", "What do you wish?", "", "${knows} = 'yes'", "", ""),
    ("integer", "age", "多少岁？", "How old?", "", "", ". >= 18 and . < 120", ""),
    ("end_group", "", "", "", "", "", "", ""),
    (
        "range",
        "score",
        "打几分？",
        "Which score?",
        "",
        "selected(${wishes}, 'roads') or not(${age} > 60)",
        "",
        "start=0 end=10 step=1",
    ),
    ("note", "thanks", "谢谢", "Thank you", "", "", "", ""),
    ("text", "words", "还想说？", "Anything else?", "", "", "", ""),
]


def workbook(rows=GOOD, head=HEAD, choices=CHOICES, settings=("survey1", "示例调查"), choice_head=("list_name", "name", "label")):
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    for name, table in (
        ("survey", [head, *rows]), ("choices", [choice_head, *choices]),
        ("settings", [("form_id", "form_title"), settings]),
    ):  # fmt: skip
        sheet = book.add_worksheet(name)
        for at, row in enumerate(table):
            sheet.write_row(at, 0, row)
    book.close()
    return stream.getvalue()


def faults(content):
    with pytest.raises(xlsform.Refused) as refused:
        xlsform.read(content)
    return [(f.sheet, f.row) for f in refused.value.faults]


def changed(at, **cells):
    row = dict(zip(HEAD, GOOD[at], strict=True)) | {key.replace("__", "::"): value for key, value in cells.items()}
    return workbook([*GOOD[:at], tuple(row.values()), *GOOD[at + 1 :]])


def test_a_workbook_in_the_profile_becomes_an_instrument(app):
    found = xlsform.read(workbook())
    questions = {q.id: q for part in found.parts for q in part.questions}
    assert list(questions) == ["knows", "wishes", "age", "score", "thanks", "words"] and questions["knows"].required
    assert questions["knows"].text == {"zh": "知道吗？", "en": "Do you know?"}
    assert questions["score"].show_if == {"any": [{"q": "wishes", "is": ["roads"]}, {"not": {"q": "age", "gt": "60"}}]}
    form = instrument.Form(instrument=found, people=())
    reply, wrong = form.read({"q..knows": ["no"], "q..wishes": ["roads"], "q..age": ["17"], "q..score": ["11"]})
    assert [(f.name, f.why) for f in wrong] == [("q..age", "constraint"), ("q..score", "out_of_range")]
    assert reply.answers == {"": {"knows": "no"}}  # what was hidden is not taken


def test_it_is_kept_scored_and_found_by_a_collection(app):
    with db.deed() as connection:
        questionnaire.add(connection, xlsform.read(workbook()))
        assert questionnaire.score(connection, "survey1", {"knows": {"yes": "100", "no": "0"}}, by="office")
        for wrong in (
            {"knows": {"maybe": "50"}}, {"knows": {"yes": "100.1"}}, {"knows": {"yes": "0"}}, {"knows": {}}, {"knows": {"yes": "0.00001"}},
            {"words": {}}, {"wishes": {"roads": "60", "water": "41"}}, {"age": {"zero": "18"}}, {"age": {"zero": "18", "full": "18.0"}},
        ):  # fmt: skip
            with pytest.raises(questionnaire.Unfit):
                questionnaire.score(connection, "survey1", wrong, by="office")
        with pytest.raises(ValueError):
            questionnaire.add(connection, xlsform.read(workbook()))
        assert questionnaire.find(connection, "survey1").scoring == {"knows": {"yes": "100", "no": "0"}}
        assert questionnaire.get(connection, "survey1") == xlsform.read(workbook())


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (changed(1, type="geopoint"), ("survey", 3)),
        (changed(1, type="select_one nolist"), ("survey", 3)),
        (changed(2, relevant="${age} > 3"), ("survey", 4)),  # asked later
        (changed(2, relevant="count(${knows}) > 0"), ("survey", 4)),
        (changed(2, relevant="${knows} = 'yes' and"), ("survey", 4)),
        (changed(3, constraint="regex(., '[0-9]+')"), ("survey", 5)),
        (changed(5, parameters=""), ("survey", 7)),
        (changed(1, **{"label__中文 (zh)": ""}), ("survey", 3)),
        (workbook(GOOD[1:]), ("survey", 5)),
        (workbook(head=(*HEAD[:-1], "calculation")), ("survey", 1)),
        (workbook(choices=[*CHOICES, ("yesno", "yes", "又是")]), ("choices", 6)),
        (workbook(settings=("", "")), ("settings", 2)),
        (b"not a workbook", ("", 0)),
    ],
)
def test_what_is_outside_the_profile_is_refused_with_its_place(app, content, where):
    assert where in faults(content)


def people(*rows):
    return workbook([("begin_repeat", "r", "这些同志", "", "", "", "", ""), *rows, ("end_repeat", "", "", "", "", "", "", "")] + GOOD[1:4])


def test_what_stands_in_a_repeat_is_asked_about_each_person(app):
    row = ("select_one yesno", "met", "见过吗？", "", "", "", "", "")
    then = ("select_one yesno", "good", "好吗？", "", "", "${met} = 'yes'", "", "")
    found = xlsform.read(people(row, then))
    assert [(part.scope, len(part.questions)) for part in found.parts] == [("person", 2), ("team", 3)]
    form = instrument.Form(instrument=found, people=(instrument.Rated(id="P1", name="甲"), instrument.Rated(id="P2", name="乙")))
    given = {"q.P1.met": ["yes"], "q.P1.good": ["no"], "q.P2.met": ["no"], "q.P2.good": ["yes"], "q..knows": ["no"]}
    assert form.read(given)[0].answers == {"P1": {"met": "yes", "good": "no"}, "P2": {"met": "no"}, "": {"knows": "no"}}
    assert faults(people(row, ("text", "why", "为什么？", "", "", "", "", ""))) == [("survey", 4)]
    outside = ("select_one yesno", "after", "后来呢？", "", "", "${met} = 'yes'", "", "")
    assert faults(workbook([*GOOD, ("begin_repeat", "r", "人", "", "", "", "", ""), row, ("end repeat", "", "", "", "", "", "", ""), outside])) == [
        ("survey", 13)
    ]
    inside = [GOOD[0], ("begin_repeat", "r", "人", "", "", "", "", ""), row, ("end_group", "", "", "", "", "", "", "")]
    assert faults(workbook(inside))[:2] == [("survey", 3), ("survey", 5)]
