"""Rescue files: answers a phone could not send, exported there as a file and read at the desk (SCREENS.md, "Poor signal").

Reading one twice, or one whose answers arrived by themselves in between, counts nothing twice: each answer bears its nonce.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_babel import gettext as _

from survey import db
from survey.box import casting
from survey.box import collection as collections
from survey.instrument import TEXT_LIMIT

SIZE_LIMIT = 4 * 1024 * 1024  # bytes of a file
ANSWER_LIMIT = 5000  # answers in it


class Unreadable(ValueError):
    """The file is no rescue file; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer as the phone kept it."""

    collection: str
    nonce: str
    slip: str
    voice: str
    fields: Mapping[str, list[str]] = field(repr=False)


def read(content: bytes) -> list[Answer]:
    """The answers of a rescue file. Raises Unreadable."""
    if len(content) > SIZE_LIMIT:
        raise Unreadable(_("文件太大，不像是手机导出的未上传答卷"))
    try:
        raw = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unreadable(_("这不是手机导出的未上传答卷（不是 JSON 文件）")) from None
    if not isinstance(raw, dict) or raw.get("rescue") != 1 or not isinstance(raw.get("answers"), list):
        raise Unreadable(_("这不是手机导出的未上传答卷"))
    if len(raw["answers"]) > ANSWER_LIMIT:
        raise Unreadable(_("一个文件最多 %(n)s 份答卷", n=ANSWER_LIMIT))
    return [_answer(each, at) for at, each in enumerate(raw["answers"], 1)]


def _answer(raw: object, at: int) -> Answer:
    if not isinstance(raw, dict) or not all(isinstance(raw.get(key), str) for key in ("collection", "nonce")):
        raise Unreadable(_("第 %(at)s 份答卷不完整，文件可能被改动过", at=at))
    fields = raw.get("fields")
    whole = isinstance(fields, dict) and all(
        isinstance(values, list) and all(isinstance(v, str) and len(v) <= TEXT_LIMIT for v in values)
        for values in fields.values()
    )
    if not whole or not re.fullmatch(r"[0-9a-f.]{32,49}", raw["nonce"]):
        raise Unreadable(_("第 %(at)s 份答卷不完整，文件可能被改动过", at=at))
    slip, voice = (raw.get(key) or "" for key in ("slip", "voice"))
    if not isinstance(slip, str) or not isinstance(voice, str):
        raise Unreadable(_("第 %(at)s 份答卷不完整，文件可能被改动过", at=at))
    return Answer(collection=raw["collection"], nonce=raw["nonce"], slip=slip, voice=voice, fields=dict(fields))  # type: ignore[arg-type]


def cast(content: bytes, collection: str) -> dict[str, int]:
    """Casts the answers of a file that belong to one collection; how many became what.

    Keys: the statuses of `casting.Outcome`, `faulty` (what was filled in does not fit the form) and `elsewhere` (answers of
    other collections, left alone). Raises Unreadable; the file's order is not kept.
    """
    answers = read(content)
    with db.reading() as connection:
        house = collections.get(connection, collection)
        if house is None:
            raise Unreadable(_("没有这场测评或调查"))
        form = collections.form(connection, house)
    counts: dict[str, int] = {}
    ballots = []
    voices = {voice.id for voice in form.instrument.voices}
    for answer in answers:
        if answer.collection != collection:
            counts["elsewhere"] = counts.get("elsewhere", 0) + 1
            continue
        reply, faults = form.read(answer.fields)
        if faults or (answer.voice and answer.voice not in voices) or (house.mode == "link" and voices and not answer.voice):
            counts["faulty"] = counts.get("faulty", 0) + 1
            continue
        ballots.append(casting.Ballot(reply=reply, nonce=answer.nonce, slip=answer.slip or None, voice=answer.voice))
    for each in sorted(ballots, key=lambda ballot: ballot.nonce):
        # one at a time: a copy of an answer inside one commit would not be recognised
        outcome = casting.cast(
            collection=house, form=form, reply=each.reply, nonce=each.nonce, slip=each.slip, voice=each.voice, source="rescue"
        )
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    return counts
