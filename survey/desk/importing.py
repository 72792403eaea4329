"""A whole year book, in by upload and out as a download, in its three forms; faults beside their rows."""

import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Response, abort, flash, redirect, render_template, request, send_file, session, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from survey import access, db
from survey.access import allowed
from survey.desk import blueprint
from survey.desk.cycle import this
from survey.desk.uploaded import Unwelcome, laid_out
from survey.year import archive, site, yearbook
from survey.year.yearbook import Fault, Faulty, NotAYearBook

SHOWN = 500  # faults on one page; the number of all is said


@blueprint.route("/cycle/import", methods=["GET", "POST"])
@allowed("office")
def import_year() -> AnyResponse | tuple[str, int]:
    """Takes a year book in whole, or shows every fault and takes nothing."""
    faults: tuple[Fault, ...] = ()
    words = ""
    if request.method == "POST":
        try:
            with laid_out(request.files.getlist("file")) as path:
                book, rulebook = yearbook.read(path)
            with db.deed() as connection:
                made = site.take_in(
                    connection, book, rulebook, by=access.me().account, replace=bool(request.form.get("replace"))
                )
            session["year"] = int(book.settings["year"])
            flash(_("%(year)s 年度已导入，%(number)s 个已封箱的导入记录。", year=book.settings["year"], number=made))
            return redirect(url_for("desk.cycle"))
        except Faulty as fault:
            faults = fault.faults
        except site.Refused as refusal:
            words = _(refusal.reason) % refusal.values
        except NotAYearBook:
            words = _("请上传一个 .xlsx、.db 或 .zip 文件，或几个 .csv 文件")
        except Unwelcome as fault:
            words = str(fault)
    return render_template(
        "desk/import_year.html", faults=faults[:SHOWN], number=len(faults), words=words, say=_
    ), 422 if request.method == "POST" else 200


@blueprint.get("/cycle/export.<form>")
@allowed("office", "viewer")
def export_year(form: str) -> Response:
    """The year worked on as a year book: xlsx, db, or a zip of CSV files."""
    if form not in ("xlsx", "db", "zip"):
        abort(404)
    with db.reading() as connection:
        year = this(connection)
        book = site.give_out(connection, year.cycle) or abort(404)
    with TemporaryDirectory(prefix="export-") as name:
        path = Path(name) / (f"{year.cycle}.{form}" if form != "zip" else str(year.cycle))
        yearbook.write(book, path)
        content = path.read_bytes() if form != "zip" else _zipped(path)
    return send_file(BytesIO(content), download_name=f"{year.cycle}.{form}", as_attachment=True)


@blueprint.get("/cycle/archive.db")
@allowed("office")
def archive_year() -> Response:
    """The year worked on as one file, for the archive: with the journal, so for the office alone."""
    with TemporaryDirectory(prefix="archive-") as name, db.reading() as connection:
        year = this(connection)
        path = Path(name) / "archive.db"
        archive.write(connection, year.cycle, path)
        content = path.open("rb")  # its name goes with the folder
    return send_file(content, download_name=f"archive-{year.cycle}.db", as_attachment=True, mimetype="application/vnd.sqlite3")


def _zipped(folder: Path) -> bytes:
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return stream.getvalue()
