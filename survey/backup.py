"""Backup and restore: the whole database as one .zip that either database can take in.

A consistent view, taken while votes go on. Open boxes are in it as ciphertexts, their keys never: those stay in
`instance/keys`. Rows stand in the order of their keys, so the file says nothing about the order in which they came.
Sessions and one-time links are left out. Inside: `manifest.json` (format, time, rows and SHA-256 of each table) and
`<table>.jsonl`.
"""

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from flask_babel import gettext as _
from sqlalchemy import Connection, Engine, LargeBinary, Table, delete, insert, select

from survey import clock, db, journal
from survey.box import opening
from survey.schema import account, collection, cycle, invitation, job, metadata, session
from survey.schema import journal as journal_table

FORMAT = "survey-backup-1"
LEFT_OUT = {session.name, invitation.name, job.name}
CHUNK = 1000


class NotABackup(ValueError):
    """A file that is no backup, is damaged, or does not fit; the words say which."""


def tables() -> list[Table]:
    """The tables a backup holds, those others refer to first; the boxes last, as PostgreSQL needs their partitions."""
    found = [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]
    return sorted(found, key=lambda table: table.name in ("box", "remark"))


def save(engine: Engine, path: Path, *, by: str) -> dict[str, int]:
    """Writes a backup of mode 0600 to `path`, whole or not at all; rows by table. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    manifest: dict[str, dict[str, object]] = {}
    options = {"reads": True} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    try:
        with (
            os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
            engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            for table in tables():
                with archive.open(f"{table.name}.jsonl", "w", force_zip64=True) as stream:
                    manifest[table.name] = _write(connection, table, stream)
            made = clock.now()
            archive.writestr("manifest.json", json.dumps({"format": FORMAT, "made_at": made, "tables": manifest}, indent=1))
        handle = os.open(part, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    with db.deed(engine) as connection:
        journal.record(connection, account=by, deed="backup.save", subject=path.name)
    return {name: int(str(each["rows"])) for name, each in manifest.items()}


def load(engine: Engine, path: Path, *, by: str, replace: bool = False) -> dict[str, int]:
    """Takes a backup into a migrated database, in one transaction; rows by table.

    Raises NotABackup where the file is damaged or, without `replace`, the database is not empty. What was cast after the
    backup is gone with it: the marks beside the database notice, and casting and sealing of those collections stop.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(archive.read("manifest.json"))
            if manifest.get("format") != FORMAT:
                raise NotABackup(_("这不是本程序的备份文件"))
            with db.deed(engine) as connection:
                _empty(connection, replace=replace)
                for table in tables():
                    if table.name in manifest["tables"]:
                        _read(connection, table, archive, manifest["tables"][table.name])
                journal.record(connection, account=by, deed="backup.load", subject=path.name, made_at=manifest["made_at"])
    except (zipfile.BadZipFile, KeyError, json.JSONDecodeError) as fault:
        raise NotABackup(_("这不是本程序的备份文件，或文件已损坏")) from fault
    return {name: int(each["rows"]) for name, each in manifest["tables"].items()}


def _write(connection: Connection, table: Table, stream: IO[bytes]) -> dict[str, object]:
    rows, digest = 0, hashlib.sha256()
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=CHUNK).execute(query).mappings():
        values = {c.name: _text(row[c.name]) if isinstance(c.type, LargeBinary) else row[c.name] for c in table.columns}
        line = json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        stream.write(line)
        digest.update(line)
        rows += 1
    return {"rows": rows, "sha256": digest.hexdigest()}


def _empty(connection: Connection, *, replace: bool) -> None:
    if replace:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    elif any(connection.execute(select(table).limit(1)).first() for table in (cycle, account, collection, journal_table)):
        raise NotABackup(_("数据库不是空的；确实要用备份替换全部数据，请加 --replace"))


def _read(connection: Connection, table: Table, archive: zipfile.ZipFile, noted: dict[str, Any]) -> None:
    digest, chunk = hashlib.sha256(), []
    for values in _rows(archive, table, digest):
        chunk.append(values)
        if len(chunk) == CHUNK:
            connection.execute(insert(table), chunk)
            chunk = []
    if chunk:
        connection.execute(insert(table), chunk)
    if digest.hexdigest() != noted["sha256"]:
        raise NotABackup(_("备份文件里的表 %(table)s 已损坏", table=table.name))
    if table is collection:
        boxes = select(collection.c.collection).where(
            collection.c.state.in_(("open", "closing")), collection.c.emptied.is_(False)
        )
        for name in connection.execute(boxes).scalars().all():
            opening.partition(connection, name)


def _rows(archive: zipfile.ZipFile, table: Table, digest: Any) -> Iterator[dict[str, object]]:
    binary = {c.name for c in table.columns if isinstance(c.type, LargeBinary)}
    with archive.open(f"{table.name}.jsonl") as stream:
        for line in stream:
            digest.update(line)
            yield {k: base64.b64decode(v) if k in binary and v is not None else v for k, v in json.loads(line).items()}


def _text(content: bytes | memoryview | None) -> str | None:
    return None if content is None else base64.b64encode(bytes(content)).decode()
