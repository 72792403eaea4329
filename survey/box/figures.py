"""The noun *figures*: 应到, 实到, 发出 as the two counting officers enter them. They hold once both entered the same."""

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import Connection, delete, insert, select

from survey import journal
from survey.box import collection as collections
from survey.box.collection import Collection
from survey.schema import figures


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """应到 expected, 实到 present, 发出 issued; None while unknown."""

    expected: int | None = None
    present: int | None = None
    issued: int | None = None


def entered(connection: Connection, house: Collection) -> dict[str, Figures]:
    """Account -> what it entered."""
    rows = connection.execute(select(figures).where(figures.c.collection == house.collection))
    return {r.account: Figures(expected=r.expected, present=r.present, issued=r.issued) for r in rows}


def enter(connection: Connection, house: Collection, account: str, new: Figures) -> bool:
    """Notes an officer's figures; True once both officers' are the same, and they are the collection's from then on.

    Raises ValueError for an account that is not one of the two officers, and for figures that cannot be.
    """
    if account not in (house.teller, house.scrutineer):
        raise ValueError(_("只有本场的计票人和监票人可以填写人数和票数"))
    if house.state not in ("draft", "open", "closing"):
        raise ValueError(_("已经封箱，人数和票数不能再改"))
    if new.expected is not None and new.present is not None and new.present > new.expected:
        raise ValueError(_("实到人数不能多于应到人数"))
    at = (figures.c.collection == house.collection) & (figures.c.account == account)
    connection.execute(delete(figures).where(at))
    connection.execute(
        insert(figures).values(
            collection=house.collection, account=account, expected=new.expected, present=new.present, issued=new.issued
        )
    )
    both = entered(connection, house)
    if len({both.get(each or "") for each in (house.teller, house.scrutineer)}) != 1:
        return False
    old = Figures(expected=house.expected, present=house.present, issued=house.issued)
    if old != new:
        values = {"expected": new.expected, "present": new.present, "issued": new.issued}
        collections.change(connection, house.collection, **values)
        journal.record(
            connection,
            account=account,
            deed="collection.figures",
            subject=house.collection,
            before={"expected": old.expected, "present": old.present, "issued": old.issued},
            after=values,
        )
    return True
