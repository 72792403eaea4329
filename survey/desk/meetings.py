"""The list of meetings and surveys, banner by banner, and a new one."""

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse
from wtforms import BooleanField, DateField, IntegerField, RadioField, SelectField, StringField
from wtforms.validators import NumberRange

from survey import access, db, journal, questionnaire, roster
from survey.access import allowed
from survey.box import casting
from survey.box import collection as collections
from survey.box.collection import Collection
from survey.desk import blueprint
from survey.desk.cycle import rules, this
from survey.desk.form import Form, at_most, choices, needed, optional, strip

DESK = ("office", "staff", "teller", "scrutineer")


class MeetingForm(Form):
    """A new collection."""

    banner = SelectField(_l("旗县"), [needed])
    kind = RadioField(
        _l("收集什么"), [needed], choices=[("appraisal", _l("总结测评会的民主测评")), ("opinion", _l("民意调查"))]
    )
    instrument = SelectField(_l("问卷"))
    mode = RadioField(
        _l("怎样进入"),
        [needed],
        choices=[
            ("slips", _l("测评码：每人一张票，一码一票")),
            ("link", _l("链接：大家扫同一个码，只限总份数，保密相同、防重复较弱")),
        ],
    )
    cap = IntegerField(_l("最多收多少份"), [optional, NumberRange(1, 100_000, _l("请填1到100000"))])
    title = StringField(_l("名称"), [at_most(80)])
    village = StringField(_l("嘎查村"), [at_most(60)])
    place = StringField(_l("地点"), [at_most(80)])
    held_on = DateField(_l("日期"), [optional])
    large = BooleanField(_l("手机上先用大字版"))
    trial = BooleanField(_l("试投：不计入结果，用后一键清除"))


@blueprint.get("/meetings")
@allowed(*DESK, "viewer")
def meetings() -> str:
    """Every meeting and survey of the year that is this account's business."""
    who = access.me()
    with db.reading() as connection:
        year = this(connection)
        banners = [each for each in roster.banners(connection, year.cycle) if who.sees(each.banner)]
        houses = [each for each in collections.of_cycle(connection, year.cycle) if who.sees(each.banner)]
        received = {each.collection: casting.received(each.collection) for each in houses if each.collecting}
    wanted, state = request.args.get("banner", "").strip(), request.args.get("state", "")
    by: dict[str, list[Collection]] = {each.banner: [] for each in banners if wanted in each.banner}
    for house in houses:
        if house.banner in by and state in ("", house.phase()):
            by[house.banner].append(house)
    ahead = [house for found in by.values() for house in found if house.phase() in ("draft", "open", "closing")] if not state else []
    if state:
        by = {name: found for name, found in by.items() if found}
    return render_template("desk/meetings.html", by=by, ahead=ahead, received=received, wanted=wanted, state=state, banners=banners)


@blueprint.route("/meetings/new", methods=["GET", "POST"])
@allowed("office", "staff")
def new_meeting() -> AnyResponse | tuple[str, int]:
    """A new collection in draft. A further sitting of a banner is one more of them: their marks pool."""
    form, who = MeetingForm(request.form, data=_begun()), access.me()
    with db.reading() as connection:
        year = this(connection)
        banners = [each.banner for each in roster.banners(connection, year.cycle) if who.sees(each.banner)]
        villages = [each for each in roster.villages(connection, year.cycle) if who.sees(each.banner)]
        brought = [(questionnaire.PREFIX + each.id, each.title) for each in questionnaire.of_all(connection)]
    form.instrument.choices = choices([("opinion", _("附件4民意调查表（样表）")), *brought])
    form.banner.choices = choices([("", ""), *((each, each) for each in banners)])
    if form.validate_on_submit() and _whole(form):
        kind = form.kind.data
        smallest = int(rules(year).in_effect.get("smallest_group", "5"))
        title = strip(form.title.data) or (_("总结测评会") if kind == "appraisal" else _("民意调查"))
        if form.banner.data not in banners:
            abort(404)
        with db.deed() as connection:
            others = [
                each for each in collections.of_banner(connection, year.cycle, form.banner.data)
                if each.kind == kind and not each.trial and each.state != "void"
            ]  # fmt: skip
            name = collections.draft(
                connection,
                cycle=year.cycle,
                banner=form.banner.data,
                kind=kind,
                mode=form.mode.data,
                title=title,
                instrument="appraisal" if kind == "appraisal" else form.instrument.data,
                village=strip(form.village.data) if kind == "opinion" else "",
                cap=form.cap.data if form.mode.data == "link" else None,
                trial=bool(form.trial.data),
                large=bool(form.large.data),
                place=strip(form.place.data),
                held_on=form.held_on.data.isoformat() if form.held_on.data else None,
                smallest_group=smallest,
            )
            journal.record(
                connection,
                account=who.account,
                deed="collection.draft",
                subject=name,
                banner=form.banner.data,
                kind=kind,
                mode=form.mode.data,
                title=title,
                trial=bool(form.trial.data),
            )
        flash(_("已建好，在筹备中。"))
        if others and not form.trial.data:
            titles = _("、").join(f"{each.title} {each.collection}" for each in others[:5])
            flash(_("%(banner)s 已有同类的 %(n)s 场（%(titles)s）：封箱以后，各场的票合在一起算分。", banner=form.banner.data, n=len(others), titles=titles))
        return redirect(url_for("desk.meeting", collection=name))
    return render_template("desk/new_meeting.html", form=form, villages=villages), 422 if form.is_submitted() else 200


def _begun() -> dict[str, object]:
    """What a link to the page has filled in already."""
    asked = request.args
    begun = {name: asked[name] for name in ("banner", "kind", "mode", "village") if name in asked}
    return {"kind": "appraisal", "mode": "slips", "instrument": "opinion", **begun}


def _whole(form: MeetingForm) -> bool:
    """What holds between fields."""
    if form.mode.data == "link" and not form.cap.data:
        form.cap.errors = [_("链接方式要写明最多收多少份")]
    if form.mode.data == "link" and form.kind.data == "appraisal":
        form.mode.errors = [_("民主测评要一人一票，请用测评码")]
    return not (form.cap.errors or form.mode.errors)
