"""Settling what was not read for certain: cut-out beside choice, closest first, by keyboard; or a whole sheet at a time."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access
from survey.access import allowed
from survey.box.collection import Collection
from survey.desk.words import language
from survey.instrument import VOID, Form, say
from survey.paper import batch, blueprint, house, reader
from survey.paper.batch import VOICE, Batch, Pile
from survey.paper.house import COUNTING
from survey.paper.upload import load, state_words

TILES = 40
SPOILED = ("", "signed", "illegible", "marked")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One question of one sheet, as it is settled: what to cut out, what can be chosen, what is suggested or chosen."""

    code: str
    name: str
    kind: str  # one · many · text and the other written kinds
    subject: str
    question: str
    options: tuple[tuple[str, str], ...]
    chosen: tuple[str, ...]
    settled: bool
    why: str
    page: int
    row: int
    certainty: float = 0.0

    @property
    def field(self) -> str:
        """Its name in the page: the sheet's code and the question's name."""
        return f"{self.code}/{self.name}"


def tiles(found: Batch, pile: Pile, form: Form, code: str = "") -> list[Tile]:
    """Every question a person must look at, the closest first; with `code` all questions of that sheet, in printed order."""
    asked = {item.name: item for item in form.items()}
    people = {rated.id: rated.name for rated in form.people}
    made = []
    for sheet in pile.sheets:
        if (code and sheet.code != code) or (not code and (sheet.state not in ("open", "short") or sheet.spoiled)):
            continue
        for at in sheet.pages:
            scan = found.scans[at]
            asked_here: tuple[batch.Mark | batch.Space, ...] = (*scan.marks, *scan.spaces)
            for row, each in enumerate(asked_here):
                if not code and each.name not in sheet.open:
                    continue
                item = asked.get(each.name)
                if item is None and each.name != VOICE:
                    continue
                question = item.question if item else None
                options = question.options if question else form.instrument.voices
                decided = found.decision(sheet.code).answers.get(each.name)
                read = each.choices if isinstance(each, batch.Mark) else ()
                made.append(
                    Tile(
                        code=sheet.code,
                        name=each.name,
                        kind=question.kind if question else "one",
                        subject=people.get(each.subject, "") if each.subject else "",
                        question=say(question.text if question else form.instrument.voices_title, language()),
                        options=tuple((o.id, say(o.text, language())) for o in options),
                        chosen=decided if decided is not None else read,
                        settled=decided is not None or each.name not in sheet.open,
                        why=reader.why_open(each.why) if isinstance(each, batch.Mark) else _("手写"),
                        page=at,
                        row=row,
                        certainty=each.certainty if isinstance(each, batch.Mark) else 2.0,
                    )
                )
    return made if code else sorted(made, key=lambda tile: tile.certainty)


@blueprint.get("/<collection>/batch/<name>/review")
@allowed(*COUNTING)
def review(collection: str, name: str) -> AnyResponse | str:
    """The next uncertain boxes."""
    here, found, form, pile = load(collection, name)
    if fault := _not_yours(found):
        flash(fault, "error")
        return redirect(url_for("paper.show_batch", collection=collection, name=name))
    left = tiles(found, pile, form)
    return render_template(
        "paper/review.html",
        house=here,
        batch=found,
        tiles=left[:TILES],
        left=len(left),
        title=_("定夺看不准的格子"),
        sheet=None,
    )


@blueprint.post("/<collection>/batch/<name>/review")
@allowed(*COUNTING)
def settle(collection: str, name: str) -> AnyResponse | tuple[dict[str, object], int]:
    """Keeps choices (`<code>/<field>` → options, `-` for a blank); the script posts one at a time and gets JSON."""
    here, found, form, pile = load(collection, name)
    fault = _not_yours(found)
    script = request.headers.get("X-Script") == "1"
    if fault:
        if script:
            return {"fault": fault}, 403
        flash(fault, "error")
        return redirect(url_for("paper.show_batch", collection=collection, name=name))
    given = read_fields(pile, form, here)
    for code, answers in given.items():
        read = pile.sheet(code)
        wrong = batch.unfit({**(read.answers if read else {}), **answers}, form)
        if told := unfit_words(form, {name: why for name, why in wrong.items() if name in answers}):
            if script:
                return {"fault": told}, 422
            flash(told, "error")
            return redirect(url_for("paper.review", collection=collection, name=name))
    with batch.alone(house.instance(), collection, name) as now:
        for code, answers in given.items():
            before = now.decision(code).answers
            now = batch.decide(house.instance(), now, code, answers={**before, **answers}, by=access.me().account)
    if script:
        return {"kept": sum(len(each) for each in given.values())}, 200
    flash(_("已保存 %(number)s 处。", number=sum(len(each) for each in given.values())))
    back = request.form.get("sheet", "")
    if back and pile.sheet(back):
        return redirect(url_for("paper.sheet", collection=collection, name=name, code=back))
    return redirect(url_for("paper.review", collection=collection, name=name))


def read_fields(pile: Pile, form: Form, here: Collection) -> dict[str, batch.Answers]:
    """Posted choices by sheet; 400 for what no form of ours could post."""
    asked = {item.name: item.question for item in form.items()}
    given: dict[str, batch.Answers] = {}
    for key in request.form:
        code, slash, name = key.partition("/")
        if not slash:
            continue
        if pile.sheet(code) is None or (name not in asked and name != VOICE):
            abort(400)
        values = [value.strip() for value in request.form.getlist(key) if value.strip()]
        question = asked.get(name)
        options = {o.id for o in (question.options if question else form.instrument.voices)}
        if question is not None and question.kind not in ("one", "many"):
            words = tuple(batch.written(value, question) for value in values if value != "-")[:1]
            if words or values:  # an empty field alone settles nothing: "-" says that nothing is written
                given.setdefault(code, {})[name] = words
            continue
        if not values:
            continue
        chosen = tuple(value for value in dict.fromkeys(values) if value != "-")
        if not set(chosen) <= options | {VOID}:
            abort(400)
        given.setdefault(code, {})[name] = (VOID,) if VOID in chosen else chosen
    return given


@blueprint.get("/<collection>/batch/<name>/sheet/<code>")
@allowed(*COUNTING)
def sheet(collection: str, name: str, code: str) -> str:
    """One whole sheet: its pages and every choice, each of which may be put right; spoiled, set aside, short of a page."""
    here, found, form, pile = load(collection, name)
    shown = pile.sheet(code)
    if shown is None or found.kind != "scan":
        abort(404)
    return render_template(
        "paper/scanned_sheet.html",
        house=here,
        batch=found,
        sheet=shown,
        tiles=tiles(found, pile, form, code),
        decided=found.decision(code),
        state_words=state_words,
        spoiled_words=spoiled_words,
        fault=_not_yours(found),
        reasons=SPOILED[1:],
    )


@blueprint.post("/<collection>/batch/<name>/sheet/<code>")
@allowed(*COUNTING)
def decide(collection: str, name: str, code: str) -> AnyResponse:
    """Decides about a sheet as a whole: spoiled (废票) and why, set aside, counted short of a page, or none of these."""
    _here, found, _form, pile = load(collection, name)
    shown = pile.sheet(code)
    if shown is None:
        abort(404)
    back = redirect(
        url_for("paper.sheet" if found.kind == "scan" else "paper.compare", collection=collection, name=name, code=code)
    )
    deed = request.form.get("deed", "")
    if deed != "aside" and found.kind == "keyed":
        abort(400)  # whether a keyed sheet is spoiled is typed twice, and settled where the two differ
    if fault := _not_yours(found):
        flash(fault, "error")
        return back
    changes: dict[str, object]
    if deed == "spoil" and request.form.get("why") in SPOILED[1:]:
        changes = {"spoiled": request.form["why"]}
    elif deed == "aside" and request.form.get("reason", "").strip():
        changes = {"aside": request.form["reason"].strip()[:200]}
    elif deed == "short":
        changes = {"short": True}
    elif deed == "restore":
        changes = {"spoiled": "", "aside": "", "short": False}
    else:
        flash(_("请选择原因，或写明理由。"), "error")
        return back
    with batch.alone(house.instance(), collection, name) as now:
        batch.decide(house.instance(), now, code, by=access.me().account, **changes)
    flash(_("已记下。"))
    return back


def unfit_words(form: Form, wrong: Mapping[str, str]) -> str:
    """Why written numbers or dates cannot be taken, in words; "" where all can."""
    why = {
        "not_a_number": _("不是数字，或不是整数"),
        "out_of_range": _("超出这一题的范围"),
        "not_a_date": _("日期要写成 2018-06-30"),
        "constraint": _("不合这一题的限制"),
        "too_long": _("太长"),
    }
    asked = {item.name: item.question for item in form.items()}
    told = [_("“%(question)s”%(why)s", question=say(asked[name].text, language()), why=why.get(each, each)) for name, each in wrong.items()]
    return _("%(faults)s。票面上就是这样写的，请留空，按未答计。", faults=_("；").join(told)) if told else ""


def spoiled_words(why: str) -> str:
    """Why a whole ballot is spoiled (D-07)."""
    return {"": "", "signed": _("写了姓名"), "illegible": _("整张认不清"), "marked": _("做了记号")}[why]


def _not_yours(found: Batch) -> str:
    """Scans are read by one account and settled by another (BOX.md, "People")."""
    if found.kind == "scan" and found.account == access.me().account:
        return _("这一批是您上传识读的，要请另一个账号来定夺。")
    return ""
