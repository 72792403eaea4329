"""A batch from scans: upload, what was read, refused pages, the totals of two accounts, and the cast."""

import json

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, clock, db, job, journal
from survey.access import allowed
from survey.box import collection as collections
from survey.box.collection import Collection
from survey.box.officers import Refused
from survey.desk.words import language
from survey.instrument import Form
from survey.paper import batch, blueprint, cast, house, reader
from survey.paper.batch import Batch, Pile
from survey.paper.house import COUNTING

FILES, MOST_BYTES = 500, 60 * 1024 * 1024
HEADS = {b"%PDF": "pdf", b"\xff\xd8": "jpeg", b"\x89PNG": "png"}


@blueprint.get("/<collection>/read")
@allowed(*COUNTING)
def read(collection: str) -> str:
    """Where scans are handed in."""
    here = house.find(collection)
    return render_template(
        "paper/read.html", house=here, readable=_readable(), counting=here.phase() in ("open", "closing"), fault=""
    )


@blueprint.post("/<collection>/read")
@allowed(*COUNTING)
def upload(collection: str) -> AnyResponse | tuple[str, int]:
    """Takes scans and photos in, encrypted, and reads them in the background."""
    here = house.find(collection)
    counting = here.phase() in ("open", "closing")
    files = [(each.filename or _("未命名"), each.read()) for each in request.files.getlist("scans") if each.filename]
    fault = "" if counting else _("开箱以后才能识读纸票。")
    status = 409
    if not fault and not files:
        fault, status = _("请选择扫描的 PDF，或 JPEG、PNG 照片。"), 400
    elif not fault and len(files) > FILES:
        fault, status = _("一次最多上传 %(most)s 个文件，请分批。", most=FILES), 413
    elif not fault and sum(len(data) for _name, data in files) > MOST_BYTES:
        fault, status = _("一次最多上传 60 MB，请分批。"), 413
    elif not fault and (bad := next((fault_of(name, data) for name, data in files if fault_of(name, data)), "")):
        fault, status = bad, 415
    if fault:
        return render_template("paper/read.html", house=here, readable=_readable(), counting=counting, fault=fault), status
    who = access.me().account
    new = batch.new(house.instance(), collection, kind="scan", account=who, made_on=clock.today())
    store = batch.vault(house.instance(), collection, new.batch)
    for at, (_name, data) in enumerate(files):
        store.put(f"upload{at}", data)
    store.put("uploads", json.dumps([name[-60:] for name, _data in files], ensure_ascii=False).encode())
    with db.deed() as connection:
        journal.record(connection, account=who, deed="paper.read", subject=collection, files=len(files))
    started = job.start(
        house.app(),
        kind="read",
        subject=f"{collection} {new.batch}",
        account=who,
        total=len(files),
        language=language(),
        batch=new.batch,
    )
    batch.save(
        house.instance(), (batch.get(house.instance(), collection, new.batch) or new).model_copy(update={"job": started.job})
    )
    return redirect(url_for("paper.show_batch", collection=collection, name=new.batch))


def fault_of(name: str, data: bytes) -> str:
    """What is wrong with a file by its first bytes, in words; "" for one that can be tried."""
    if data[4:8] == b"ftyp" and data[8:12] in {b"heic", b"heix", b"mif1", b"hevc", b"heim", b"heis", b"msf1"}:
        return _("%(name)s 是 HEIC 照片，读不了。请在手机“设置→相机→格式”里选“兼容性最佳”重拍，或先改存为 JPEG。", name=name)
    if not data:
        return _("%(name)s 是空文件。", name=name)
    if not data[:1024].lstrip().startswith(tuple(HEADS)) and not data.startswith(tuple(HEADS)):
        return _("%(name)s 不是 PDF、JPEG 或 PNG。", name=name)
    return ""


def _readable() -> bool:
    """Whether the extra `scan` is installed."""
    from importlib.util import find_spec

    return all(find_spec(each) for each in ("cv2", "zxingcpp", "pypdfium2"))


# ---- one batch -----------------------------------------------------------------------------------------------------


def load(collection: str, name: str) -> tuple[Collection, Batch, Form, Pile]:
    """A batch put together; 404 once it is cast."""
    here = house.find(collection)
    found = batch.get(house.instance(), collection, name) if name.isalnum() else None
    if found is None:
        abort(404)
    with db.reading() as connection:
        form = collections.form(connection, here)
        pile = batch.collate(connection, house.instance(), here, found, form)
    return here, found, form, pile


@blueprint.get("/<collection>/batch/<name>")
@allowed(*COUNTING)
def show_batch(collection: str, name: str) -> str:
    """What a batch says: sheets by state, refused pages with the reason, doubles, what keeps it from being cast."""
    here, found, _form, pile = load(collection, name)
    under_way = None
    if found.state == "reading":
        job.resume(house.app())
        with db.reading() as connection:
            under_way = next(iter(job.of_subject(connection, f"{collection} {name}")), None)
    me = access.me().account
    return render_template(
        "paper/batch.html",
        house=here,
        batch=found,
        pile=pile,
        job=under_way,
        me=me,
        why=reader.why_refused,
        state_words=state_words,
        obstacles=[obstacle_words(each) for each in cast.obstacles(here, found, pile)],
        mine=found.totals.get(me),
        barred={
            each.code
            for each in pile.sheets
            if each.differing and house.not_third(here, [typed.account for typed in found.typed[each.code]])
        },
        may_settle=found.kind == "keyed" or found.account != me,
    )


def state_words(state: str) -> str:
    """A sheet's state in words."""
    return {
        "ready": _("可以投箱"),
        "open": _("待人定夺"),
        "short": _("缺页"),
        "aside": _("已剔出"),
        "unknown": _("不是本场发出的票"),
        "phone": _("这是手机码，不是纸票"),
        "spent": _("已经计过，不再计"),
        "void": _("这张票的码已作废"),
    }[state]


def obstacle_words(obstacle: str) -> str:
    """What keeps a batch from being cast, in words."""
    return {
        "reading": _("还在识读。"),
        "state": _("票箱没有开着，不能投箱。"),
        "open": _("还有没定下来的票。"),
        "empty": _("没有可以投箱的票。"),
        "totals_two": _("请两个账号各自点清张数并填写。"),
        "totals_differ": _("两人填的张数与可以投箱的张数不一致，请重新点票。"),
        "later": _("票箱一时收不进去，什么也没有丢。请稍候再投。"),
    }[obstacle]


@blueprint.post("/<collection>/batch/<name>/total")
@allowed(*COUNTING)
def batch_total(collection: str, name: str) -> AnyResponse:
    """One account's count of the sheets in hand."""
    here, _found, _form, _pile = load(collection, name)
    text = request.form.get("total", "").strip()
    if not text.isdecimal() or len(text) > 6:
        flash(_("请填写点出的张数。"), "error")
    else:
        cast.total(house.instance(), here, name, access.me().account, int(text))
        flash(_("已记下您点的张数。"))
    return redirect(url_for("paper.show_batch", collection=collection, name=name, _anchor="total"))


@blueprint.post("/<collection>/batch/<name>/cast")
@allowed(*COUNTING)
def cast_batch(collection: str, name: str) -> AnyResponse | str:
    """Puts the batch into the box in one go; then its scans are destroyed, or sealed for the envelope."""
    here, _found, form, _pile = load(collection, name)
    app = house.app()
    try:
        made = cast.cast(app, here, name, form=form, by=access.me().account, keep=request.form.get("scans") == "seal")
    except Refused as fault:
        flash(" ".join(obstacle_words(each) for each in str(fault).split()), "error")
        return redirect(url_for("paper.show_batch", collection=collection, name=name))
    return render_template("paper/done.html", house=here, result=made, outcome_words=outcome_words)


def outcome_words(status: str) -> str:
    """Why a sheet did not enter the box."""
    return {
        "already_used": _("已经计过，不再计"),
        "void": _("这张票的码已作废"),
        "unknown": _("不是本场发出的票"),
        "closed": _("票箱已封"),
        "over_cap": _("超过最多份数"),
    }.get(status, status)


@blueprint.post("/<collection>/batch/<name>/discard")
@allowed(*COUNTING)
def discard(collection: str, name: str) -> AnyResponse:
    """Destroys a batch that was not cast: to be read or keyed again."""
    here, found, _form, _pile = load(collection, name)
    with batch.alone(house.instance(), collection, name):
        batch.vault(house.instance(), collection, name).destroy()
    with db.deed() as connection:
        journal.record(
            connection,
            account=access.me().account,
            deed="paper.discard",
            subject=here.collection,
            kind=found.kind,
            reason=request.form.get("reason", "")[:200],
        )
    flash(_("这一批已删除，可以重新识读或录入。"))
    return redirect(url_for("paper.home", collection=collection))


@blueprint.get("/<collection>/batch/<name>/page/<int:at>")
@allowed(*COUNTING)
def page_image(collection: str, name: str, at: int) -> Response:
    """A whole page of a batch."""
    _here, found, _form, _pile = load(collection, name)
    if at >= len(found.scans) or not found.scans[at].picture:
        abort(404)
    scan = found.scans[at]
    content = reader.whole(batch.vault(house.instance(), collection, name), scan)
    return Response(content, mimetype="image/png" if scan.pose else "image/jpeg")


@blueprint.get("/<collection>/batch/<name>/cut/<int:at>/<int:row>")
@allowed(*COUNTING)
def cut_image(collection: str, name: str, at: int, row: int) -> Response:
    """The cut-out of one question: marks first, then spaces, in printed order."""
    here = house.find(collection)
    found = batch.get(house.instance(), here.collection, name) if name.isalnum() else None
    if found is None or at >= len(found.scans):
        abort(404)
    scan = found.scans[at]
    boxes = [mark.box for mark in scan.marks] + [space.box for space in scan.spaces]
    if row >= len(boxes) or not scan.pose:
        abort(404)
    return Response(reader.cut(batch.vault(house.instance(), collection, name), scan, boxes[row]), mimetype="image/png")


# ---- sealed scans --------------------------------------------------------------------------------------------------


@blueprint.post("/<collection>/sealed/<name>")
@allowed(*COUNTING)
def open_sealed(collection: str, name: str) -> AnyResponse:
    """Opens sealed scans with the code of the envelope; journalled."""
    here = house.find(collection)
    if name not in cast.sealed_of(house.instance(), collection):
        abort(404)
    try:
        packed = cast.unseal(house.instance(), collection, name, request.form.get("code", ""))
    except ValueError:
        flash(_("信封里的密钥不对，请对照再输。"), "error")
        return redirect(url_for("paper.home", collection=collection))
    with db.deed() as connection:
        journal.record(connection, account=access.me().account, deed="paper.unseal", subject=here.collection, batch=name)
    headers = {"Content-Disposition": f"attachment; filename=scans-{name}.zip"}
    return Response(packed, mimetype="application/zip", headers=headers)
