"""Pages for what went wrong, in the house's style, for both faces: what happened and what to do.

A respondent's page never gets a cookie, and no page shows an address with a code in it.
"""

from flask import g, render_template, request
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from survey.desk import blueprint
from survey.desk.words import language


def words(code: int) -> tuple[str, str]:
    """A title and what to do."""
    texts: dict[int, tuple[str, str]] = {
        400: (_("这次提交没有成功"), _("请返回上一页，刷新后再试一次。")),
        403: (_("没有权限"), _("您的账号不能打开这一页。需要时请管理办公室调整职责。")),
        404: (_("没有这一页"), _("网址可能不对，或材料不属于您的旗县。")),
        405: (_("这次提交没有成功"), _("请返回上一页，刷新后再试一次。")),
        409: (_("现在不能这样做"), _("情况可能刚变过。请返回上一页，刷新后再看。")),
        410: (_("链接已失效"), _("请管理办公室再发一个。")),
        413: (_("文件太大"), _("最大 64 MB。请分开上传，或先压缩。")),
        422: (_("内容不对"), _("请返回上一页，检查后再试一次。")),
        429: (_("太频繁了"), _("请等一分钟再试。")),
        500: (_("出了错"), _("没有保存。请稍后再试；仍然不行，请告诉管理员。")),
        503: (_("正忙"), _("请稍等再试一次。")),
    }
    return texts.get(code, (_("出了错"), _("没有保存。请稍后再试；仍然不行，请告诉管理员。")))


@blueprint.app_errorhandler(HTTPException)
def refused(fault: HTTPException) -> HTTPException | tuple[str, int]:
    """An error page; redirects and answers made elsewhere pass."""
    code = fault.code or 500
    if fault.response is not None or code < 400:
        return fault
    return _page(code)


@blueprint.app_errorhandler(CSRFError)
def forged(_fault: CSRFError) -> tuple[str, int]:
    """A form without its guard: mostly one left open over a sign-out."""
    return _page(400)


@blueprint.app_errorhandler(500)
def broken(_fault: Exception) -> tuple[str, int]:
    """Something failed: told plainly, with nothing of what was sent."""
    return _page(500)


def _page(code: int) -> tuple[str, int]:
    g.problem = True  # the page has no head to fill: what failed may be the database
    title, advice = words(code)
    desk = request.path == "/desk" or request.path.startswith("/desk/")
    template = "desk/problem.html" if desk else "phone/problem.html"
    return render_template(template, heading=title, advice=advice, language=language(), size=""), code
