"""One meeting or survey: prepared, opened, watched, closed, sealed. Its deeds are the box's, its passwords the officers'."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from flask import Response, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse
from wtforms import BooleanField, DateField, IntegerField, SelectField, StringField
from wtforms.validators import NumberRange

from survey import access, db, job, journal, questionnaire, rescue, roster
from survey.access import allowed
from survey.box import casting, figures, keys, officers, opening, publish, sealing, slip, tally_table
from survey.box import collection as collections
from survey.box.collection import Collection
from survey.box.officers import Refused
from survey.desk import blueprint
from survey.desk.address import address, code_qr, door_qr
from survey.desk.cycle import rules
from survey.desk.form import Form, at_most, choices, optional, strip
from survey.desk.meetings import DESK
from survey.desk.words import language, voice_name
from survey.instrument import Form as Asked
from survey.instrument import Item
from survey.year import gather

OFFICERS = ("teller", "scrutineer")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class PrepareForm(Form):
    """What may be changed until the box opens."""

    title = StringField(_l("名称"), [at_most(80)])
    place = StringField(_l("地点"), [at_most(80)])
    held_on = DateField(_l("会议日期"), [optional])
    delivered_on = DateField(_l("述职材料送达日期"), [optional])
    teller = SelectField(_l("计票人"))
    scrutineer = SelectField(_l("监票人"))
    cap = IntegerField(_l("最多收多少份"), [optional, NumberRange(1, 100_000, _l("请填1到100000"))])
    audit_slips = IntegerField(_l("监票人验证票张数"), [optional, NumberRange(0, 20, _l("请填0到20"))])
    large = BooleanField(_l("手机上先用大字版"))


class FiguresForm(Form):
    """应到, 实到, 发出."""

    expected = IntegerField(_l("应到"), [optional, NumberRange(0, 100_000, _l("请填人数"))])
    present = IntegerField(_l("实到"), [optional, NumberRange(0, 100_000, _l("请填人数"))])
    issued = IntegerField(_l("发出"), [optional, NumberRange(0, 100_000, _l("请填票数"))])
    reason = StringField(_l("发出多于实到的原因"), [at_most(200)])


def own(name: str) -> Collection:
    """The collection, when it is this account's business; 404 else."""
    with db.reading() as connection:
        found = collections.get(connection, name)
    if found is None or not access.me().sees(found.banner):
        abort(404)
    return found


def instance() -> Path:
    """The folder of local data."""
    return Path(current_app.config["INSTANCE"])


def secure() -> bool:
    """Whether respondents reach the site by HTTPS, or only from this machine."""
    parts = urlsplit(current_app.config["PUBLIC_URL"] or request.url_root)
    return parts.scheme == "https" or parts.hostname in LOOPBACK


# ---- the page ------------------------------------------------------------------------------------------------------


@blueprint.get("/meeting/<collection>")
@allowed(*DESK, "viewer")
def meeting(collection: str) -> str:
    """Where a collection stands, and what can be done now."""
    return _page(own(collection))


def _page(
    house: Collection,
    *,
    faults: tuple[str, ...] = (),
    evidence: tuple[sealing.Evidence, ...] = (),
    form: PrepareForm | None = None,
    figures_form: FiguresForm | None = None,
) -> str:
    me = access.me()
    with db.reading() as connection:
        asked = collections.form(connection, house)
        counts = collections.counts(connection, house.collection)
        draft = house.state == "draft"
        obstacles = opening.obstacles(connection, house, secure=secure()) if draft else []
        if draft and form is None:
            form = _prepare_form(connection, house, data=house)
        entered = figures.entered(connection, house)
        materials = roster.materials(connection, house.cycle, house.banner)
        late = officers.reset_since(connection, house)
    closing = (house.published or {}).get("closing") if house.state == "sealed" else None
    if closing:  # the seal voids what is unused: what stood before it is what the tally sheet says too
        states = {(each["medium"], each["group"]): each for each in closing["slips"]}
        counts = collections.Counts(unspent=closing["unspent"], spent=closing["spent"], void=closing["void"], by=states)
    mine = entered.get(me.account)
    return render_template(
        "desk/meeting.html",
        house=house,
        phase=house.phase(),
        form=form,
        figures_form=figures_form or FiguresForm(formdata=None, obj=mine, reason=house.reasons.get("issued", "")),
        officer=me.account in (house.teller, house.scrutineer),
        prepares=draft and me.may("office", "staff"),
        entered=entered,
        counts=counts,
        slips=[(medium, voice_name(house, voice), states) for (medium, voice), states in sorted(counts.by.items())],
        obstacles=obstacles,
        materials=materials,
        received=casting.received(house.collection),
        closing=closing,
        tables=tally_table.tables(asked, closing, language()) if closing else [],
        roots=publish.short_roots(house),
        faults=faults,
        late=late,
        evidence=evidence,
        address=address(house),
        audits=range(int(house.reasons.get("audit_slips", "0"))),
        audit_rows=_audit_rows(asked, house),
        asked=asked,
        names={each.id: each.name for each in asked.people} | {"": house.banner},
        minutes_left=_minutes_left(house),
        paper=url_for("paper.home", collection=house.collection) if "paper.home" in current_app.view_functions else None,
    )


def _audit_rows(asked: Asked, house: Collection) -> list[tuple[str, list[Item]]]:
    """The choices a scrutineer notes of a vote, by whom they are about."""
    rows: dict[str, list[Item]] = {}
    for item in asked.items():
        if item.question.kind == "one":
            rows.setdefault(item.subject, []).append(item)
    names = {each.id: each.name for each in asked.people}
    return [(names.get(subject, house.banner), items) for subject, items in rows.items()]


def _minutes_left(house: Collection) -> int | None:
    """Minutes until the announced end; None where none is announced."""
    if not house.closes_at or house.phase() != "open":
        return None
    return max(0, -(-int((datetime.fromisoformat(house.closes_at) - datetime.now(UTC)).total_seconds()) // 60))


@blueprint.get("/meeting/<collection>/count")
@allowed(*DESK, "viewer")
def meeting_count(collection: str) -> AnyResponse:
    """The live count, for polling: an unchanged one is a 304."""
    house = own(collection)
    response = jsonify(received=casting.received(collection), phase=house.phase(), closes_at=house.closes_at)
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
        asked = collections.form(connection, house)
    return render_template(
        "desk/projector.html",
        house=house,
        phase=house.phase(),
        qr=door_qr(house),
        address=address(house),
        received=casting.received(collection),
        closing=closing,
        roots=publish.short_roots(house),
        tables=tally_table.tables(asked, closing, language()) if closing else [],
    )


# ---- before opening ------------------------------------------------------------------------------------------------


def _prepare_form(connection: Connection, house: Collection, data: Collection | None = None) -> PrepareForm:
    if data is None:
        form = PrepareForm()
    else:
        days = {
            name: datetime.fromisoformat(text).date() if (text := getattr(house, name)) else None
            for name in ("held_on", "delivered_on")
        }
        kept = {"title": house.title, "place": house.place, "cap": house.cap, "large": house.large}
        people = {name: getattr(house, name) or "" for name in OFFICERS}
        form = PrepareForm(
            formdata=None, data={**kept, **days, **people, "audit_slips": int(house.reasons.get("audit_slips", "0"))}
        )
    everyone = [each for each in access.everyone(connection) if each.sees(house.banner)]
    for field, role in ((form.teller, "teller"), (form.scrutineer, "scrutineer")):
        fits = [(each.account, f"{each.name} {each.account}") for each in everyone if each.may(role)]
        field.choices = choices([("", "–"), *fits])
    if not access.me().may("office"):  # officers are named by the office
        del form.teller, form.scrutineer
    if house.mode != "link":
        del form.cap
    if house.kind != "appraisal":
        del form.delivered_on
    if house.mode != "slips":
        del form.audit_slips
    return form


@blueprint.post("/meeting/<collection>/prepare")
@allowed("office", "staff")
def prepare(collection: str) -> AnyResponse | tuple[str, int]:
    """Officers, place, dates and audit slips, while in draft."""
    house = own(collection)
    if house.state != "draft":
        abort(409)
    with db.reading() as connection:
        form = _prepare_form(connection, house)
    if not form.validate_on_submit():
        return _page(house, form=form), 422
    columns: dict[str, object] = {}
    for field in form:
        if field.name in OFFICERS:
            columns[field.name] = field.data or None
        elif field.name in ("held_on", "delivered_on"):
            columns[field.name] = field.data.isoformat() if field.data else None
        elif field.name == "title":
            columns["title"] = strip(field.data) or house.title
        elif field.name == "place":
            columns["place"] = strip(field.data)
        elif field.name == "large" or (field.name == "cap" and field.data):
            columns[field.name] = field.data
    before = {name: getattr(house, name) for name in columns}
    after = dict(columns)
    if "audit_slips" in form:
        audits = str(form["audit_slips"].data or 0)
        before["audit_slips"], after["audit_slips"] = house.reasons.get("audit_slips", "0"), audits
        columns["reasons"] = {**house.reasons, "audit_slips": audits}
    with db.deed() as connection:
        collections.change(connection, collection, **columns)
        if before != after:
            _note(connection, "collection.change", collection, before=before, after=after)
    flash(_("已保存。"))
    return _back(collection)


@blueprint.post("/meeting/<collection>/figures")
@allowed(*OFFICERS)
def enter_figures(collection: str) -> AnyResponse | tuple[str, int]:
    """应到, 实到, 发出 as one officer counts them; they hold once both entered the same."""
    house, form = own(collection), FiguresForm()
    if not form.validate_on_submit():
        return _page(house, figures_form=form), 422
    new = figures.Figures(expected=form.expected.data, present=form.present.data, issued=form.issued.data)
    try:
        with db.deed() as connection:
            same = figures.enter(connection, house, access.me().account, new)
            reason = strip(form.reason.data)
            if reason != house.reasons.get("issued", ""):
                collections.change(connection, collection, reasons={**house.reasons, "issued": reason})
                _note(connection, "collection.reason", collection, check="issued", reason=reason)
    except ValueError as fault:
        flash(str(fault), "error")
    else:
        with db.reading() as connection:
            both = len(figures.entered(connection, house).keys() & {house.teller, house.scrutineer}) == 2
        if not same and both:
            flash(_("已记下，但和另一人填的不一样：请两人一起核对，再各填一次。"), "error")
        else:
            flash(_("两人填写一致，已生效。") if same else _("已记下，等另一人填写同样的数。"))
    return _back(collection)


# ---- the officers' deeds -------------------------------------------------------------------------------------------


@blueprint.post("/meeting/<collection>/open")
@allowed(*OFFICERS)
def open_meeting(collection: str) -> AnyResponse | str | tuple[str, int]:
    """Opens the box and shows the envelope's code, this once."""
    house = own(collection)
    if refusal := _passwords(house):
        return _page(house, faults=(refusal,)), 422
    reasons = {name.removeprefix("reason."): text for name, text in request.form.items() if name.startswith("reason.")}
    try:
        with db.deed() as connection:
            envelope = opening.open_box(
                connection,
                instance(),
                house,
                teller=request.form["teller_password"],
                scrutineer=request.form["scrutineer_password"],
                by=access.me().account,
                secure=secure(),
                reasons=reasons,
            )
    except Refused as fault:
        return _page(own(collection), faults=tuple(str(fault).split("\n"))), 422
    with db.reading() as connection:  # from here on the codes are on paper alone
        job.forget(current_app._get_current_object(), connection, collection)  # type: ignore[attr-defined]
    groups = " ".join(envelope[at : at + 5] for at in range(0, len(envelope), 5))
    return render_template("desk/envelope.html", house=own(collection), envelope=groups)


@blueprint.post("/meeting/<collection>/close")
@allowed(*OFFICERS)
def close_meeting(collection: str) -> AnyResponse | tuple[str, int]:
    """Ends the vote now, or announces its end."""
    text = request.form.get("minutes", "0")
    minutes = int(text) if text.isdecimal() and int(text) <= 240 else 0
    by = access.me().account
    done = _("已宣布，%(minutes)s 分钟后结束。", minutes=minutes) if minutes else _("投票已结束。")
    return _deed(collection, lambda connection, house: sealing.close(connection, house, by=by, minutes=minutes), done)


@blueprint.post("/meeting/<collection>/void")
@allowed("office", "staff", *OFFICERS)
def void_meeting(collection: str) -> AnyResponse | tuple[str, int]:
    """Voids a collection before its seal: both officers, or who prepared it while nothing was collected."""
    reason, by = request.form.get("reason", "").strip(), access.me()

    def deed(connection: Connection, house: Collection) -> None:
        sealing.void(connection, instance(), house, by=by.account, reason=reason)

    prepared = own(collection).state == "draft" and by.may("office", "staff")
    return _deed(collection, deed, _("已作废。"), both=not prepared)


@blueprint.post("/meeting/<collection>/seal")
@allowed(*OFFICERS)
def seal_meeting(collection: str) -> AnyResponse | tuple[str, int]:
    """Seals: counts, or stops with the evidence. An announced end that has passed is made final first."""
    house, given = own(collection), request.form
    envelope = given.get("envelope", "").strip()
    if refusal := _passwords(house):
        return _page(house, faults=(refusal,)), 422
    if house.state == "open" and house.phase() == "closing":
        with db.deed() as connection:
            sealing.close(connection, house, by=access.me().account)
    with db.reading() as connection:
        year = roster.get_cycle(connection, house.cycle)
        asked = collections.form(connection, house)
    assert year is not None
    try:
        sealing.seal(
            db.engine(),
            instance(),
            collection,
            scored=_scored(house, year),
            by=access.me().account,
            teller=given.get("teller_password", ""),
            scrutineer=given.get("scrutineer_password", ""),
            envelope=envelope,
            audits=[_audit(asked, at) for at in range(int(house.reasons.get("audit_slips", "0")))],
            without=given.getlist("without"),
            accepted=given.getlist("accepted"),
            reason=given.get("seal_reason", "").strip(),
            missing=given.get("audit_missing", "").strip(),
        )
    except sealing.Broken as stop:
        words = _("封箱检查没有通过，什么也没有打开，什么也没有丢。")
        return _page(own(collection), faults=(words,), evidence=stop.evidence), 422
    except (Refused, keys.WrongPassword) as fault:
        return _page(own(collection), faults=(str(fault),)), 422
    flash(_("已封箱，结果已公布。密钥已经销毁，信封里的备用码从此作废。"))
    return _back(collection)


def _scored(house: Collection, year: roster.Cycle) -> frozenset[str]:
    """The questions a response needs at least one answer to. What counts of a questionnaire of the office's own may still be
    changed after the seal, so that there any answer will do."""
    return frozenset() if questionnaire.name_of(house.instrument) else frozenset(gather.scored_questions(rules(year)))


def _audit(asked: Asked, at: int) -> sealing.Audit:
    """A scrutineer's noted vote, as typed in the seal's form."""
    prefix = f"audit{at}."
    fields = {name.removeprefix(prefix): [value] for name, value in request.form.items() if name.startswith(prefix) and value}
    reply, _faults = asked.read(fields)
    return sealing.Audit(
        slip=request.form.get(f"slip{at}", ""), receipt=request.form.get(f"receipt{at}", ""), answers=reply.answers
    )


def _deed(
    collection: str, deed: Callable[[Connection, Collection], object], done: str, *, both: bool = True
) -> AnyResponse | tuple[str, int]:
    """One deed of both officers that ends a vote: passwords, the deed in its transaction, a word."""
    house = own(collection)
    if both and (refusal := _passwords(house, ends=True)):
        return _page(house, faults=(refusal,)), 422
    try:
        with db.deed() as connection:
            deed(connection, house)
    except Refused as fault:
        return _page(own(collection), faults=(str(fault),)), 422
    flash(done)
    return _back(collection)


def _passwords(house: Collection, *, ends: bool = False) -> str | None:
    """Why the two re-entered passwords, and the envelope's code where one was typed, are not accepted; None when they are.

    Failures are counted.
    """
    if access.me().account not in (house.teller, house.scrutineer):
        return str(_("只有本场的计票人和监票人可以办理。"))
    teller, scrutineer = (request.form.get(f"{name}_password", "") for name in OFFICERS)
    with db.deed() as connection:
        return officers.both(
            connection, house, keys.of(instance(), house.collection), teller=teller, scrutineer=scrutineer,
            envelope=request.form.get("envelope", "").strip(), ends=ends,
        )  # fmt: skip


# ---- slips, trials, files ------------------------------------------------------------------------------------------


@blueprint.post("/meeting/<collection>/replace")
@allowed("office", "staff", *OFFICERS)
def replace_slip(collection: str) -> AnyResponse | str | tuple[str, int]:
    """A damaged slip is voided; two new ones are shown once, to be printed. After opening it takes both officers."""
    house = own(collection)
    if house.state not in ("draft", "open"):
        abort(409)
    if house.state == "open" and (refusal := _passwords(house)):
        return _page(house, faults=(refusal,)), 422
    try:
        with db.deed() as connection:
            made = slip.replace(connection, keys.of(instance(), collection), collection, request.form.get("code", ""))
            opening.note_slips(connection, house, len(made))
            _note(connection, "slip.replace", collection)
    except ValueError as fault:
        return _page(house, faults=(str(fault),)), 422
    return render_template("desk/codes.html", house=house, codes=[(each, code_qr(house, each.token)) for each in made])


@blueprint.post("/meeting/<collection>/rescue")
@allowed("office", "staff", *OFFICERS)
def add_rescue(collection: str) -> AnyResponse | tuple[str, int]:
    """Puts answers a phone exported because it could not send them into the box. Twice the same counts once."""
    house, file = own(collection), request.files.get("file")
    if not house.collecting:
        abort(409)
    try:
        told = rescue.cast(file.read(rescue.SIZE_LIMIT + 1) if file else b"", collection)
    except rescue.Unreadable as fault:
        return _page(house, faults=(str(fault),)), 422
    counted, known = told.pop("cast", 0), told.pop("again", 0) + told.pop("first_counts", 0)
    with db.deed() as connection:
        _note(connection, "collection.rescue", collection, counted=counted, known=known, refused=sum(told.values()))
    flash(_("收进 %(counted)s 份，早已收到 %(known)s 份。", counted=counted, known=known))
    for status, number in sorted(told.items()):
        flash(_("%(number)s 份没有收：%(why)s", number=number, why=_why(status)), "error")
    return _back(collection)


def _why(status: str) -> str:
    texts: dict[str, str] = {
        "elsewhere": _("属于别的会议或调查"),
        "faulty": _("内容和问卷不符"),
        "already_used": _("码已经用过"),
        "void": _("码已经作废"),
        "unknown": _("没有这个码"),
        "over_cap": _("份数已满"),
        "closed": _("已经结束"),
        "not_open": _("没有开箱"),
        "busy": _("票箱正忙，请稍后再传一次"),
        "bad_nonce": _("不是本系统的答卷页"),
    }
    return texts.get(status, status)


@blueprint.post("/meeting/<collection>/purge")
@allowed("office", "staff")
def purge(collection: str) -> AnyResponse:
    """Removes a trial with all that is in it, its keys too."""
    own(collection)
    try:
        with db.deed() as connection:
            sealing.remove_trial(connection, instance(), collection)
            _note(connection, "collection.purge", collection)
    except ValueError as fault:
        flash(str(fault), "error")
        return _back(collection)
    flash(_("试投已清除。"))
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
    disposition = f"attachment; filename={collection}-scrutineers.zip"
    return Response(content, mimetype="application/zip", headers={"Content-Disposition": disposition})


def _note(connection: Connection, deed: str, subject: str, **detail: object) -> None:
    journal.record(connection, account=access.me().account, deed=deed, subject=subject, at=None, **detail)


def _back(collection: str) -> AnyResponse:
    return redirect(url_for("desk.meeting", collection=collection))
