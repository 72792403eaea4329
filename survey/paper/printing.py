"""The deed *print with codes*: slips and paper sheets, made and printed in the background (BOX.md, step 2).

Codes are made in the database as hashes and live otherwise only in the printed PDF. A job that was interrupted voids the
slips it had made and makes new ones.
"""

import dataclasses
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import Connection, insert, select

from survey import db, job, journal
from survey.box import collection as collections
from survey.box import keys as key_store
from survey.box import opening, slip
from survey.box.collection import ALPHABET, Collection
from survey.box.keys import Keys
from survey.desk.words import language, position_name, voice_name
from survey.instrument import Form
from survey.paper import geometry
from survey.paper.geometry import Geometry
from survey.schema import layout as layout_table

MOST = 20_000  # codes to a job


def printable(house: Collection) -> bool:
    """Whether codes may still be made: until phones are refused."""
    return house.origin == "site" and house.phase() in ("draft", "open")


def form(connection: Connection, house: Collection) -> Form:
    """The collection's form with positions in words, as it is printed."""
    plain = collections.form(connection, house)
    people = tuple(dataclasses.replace(each, position=position_name(each.position)) for each in plain.people)
    return dataclasses.replace(plain, people=people)


def group_name(house: Collection, voice: str) -> str:
    """The heading of a group's slips; blank where there are no groups."""
    return voice_name(house, voice) if voice else ""


# ---- the jobs ------------------------------------------------------------------------------------------------------


@job.work("slips")
def print_slips(task: job.Task) -> bytes:
    """Makes phone slips and prints them: `counts` group -> number, `site` where the codes lead."""
    from survey.paper import press, slips

    house, keys = _of(task)
    codes = _make(task, house, keys, medium="phone")
    site = str(task.job.given["site"])
    done, parts = 0, []
    for voice, number in _counts(task.job).items():
        tickets = [
            slips.Ticket(address=f"{site}/v/{house.collection}/{each.token}", code=each.code)
            for each in codes
            if each.voice == voice
        ]
        out = BytesIO()
        before = done
        slips.write(tickets, heading(house, voice, site), out, _, lambda drawn, before=before: task.tell(before + drawn))  # type: ignore[misc]
        parts.append(out.getvalue())
        done += number
    return press.joined(parts)


@job.work("ballots")
def print_sheets(task: job.Task) -> bytes:
    """Makes codes for paper and prints a form a code; the layout is kept for reading."""
    from survey.paper import press, sheet

    house, keys = _of(task)
    spoken = str(task.job.given.get("printed", ""))
    laid = {voice: lay_out(house, voice, spoken) for voice in _counts(task.job)}
    codes = _make(task, house, keys, medium="paper")
    done, parts = 0, []
    for voice, number in _counts(task.job).items():
        mine = [dashed(each.code) for each in codes if each.voice == voice]
        secrets.SystemRandom().shuffle(mine)
        with db.deed() as connection:
            keep(connection, laid[voice].geometry)
        out = BytesIO()
        before = done
        sheet.write(laid[voice], mine, out, lambda drawn, before=before: task.tell(before + drawn))  # type: ignore[misc]
        parts.append(out.getvalue())
        done += number
    return press.joined(parts)


def heading(house: Collection, voice: str, site: str):  # type: ignore[no-untyped-def]
    """What all slips of a group say."""
    from survey.paper import slips

    return slips.Heading(
        title=house.title, banner=house.banner, group=group_name(house, voice), site=f"{site}/v/{house.collection}",
        large=house.large, trial=house.trial,
    )  # fmt: skip


def lay_out(house: Collection, voice: str = "", spoken: str = ""):  # type: ignore[no-untyped-def]
    """The paper form of a collection for one group, in the language asked for or the page's. Raises job.Failed where it could
    not be read back."""
    from survey.paper import sheet

    with db.reading() as connection:
        asked = form(connection, house)
    try:
        return sheet.lay_out(
            sheet.plan(
                asked, collection=house.collection, language=spoken or language(), ask_voice=not voice, gettext=_,
                subtitle=" · ".join(x for x in (house.banner, house.village, house.title, group_name(house, voice)) if x)
                + (f"（{_('试投')}）" if house.trial else ""),
            ),
            _,
        )  # fmt: skip
    except sheet.LayoutError as fault:
        raise job.Failed(str(fault)) from fault


def _of(task: job.Task) -> tuple[Collection, Keys]:
    with db.reading() as connection:
        house = collections.get(connection, task.job.subject)
    if house is None or not printable(house):
        raise job.Failed(_("这场已经结束，不能再印。"))
    return house, key_store.of(Path(task.app.config["INSTANCE"]), house.collection)


def _counts(of: job.Job) -> Mapping[str, int]:
    return {voice: int(number) for voice, number in of.given["counts"].items() if number}


def _make(task: job.Task, house: Collection, keys: Keys, *, medium: str) -> list[slip.Code]:
    """New codes; those of an interrupted try are voided first, in the same transaction."""
    wanted = _counts(task.job)
    if house.mode == "link" and medium == "paper":  # each sheet will spend a slip that nobody sees, as every answer of a link
        keys.make("slip")
        with db.deed() as connection:
            _note_printed(connection, task, house, medium=medium, voided=0)
        return [
            slip.Code(token="", code=self_made(keys), voice=voice, medium=medium)
            for voice, number in wanted.items()
            for _n in range(number)
        ]
    before = json.loads(task.noted() or b"[]")
    with db.deed() as connection:
        now = collections.hold(connection, house.collection)
        if now is None or not printable(now):
            raise job.Failed(_("这场已经结束，不能再印。"))
        lost = sum(slip.void(connection, house.collection, bytes.fromhex(qr)) for qr in before)
        codes = [
            code
            for voice, number in wanted.items()
            for code in slip.make(connection, keys, house.collection, voice=voice, medium=medium, number=number)
        ]
        task.note(json.dumps([*before, *(keys.slip_hash(each.token).hex() for each in codes)]).encode())
        if now.state == "open":
            opening.note_slips(connection, now, len(codes))
        _note_printed(connection, task, house, medium=medium, voided=lost)
    return codes


def _note_printed(connection: Connection, task: job.Task, house: Collection, *, medium: str, voided: int) -> None:
    journal.record(
        connection, account=task.job.account, deed="slip.print", subject=house.collection, medium=medium, counts=dict(_counts(task.job)),
        voided=voided,
    )  # fmt: skip


# ---- codes on paper ------------------------------------------------------------------------------------------------


def dashed(code: str) -> str:
    """A sheet's code as printed in letters."""
    return f"{code[:5]}-{code[5:]}"


def self_made(keys: Keys) -> str:
    """A sheet's code for a link collection, whose slips nobody sees: six random characters and four that prove them ours."""
    random = "".join(secrets.choice(ALPHABET) for _n in range(6))
    return random + _proof(keys, random)


def is_self_made(keys: Keys, code: str) -> bool:
    """Whether such a code was made here."""
    return keys.has("slip") and len(code) == 10 and hmac.compare_digest(code[6:], _proof(keys, code[:6]))


def _proof(keys: Keys, random: str) -> str:
    number = int.from_bytes(keys.slip_hash(f"sheet {random}")[:4])
    return "".join(ALPHABET[number >> shift & 31] for shift in (15, 10, 5, 0))


# ---- layouts -------------------------------------------------------------------------------------------------------


def keep(connection: Connection, printed: Geometry) -> None:
    """Keeps a layout for reading; printing it again changes nothing."""
    at = (layout_table.c.collection == printed.collection) & (layout_table.c.layout == printed.layout)
    if not connection.execute(select(layout_table.c.layout).where(at)).first():
        values = {"collection": printed.collection, "layout": printed.layout, "geometry": printed.to_json()}
        connection.execute(insert(layout_table).values(**values))


def layouts(connection: Connection, house: Collection) -> dict[str, Geometry]:
    """The layouts printed for a collection that ask what it asks now: an older roster's sheets are told, not read."""
    asked = collections.form(connection, house)
    wanted = {
        (item.subject, item.question.id, tuple(o.id for o in item.question.options))
        for item in asked.items()
        if item.question.kind in ("one", "many")
    }
    found = {}
    for row in connection.execute(select(layout_table).where(layout_table.c.collection == house.collection)):
        printed = geometry.from_json(row.geometry)
        rows = {(r.subject, r.question, r.options) for r in printed.rows if (r.subject, r.question) != ("", "voice")}
        if rows == wanted:
            found[printed.layout] = printed
    return found


# ---- one at a time -------------------------------------------------------------------------------------------------


def exchange(app: Flask, house: Collection, text: str, *, medium: str, by: str, site: str) -> bytes:
    """Voids a slip and prints its exchange on another medium (or two new ones for a damaged slip, medium ""), as PDF.

    Raises ValueError where the slip is unknown, spent or void.
    """
    from survey.paper import sheet, slips

    keys = key_store.of(Path(app.config["INSTANCE"]), house.collection)
    with db.deed() as connection:
        now = collections.hold(connection, house.collection)
        if now is None or not printable(now):
            raise ValueError(_("这场已经结束，不能再印。"))
        one = (connection, keys, house.collection, text)
        codes = slip.exchange(*one, medium=medium) if medium else slip.replace(*one)
        if now.state == "open":
            opening.note_slips(connection, now, len(codes))
        deed = "slip.exchange" if medium else "slip.replace"
        journal.record(connection, account=by, deed=deed, subject=house.collection, medium=codes[0].medium)
    return _printed(house, codes, site, sheet, slips)


def _printed(house: Collection, codes: Sequence[slip.Code], site: str, sheet, slips) -> bytes:  # type: ignore[no-untyped-def]
    voice = codes[0].voice
    if codes[0].medium == "paper":
        laid = lay_out(house, voice)
        with db.deed() as connection:
            keep(connection, laid.geometry)
        out = BytesIO()
        sheet.write(laid, [dashed(each.code) for each in codes], out)
        return out.getvalue()
    tickets = [slips.Ticket(address=f"{site}/v/{house.collection}/{each.token}", code=each.code) for each in codes]
    made: bytes = slips.pdf(tickets, heading(house, voice, site), _)
    return made
