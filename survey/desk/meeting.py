"""One meeting or survey: prepared, opened, watched, closed, sealed; its deeds are the box's, its passwords the two officers'."""

import secrets
from collections.abc import Callable
from datetime import date
from pathlib import Path

from flask import Response, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, journal, roster
from survey.access import allowed
from survey.box import casting, figures, keys, officers, opening, publish, sealing, slip, tally_table
from survey.box import collection as collections
from survey.box.collection import Collection
from survey.box.officers import Refused
from survey.desk import blueprint
from survey.desk.address import address, door_qr
from survey.desk.meetings import DESK
from survey.desk.words import language
from survey.year import gather, yearbook

OFFICERS = ("teller", "scrutineer")
MOST_PDF = 20 * 1024 * 1024


def own(name: str) -> Collection:
    """The collection, when it is this account's business; 404 else."""
    with db.reading() as connection:
        found = collections.get(connection, name)
    if found is None or not access.me().sees(found.banner):
        abort(404)
    return found


def secure() -> bool:
    """Whether the site is reached by HTTPS, or from this machine only."""
    return request.is_secure or current_app.config["PUBLIC_URL"].startswith("https://") or request.host.split(":")[0] in ("localhost", "127.0.0.1")


@blueprint.get("/meeting/<collection>")
@allowed(*DESK, "viewer")
def meeting(collection: str) -> str:
    """Where a collection stands, and what can be done now."""
    return _page(own(collection))


def _page(house: Collection, *, faults: tuple[str, ...] = (), evidence: tuple[sealing.Evidence, ...] = ()) -> str:
    with db.reading() as connection:
        everyone = access.everyone(connection)
        closing = (house.published or {}).get("closing")
        form = collections.form(connection, house)
        return render_template(
            "desk/meeting.html", house=house, form=form, counts=collections.counts(connection, house.collection),
            obstacles=opening.obstacles(connection, house, secure=secure()) if house.state == "draft" else [],
            tellers=[a for a in everyone if a.may("teller") and a.sees(house.banner)],
            scrutineers=[a for a in everyone if a.may("scrutineer") and a.sees(house.banner)],
            entered=figures.entered(connection, house), materials=roster.materials(connection, house.cycle, house.banner),
            received=casting.received(house.collection), roots=publish.short_roots(house), closing=closing, faults=faults, evidence=evidence,
            tables=tally_table.tables(form, closing, language()) if closing and house.state == "sealed" else [], address=address(house),
            paper=_paper(house), audit=int(house.reasons.get("audit_slips", "0")),
        )


def _paper(house: Collection) -> str | None:
    """The page that prints this collection's papers, where printing is installed."""
    return url_for("paper.home", collection=house.collection) if "paper.home" in current_app.view_functions else None


@blueprint.get("/meeting/<collection>/count")
@allowed(*DESK, "viewer")
def meeting_count(collection: str) -> Response:
    """The live count, for polling: an unchanged one is a 304."""
    house = own(collection)
    response = jsonify(received=casting.received(collection), state=house.phase(), closes_at=house.closes_at)
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    return response.make_conditional(request)


@blueprint.get("/meeting/<collection>/projector")
@allowed(*DESK)
def projector(collection: str) -> str:
    """For the hall's screen: a large code, the count, and after the seal the tally and the roots."""
    house = own(collection)
    closing = (house.published or {}).get("closing") if house.state == "sealed" else None
    with db.reading() as connection:
        form = collections.form(connection, house)
    return render_template(
        "desk/projector.html", house=house, qr=door_qr(house), address=address(house), received=casting.received(collection), closing=closing,
        roots=publish.short_roots(house), tables=tally_table.tables(form, closing, language()) if closing else [],
    )


# ---- before opening ------------------------------------------------------------------------------------------------


@blueprint.post("/meeting/<collection>/prepare")
@allowed("office", "staff")
def prepare(collection: str) -> AnyResponse:
    """Officers, place, dates and audit slips, while in draft. Officers are named by the office."""
    house, who = own(collection), access.me()
    if house.state != "draft":
        flash(_("已经开箱，不能再改。"), "error")
        return _back(collection)
    columns: dict[str, object] = {"place": request.form.get("place", "").strip()[:80]}
    for name in ("held_on", "delivered_on"):
        text = request.form.get(name, "").strip()
        try:
            columns[name] = date.fromisoformat(text).isoformat() if text else None
        except ValueError:
            flash(_("日期请按 2018-12-30 这样填。"), "error")
            return _back(collection)
    if who.may("office"):
        columns |= {name: request.form.get(name) or None for name in OFFICERS}
    audit = request.form.get("audit_slips", "").strip()
    if audit.isdigit() and int(audit) <= 20:
        columns["reasons"] = {**house.reasons, "audit_slips": str(int(audit))}
    with db.deed() as connection:
        before = {name: getattr(house, name) for name in columns if name != "reasons"}
        collections.change(connection, collection, **columns)
        after = {name: value for name, value in columns.items() if name != "reasons"}
        journal.record(connection, account=who.account, deed="collection.prepare", subject=collection, before=before, after=after)
    flash(_("已保存。"))
    return _back(collection)


@blueprint.post("/meeting/<collection>/figures")
@allowed(*OFFICERS)
def enter_figures(collection: str) -> AnyResponse:
    """应到, 实到, 发出 as one officer counts them; they hold once both entered the same."""
    house = own(collection)
    try:
        given = {name: _number(request.form.get(name, "")) for name in ("expected", "present", "issued")}
        with db.deed() as connection:
            same = figures.enter(connection, house, access.me().account, figures.Figures(**given))
        flash(_("两人填写一致，已生效。") if same else _("已记下，等另一人填写同样的数。"))
    except ValueError as fault:
        flash(_(str(fault)), "error")
    return _back(collection)


def _number(text: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isdecimal() or int(text) > 100_000:
        raise ValueError("人数和票数请填整数")
    return int(text)


@blueprint.post("/meeting/<collection>/materials")
@allowed("office", "staff")
def add_material(collection: str) -> AnyResponse:
    """A 述职 or work report as PDF."""
    house, upload = own(collection), request.files.get("file")
    content = upload.read(MOST_PDF + 1) if upload else b""
    title = request.form.get("title", "").strip()[:80] or (upload.filename or "")[:80] if upload else ""
    if not content.startswith(b"%PDF") or len(content) > MOST_PDF:
        flash(_("请上传20 MB以内的 PDF 文件。"), "error")
        return _back(collection)
    with db.deed() as connection:
        new = roster.Material(material=secrets.token_hex(8), banner=house.banner, person=request.form.get("person", ""), title=title)
        roster.add_material(connection, house.cycle, new, content, by=access.me().account)
    flash(_("材料已上传。"))
    return _back(collection)


# ---- the officers' deeds -------------------------------------------------------------------------------------------


@blueprint.post("/meeting/<collection>/open")
@allowed(*OFFICERS)
def open_meeting(collection: str) -> AnyResponse | str:
    """Opens the box and shows the envelope's code, this once."""
    house, instance = own(collection), Path(current_app.config["INSTANCE"])
    if refusal := _passwords(house):
        return _page(house, faults=(refusal,))
    reasons = {name.removeprefix("reason."): text for name, text in request.form.items() if name.startswith("reason.")}
    try:
        with db.deed() as connection:
            envelope = opening.open_box(
                connection, instance, house, teller=request.form["teller_password"], scrutineer=request.form["scrutineer_password"],
                by=access.me().account, secure=secure(), reasons=reasons,
            )
    except Refused as fault:
        return _page(own(collection), faults=tuple(str(fault).split("\n")))
    groups = " ".join(envelope[at : at + 5] for at in range(0, len(envelope), 5))
    return render_template("desk/envelope.html", house=own(collection), envelope=groups)


@blueprint.post("/meeting/<collection>/close")
@allowed(*OFFICERS)
def close_meeting(collection: str) -> AnyResponse | str:
    """Ends the vote now, or announces its end."""
    text = request.form.get("minutes", "0")
    minutes = int(text) if text.isdecimal() and int(text) <= 240 else 0
    return _deed(collection, lambda connection, house: sealing.close(connection, house, by=access.me().account, minutes=minutes), _("已办理。"))


@blueprint.post("/meeting/<collection>/void")
@allowed(*OFFICERS)
def void_meeting(collection: str) -> AnyResponse | str:
    """Voids a collection before its seal."""
    instance = Path(current_app.config["INSTANCE"])
    reason = request.form.get("reason", "")
    return _deed(collection, lambda connection, house: sealing.void(connection, instance, house, by=access.me().account, reason=reason), _("已作废。"))


@blueprint.post("/meeting/<collection>/seal")
@allowed(*OFFICERS)
def seal_meeting(collection: str) -> AnyResponse | str:
    """Seals: counts, or stops with the evidence."""
    house, given = own(collection), request.form
    envelope = given.get("envelope", "")
    if not envelope and (refusal := _passwords(house)):
        return _page(house, faults=(refusal,))
    with db.reading() as connection:
        measure = roster.get_cycle(connection, house.cycle)
        form = collections.form(connection, house)
    rules = yearbook.rulebook(measure.measure) if measure else None
    try:
        audits = [_audit(form, at) for at in range(int(house.reasons.get("audit_slips", "0")))]
        sealing.seal(
            db.engine(), Path(current_app.config["INSTANCE"]), collection, scored=frozenset(gather.scored_questions(rules) if rules else ()),
            by=access.me().account, teller=given.get("teller_password", ""), scrutineer=given.get("scrutineer_password", ""), envelope=envelope,
            audits=audits, without=given.getlist("without"), reason=given.get("reason", ""),
        )
    except sealing.Broken as stop:
        return _page(own(collection), faults=(_("封箱检查没有通过，什么也没有打开。"),), evidence=stop.evidence)
    except (Refused, keys.WrongPassword) as fault:
        return _page(own(collection), faults=(_(str(fault)),))
    flash(_("已封箱，结果已公布。"))
    return _back(collection)


def _audit(form, at: int) -> sealing.Audit:  # type: ignore[no-untyped-def]
    prefix = f"audit{at}."
    fields = {f"q.{name.removeprefix(prefix)}": [value] for name, value in request.form.items() if name.startswith(prefix) and value}
    reply, _faults = form.read(fields)
    return sealing.Audit(slip=request.form.get(f"slip{at}", ""), receipt=request.form.get(f"receipt{at}", ""), answers=reply.answers)


def _deed(collection: str, deed: Callable[[Connection, Collection], object], done: str) -> AnyResponse | str:
    """One deed of both officers: passwords, the deed in its transaction, a word."""
    house = own(collection)
    if refusal := _passwords(house):
        return _page(house, faults=(refusal,))
    try:
        with db.deed() as connection:
            deed(connection, house)
    except Refused as fault:
        return _page(own(collection), faults=(_(str(fault)),))
    flash(done)
    return _back(collection)


def _passwords(house: Collection) -> str | None:
    if access.me().account not in (house.teller, house.scrutineer):
        return _("只有本场的计票人和监票人可以办理。")
    with db.deed() as connection:
        refusal = officers.both(
            connection, house, teller=request.form.get("teller_password", ""), scrutineer=request.form.get("scrutineer_password", "")
        )
    return _(refusal) if refusal else None


@blueprint.post("/meeting/<collection>/replace")
@allowed("office", "staff", *OFFICERS)
def replace_slip(collection: str) -> AnyResponse | str:
    """A damaged slip is voided; two new codes are shown once, to be copied by hand."""
    house = own(collection)
    store = keys.of(Path(current_app.config["INSTANCE"]), collection)
    if house.state != "draft" and (refusal := _passwords(house)):
        return _page(house, faults=(refusal,))
    try:
        with db.deed() as connection:
            made = slip.replace(connection, store, collection, request.form.get("code", ""))
            opening.note_slips(connection, house, len(made))
            journal.record(connection, account=access.me().account, deed="slip.replace", subject=collection)
    except ValueError as fault:
        flash(_(str(fault)), "error")
        return _back(collection)
    return render_template("desk/codes.html", house=house, codes=made)


@blueprint.post("/meeting/<collection>/purge")
@allowed("office", "staff")
def purge(collection: str) -> AnyResponse:
    """Removes a trial with all that is in it."""
    try:
        with db.deed() as connection:
            own(collection)
            collections.remove_trial(connection, collection)
            journal.record(connection, account=access.me().account, deed="collection.purge", subject=collection)
        flash(_("试投已清除。"))
    except ValueError as fault:
        flash(_(str(fault)), "error")
        return _back(collection)
    return redirect(url_for("desk.meetings"))


@blueprint.get("/meeting/<collection>/package.zip")
@allowed("office", *OFFICERS)
def scrutineers_package(collection: str) -> Response:
    """The published package with the fragments."""
    house = own(collection)
    if house.state != "sealed" or house.origin != "site":
        abort(404)
    with db.reading() as connection:
        content = publish.zipped(publish.package(connection, house, with_fragments=True))
    return Response(content, mimetype="application/zip", headers={"Content-Disposition": f"attachment; filename={collection}-scrutineers.zip"})


def _back(collection: str) -> AnyResponse:
    return redirect(url_for("desk.meeting", collection=collection))
