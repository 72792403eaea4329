"""A collection's paper page: what is printed, what was read, what is under way; jobs and their results."""

import secrets

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, job, journal
from survey.access import allowed
from survey.box import collection as collections
from survey.box import keys, officers
from survey.box.collection import Collection
from survey.desk.address import site
from survey.desk.words import language
from survey.job import Job
from survey.paper import batch, blueprint, cast, house, printing
from survey.paper.house import DESK

_RESUMED: set[int] = set()


@blueprint.before_app_request
def _resume() -> None:
    """The first request of a process begins interrupted jobs anew."""
    app = house.app()
    if id(app) not in _RESUMED:
        _RESUMED.add(id(app))
        job.resume(app)


@blueprint.get("/<collection>")
@allowed(*DESK)
def home(collection: str) -> str:
    """Slips and sheets by group and state, what can be printed and read, jobs and batches."""
    here = house.find(collection)
    app = house.app()
    with db.deed() as connection:
        job.sweep(app, connection)
        _forget_printed(connection, here)
    if here.state in ("sealed", "void"):
        batch.end(house.instance(), collection)
    with db.reading() as connection:
        counts = collections.counts(connection, collection)
        form = collections.form(connection, here)
        jobs = job.of_subject(connection, collection)
        done = journal.entries(connection, deed="paper.cast", subject=collection, limit=50)
        glyphs = _without_glyphs([each.name for each in form.people])
    return render_template(
        "paper/home.html", house=here, counts=counts, groups=groups(here, form.instrument.voices), jobs=jobs,
        batches=batch.all_of(house.instance(), collection), sealed=cast.sealed_of(house.instance(), collection), done=done,
        printable=printing.printable(here), once=secrets.token_hex(8), glyphs=glyphs, most=printing.MOST,
        results={each.job for each in jobs if job.has_result(app, each.job)}, job_name=job_name, group_name=printing.group_name,
        counting=here.phase() in ("open", "closing"), languages=form.languages, language_name=language_name, lang=language(),
    )  # fmt: skip


def groups(here: Collection, voices) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    """Groups codes can be made for: (id, words); one nameless group where there are none."""
    found = [(each.id, printing.group_name(here, each.id)) for each in voices]
    return found if here.mode == "slips" and found else [("", _("不分类别"))]


def _without_glyphs(names: list[str]) -> list[str]:
    from survey.paper import font

    return [name for name in names if font.missing(name)]


def _forget_printed(connection, here: Collection) -> None:  # type: ignore[no-untyped-def]
    """Codes printed before opening are deleted by it (BOX.md, step 2); all of them at the close."""
    app = house.app()
    for each in job.of_subject(connection, here.collection):
        opened = here.opened_on and each.started_at < here.opened_on
        if opened or here.state in ("closing", "sealed", "void"):
            job.forget_result(app, each.job)


def job_name(kind: str) -> str:
    """What a job is, in words."""
    return {"slips": _("印测评码"), "ballots": _("印纸票"), "read": _("识读扫描件")}.get(kind, kind)


def language_name(code: str) -> str:
    """A language a form may be printed in, in words."""
    return {"zh": _("中文"), "en": _("英文"), "mn": _("蒙古文")}.get(code, code)


# ---- printing ------------------------------------------------------------------------------------------------------


@blueprint.post("/<collection>/print/<medium>")
@allowed(*DESK)
def print_codes(collection: str, medium: str) -> AnyResponse:
    """Starts a print job of phone slips or of paper sheets; after opening both officers' passwords are needed."""
    here = house.find(collection)
    kind = {"slips": "slips", "ballots": "ballots"}.get(medium) or abort(404)
    back = redirect(url_for("paper.home", collection=collection))
    if not printing.printable(here):
        flash(_("这场已经结束，不能再印。"), "error")
        return back
    if kind == "slips" and here.mode == "link":
        flash(_("链接方式没有测评码，请印海报。"), "error")
        return back
    counts: dict[str, int] = {}
    for name, text in request.form.items():
        if name.startswith("n.") and text.strip():
            if not text.strip().isdecimal() or int(text) > printing.MOST:
                flash(_("张数请填 0 到 %(most)s 的整数。", most=printing.MOST), "error")
                return back
            counts[name[2:]] = int(text)
    if not 0 < sum(counts.values()) <= printing.MOST:
        flash(_("请填写要印多少张，一次最多 %(most)s 张。", most=printing.MOST), "error")
        return back
    with db.reading() as connection:
        form = collections.form(connection, here)
    known = {voice for voice, _words in groups(here, form.instrument.voices)}
    printed = request.form.get("language", "")
    if set(counts) - known or printed not in ("", *form.languages):
        abort(400)
    if here.state == "open" and (reason := _both(here)):
        flash(reason, "error")
        return back
    once = request.form.get("once", "")
    started = job.start(
        house.app(), kind=kind, subject=collection, account=access.me().account,
        total=sum(counts.values()), once=once if once.isalnum() and len(once) == 16 else "", counts=counts,
        language=printed if printed in ("zh", "en") else language(), printed=printed, site=site(),
    )  # fmt: skip
    return redirect(url_for("paper.show_job", name=started.job))


def _both(here: Collection) -> str | None:
    """Why the two officers' passwords are not accepted; None when they are. Failures are counted."""
    with db.deed() as connection:
        return officers.both(
            connection, here, keys.of(house.instance(), here.collection),
            teller=request.form.get("teller", ""), scrutineer=request.form.get("scrutineer", ""),
        )  # fmt: skip


@blueprint.post("/<collection>/exchange")
@allowed(*DESK)
def exchange(collection: str) -> AnyResponse:
    """Voids a phone slip for a paper ballot, the other way, or a damaged slip for two new ones: by two accounts."""
    here = house.find(collection)
    medium = {"paper": "paper", "phone": "phone", "damaged": ""}.get(request.form.get("to", ""))
    back = redirect(url_for("paper.home", collection=collection, _anchor="exchange"))
    if medium is None:
        abort(400)
    if here.mode != "slips" or not printing.printable(here):
        flash(_("现在不能换票。"), "error")
        return back
    if reason := _both(here):
        flash(reason, "error")
        return back
    app = house.app()
    try:
        made = printing.exchange(
            app, here, request.form.get("code", ""), medium=medium, by=access.me().account, site=site()
        )
    except (ValueError, job.Failed) as fault:
        flash(str(fault), "error")
        return back
    return pdf(made, "exchange")


def pdf(content: bytes, name: str) -> Response:
    """A PDF shown in the browser."""
    return Response(content, mimetype="application/pdf", headers={"Content-Disposition": f"inline; filename={name}.pdf"})


# ---- jobs ----------------------------------------------------------------------------------------------------------


def _job(name: str) -> Job:
    with db.reading() as connection:
        found = job.get(connection, name)
    if found is None:
        abort(404)
    house.find(found.subject.partition(" ")[0])
    return found


@blueprint.get("/job/<name>")
@allowed(*DESK)
def show_job(name: str) -> str:
    """One job's progress; the page renews itself and can be left."""
    app = house.app()
    job.resume(app)
    found = _job(name)
    here = house.find(found.subject.partition(" ")[0])
    return render_template("paper/job.html", job=found, house=here, name=job_name(found.kind), ready=job.has_result(app, name))


@blueprint.get("/job/<name>/state")
@allowed(*DESK)
def job_state(name: str) -> Response:
    """The progress as JSON, for the page's script."""
    found = _job(name)
    return jsonify(state=found.state, done=found.done, total=found.total, percent=found.percent)


@blueprint.get("/job/<name>/result.pdf")
@allowed(*DESK)
def job_result(name: str) -> AnyResponse:
    """The printed codes, while they wait: gone with the opening, with 'printed', or after a day."""
    found = _job(name)
    here = house.find(found.subject.partition(" ")[0])
    with db.deed() as connection:
        _forget_printed(connection, here)
    made = job.result(house.app(), name)
    if made is None:
        flash(_("这份文件已经删除：开箱以后，测评码只在印好的纸上。"), "error")
        return redirect(url_for("paper.home", collection=here.collection))
    with db.deed() as connection:
        journal.record(connection, account=access.me().account, deed="slip.download", subject=here.collection, job=name)
    answer = pdf(made, f"{found.kind}-{here.collection}")
    answer.headers["Content-Disposition"] = f"attachment; filename={found.kind}-{here.collection}.pdf"
    return answer


@blueprint.post("/job/<name>/printed")
@allowed(*DESK)
def printed(name: str) -> AnyResponse:
    """Printed and looked at: the file is deleted."""
    found = _job(name)
    job.forget_result(house.app(), name)
    flash(_("文件已删除。"))
    return redirect(url_for("paper.home", collection=found.subject.partition(" ")[0]))
