"""Accounts: who may what, one-time links, reset, disable. The office's business, all of it in the journal."""

from flask import abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import Connection
from werkzeug.wrappers import Response as AnyResponse
from wtforms import BooleanField, SelectField, StringField
from wtforms.validators import Length, Regexp

from survey import access, db, roster
from survey.access import ROLES, allowed
from survey.desk import blueprint
from survey.desk.cycle import chosen
from survey.desk.form import Boxes, Form, at_most, choices, needed, strip
from survey.desk.words import role_name


class ChangeForm(Form):
    """What may be changed about an account."""

    title = StringField(_l("姓名或单位"), [needed, at_most(60)])
    roles = Boxes(_l("职责"))
    banner = SelectField(_l("旗县"), validate_choice=True)
    disabled = BooleanField(_l("停用这个账号"))

    def offer(self, connection: Connection) -> None:
        """Fills in the roles and banners to choose from."""
        self.roles.choices = choices((role, role_name(role)) for role in ROLES)
        year = chosen(connection)
        banners = [each.banner for each in roster.banners(connection, year.cycle)] if year else []
        if self.banner.data and self.banner.data not in banners and not self.is_submitted():
            banners.append(self.banner.data)
        self.banner.choices = choices([("", _("全部旗县")), *((each, each) for each in banners)])

    def roles_given(self) -> bool:
        """Whether a role was ticked; else says so beside the boxes."""
        if not self.roles.data:
            self.roles.errors = [_("至少选一项职责")]
        return bool(self.roles.data)


class AccountForm(ChangeForm):
    """A new account."""

    account = StringField(
        _l("账号名"),
        [needed, Length(max=40), Regexp(r"^[\w.\-]+$", message=_l("账号名只用字母、数字、汉字、点和横线"))],
    )


@blueprint.get("/accounts")
@allowed("office")
def accounts() -> str:
    """All accounts, those disabled too."""
    with db.reading() as connection:
        return render_template("desk/accounts.html", accounts=access.everyone(connection, disabled=True))


@blueprint.route("/accounts/new", methods=["GET", "POST"])
@allowed("office")
def new_account() -> AnyResponse | tuple[str, int]:
    """A new account: nobody but its holder will know the password, which is chosen through a one-time link."""
    form = AccountForm()
    with db.reading() as connection:
        form.offer(connection)
    if form.validate_on_submit() and form.roles_given():
        name, by = strip(form.account.data), access.me().account
        try:
            with db.deed() as connection:
                access.create(
                    connection,
                    name=name,
                    title=strip(form.title.data),
                    roles=set(form.roles.data or ()),
                    password=access.unusable(),
                    by=by,
                    banner=form.banner.data or "",
                )
                secret = access.invite(connection, name)
        except ValueError as fault:
            form.accept(fault, form.account)
        else:
            return _link(name, secret)
    return render_template("desk/new_account.html", form=form), 422 if form.is_submitted() else 200


@blueprint.route("/accounts/<name>", methods=["GET", "POST"])
@allowed("office")
def account(name: str) -> AnyResponse | tuple[str, int]:
    """One account: its words, roles, banner; disabling it ends its sessions."""
    with db.reading() as connection:
        found = access.find(connection, name) or abort(404)
        form = ChangeForm(title=found.name, roles=sorted(found.roles), banner=found.banner, disabled=found.disabled)
        form.offer(connection)
    if form.validate_on_submit() and form.roles_given():
        try:
            with db.deed() as connection:
                access.change(
                    connection,
                    found,
                    title=strip(form.title.data),
                    roles=set(form.roles.data or ()),
                    banner=form.banner.data or "",
                    disabled=bool(form.disabled.data),
                    by=access.me().account,
                )
        except ValueError as fault:
            form.accept(fault, form.roles)
        else:
            flash(_("账号 %(name)s 已保存。", name=name))
            return redirect(url_for("desk.accounts"))
    return render_template("desk/account.html", form=form, found=found), 422 if form.is_submitted() else 200


@blueprint.post("/accounts/<name>/link")
@allowed("office")
def invite_account(name: str) -> tuple[str, int]:
    """A new one-time link. The old password and every session end; the account counts as reset by whoever did it."""
    with db.deed() as connection:
        found = access.find(connection, name) or abort(404)
        if found.disabled:
            abort(409)
        if found.account == access.me().account:
            abort(409)
        secret = access.reset(connection, name, by=access.me().account)
    return _link(name, secret)


def _link(name: str, secret: str) -> tuple[str, int]:
    """The page that shows a link once."""
    address = url_for("desk.welcome", secret=secret, _external=True)
    return render_template("desk/link.html", name=name, address=address), 200
