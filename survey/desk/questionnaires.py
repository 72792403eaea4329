"""Questionnaires brought in as XLSForm workbooks, to be asked instead of the measure's own in an opinion survey."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, journal, questionnaire, xlsform
from survey.access import allowed
from survey.desk import blueprint

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
        new = xlsform.read(content)
        with db.deed() as connection:
            questionnaire.add(connection, new)
            journal.record(connection, account=access.me().account, deed="questionnaire.add", subject=new.id)
    except xlsform.Refused as refused:
        return _page(refused.faults), 422
    except ValueError as fault:
        return _page([xlsform.Fault(sheet="settings", row=2, reason=str(fault))]), 422
    flash(_("问卷已导入，新建民意调查时可以选用。"))
    return redirect(url_for("desk.questionnaires"))


def _page(faults: list[xlsform.Fault]) -> str:
    with db.reading() as connection:
        kept = questionnaire.of_all(connection)
    return render_template("desk/questionnaires.html", kept=kept, faults=faults)
