"""The noun *batch*: a pile of sheets, read from scans or keyed by hand, until it is cast.

All of it lies encrypted beside the collection's keys, outside database and backups (BOX.md, "Rows"), and is destroyed when it
is cast, or kept sealed under a code that only the envelope knows.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection

from survey.box import casting, slip
from survey.box import keys as key_store
from survey.box.collection import Collection, new_id
from survey.instrument import TEXT_LIMIT, VOID, Form, Question
from survey.paper import printing
from survey.vault import Vault
from survey.year.yearbook.clean import narrow

VOICE = "voice"
Answers = dict[str, tuple[str, ...]]  # field name -> options; () is a blank
Spoiled = Literal["", "signed", "illegible", "marked"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Mark(_Frozen):
    """One question as read from a scan; `box` (x, y, width, height in mm) is what to cut out."""

    subject: str
    question: str
    verdict: Literal["certain", "blank", "person"]
    choices: tuple[str, ...]
    certainty: float
    why: str
    box: tuple[float, float, float, float]

    @property
    def name(self) -> str:
        """The name of its field."""
        return field_name(self.subject, self.question)


class Space(_Frozen):
    """A question answered in writing; `inked` where something seems to be written."""

    subject: str
    question: str
    inked: bool
    box: tuple[float, float, float, float]

    @property
    def name(self) -> str:
        """The name of its field."""
        return field_name(self.subject, self.question)


class Scan(_Frozen):
    """One page of an upload. Its picture is the vault's file `picture`."""

    picture: str
    file: str
    page: int
    refused: str
    collection: str
    code: str
    number: int
    of: int
    landscape: bool
    pose: tuple[float, ...]
    marks: tuple[Mark, ...] = ()
    spaces: tuple[Space, ...] = ()


class Typed(_Frozen):
    """One sheet as one account keyed it."""

    account: str
    answers: Answers
    spoiled: Spoiled = ""


class Decided(_Frozen):
    """What people decided about one sheet: answers in place of what was read, spoiled, set aside, short of a page."""

    answers: Answers = {}
    spoiled: Spoiled = ""
    aside: str = ""
    short: bool = False
    by: str = ""


class Batch(_Frozen):
    """One pile. state: reading · open · failed."""

    batch: str
    collection: str
    kind: Literal["scan", "keyed"]
    account: str
    made_on: str
    state: Literal["reading", "open", "failed"] = "open"
    job: str = ""
    message: str = ""
    scans: tuple[Scan, ...] = ()
    typed: dict[str, tuple[Typed, ...]] = {}
    decided: dict[str, Decided] = {}
    totals: dict[str, int] = {}
    nonces: dict[str, str] = {}

    def decision(self, code: str) -> Decided:
        """What was decided about a sheet, so far."""
        return self.decided.get(code, Decided())


def field_name(subject: str, question: str) -> str:
    """The field of a question, as in a posted page; the group is a field of its own."""
    return VOICE if (subject, question) == ("", VOICE) else f"q.{subject}.{question}"


# ---- where it is kept ----------------------------------------------------------------------------------------------


def folder(instance: Path, collection: str) -> Path:
    """The folder of a collection's batches."""
    return key_store.of_paper(instance, collection).folder


def vault(instance: Path, collection: str, name: str) -> Vault:
    """A batch's files. Raises ValueError for what is no batch's name."""
    if not name.isalnum():
        raise ValueError("not a batch")
    return Vault(folder=folder(instance, collection) / name, key=folder(instance, collection) / "key")


def new(instance: Path, collection: str, *, kind: Literal["scan", "keyed"], account: str, made_on: str) -> Batch:
    """An empty batch."""
    made = Batch(
        batch=new_id(),
        collection=collection,
        kind=kind,
        account=account,
        made_on=made_on,
        state="reading" if kind == "scan" else "open",
    )
    save(instance, made)
    return made


def save(instance: Path, of: Batch) -> None:
    """Writes a batch; use `change` where another account may write too."""
    vault(instance, of.collection, of.batch).put("batch", of.model_dump_json().encode())


def get(instance: Path, collection: str, name: str) -> Batch | None:
    """A batch that is not cast yet."""
    try:
        return Batch.model_validate_json(vault(instance, collection, name).get("batch"))
    except (FileNotFoundError, ValueError):
        return None


def all_of(instance: Path, collection: str) -> list[Batch]:
    """A collection's batches that are not cast yet, by day and id."""
    found = [each for name in _names(instance, collection) if (each := get(instance, collection, name))]
    return sorted(found, key=lambda each: (each.made_on, each.batch))


def _names(instance: Path, collection: str) -> list[str]:
    where = folder(instance, collection)
    return [path.name for path in where.iterdir() if path.is_dir() and path.name.isalnum()] if where.exists() else []


def end(instance: Path, collection: str) -> None:
    """Destroys what was never cast: for a collection that is sealed or void, whose key is gone already. Sealed scans stay."""
    for name in _names(instance, collection):
        vault(instance, collection, name).destroy()


@contextmanager
def alone(instance: Path, collection: str, name: str) -> Iterator[Batch]:
    """The batch as it is, while nobody else may write it. Raises KeyError once it is gone."""
    where = folder(instance, collection)
    where.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(where / f".{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        found = get(instance, collection, name)
        if found is None:
            raise KeyError(name)
        yield found
    finally:
        os.close(handle)


def decide(instance: Path, of: Batch, code: str, **changes: object) -> Batch:
    """Changes what is decided about a sheet; both officers' totals are void from then on. Call it `alone`."""
    new_one = of.decision(code).model_copy(update=changes)
    changed = of.model_copy(update={"decided": {**of.decided, code: new_one}, "totals": {}})
    save(instance, changed)
    return changed


# ---- what it says --------------------------------------------------------------------------------------------------


class Sheet(_Frozen):
    """One paper form of a batch, put together: what stands in its way, what is open, what it says.

    state: ready · open (a person must look) · short (a page is missing) · aside · unknown · phone · spent · void.
    """

    code: str
    state: str
    answers: Answers = {}
    spoiled: Spoiled = ""
    voice: str = ""
    pages: tuple[int, ...] = ()  # positions of its scans
    missing: tuple[int, ...] = ()
    open: tuple[str, ...] = ()  # names of fields nobody has settled
    differing: tuple[str, ...] = ()  # keyed: names on which the two differ
    once: bool = False  # keyed by one account only


class Pile(_Frozen):
    """A batch put together: its sheets, pages refused, pages that came twice (position, position that counts)."""

    sheets: tuple[Sheet, ...]
    refused: tuple[int, ...] = ()
    twice: tuple[tuple[int, int], ...] = ()
    differing: tuple[tuple[int, int], ...] = ()

    @property
    def counted(self) -> tuple[Sheet, ...]:
        """Sheets that go into the box."""
        return tuple(each for each in self.sheets if each.state == "ready")

    @property
    def open(self) -> tuple[Sheet, ...]:
        """Sheets that keep the batch from being cast."""
        return tuple(each for each in self.sheets if each.state in ("open", "short"))

    def sheet(self, code: str) -> Sheet | None:
        """The sheet of a code."""
        return next((each for each in self.sheets if each.code == code), None)


def collate(connection: Connection, instance: Path, house: Collection, of: Batch, form: Form) -> Pile:
    """Puts a batch together. The first page of a code and number counts, a second one is told and never counted."""
    keys = key_store.of(instance, house.collection)
    if of.kind == "keyed":
        return Pile(sheets=tuple(_keyed(connection, keys, house, of, code) for code in sorted(of.typed)))
    pages: dict[str, dict[int, int]] = {}
    refused, twice, differing = [], [], []
    for at, scan in enumerate(of.scans):
        if scan.refused:
            refused.append(at)
            continue
        first = pages.setdefault(scan.code, {}).setdefault(scan.number, at)
        if first != at:
            twice.append((at, first))
            if _contradict(scan, of.scans[first]):
                differing.append((at, first))
    doubted = {of.scans[first].code for _at, first in differing}
    sheets = tuple(
        _scanned(connection, keys, house, of, code, found, doubted=code in doubted) for code, found in sorted(pages.items())
    )
    return Pile(sheets=sheets, refused=tuple(refused), twice=tuple(twice), differing=tuple(differing))


def standing(connection: Connection, keys: key_store.Keys, house: Collection, of: Batch, code: str) -> tuple[str, str]:
    """What a sheet's code is to the desk, and its group: ready · unknown · phone · spent · void."""
    plain = slip.plain(code)
    if house.mode == "link":
        if not printing.is_self_made(keys, plain):
            return "unknown", ""
        return ("spent" if casting.held(house.collection, link_nonce(keys, plain)) and plain not in of.nonces else "ready"), ""
    found = slip.find(connection, keys, house.collection, plain)
    if found is None:
        return "unknown", ""
    if found.medium != "paper":
        return "phone", found.voice
    if found.state == "spent" and plain in of.nonces and casting.held(house.collection, of.nonces[plain]):
        return "ready", found.voice  # this very batch was cast and cut short before it said so
    return ("ready" if found.state == "unspent" else found.state), found.voice


def link_nonce(keys: key_store.Keys, code: str) -> str:
    """The nonce of a sheet in a link collection: always the same one, so that a sheet counts once."""
    return keys.slip_hash(f"nonce {slip.plain(code)}")[:16].hex()


def _scanned(
    connection: Connection,
    keys: key_store.Keys,
    house: Collection,
    of: Batch,
    code: str,
    pages: Mapping[int, int],
    *,
    doubted: bool,
) -> Sheet:
    state, voice = standing(connection, keys, house, of, code)
    decided = of.decision(code)
    scans = [of.scans[at] for _number, at in sorted(pages.items())]
    missing = tuple(number for number in range(1, scans[0].of + 1) if number not in pages)
    answers: Answers = {}
    left = []
    for scan in scans:
        for mark in scan.marks:
            if mark.name in decided.answers:
                answers[mark.name] = decided.answers[mark.name]
            elif mark.verdict == "person" or doubted:
                left.append(mark.name)
            else:
                answers[mark.name] = mark.choices
        for space in scan.spaces:
            if space.name in decided.answers:
                answers[space.name] = decided.answers[space.name]
            elif space.inked:
                left.append(space.name)
    if state == "ready":
        if decided.aside:
            state = "aside"
        elif missing and not decided.short:
            state = "short"
        elif left and not decided.spoiled:
            state = "open"
    return Sheet(
        code=code,
        state=state,
        answers=answers,
        spoiled=decided.spoiled,
        voice=voice or next(iter(answers.get(VOICE, ())), ""),
        pages=tuple(at for _number, at in sorted(pages.items())),
        missing=missing,
        open=tuple(left),
    )


def _keyed(connection: Connection, keys: key_store.Keys, house: Collection, of: Batch, code: str) -> Sheet:
    state, voice = standing(connection, keys, house, of, code)
    decided, typed = of.decision(code), of.typed[code]
    if len(typed) < 2:
        left: tuple[str, ...] = ()
        answers, spoiled = dict(typed[0].answers), typed[0].spoiled
    else:
        one, two = typed[:2]
        names = sorted(set(one.answers) | set(two.answers))
        differing = tuple(n for n in names if one.answers.get(n, ()) != two.answers.get(n, ()))
        answers = {n: one.answers.get(n, ()) for n in names} | decided.answers
        spoiled = decided.spoiled if decided.by else one.spoiled
        left = tuple(n for n in differing if n not in decided.answers)
        if one.spoiled != two.spoiled and not decided.by:
            left = ("spoiled", *left)
        elif spoiled:
            left = ()
    once = len(typed) < 2
    if state == "ready":
        state = "aside" if decided.aside else "open" if once or left else "ready"
    return Sheet(
        code=code,
        state=state,
        answers=answers,
        spoiled=spoiled,
        voice=voice or next(iter(answers.get(VOICE, ())), ""),
        open=left,
        differing=left,
        once=once,
    )


def fields(of: Sheet, form: Form) -> dict[str, list[str]]:
    """A sheet's answers as a posted page would say them: more marks than a question allows void it (D-07)."""
    given = {}
    limits = {item.name: item.question for item in form.items()}
    for name, values in of.answers.items():
        question = limits.get(name)
        if question is None or not values:
            continue
        most = 1 if question.kind == "one" else question.at_most or len(question.options) if question.kind == "many" else 1
        given[name] = [VOID] if len(values) > most else list(values)
    return given


def written(text: str, question: Question) -> str:
    """What was written by hand, as it is kept: words cut to what the box takes, a number or a date in narrow digits."""
    return text[:TEXT_LIMIT] if question.kind == "text" else narrow(text)[:TEXT_LIMIT]


def unfit(answers: Answers, form: Form) -> dict[str, str]:
    """Written numbers and dates that cannot be taken: field name -> why, as `Form.read` says it. The box would leave them out."""
    written = {item.name for item in form.items() if item.question.kind not in ("one", "many", "text", "note")}
    _reply, faults = form.read(fields(Sheet(code="", state="ready", answers=answers), form), paper=True)
    return {fault.name: fault.why for fault in faults if fault.name in written and fault.why != "required"}


def _contradict(one: Scan, other: Scan) -> bool:
    said = {mark.name: mark for mark in other.marks}
    return any(
        "person" not in (mark.verdict, said[mark.name].verdict) and set(mark.choices) != set(said[mark.name].choices)
        for mark in one.marks
        if mark.name in said
    )
