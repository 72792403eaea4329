"""The respondent's way: code → form → check → receipt. Every step is a plain page; the script only makes it smoother."""

import json
import time
from datetime import UTC, datetime
from functools import lru_cache
from threading import BoundedSemaphore, Lock

from flask import Response, current_app, jsonify, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from survey.access import respondent
from survey.box import casting, publish
from survey.box import slip as slips
from survey.box.casting import Look, Outcome
from survey.box.collection import Collection
from survey.instrument import Fault, Form, Item, Reply, from_json, holds, say
from survey.phone import blueprint, page, qr
from survey.phone.page import Face, Page

GUESSES = 60.0  # wrong codes a minute, of everyone together, before each further try waits


@blueprint.get("/")
@respondent
def entry() -> Response:
    """The page that takes a typed code."""
    return page.show("entry", collection="", fault="")


@blueprint.post("/")
@respondent
def enter() -> Response:
    """A typed code becomes a form."""
    return _enter(None)


@blueprint.get("/v/<collection>")
@respondent
def door(collection: str) -> Response:
    """A link's form; in a collection of slips the page that takes a code."""
    look = casting.look(collection)
    house = look.collection
    if house and house.mode == "link" and look.status == "ready":
        return page.ballot(house, page.face(house), nonce=casting.new_nonce(collection), slip="", voice="").response()
    if house and house.mode == "slips" and look.status in ("ready", "draft"):
        return page.show("entry", collection=collection, fault="", house=house)
    return told(look)


@blueprint.post("/v/<collection>")
@respondent
def enter_here(collection: str) -> Response:
    """A typed code of this collection."""
    return _enter(collection)


@blueprint.get("/v/<collection>/<token>")
@respondent
def scanned(collection: str, token: str) -> Response:
    """A scanned slip's form."""
    return _form(_look(collection, token), token)


def _enter(collection: str | None) -> Response:
    code = request.form.get("code", "")[:64]
    look = _look(collection, code)
    if look.status == "unknown":
        fault = _("没有这个测评码。请对照票面再输一次：只有数字和字母，共10位。")
        if collection is None:  # a seal destroys what a typed code could be known by
            fault += _("已经封箱的会议也查不到测评码，请用回执号在公布页查询。")
        return page.show("entry", 422, collection=collection or "", fault=fault, house=look.collection, code=code)
    return _form(look, code)


def _form(look: Look, text: str) -> Response:
    if look.status != "ready" or look.collection is None:
        return told(look, text)
    if look.slip is None:  # a link has no codes
        return told(Look(status="unknown", collection=look.collection))
    return empty(look, text, page.face(look.collection)).response()


def empty(look: Look, text: str, face: Face) -> Page:
    """The empty form of a slip that was found. `text` is what was scanned or typed."""
    house, slip = look.collection, look.slip
    assert house is not None and slip is not None
    return page.ballot(house, face, nonce=casting.new_nonce(house.collection, look.keys), slip=text, voice=slip.voice)


# ---- check and cast ------------------------------------------------------------------------------------------------


@blueprint.post("/v/<collection>/check")
@respondent
def check(collection: str) -> Response:
    """What was marked and what was not, before it is final; or the form again, with what to mend."""
    look, form = _asked(collection)
    if form is None or look.collection is None:
        return told(look)
    reply, faults = _given(form)
    ask_voice = asks_voice(look, form)
    house, nonce, slip = look.collection, request.form.get("nonce", ""), request.form.get("slip", "")
    wrong = {fault.name: fault_text(fault, form, house) for fault in faults}
    if ask_voice and request.form.get("voice", "") not in {voice.id for voice in form.instrument.voices}:
        wrong["voice"] = _("请选一项。")
    fields = {name: request.form.getlist(name) for name in request.form}
    if wrong or request.args.get("back"):
        if not wrong and not nonce:
            nonce = casting.new_nonce(collection)
        return page.filled(house, form, nonce=nonce, slip=slip, ask_voice=ask_voice, faults=wrong, fields=fields)
    fields |= {"lang": [page.spoken(house)], "size": [page.size(house)]}  # as chosen on this page: the way back keeps them
    return page.show(
        "check", house=house, form=form, fields=fields, blanks=blanks(form, reply), empty=reply.empty, marked=_marked(reply)
    )


@blueprint.post("/v/<collection>/cast")
@respondent
def cast(collection: str) -> AnyResponse:
    """Casts the ballot. Answers a script with JSON that repeats the nonce; a person with the receipt, or what to do."""
    look, form = _asked(collection)
    script = request.headers.get("Accept", "").startswith("application/json")
    nonce = request.form.get("nonce", "")[:64]
    if form is None or look.collection is None:
        return jsonify(status=look.status, nonce=nonce, text=words(look.status, look.collection)) if script else told(look)
    reply, faults = _given(form)
    voice = request.form.get("voice", "") if asks_voice(look, form) else ""
    if asks_voice(look, form) and voice not in {each.id for each in form.instrument.voices}:
        faults.append(Fault(name="voice", why="required"))
    if faults:
        if script:
            return jsonify(status="faults", nonce=nonce, faults={fault.name: fault_text(fault, form, look.collection) for fault in faults})
        return check(collection)
    outcome = casting.cast(
        collection=look.collection, form=form, reply=reply, nonce=nonce, slip=look.slip, voice=voice
    )
    if script:
        return said(look.collection, outcome, _site()).response()
    return done(look.collection, outcome)


def said(house: Collection, outcome: Outcome, at: str) -> Page:
    """What became of an answer, for a script. `at` is the site the receipt's QR code leads to."""
    fields = {
        "status": outcome.status, "nonce": outcome.nonce, "receipt": outcome.receipt, "signature": outcome.signature,
        "text": words(outcome.status, house), "qr": _qr(house, outcome.receipt, at) if outcome.receipt else None,
        "root": publish.short_roots(house).get("issued"),
    }  # fmt: skip
    return Page(_JSON(fields).encode(), (("Content-Type", "application/json"),))


_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@blueprint.get("/v/<collection>/status")
@respondent
def status(collection: str) -> Response:
    """Open or not, and when an announced end comes: for pages that are open, which it never resets."""
    look = casting.look(collection)
    house = look.collection
    left = None
    if house and house.closes_at:
        left = max(0, int((datetime.fromisoformat(house.closes_at) - datetime.now(UTC)).total_seconds()))
    return jsonify(collection=collection, status=look.status, left=left)


@blueprint.post("/v/<collection>/receipt")
@respondent
def receipt(collection: str) -> Response:
    """The receipt again, in another language or size: known by its nonce, without any mark."""
    found = casting.held(collection, request.form.get("nonce", "")[:64])
    return done(*found) if found else told(Look(status="unknown"))


def done(house: Collection, outcome: Outcome) -> Response:
    """The receipt page, or the reason there is none."""
    if outcome.receipt is None:
        code = 503 if outcome.status in ("busy", "stopped") else 409
        return page.show(
            "told", code, house=house, status=outcome.status, text=words(outcome.status, house), again=_again(outcome.status)
        )
    return shown(house, outcome, page.face(house), _site()).response()


def shown(house: Collection, outcome: Outcome, face: Face, at: str) -> Page:
    """The receipt page of an answer that has one."""
    assert outcome.receipt is not None
    return page.receipt(
        house, face, nonce=outcome.nonce, receipt=outcome.receipt, signature=outcome.signature, text=words(outcome.status),
        qr=_qr(house, outcome.receipt, at), root=publish.short_roots(house).get("issued", ""),
    )  # fmt: skip


def told(look: Look, slip: str = "") -> Response:
    """A page that says why there is no form, and what to do. `slip` is what was scanned or typed."""
    code = {"unknown": 404, "draft": 200, "sealed": 200, "crowded": 429, "busy": 503}.get(look.status, 409)
    kept = slip if look.status in ("draft", "spent") else ""
    return page.show(
        "told", code, house=look.collection, status=look.status, text=words(look.status, look.collection), slip=kept, again=_again(look.status)
    )


def _again(status: str) -> dict[str, list[str]] | None:
    """What a voter sends once more by one button when the box was busy."""
    return {name: request.form.getlist(name) for name in request.form} if status == "busy" and "nonce" in request.form else None


def _asked(collection: str) -> tuple[Look, Form | None]:
    """The collection a post is for. A slip that is spent goes on, so that a copy of its own answer is recognised."""
    text = request.form.get("slip", "")
    look = _look(collection, text) if text else casting.look(collection)
    if look.status == "crowded":
        return Look(status="busy"), None
    return asked(look)


def asked(look: Look) -> tuple[Look, Form | None]:
    """What stands behind a post's slip or link, and the form it answers; None where no answer can be for it."""
    house = look.collection
    if house is None or not house.form or house.state not in ("open", "closing", "sealed"):
        return look, None
    if house.mode == "slips" and house.state != "sealed" and look.slip is None:
        return Look(status="unknown", collection=house), None
    return look, from_json(house.form)


def asks_voice(look: Look, form: Form) -> bool:
    """Whether the voter must say which group is theirs, because the slip does not. After the seal, which knows no slips any more,
    only a receipt is looked up."""
    sealed = look.collection is not None and look.collection.state == "sealed"
    return bool(form.instrument.voices) and not sealed and not (look.slip and look.slip.voice)


def _given(form: Form) -> tuple[Reply, list[Fault]]:
    return form.read(dict(request.form.lists()))


# ---- words ---------------------------------------------------------------------------------------------------------


# What a status means for the person, and what to do next; looked up in the page's language when it is said.
WORDS = {
    "cast": _l("已提交，谢谢。请把手机交回或关闭本页。"),
    "again": _l("已提交，谢谢。请把手机交回或关闭本页。"),
    "first_counts": _l("这一页已经提交过，以第一次提交的为准。"),
    "already_used": _l("这个测评码已经用过，不能重复投票。请找现场工作人员。"),
    "spent": _l("这个测评码已经用过，不能重复投票。请找现场工作人员。"),
    "void": _l("这个测评码已经作废。请找现场工作人员。"),
    "unknown": _l("没有这个测评码或网址。请对照票面再试，或找现场工作人员。"),
    "crowded": _l("输错的人太多，请等几秒再试一次，或者扫票上的二维码。"),
    "desk_only": _l("这是纸票的编号，由工作人员录入，不能在手机上投票。"),
    "draft": _l("测评还没有开始，请稍等。开始后刷新本页就能填。"),
    "not_open": _l("测评还没有开始，请稍等。开始后刷新本页就能填。"),
    "closing": _l("本场测评已经结束。"),
    "closed": _l("本场测评已经结束。这一份没有计入，请找现场工作人员。"),
    "sealed": _l("本场测评已经结束。"),
    "void_collection": _l("本场测评已作废。请等工作人员通知。"),
    "over_cap": _l("收到的份数已满，这一份没有计入。请保留本页，告诉组织单位。"),
    "busy": _l("票箱正忙，还没有收到您的票。请稍等再点一次，不会重复计票。"),
    "stopped": _l("票箱检查没有通过，暂停收票。您的票没有计入，请找现场工作人员。"),
    "bad_nonce": _l("这一页已经用过了。请重新打开测评页再填一次。"),
}

# Where a survey says it otherwise than a meeting.
SURVEY_WORDS = {
    "draft": _l("调查还没有开始，请稍等。开始后刷新本页就能填。"),
    "not_open": _l("调查还没有开始，请稍等。开始后刷新本页就能填。"),
    "closing": _l("这次调查已经结束。"),
    "closed": _l("这次调查已经结束。这一份没有计入，请找工作人员。"),
    "sealed": _l("这次调查已经结束。"),
    "void_collection": _l("这次调查已作废。请等工作人员通知。"),
    "already_used": _l("这个码已经用过，不能重复填写。请找工作人员。"),
    "spent": _l("这个码已经用过，不能重复填写。请找工作人员。"),
    "void": _l("这个码已经作废。请找工作人员。"),
    "desk_only": _l("这是纸质问卷的编号，由工作人员录入，不能在手机上填。"),
}

FAULTS = {
    "required": _l("请选一项。"),
    "unknown_option": _l("没有这个选项，请重选。"),
    "too_many": _l("选得太多了，请去掉几项。"),
    "not_a_number": _l("请填数字。"),
    "out_of_range": _l("数字超出范围。"),
    "not_a_date": _l("请按 2018-05-30 这样填日期。"),
    "too_long": _l("太长了，请缩短到500字以内。"),
    "constraint": _l("这一项和要求不符，请检查。"),
    "unknown_field": _l("这一项不在本表里，请重新打开测评页。"),
}


def words(status: str, house: Collection | None = None) -> str:
    """What a status means for the person, and what to do next."""
    return _words(status, house is not None and house.kind == "opinion", page.language())


@lru_cache(maxsize=128)
def _words(status: str, of_survey: bool, _language: str) -> str:
    return str(of_survey and SURVEY_WORDS.get(status) or WORDS[status])


def fault_text(fault: Fault, form: Form, house: Collection) -> str:
    """One fault in a person's words; what must hold in the questionnaire's own, where it has some."""
    own = next((item.question.constraint_text for item in form.items() if item.name == fault.name), {})
    return say(own, page.spoken(house)) if fault.why == "constraint" and own else str(FAULTS[fault.why])


def blanks(form: Form, reply: Reply) -> list[tuple[str, list[Item]]]:
    """What is unmarked, by whom it is about, for the check page; hidden and free questions left out."""
    found: dict[str, list[Item]] = {}
    names = {rated.id: rated.name for part in form.instrument.parts for rated in form.subjects(part)}
    for item in form.items():
        asked = holds(item.part.show_if, reply.answers, item.subject) and holds(
            item.question.show_if, reply.answers, item.subject
        )
        if asked and item.question.kind not in ("text", "note") and not _has(reply, item):
            found.setdefault(names.get(item.subject, ""), []).append(item)
    return list(found.items())


def _has(reply: Reply, item: Item) -> bool:
    return bool(reply.answers.get(item.subject, {}).get(item.question.id))


def _marked(reply: Reply) -> int:
    return sum(len(per) for per in reply.answers.values())


def _site() -> str:
    return site(f"{request.scheme}://{request.host}{request.root_path.rstrip('/')}")


def site(asked: str) -> str:
    """Where phones find this site: what the office set, else the address this request asked for."""
    return current_app.config["PUBLIC_URL"] or asked


def _qr(house: Collection, receipt: str, at: str) -> str:
    return qr.picture(f"{at}/published/{house.collection}#", receipt)


# ---- guessing ------------------------------------------------------------------------------------------------------

_tries = GUESSES
_filled = time.monotonic()
_lock = Lock()
_waiting = BoundedSemaphore(2)


def _look(collection: str | None, text: str) -> Look:
    """What stands behind a slip's text. Wrong typed codes (50 bits) are slow to try, of everyone together: no address is
    looked at, because a hall shares one. A scanned token (128 bits) is never slowed.

    After many wrong tries each further one waits, at most two at a time; more are told `crowded`, unexamined.
    """
    if len(slips.plain(text)) == slips.TOKEN:
        return casting.look(collection, text)
    if _tries_left() > 0:
        found = casting.look(collection, text)
    elif _waiting.acquire(blocking=False):
        try:
            time.sleep(0.5)
            found = casting.look(collection, text)
        finally:
            _waiting.release()
    else:
        return Look(status="crowded")
    if found.status == "unknown":
        _tries_left(-1)
    return found


def _tries_left(change: int = 0) -> float:
    global _tries, _filled
    with _lock:
        now = time.monotonic()
        _tries = min(GUESSES, _tries + (now - _filled) * GUESSES / 60) + change
        _filled = now
        return _tries
