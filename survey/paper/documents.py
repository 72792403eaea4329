"""Papers without codes: posters, specimens, the key's envelope, the assessors' sheet, sheets of points, the records."""

from dataclasses import replace

from flask import Response, abort, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db, job, roster
from survey.access import allowed
from survey.box import collection as collections
from survey.box import fragment, merkle
from survey.desk import dispatch, feedback, notice, papers, personal, report, results
from survey.desk.address import site
from survey.desk.cycle import rules, this
from survey.desk.words import language, position_name
from survey.paper import blueprint, house, printing, tally_sheet
from survey.paper.home import pdf
from survey.paper.house import DESK
from survey.year.scoring import Reckoned
from tally import workday
from tally.number import fixed


@blueprint.get("/<collection>/poster.pdf")
@allowed(*DESK)
def poster(collection: str) -> Response:
    """A poster or projector sheet: the big code, the address, three steps. `size`: A4 or A3."""
    from survey.paper import press

    here = house.find(collection)
    size = "A3" if request.args.get("size") == "A3" else "A4"
    address = f"{site()}/v/{here.collection}"
    return pdf(
        press.pdf("paper/poster.html", _, house=here, size=size, address=address, link=here.mode == "link"), f"poster-{size}"
    )


@blueprint.get("/<collection>/specimen.pdf")
@allowed(*DESK)
def specimen(collection: str) -> Response:
    """The paper form without a code: to look at and to show, never to be counted."""
    here = house.find(collection)
    try:
        laid = printing.lay_out(here, spoken=request.args.get("language", ""))
    except job.Failed as fault:
        return Response(str(fault), status=409, mimetype="text/plain; charset=utf-8")
    return pdf(laid.pdf, "specimen")


@blueprint.route("/<collection>/key.pdf", methods=["GET", "POST"])
@allowed(*DESK)
def key_cover(collection: str) -> Response:
    """The sheet for the sealed envelope of the key: boxes to write the thirty characters in, or, posted, the characters."""
    from survey.paper import press

    here = house.find(collection)
    code = "".join(request.form.get("envelope", "").split()).replace("-", "").upper()[:30]
    return pdf(press.pdf("paper/key_cover.html", _, house=here, code=code.ljust(30)), "key")


# ---- the assessors' papers -----------------------------------------------------------------------------------------


@blueprint.get("/assessors.pdf")
@allowed("office", "staff", "assessor")
def assessors_sheet() -> Response:
    """Annex 2: one sheet an assessor for a banner's people, a letter each."""
    from survey.paper import press

    banner = request.args.get("banner", "")
    access.own_banner(banner)
    with db.reading() as connection:
        year = this(connection)
        people = roster.people(connection, year.cycle, banner)
    if not people:
        abort(404)
    book = rules(year)
    letters = book.letters
    if letters is None:
        abort(404)
    headings: dict[str, list[object]] = {}
    for each in letters.letters:
        headings.setdefault(each.heading.text(language()), []).append(each)
    return pdf(
        press.pdf(
            "paper/assessors.html",
            _,
            year=year.cycle,
            banner=banner,
            people=people,
            headings=headings,
            position_name=position_name,
            letters=letters.letters,
        ),
        "assessors",
    )


@blueprint.get("/points/<name>.pdf")
@allowed("office", "staff", "assessor")
def points_sheet(name: str) -> Response:
    """A sheet of points (指标考核, 查阅台账, 实地查访) to fill in by hand."""
    from survey.paper import press

    banner = request.args.get("banner", "")
    access.own_banner(banner)
    with db.reading() as connection:
        year = this(connection)
    found = next((each for each in rules(year).sheets if each.id == name), None)
    if found is None:
        abort(404)
    return pdf(
        press.pdf("paper/points.html", _, year=year.cycle, banner=banner, sheet=found, lang=language()), f"points-{name}"
    )


# ---- the office's papers -------------------------------------------------------------------------------------------


@blueprint.get("/notice.pdf")
@allowed(*results.READERS)
def notice_pdf() -> AnyResponse:
    """公示: the proposed grades without scores (D-26); back to its page, which says why not, while a grade is undecided."""
    from survey.paper import press

    year, decided = results.read_year()
    rule = year.rulebook.notice or abort(404)
    if notice.lacking(year, decided):
        return redirect(url_for("desk.notice"))
    given = notice.given()
    with db.reading() as connection:
        demo = this(connection).demo
    made = press.pdf(
        "reports/notice.html", _, year=year.outcome.year, source=year.rulebook.source, given=given,
        lists=notice.listed(year, decided), start=papers.in_words(given["start"]),
        end=papers.in_words(workday.notice_end(given["start"], rule)), days=rule.working_days, demo=demo,
        lang=language(),
    )  # fmt: skip
    return pdf(made, "notice")


@blueprint.post("/feedback.pdf")
@allowed(*results.READERS)
def feedback_pdf() -> AnyResponse | str | tuple[str, int]:
    """反馈通知: one team's or every team's (六（二）). Posted, for what the office says of a team belongs in no address."""
    year, decided = results.read_year()
    banner, said = request.form.get("banner", ""), feedback.said()
    found = feedback.papers_of(year, decided, banner)
    if not found:
        return feedback.page()
    notice.keep("feedback", year.outcome.year, said, banner=banner)
    if banner:
        found = [replace(each, texts=said) for each in found]
    return _official("feedback", year, said, papers=found, ranks=bool(request.form.get("rank")))


@blueprint.get("/personal.pdf")
@allowed(*results.READERS)
def personal_pdf() -> AnyResponse | str | tuple[str, int]:
    """个人年度考核结果通知: a page each for one person, a team's people or a sequence's (六（三）)."""
    year, decided = results.read_year()
    listed = personal.chosen(year, decided)
    if not listed:
        return personal.page()
    return _official("personal", year, notice.given(personal.SAID, day="day"), listed=listed)


@blueprint.get("/dispatch.pdf")
@allowed(*results.READERS)
def dispatch_pdf() -> AnyResponse | str | tuple[str, int]:
    """致派出单位函: a letter to one unit or to each, with its own people's grades (四（七）, 六（三）)."""
    year, decided = results.read_year()
    letters = dispatch.asked(dispatch.by_unit(year, decided))
    if not letters:
        return dispatch.page()
    return _official("dispatch", year, notice.given(dispatch.SAID, day="day"), letters=letters)


@blueprint.post("/report.pdf")
@allowed(*results.READERS)
def report_pdf() -> AnyResponse:
    """考核报告: the report to the leading group (四（六）). Posted, as the texts are long."""
    year, decided = results.read_year()
    said = report.said()
    notice.keep("report", year.outcome.year, said)
    return _official(
        "report", year, said, chapters=report.chapters(year, decided), headings=report.headings(), fixed=fixed,
        grades=results.grades(year.rulebook), decisions=list(results.decided_rows(year, decided)), choices=results.chosen(year.rulebook),
    )  # fmt: skip


@blueprint.get("/papers/<name>.pdf")
@allowed(*results.READERS)
def paper_pdf(name: str) -> AnyResponse | str | tuple[str, int]:
    """One of the papers that consist of the office's words and the year's tables; of a team, or of each."""
    found = papers.printed(name)
    if not found:
        return papers.page(name)
    return _official(
        name, found[0][0].year, found[0][2], template="paper", printed=found, paper=papers.PAPERS[name], numbers=papers.NUMBERS,
        in_words=papers.in_words,
    )  # fmt: skip


def _official(name: str, year: Reckoned, given: dict[str, str], *, template: str = "", **more: object) -> Response:
    """A paper under the measure's title, dated by hand, and marked where the year is the demo's."""
    from survey.paper import press

    with db.reading() as connection:
        demo = this(connection).demo
    made = press.pdf(
        f"reports/{template or name}.html", _, year=year.outcome.year, title=year.rulebook.title.text(language()), source=year.rulebook.source,
        given=given, demo=demo, lang=language(), day=papers.in_words(given["day"]), **more,
    )  # fmt: skip
    return pdf(made, name)


# ---- the records ---------------------------------------------------------------------------------------------------


def _record(collection: str) -> tally_sheet.Sheet:
    here = house.find(collection)
    if here.state != "sealed" or here.origin != "site":
        abort(404)
    with db.reading() as connection:
        form = collections.form(connection, here)
        words = fragment.comments(connection, collection)
    return tally_sheet.sheet(here, form, language(), comments=words)


@blueprint.get("/<collection>/tally.pdf")
@allowed(*DESK, "viewer")
def tally_pdf(collection: str) -> Response:
    """测评结果统计表 or 民意调查统计表 for the archive, with lines to sign."""
    from survey.paper import press

    found = _record(collection)
    made = press.pdf(
        "reports/tally_sheet.html", _, sheet=found, by_subject=tally_sheet.by_subject, reason_name=tally_sheet.reason_name,
        short=merkle.short,
    )  # fmt: skip
    return pdf(made, f"tally-{collection}")


@blueprint.get("/<collection>/tally.xlsx")
@allowed(*DESK, "viewer")
def tally_workbook(collection: str) -> Response:
    """The same record as a workbook."""
    content = tally_sheet.workbook(_record(collection))
    headers = {"Content-Disposition": f"attachment; filename=tally-{collection}.xlsx"}
    return Response(content, mimetype="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", headers=headers)
