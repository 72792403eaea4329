"""Keying sheets in by hand: two accounts type each sheet, neither sees the other's; what differs gets a third look.

The third look is that of an account that typed neither version. Only where no other account may count here does the account
that typed first settle it, never the one that typed second.
"""


from flask import abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, clock, db
from survey.access import allowed
from survey.box import collection as collections
from survey.box import keys as key_store
from survey.box import slip
from survey.desk.words import language
from survey.instrument import VOID, Form, Item, say
from survey.paper import batch, blueprint, house, printing
from survey.paper.batch import VOICE, Batch, Typed
from survey.paper.house import COUNTING
from survey.paper.settle import SPOILED, spoiled_words, unfit_words
from survey.paper.upload import load, state_words


@blueprint.post("/<collection>/keying")
@allowed(*COUNTING)
def new_keying(collection: str) -> AnyResponse:
    """Begins a batch to be keyed."""
    here = house.find(collection)
    if here.phase() not in ("open", "closing"):
        flash(_("开箱以后才能录入纸票。"), "error")
        return redirect(url_for("paper.home", collection=collection))
    made = batch.new(
        house.instance(), collection, kind="keyed", account=access.me().account, made_on=clock.today()
    )
    return redirect(url_for("paper.key_in", collection=collection, name=made.batch))


@blueprint.get("/<collection>/batch/<name>/key")
@allowed(*COUNTING)
def key_in(collection: str, name: str) -> str:
    """One sheet to type: its code, then a row a question, by keyboard."""
    here, found, form, _pile = load(collection, name)
    if found.kind != "keyed":
        abort(404)
    return _key_page(here, found, form, code=request.args.get("code", ""))


def _key_page(
    here: collections.Collection, found: Batch, form: Form, *, code: str = "", fault: str = "", empty: bool = False
) -> str:
    """The form for one sheet; with what was typed where it could not be kept."""
    mine = sorted(code for code, typed in found.typed.items() if any(each.account == access.me().account for each in typed))
    waiting = sorted(code for code, typed in found.typed.items() if len(typed) == 1 and code not in mine)
    return render_template(
        "paper/key.html",
        house=here,
        batch=found,
        form=form,
        items=list(form.items()),
        say=say,
        lang=language(),
        mine=mine,
        waiting=len(waiting),
        people={each.id: each for each in form.people},
        given={name: tuple(request.form.getlist(name)) for name in request.form} | _typed(form),
        fault=fault,
        empty=empty,
        code=code,
        reasons=SPOILED[1:],
        spoiled_words=spoiled_words,
        ask_voice=_asks_voice(here, form),
        dashed=printing.dashed,
        void=VOID,
    )


def _asks_voice(here: collections.Collection, form: Form) -> bool:
    return bool(form.instrument.voices) and here.mode == "link"


@blueprint.post("/<collection>/batch/<name>/key")
@allowed(*COUNTING)
def keyed(collection: str, name: str) -> AnyResponse | tuple[str, int]:
    """Keeps one sheet as this account typed it; typing it again replaces what this account typed."""
    here, found, form, _pile = load(collection, name)
    if found.kind != "keyed":
        abort(404)
    me = access.me().account
    code = slip.plain(request.form.get("code", ""))
    keys = key_store.of(house.instance(), collection)
    with db.reading() as connection:
        state, _voice = batch.standing(connection, keys, here, found, code)
    spoiled = request.form.get("spoiled", "")
    if spoiled not in SPOILED:
        abort(400)
    answers = _typed(form)
    if state != "ready":
        wrong = _("%(code)s：%(why)s", code=request.form.get("code", "")[:64], why=state_words(state))
        return _key_page(here, found, form, code=request.form.get("code", "")[:64], fault=wrong), 422
    if not spoiled and (wrong := unfit_words(form, batch.unfit(answers, form))):
        return _key_page(here, found, form, code=code, fault=wrong), 422
    if not spoiled and not _touched(form) and not request.form.get("empty"):
        return _key_page(here, found, form, code=code, fault=_("这张票一项也没有录。纸上确实全是空白，请勾选后再存。"), empty=True), 422
    new = Typed(account=me, answers=answers, spoiled=spoiled)  # type: ignore[arg-type]
    with batch.alone(house.instance(), collection, name) as now:
        others = tuple(each for each in now.typed.get(code, ()) if each.account != me)
        if len(others) > 1:
            return _key_page(here, found, form, code=code, fault=_("%(code)s 已经由两个账号录过。", code=code)), 422
        decided = {key: value for key, value in now.decided.items() if key != code}
        batch.save(
            house.instance(),
            now.model_copy(update={"typed": {**now.typed, code: (*others, new)}, "decided": decided, "totals": {}}),
        )
    flash(_("已录入 %(code)s。", code=printing.dashed(code)))
    return redirect(url_for("paper.key_in", collection=collection, name=name))


def _touched(form: Form) -> bool:
    """Whether anything at all was typed; 空白 is something."""
    return any(value.strip() for name in (VOICE, *(item.name for item in form.items())) for value in request.form.getlist(name))


def _typed(form: Form) -> batch.Answers:
    given: batch.Answers = {}
    asked: list[tuple[str, Item | None]] = [(VOICE, None), *((item.name, item) for item in form.items())]
    for name, item in asked:
        values = [value.strip() for value in request.form.getlist(name) if value.strip() and value.strip() != "-"]
        if not values:
            continue
        if item is not None and item.question.kind not in ("one", "many"):
            given[name] = (batch.written(values[0], item.question),)
            continue
        options = {o.id for o in (item.question.options if item else form.instrument.voices)}
        if not set(values) <= options | {VOID}:
            abort(400)
        given[name] = (VOID,) if VOID in values else tuple(sorted(set(values)))
    return given


@blueprint.get("/<collection>/batch/<name>/compare/<code>")
@allowed(*COUNTING)
def compare(collection: str, name: str, code: str) -> AnyResponse | str:
    """Where two accounts typed a sheet differently: the third look, with the sheet in hand."""
    here, found, form, pile = load(collection, name)
    shown = pile.sheet(code)
    if shown is None or found.kind != "keyed" or shown.once:
        abort(404)
    if shown.differing and (fault := house.not_third(here, [each.account for each in found.typed[code]])):
        flash(fault, "error")
        return redirect(url_for("paper.show_batch", collection=collection, name=name))
    asked = {item.name: item for item in form.items()}
    names = [each for each in shown.differing if each in asked or each == VOICE]
    return render_template(
        "paper/compare.html",
        house=here,
        batch=found,
        sheet=shown,
        names=names,
        asked=asked,
        form=form,
        one=found.typed[code][0],
        two=found.typed[code][1],
        say=say,
        lang=language(),
        people={each.id: each.name for each in form.people},
        void=VOID,
        spoiled_differs="spoiled" in shown.differing,
        reasons=SPOILED,
        spoiled_words=spoiled_words,
        words=_words,
        dashed=printing.dashed,
    )


def _words(form: Form, item: Item | None, values: tuple[str, ...]) -> str:
    """What was typed, in words."""
    if values == (VOID,):
        return _("多选／看不清（作废）")
    options = {o.id: say(o.text, language()) for o in (item.question.options if item else form.instrument.voices)}
    return _("、").join(options.get(each, each) for each in values) or _("空白")


@blueprint.post("/<collection>/batch/<name>/compare/<code>")
@allowed(*COUNTING)
def third_look(collection: str, name: str, code: str) -> AnyResponse:
    """Keeps what the third look says."""
    here, found, form, pile = load(collection, name)
    shown = pile.sheet(code)
    if shown is None or found.kind != "keyed" or shown.once:
        abort(404)
    if fault := house.not_third(here, [each.account for each in found.typed[code]]):
        flash(fault, "error")
        return redirect(url_for("paper.show_batch", collection=collection, name=name))
    if request.form.get("spoiled", "") not in SPOILED:
        abort(400)
    typed = _typed(form)
    if not request.form.get("spoiled") and (wrong := unfit_words(form, batch.unfit({**shown.answers, **typed}, form))):
        flash(wrong, "error")
        return redirect(url_for("paper.compare", collection=collection, name=name, code=code))
    missing = [name for name in shown.differing if name != "spoiled" and name not in typed and request.form.get(name) is None]
    if missing and not request.form.get("spoiled"):
        flash(_("还有没选的，请逐项对照票面。"), "error")
        return redirect(url_for("paper.compare", collection=collection, name=name, code=code))
    answers = {each: typed.get(each, ()) for each in shown.differing if each != "spoiled"}
    with batch.alone(house.instance(), collection, name) as now:
        before = now.decision(code).answers
        by = access.me().account if "spoiled" in shown.differing or now.decision(code).by else ""
        batch.decide(
            house.instance(),
            now,
            code,
            answers={**before, **answers},
            by=by,
            spoiled=request.form.get("spoiled", "") if by else "",
        )
    flash(_("已记下。"))
    return redirect(url_for("paper.show_batch", collection=collection, name=name))
