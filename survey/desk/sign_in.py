"""Signing in and out, the one-time link that lets a person choose a password, and changing one's own."""

from urllib.parse import urlsplit

from flask import (
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.blueprints import BlueprintSetupState
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.wrappers import Response as AnyResponse
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, Length

from survey import access, db, journal
from survey.access import ROLES, allowed, public
from survey.desk import blueprint, navigation
from survey.desk.form import Form, needed, strip

TRIES = parse("30/minute")  # of one account, never of one address: a hall shares one


@blueprint.record_once
def _limits(state: BlueprintSetupState) -> None:
    state.app.extensions["tries"] = MovingWindowRateLimiter(MemoryStorage())


class SignInForm(Form):
    """Who, and the password."""

    account = StringField(_l("账号"), [needed])
    password = PasswordField(_l("密码"), [needed])


class PasswordForm(Form):
    """A new password, twice."""

    password = PasswordField(_l("新密码"), [needed, Length(min=10, max=200, message=_l("密码至少10个字符"))])
    again = PasswordField(_l("再输一次新密码"), [needed, EqualTo("password", message=_l("两次输入的密码不一样"))])


class OwnPasswordForm(PasswordForm):
    """The password that holds, and a new one."""

    now = PasswordField(_l("现在的密码"), [needed])


@blueprint.get("/")
@public
def door() -> AnyResponse:
    """The desk's address leads to the first page the account may open."""
    links = navigation()
    if access.current() is None:
        return redirect(url_for("desk.sign_in"))
    return redirect(str(links[0]["url"]) if links else url_for("desk.own_password"))


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> AnyResponse | str | tuple[str, int]:
    """The way in. A wrong password makes the next try of this account wait."""
    form = SignInForm()
    if form.is_submitted() and not current_app.extensions["tries"].hit(TRIES, strip(form.account.data)[:64]):
        abort(429)
    if form.validate_on_submit():
        name = strip(form.account.data)
        with db.deed() as connection:
            unread = access.waiting(connection, name) > 0
            right = access.verify(connection, name, form.password.data or "")
            wait = access.waiting(connection, name)
        if right:
            return _begin(name, _inside(request.values.get("then", "")))
        fault = _("账号或密码不对。请再试一次。")
        if wait:
            fault = _("账号或密码不对，已经输错几次了。请等 %(seconds)s 秒再试。", seconds=wait)
        if unread:
            fault = _("这个账号刚输错太多次，这次没有核对。请等 %(seconds)s 秒再试。", seconds=wait)
        return render_template("desk/sign_in.html", form=form, fault=fault), 403
    return render_template("desk/sign_in.html", form=form, fault=""), 422 if form.is_submitted() else 200


@blueprint.post("/sign-out")
@allowed(*ROLES)
def sign_out() -> AnyResponse:
    """Ends this session."""
    response = make_response(redirect(url_for("desk.sign_in")))
    with db.deed() as connection:
        access.end(connection, response)
    session.clear()
    flash(_("已退出。"))
    return response


@blueprint.route("/welcome/<secret>", methods=["GET", "POST"])
@public
def welcome(secret: str) -> AnyResponse | str | tuple[str, int]:
    """A one-time link: its holder chooses a password and is signed in. Looking at it spends nothing."""
    with db.reading() as connection:
        invited = access.invited(connection, secret)
    form = PasswordForm()
    if invited is None:
        return render_template("desk/welcome.html", invited=None, form=form), 410
    if form.validate_on_submit():
        with db.deed() as connection:
            name = access.accept(connection, secret) or abort(410)
            access.set_password(connection, name=name, password=form.password.data or "", by=name)
        return _begin(name, url_for("desk.door"), _("密码已设好，您已登录。"))
    return render_template("desk/welcome.html", invited=invited, form=form), 422 if form.is_submitted() else 200


@blueprint.route("/password", methods=["GET", "POST"])
@allowed(*ROLES)
def own_password() -> AnyResponse | tuple[str, int]:
    """One's own account: what it may do, and another password. All its sessions end; this one begins anew."""
    form, me = OwnPasswordForm(), access.me()
    if form.validate_on_submit():
        with db.deed() as connection:
            if right := access.verify(connection, me.account, form.now.data or ""):
                access.set_password(connection, name=me.account, password=form.password.data or "", by=me.account)
        if right:
            return _begin(me.account, url_for("desk.own_password"), _("密码已改。其他地方的登录都已退出。"))
        form.accept(ValueError(_("现在的密码不对")), form.now)
    return render_template("desk/own_password.html", form=form, me=me), 422 if form.is_submitted() else 200


@blueprint.post("/language")
@public
def language() -> AnyResponse:
    """The desk's language, kept in the form cookie."""
    session["lang"] = "en" if request.form.get("lang") == "en" else "zh"
    return redirect(_inside(request.form.get("then", "")))


def _begin(name: str, there: str, word: str = "") -> Response:
    """A session under a fresh id; the one that was here before, and its form cookie, are gone."""
    response = make_response(redirect(there))
    lang = session.get("lang")
    with db.deed() as connection:
        access.end(connection, response)
        access.start(connection, name, response)
        journal.record(connection, account=name, deed="account.sign_in", subject=name)
    session.clear()
    if lang:
        session["lang"] = lang
    if word:
        flash(word)
    return response


def _inside(address: str) -> str:
    """An address of this desk, or its door: never one of elsewhere."""
    parts = urlsplit(address)
    path = current_app.config["APPLICATION_ROOT"].rstrip("/") + "/desk"
    inside = (
        not parts.scheme
        and not parts.netloc
        and (parts.path == path or parts.path.startswith(path + "/"))
        and "\\" not in address
    )
    return address if inside else url_for("desk.door")
