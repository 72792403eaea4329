"""The mark: beside the database, what it must hold (BOX.md, step 6).

For each collection this host has stored ballots of, a file keeps two states, `confirmed` and `pending`, each the number of
ballots and the sum of all MACs modulo 2²⁵⁶. Before a commit `pending` is written durably; after it, it becomes `confirmed`.
At any time the database equals one of the two; a row added, changed, removed or rolled back makes it equal neither.
"""

import hashlib
import os
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from flask_babel import gettext as _

from survey.box.keys import sync_folder

SIZE = 256
_MODULUS = 1 << 256
_RECORD = struct.Struct(">Q32sQ32s32s")  # confirmed, pending, checksum


@dataclass(frozen=True, slots=True, order=True)
class State:
    """A number of ballots and the sum of the MACs of ballots and remarks."""

    ballots: int = 0
    total: int = 0

    def plus(self, macs: list[bytes], ballots: int) -> "State":
        """The state after storing rows with these MACs."""
        return State(self.ballots + ballots, (self.total + sum(int.from_bytes(mac) for mac in macs)) % _MODULUS)

    def __add__(self, other: "State") -> "State":
        return State(self.ballots + other.ballots, (self.total + other.total) % _MODULUS)


class MarkFault(RuntimeError):
    """A mark that cannot be read, or a database that equals neither of its states."""


@cache
def host() -> str:
    """This host's name, as it stands in the name of its mark."""
    return "".join(c if c.isalnum() or c in "-." else "_" for c in socket.gethostname()) or "host"


def path(folder: Path, name: str | None = None) -> Path:
    """The file of a host's mark in a collection's key folder."""
    return folder / f"mark-{name or host()}"


def write(file: Path, confirmed: State, pending: State, *, durable: bool = True) -> None:
    """Writes both states; returns after they are on the disk unless `durable` is off (a confirmation may come late)."""
    handle = put(file, confirmed, pending)
    try:
        if durable:
            os.fdatasync(handle)
    finally:
        os.close(handle)


def put(file: Path, confirmed: State, pending: State) -> int:
    """Writes both states and returns the open file: they are on the disk after its `fdatasync`."""
    body = _RECORD.pack(confirmed.ballots, confirmed.total.to_bytes(32), pending.ballots, pending.total.to_bytes(32), b"")
    record = (body[:-32] + hashlib.sha256(body[:-32]).digest()).ljust(SIZE, b"\x00")
    try:
        handle = os.open(file, os.O_WRONLY)
    except FileNotFoundError:
        return _made(file, record)
    try:
        os.pwrite(handle, record, 0)
    except OSError:
        os.close(handle)
        raise
    return handle


def _made(file: Path, record: bytes) -> int:
    """A host's first mark: it has its name only when it is whole on the disk, or a box killed here would never open again."""
    part = file.with_name(f".{file.name}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.pwrite(handle, record, 0)
        os.fdatasync(handle)
        os.replace(part, file)
        sync_folder(file.parent)
    except OSError:
        os.close(handle)
        raise
    return handle


def read(file: Path) -> tuple[State, State]:
    """Confirmed and pending; two empty states where there is no file yet. Raises MarkFault for a damaged one."""
    if not file.exists():
        return State(), State()
    content = file.read_bytes()[: _RECORD.size]
    if len(content) != _RECORD.size or hashlib.sha256(content[:-32]).digest() != content[-32:]:
        raise MarkFault(_("票箱标记文件 %(name)s 损坏", name=file.name))
    ballots, total, pending_ballots, pending_total, _checksum = _RECORD.unpack(content)
    return State(ballots, int.from_bytes(total)), State(pending_ballots, int.from_bytes(pending_total))


def states(folder: Path) -> dict[str, set[State]]:
    """By host what its mark allows. Raises MarkFault."""
    return {file.name: set(read(file)) for file in folder.glob("mark-*")}


def agrees(found: State, *seen: Mapping[str, set[State]]) -> bool:
    """Whether what the database holds equals the marks of all hosts together, each confirmed or pending. Where others store
    meanwhile, `seen` is what the marks said before the database was read, and after."""
    hosts = [set().union(*(each.get(host, {State()}) for each in seen)) for host in set().union(*seen)]
    return any(sum(each, State()) == found for each in product(*hosts))
