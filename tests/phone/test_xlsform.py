"""An XLSForm becomes a questionnaire, or is refused with sheet, row and reason."""

import io
import zipfile

import pytest
import xlsxwriter
from pyxform.xls2xform import convert

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


def book(sheets):
    stream = io.BytesIO()
    made = xlsxwriter.Workbook(stream, {"in_memory": True})
    for name, table in sheets.items():
        sheet = made.add_worksheet(name)
        for at, row in enumerate(table):
            sheet.write_row(at, 0, row)
    made.close()
    return stream.getvalue()


def workbook(rows=GOOD, head=HEAD, choices=CHOICES, settings=("survey1", "示例调查"), choice_head=("list_name", "name", "label")):
    return book({"survey": [head, *rows], "choices": [choice_head, *choices], "settings": [("form_id", "form_title"), settings]})


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


@pytest.mark.parametrize("content", [workbook(), workbook([("begin_repeat", "r", "这些同志", "", "", "", "", ""), GOOD[1], ("end_repeat",)])])
def test_what_the_profile_takes_other_programs_take_too(app, content):
    assert xlsform.read(content)
    assert convert(xlsform=io.BytesIO(content), validate=False, file_type=".xlsx").xform


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
        (workbook(head=(*HEAD[:-1], "calculation")), ("survey", 7)),
        (changed(5, parameters="start=10 end=0"), ("survey", 7)),
        (changed(5, parameters="start=0 end=10 step=2"), ("survey", 7)),
        (changed(5, parameters="start=a end=10"), ("survey", 7)),
        (changed(1, type=""), ("survey", 3)),
        (changed(1, type="select_one yesno or_other"), ("survey", 3)),
        (changed(1, type="deviceid"), ("survey", 3)),
        (changed(1, name="是否"), ("survey", 3)),
        (changed(1, required="maybe"), ("survey", 3)),
        (changed(2, relevant="${knows} = 'yse'"), ("survey", 4)),
        (changed(2, relevant="selected(${knows}, 'yse')"), ("survey", 4)),
        (changed(2, relevant="${words} = 'x'"), ("survey", 4)),
        (changed(0, name=""), ("survey", 2)),
        (changed(4, type="end_repeat"), ("survey", 6)),
        (changed(6, **{"label__中文 (zh)": "您说的是 ${knows}"}), ("survey", 8)),
        (workbook([]), ("survey", 0)),
        (workbook(head=(*HEAD[:-1], "label::English (en)")), ("survey", 1)),
        (workbook(choices=[*CHOICES, ("yesno", "不 是", "不是")]), ("choices", 6)),
        (workbook(choices=[*CHOICES, ("", "maybe", "也许")]), ("choices", 6)),
        (workbook(choices=[*CHOICES, ("yesno", "void", "作废")]), ("choices", 6)),
        (workbook(choices=[*CHOICES, ("yesno", "maybe", "")]), ("choices", 6)),
        (workbook(choices=[*CHOICES, ("yesno", "yes", "又是")]), ("choices", 6)),
        (workbook(settings=("我的 问卷", "")), ("settings", 2)),
        (book({"survey": [HEAD, *GOOD]}), ("choices", 0)),
        (book({"survey": [HEAD, *[GOOD[1]] * 2001], "choices": [("list_name", "name", "label"), *CHOICES]}), ("survey", 0)),
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


def test_each_reason_is_said_in_plain_words(app):
    with pytest.raises(xlsform.Refused) as refused:
        xlsform.read(workbook([("geopoint", "place", "在哪？"), ("select_one yesno", "a b", "好吗？", "", "", "${none} = 1")]))
    assert [(f.sheet, f.row, f.reason) for f in refused.value.faults] == [
        ("survey", 2, "不支持这种题型：geopoint"),
        ("survey", 3, "题目编号重复或不能用：a b"),
        ("survey", 3, "表达式不支持：${none} = 1（只能引用前面的题目：${none}）"),
    ]


PLAIN = ("type", "name", "label")
YES_NO = [("list_name", "name", "label"), ("yesno", "yes", "是"), ("yesno", "no", "否")]
ASKED = ("select_one yesno", "knows", "知道吗？")


def one(sheets, name=""):
    """The instrument, and its only question."""
    found = xlsform.read(book(sheets), name)
    [part] = found.parts
    [question] = part.questions
    return found, question


def test_without_settings_the_files_name_is_its_id_and_title(app):
    sheets = {"survey": [PLAIN, ASKED], "choices": YES_NO}
    assert (one(sheets, "my-survey.xlsx")[0].id, one(sheets, "my-survey.xlsx")[0].title) == ("my-survey", {"zh": "my-survey"})
    found = one(sheets, "民意 调查.xlsx")[0]
    assert found.id.startswith("form-") and len(found.id) == 13 and found.title == {"zh": "民意 调查"}
    assert one({**sheets, "settings": [("form_title",), ("只有标题",)]}, "x.xlsx")[0].title == {"zh": "只有标题"}


def test_blank_rows_remarks_and_empty_columns_are_left_aside_and_rows_are_counted_as_excel_does(app):
    head = ("Type", " NAME ", "label", "备注", "calculation", "media::image")
    sheets = {
        "Survey": [(), head, (), (*ASKED, "问之前先念引言"), ("", "", "", "只有备注的一行"), ()],
        "choices": [("list name", "value", "label", "order"), *[(*row, 1) for row in YES_NO[1:]]],
        "说明": [("这张表是给人看的",)],
    }
    question = one(sheets)[1]
    assert question.id == "knows" and [option.id for option in question.options] == ["yes", "no"]
    sheets["Survey"].append(("geopoint", "place", "在哪？"))
    assert faults(book(sheets)) == [("survey", 7)]
    sheets["Survey"][-1] = ("text", "words", "说说", "", "1 + 1")
    assert faults(book(sheets)) == [("survey", 7)]


@pytest.mark.parametrize(
    ("head", "default", "texts"),
    [
        (("label::中文 (zh)", "label::English (en)"), "", {"zh": "甲", "en": "A"}),
        (("label :: 简体中文 (zh-CN)", "label::English (en-GB)"), "", {"zh": "甲", "en": "A"}),
        (("label::Chinese", "label::蒙古语 (mn)"), "", {"zh": "甲", "mn": "A"}),
        (("label::中文 (zh)", "label"), "English (en)", {"zh": "甲", "en": "A"}),
        (("label", "label::English (en)"), "中文 (zh)", {"zh": "甲", "en": "A"}),
        (("label", "label::English (en)"), "", {"zh": "甲", "en": "A"}),
        (("label::中文 (zh)", "label"), "", {"zh": "甲"}),  # both are Chinese: the one that says so
    ],
)
def test_a_text_without_a_language_is_in_the_default_one(app, head, default, texts):
    choices = [("list_name", "name", "label::中文 (zh)"), *YES_NO[1:]]
    sheets = {"survey": [("type", "name", *head), ("text", "words", "甲", "A")], "choices": choices}
    if default:
        sheets["settings"] = [("default_language",), (default,)]
    assert one(sheets)[1].text == texts


def test_a_workbook_without_chinese_is_told_where(app):
    sheets = {"survey": [PLAIN, ASKED], "choices": YES_NO, "settings": [("default_language",), ("English (en)",)]}
    assert faults(book(sheets)) == [("choices", 2), ("choices", 3), ("survey", 2)]


def test_numbers_and_truths_of_excel_are_read_as_they_look(app):
    choices = [("list_name", "name", "label"), ("rate", 1, 100), ("rate", 2.0, "二")]
    question = one({"survey": [(*PLAIN, "required"), ("select_one rate", "r", "几？", True)], "choices": choices})[1]
    assert [(option.id, option.text["zh"]) for option in question.options] == [("1", "100"), ("2", "二")] and question.required


def test_the_heading_of_an_inner_group_is_a_note_under_its_condition(app):
    rows = [GOOD[0], GOOD[1], ("begin_group", "inner", "小标题", "Inner", "", "${knows} = 'yes'", "", ""), GOOD[3], *[GOOD[4]] * 2]
    [part] = xlsform.read(workbook(rows)).parts
    first, note, age = part.questions
    assert part.title["zh"] == "第一部分" and (note.kind, note.text["zh"]) == ("note", "小标题")
    assert note.show_if == age.show_if == {"q": "knows", "is": ["yes"]} and first.show_if is None


ODS = """<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
<office:body><office:spreadsheet>%s</office:spreadsheet></office:body></office:document-content>"""


def test_an_open_document_is_read_too(app):
    def table(name, rows):
        cells = ("".join(f'<table:table-cell office:value-type="string"><text:p>{c}</text:p></table:table-cell>' for c in row) for row in rows)
        return f'<table:table table:name="{name}">' + "".join(f"<table:table-row>{row}</table:table-row>" for row in cells) + "</table:table>"

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", ODS % (table("survey", [PLAIN, ASKED]) + table("choices", YES_NO)))
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    assert xlsform.read(stream.getvalue(), "my.ods").id == "my"


@pytest.mark.parametrize("content", [b"", "题目,选项\n".encode("gb18030"), b"PK\x03\x04 half a workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600])
def test_what_is_no_workbook_is_refused_with_what_to_do(app, content):
    with pytest.raises(xlsform.Refused) as refused:
        xlsform.read(content)
    assert [f.reason for f in refused.value.faults] == ["打不开，请存成 .xlsx 再试"]
