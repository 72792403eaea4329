"""The two counting officers: teller 计票人 and scrutineer 监票人; their passwords open and seal the box together.

BOX.md, "People".
"""

from flask_babel import gettext as _
from sqlalchemy import Connection

from survey import access
from survey.box import keys as key_store
from survey.box.collection import Collection
from survey.box.keys import Keys


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
    return None


def named(house: Collection) -> dict[str, str]:
    """Who they are, for the journal: a deed of both is signed in as one."""
    return {role: name for role, name in (("teller", house.teller), ("scrutineer", house.scrutineer)) if name}


def reset_since(connection: Connection, house: Collection) -> list[str]:
    """The officers whose password was reset since the opening: who holds it now need not be who held it then."""
    late = []
    for name, title in ((house.teller, _("计票人")), (house.scrutineer, _("监票人"))):
        account = access.find(connection, name or "")
        if account and house.opened_on and account.reset_at and account.reset_at >= house.opened_on:
            late.append(str(title))
    return late


def both(
    connection: Connection,
    house: Collection,
    keys: Keys,
    *,
    teller: str,
    scrutineer: str,
    envelope: str = "",
    ends: bool = False,
) -> str | None:
    """Checks both re-entered passwords; the reason for a refusal, or None. The caller commits, so that failures count.

    After a reset since the opening the envelope's code proves who is there, and passwords as they are now go with it. A deed
    that only `ends` the vote, closing or voiding, opens nothing: there one officer whose password still is that of the
    opening is enough, so that a lost envelope never leaves a box as it is.
    """
    if not envelope and (reason := fault(connection, house)):
        return reason
    assert house.teller and house.scrutineer
    tried = ((_("计票人"), house.teller, teller), (_("监票人"), house.scrutineer, scrutineer))
    waits = {title: access.waiting(connection, name) for title, name, _password in tried}
    wrong = [title for title, name, password in tried if not access.verify(connection, name, password)]
    unread = {title: waits[title] for title in wrong if waits[title]}
    if wrong and envelope:
        return str(_("两个账号现在的密码也要输入：备用码打开票箱，密码说明是谁。"))
    if unread:
        return str(_("%(who)s刚输错太多次，这次没有核对。请等 %(seconds)s 秒再试", who="、".join(unread), seconds=max(unread.values())))
    if wrong:
        return str(_("%(who)s的密码不对，请再试一次", who="、".join(wrong)))
    if envelope and keys.has("secret.json"):  # else destroyed by the seal, which then only has to be finished
        try:
            key_store.unwrap(keys, envelope=envelope)
        except key_store.WrongPassword:
            return str(_("备用码不对，请对照信封里的纸"))
    late = [] if envelope else reset_since(connection, house)
    if len(late) > ends:
        return str(_("开箱后%(who)s的密码被重置过：请输入信封里的备用码", who="、".join(late)))
    return None
