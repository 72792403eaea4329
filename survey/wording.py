"""The noun *wording*: what the office says in one of its papers, kept by field, and its SQL.

A paper is of the whole year, or of one banner's team; its fields are its own (`survey.desk.papers` names them).
"""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from survey import journal
from survey.schema import wording


def of(connection: Connection, year: int, paper: str, banner: str = "") -> dict[str, str]:
    """Field -> text of one paper; a field that says nothing is not there."""
    return dict(
        connection.execute(
            select(wording.c.field, wording.c.text).where(wording.c.cycle == year, wording.c.paper == paper, wording.c.banner == banner)
        )
        .tuples()
        .all()
    )


def of_all(connection: Connection, year: int, paper: str) -> dict[str, dict[str, str]]:
    """The same for every banner that has any, in one query."""
    found: dict[str, dict[str, str]] = {}
    query = select(wording.c.banner, wording.c.field, wording.c.text).where(wording.c.cycle == year, wording.c.paper == paper)
    for banner, field, text in connection.execute(query):
        found.setdefault(banner, {})[field] = text
    return found


def put(connection: Connection, year: int, paper: str, banner: str, texts: Mapping[str, str], *, by: str) -> int:
    """Keeps these fields' texts, an empty one by forgetting it; how many changed. What changed is journalled, before and after."""
    before = of(connection, year, paper, banner)
    changed = {field: text for field, text in texts.items() if text != before.get(field, "")}
    for field, text in changed.items():
        connection.execute(
            delete(wording).where(
                wording.c.cycle == year, wording.c.paper == paper, wording.c.banner == banner, wording.c.field == field
            )
        )
        if text:
            connection.execute(insert(wording).values(cycle=year, paper=paper, banner=banner, field=field, text=text))
    if changed:
        journal.record(
            connection, account=by, deed="wording.put", subject=f"{year} {paper} {banner}".strip(),
            before={field: before.get(field, "") for field in changed}, after=changed,
        )  # fmt: skip
    return len(changed)
