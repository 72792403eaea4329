"""Work reports and 述职 the voters may read before they vote: PDF files of a banner."""

import secrets

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, roster
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import this
from survey.desk.form import strip

DESK = ("office", "staff", "teller", "scrutineer")
MOST = 20 * 1024 * 1024  # bytes of one PDF


@blueprint.get("/materials/<name>")
@allowed(*DESK)
def materials(name: str) -> str:
    """A banner's materials, and where another is uploaded."""
    return _page(name, "")


@blueprint.post("/materials/<name>")
@allowed("office", "staff")
def add_material(name: str) -> AnyResponse | tuple[str, int]:
    """Takes a PDF in."""
    access.own_banner(name)
    file = request.files.get("file")
    content = file.read(MOST + 1) if file else b""
    fault = ""
    if not content:
        fault = _("请选择文件")
    elif len(content) > MOST:
        fault = _("一个文件最大 20 MB，请先压缩。")
    elif not content.startswith(b"%PDF-"):
        fault = _("只收 PDF 文件。")
    if fault:
        return _page(name, fault), 413 if len(content) > MOST else 422
    with db.deed() as connection:
        year = this(connection)
        person = request.form.get("person", "")
        known = {each.person: each.name for each in roster.people(connection, year.cycle, name)}
        if roster.get_banner(connection, year.cycle, name) is None or (person and person not in known):
            abort(404)
        title = strip(request.form.get("title"))[:80]
        title = title or (_("%(name)s述职报告", name=known[person]) if person else _("工作总结"))
        new = roster.Material(material=secrets.token_hex(8), banner=name, person=person, title=title, size=len(content))
        roster.add_material(connection, year.cycle, new, content, by=access.me().account)
    flash(_("材料已上传。"))
    return redirect(url_for("desk.materials", name=name))


@blueprint.get("/materials/<name>/<material>.pdf")
@allowed(*DESK)
def material(name: str, material: str) -> Response:
    """One PDF."""
    access.own_banner(name)
    with db.reading() as connection:
        found = roster.material_content(connection, this(connection).cycle, material)
    if found is None or found[0] != name:
        abort(404)
    return Response(found[1], mimetype="application/pdf", headers={"Content-Disposition": "inline"})


@blueprint.post("/materials/<name>/<material>/remove")
@allowed("office", "staff")
def remove_material(name: str, material: str) -> AnyResponse:
    """Takes a material away."""
    access.own_banner(name)
    with db.deed() as connection:
        year = this(connection)
        found = roster.material_content(connection, year.cycle, material)
        if found is None or found[0] != name:
            abort(404)
        roster.remove_material(connection, year.cycle, material, by=access.me().account)
    flash(_("已删去。"))
    return redirect(url_for("desk.materials", name=name))


def _page(name: str, fault: str) -> str:
    access.own_banner(name)
    with db.reading() as connection:
        year = this(connection)
        if roster.get_banner(connection, year.cycle, name) is None:
            abort(404)
        people = roster.people(connection, year.cycle, name)
        found = roster.materials(connection, year.cycle, name)
    names = {each.person: each.name for each in people}
    return render_template("desk/materials.html", name=name, people=people, materials=found, names=names, fault=fault)
