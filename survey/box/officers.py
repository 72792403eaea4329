"""The two counting officers: teller 计票人 and scrutineer 监票人; their passwords open and seal the box together.

BOX.md, "People".
"""

from flask_babel import gettext as _
from sqlalchemy import Connection

from survey import access
from survey.box.collection import Collection


class Refused(ValueError):
    """A deed that may not be done now; the words say why and what to do."""


def fault(connection: Connection, house: Collection) -> str | None:
    """Why the two named accounts cannot be this collection's officers, in words; None when they can."""
    if not house.teller or not house.scrutineer:
        return str(_("请先指定计票人和监票人"))
    if house.teller == house.scrutineer:
        return str(_("计票人和监票人要是两个不同的账号"))
    pair = [access.find(connection, name) for name in (house.teller, house.scrutineer)]
    for account, role, title in zip(pair, ("teller", "scrutineer"), (_("计票人"), _("监票人")), strict=True):
        if account is None or not account.may(role):
            return str(_("%(who)s的账号不存在，或没有这个职责", who=title))
        if not account.sees(house.banner):
            return str(_("%(who)s的账号属于别的旗县", who=title))
    teller, scrutineer = pair
    assert teller and scrutineer
    for one, other in ((teller, scrutineer), (scrutineer, teller)):
        if other.account in (one.created_by, one.reset_by):
            return str(_("计票人和监票人的账号不能由对方建立或重置密码，请换一人"))
        if house.opened_on and one.reset_at and one.reset_at > house.opened_on:
            return str(_("开箱后有人的密码被重置过：请用信封里的备用码封箱"))
    return None


def both(connection: Connection, house: Collection, *, teller: str, scrutineer: str) -> str | None:
    """Checks both re-entered passwords; the reason for a refusal, or None. The caller commits, so that failures count."""
    if reason := fault(connection, house):
        return reason
    assert house.teller and house.scrutineer
    wrong = [
        title
        for title, name, password in ((_("计票人"), house.teller, teller), (_("监票人"), house.scrutineer, scrutineer))
        if not access.verify(connection, name, password)
    ]
    return str(_("%(who)s的密码不对，或刚输错太多次，请稍候再试", who="、".join(wrong))) if wrong else None
