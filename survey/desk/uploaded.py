"""Uploaded year books and rosters: bounded, laid out in a folder of their own, and gone when they are read."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage

MOST_ENTRIES = 60  # files in one upload or one .zip
MOST_UNPACKED = 512 * 1024 * 1024  # bytes a .zip may unpack to, and the cells of a workbook
MOST_RATIO = 200  # unpacked to packed; a year book of CSV packs about 30 to 1
BOOKS = (".xlsx", ".xls", ".ods", ".db", ".sqlite")


class Unwelcome(ValueError):
    """An upload that is not taken in; the words say why and what to do."""


@contextmanager
def laid_out(files: Sequence[FileStorage]) -> Iterator[Path]:
    """The upload as a path `yearbook.read` knows: one workbook or database, or a folder of CSV files. Raises Unwelcome."""
    given = [file for file in files if file and file.filename]
    if not given:
        raise Unwelcome(_("请选择文件"))
    if len(given) > MOST_ENTRIES:
        raise Unwelcome(_("文件太多，最多 %(most)s 个", most=MOST_ENTRIES))
    with TemporaryDirectory(prefix="upload-") as name:
        yield _laid_out(given, Path(name))


def _laid_out(given: Sequence[FileStorage], folder: Path) -> Path:
    suffixes = {Path(str(file.filename)).suffix.lower() for file in given}
    if len(given) == 1:
        (suffix,) = suffixes
        path = folder / f"upload{suffix if suffix in (*BOOKS, '.zip') else '.csv'}"
        given[0].save(path)
        if suffix == ".zip":
            return _unpacked(path, folder)
        if suffix in (".xlsx", ".ods"):
            _bounded(path)
        if suffix in BOOKS:
            return path
        path.unlink()
        given[0].stream.seek(0)
    if suffixes != {".csv"}:
        raise Unwelcome(_("请上传一个 .xlsx、.db 或 .zip 文件，或几个 .csv 文件"))
    tables = folder / "tables"
    tables.mkdir()
    for file in given:
        file.save(tables / _plain(str(file.filename)))
    return tables


def _unpacked(path: Path, folder: Path) -> Path:
    tables = folder / "tables"
    tables.mkdir()
    _bounded(path)
    with zipfile.ZipFile(path) as archive:
        files = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")]
        for each in files:
            name = PurePosixPath(each.filename).name
            if Path(name).suffix.lower() == ".csv":
                (tables / _plain(name)).write_bytes(archive.read(each))
    if not any(tables.iterdir()):
        raise Unwelcome(_("压缩文件里没有 .csv 文件"))
    return tables


def _bounded(path: Path) -> None:
    """Refuses what unpacks to too much, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            files = archive.infolist()
    except zipfile.BadZipFile:
        raise Unwelcome(_("这个文件读不出来，请确认没有损坏、没有密码")) from None
    size, packed = sum(each.file_size for each in files), max(path.stat().st_size, 1)
    if len(files) > 10 * MOST_ENTRIES or size > MOST_UNPACKED or (size > 1_000_000 and size > MOST_RATIO * packed):
        raise Unwelcome(_("压缩文件展开后太大，没有读取"))


def _plain(name: str) -> str:
    """A file's own name, without a folder and without what a file system minds."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1].lstrip(".")
    return "".join(c for c in last if c.isprintable() and c not in ':*?"<>|')[:80] or "table.csv"
