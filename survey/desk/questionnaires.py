"""Questionnaires brought in as XLSForm workbooks, to be asked instead of the measure's own in an opinion survey."""

import json
from collections.abc import Sequence

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, journal, questionnaire, xlsform
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import rules, this
from survey.desk.words import language
from survey.instrument import say
from survey.questionnaire import Fault, Questionnaire, Scoring, Unfit, score
from survey.year.yearbook.clean import narrow

MOST = 2 * 1024 * 1024  # bytes of one workbook


@blueprint.get("/questionnaires")
@allowed("office", "staff")
def questionnaires() -> str:
    """Those that can be asked, and where another is uploaded."""
    return _page([])


@blueprint.post("/questionnaires")
@allowed("office")
def add_questionnaire() -> AnyResponse | tuple[str, int]:
    """Takes a workbook in, or says with sheet, row and reason why not."""
    file = request.files.get("file")
    content = file.read(MOST + 1) if file else b""
    if not content or len(content) > MOST:
        words = _("请选择文件") if not content else _("一个工作簿最大 2 MB。")
        return _page([xlsform.Fault(sheet="", row=0, reason=words)]), 422
    try:
        new = xlsform.read(content, (file.filename or "") if file else "")
        with db.deed() as connection:
            questionnaire.add(connection, new, questionnaire.proposed(new, rules(this(connection))))
            journal.record(connection, account=access.me().account, deed="questionnaire.add", subject=new.id)
    except xlsform.Refused as refused:
        return _page(refused.faults), 422
    except ValueError as fault:
        return _page([xlsform.Fault(sheet="settings", row=2, reason=str(fault))]), 422
    flash(_("问卷已导入。请设定哪些题计分、各选项多少分；新建民意调查时可以选用。"))
    return redirect(url_for("desk.scoring", name=new.id))


@blueprint.get("/questionnaire/<name>")
@allowed("office", "staff")
def scoring(name: str) -> str:
    """Which of its questions count, for whom, and what their answers are worth."""
    found = _found(name)
    return _scoring_page(found, found.scoring)


@blueprint.post("/questionnaire/<name>")
@allowed("office")
def set_scoring(name: str) -> AnyResponse | tuple[str, int]:
    """Takes the points as typed, or says beside each what is wrong."""
    found = _found(name)
    typed = _typed(found)
    if request.form.get("was") != _state(found):
        words = _("别人刚改过这份问卷的计分，下面是您填的；核对以后再保存一次。")
        return _scoring_page(found, typed, (Fault(question="", option="", reason=words),)), 409
    try:
        with db.deed() as connection:
            changed = score(connection, found.id, typed, by=access.me().account)
    except Unfit as unfit:
        return _scoring_page(found, typed, unfit.faults), 422
    except ValueError as refusal:
        return _scoring_page(found, typed, (Fault(question="", option="", reason=str(refusal)),)), 422
    flash(_("计分已保存，用这份问卷封了箱的调查按新的分值重算。") if changed else _("没有改动。"))
    return redirect(url_for("desk.scoring", name=found.id))


def _found(name: str) -> Questionnaire:
    with db.reading() as connection:
        return questionnaire.find(connection, name) or abort(404)


def _typed(of: Questionnaire) -> dict[str, dict[str, str]]:
    """The scoring as posted: questions that are ticked, their points without blanks."""
    found = {}
    for _part, question in questionnaire.scorable(of.instrument):
        if f"on.{question.id}" in request.form:
            options = questionnaire.ENDS if question.kind in questionnaire.NUMBERS else [each.id for each in question.options]
            points = {option: narrow(request.form.get(f"points.{question.id}.{option}", "")) for option in options}
            found[question.id] = {option: text for option, text in points.items() if text}
    return found


def _state(of: Questionnaire) -> str:
    return json.dumps(of.scoring, sort_keys=True)


def _scoring_page(of: Questionnaire, typed: Scoring, faults: Sequence[Fault] = ()) -> str:
    wrong = {(each.question, each.option): each.reason for each in faults}
    parts = [
        (part, [question for among, question in questionnaire.scorable(of.instrument) if among is part]) for part in of.instrument.parts
    ]
    return render_template(
        "desk/scoring.html", of=of, typed=typed, wrong=wrong, was=_state(of), numbers=questionnaire.NUMBERS,
        parts_asked=[each for each in parts if each[1]], say=lambda text: say(text, language()),
        left_out=[question for part in of.instrument.parts for question in part.questions if question.kind in ("text", "date")],
    )  # fmt: skip


def _page(faults: list[xlsform.Fault]) -> str:
    with db.reading() as connection:
        kept = questionnaire.of_all(connection)
    return render_template("desk/questionnaires.html", kept=kept, faults=faults)
