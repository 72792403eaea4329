"""Drawing the townships and villages to be visited, from an announced seed, and drawing them again to check."""

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, roster
from survey import draw as drawing
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import rules, this
from survey.desk.entry import READERS
from survey.desk.spreadsheet import spreadsheet


@blueprint.get("/draw")
@allowed(*READERS)
def draws() -> str:
    """Every banner, and whether its villages are drawn."""
    me = access.me()
    with db.reading() as connection:
        year = this(connection)
        banners = [each.banner for each in roster.banners(connection, year.cycle) if me.sees(each.banner)]
        found = drawing.every(connection, year.cycle)
        pools: dict[str, int] = {}
        for each in roster.villages(connection, year.cycle):
            pools[each.banner] = pools.get(each.banner, 0) + 1
    return render_template("desk/draws.html", banners=banners, draws=found, pools=pools, sample=rules(year).sample)


@blueprint.get("/draw.xlsx")
@allowed(*READERS)
def export_draws() -> Response:
    """All villages drawn, with their seeds."""
    me = access.me()
    with db.reading() as connection:
        year = this(connection)
        found = drawing.every(connection, year.cycle)
    rows = [[_("旗县"), _("苏木乡镇"), _("嘎查村"), _("种子"), _("在哪里公布"), _("名单指纹"), _("算法"), _("抽取日期")]]
    for each in found.values():
        if me.sees(each.banner):
            rows += [
                [each.banner, township, village, each.seed, each.announced, each.pool_sha256, each.algorithm, each.drawn_on]
                for township, villages in each.villages.items()
                for village in villages
            ]
    return spreadsheet(f"draw-{year.cycle}", _("抽取嘎查村"), rows)


@blueprint.route("/draw/<banner>", methods=["GET", "POST"])
@allowed(*READERS)
def draw_banner(banner: str) -> AnyResponse | tuple[str, int]:
    """One banner's pool, its draw, and the same draw made again."""
    access.own_banner(banner)
    me = access.me()
    fault = ""
    given = {name: " ".join(request.form.get(name, "").split()) for name in ("seed", "announced", "reason")}
    with db.reading() as connection:
        year = this(connection)
        if roster.get_banner(connection, year.cycle, banner) is None:
            abort(404)
    sample = rules(year).sample or abort(404)
    if request.method == "POST":
        if not me.may("office"):
            abort(403)
        try:
            with db.deed() as connection:
                drawing.make(connection, year.cycle, banner, sample, by=me.account, **given)
            flash(_("已抽取，种子、名单和结果都留了底。"))
            return redirect(url_for("desk.draw_banner", banner=banner))
        except ValueError as error:
            fault = str(error)
    with db.reading() as connection:
        pool = drawing.pool(connection, year.cycle, banner)
        made = drawing.every(connection, year.cycle).get(banner)
    return render_template(
        "desk/draw.html",
        banner=banner,
        pool=pool,
        made=made,
        sample=sample,
        fault=fault,
        given=given,
        fingerprint=drawing.fingerprint(pool),
        same=made.again(sample) if made else None,
    ), 422 if fault else 200
