"""The flask commands: `flask score`, `flask year check | import | export | archive`.

What a command needs is imported when it runs, so that `flask score` starts at once.
Exit status: 0 done, 1 the year book has faults (all on standard error, nothing is written), 2 wrong usage.
"""

import atexit
import gc
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from flask.cli import with_appcontext

if TYPE_CHECKING:
    from flask import Flask

    from survey.year.yearbook import Book, Fault
    from tally.rulebook import Rulebook

LIGHT = {("score",), ("year", "check")}
BOOK = click.Path(exists=True, path_type=Path)


def init_app(app: "Flask") -> None:
    """Adds the commands to the app."""
    app.cli.add_command(score)
    app.cli.add_command(year)
    app.cli.add_command(backup)
    app.cli.add_command(restore)
    app.cli.add_command(serve)
    app.cli.add_command(demo)
    app.cli.add_command(office)
    app.cli.add_command(journal)


def bare(name: str) -> "Flask":
    """An app with the commands alone: no pages, no database, no configuration."""
    from flask import Flask

    app = Flask(name)
    init_app(app)
    return app


def light(arguments: Iterable[str] | None = None) -> bool:
    """Whether this process runs a command that needs neither the pages nor the database."""
    words = [word for word in (sys.argv[1:] if arguments is None else arguments) if not word.startswith("-")]
    return any(tuple(words[: len(command)]) == command for command in LIGHT)


def language() -> str:
    """The terminal's language: English when the environment says so, else Chinese."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        spoken = os.environ.get(name, "")
        if spoken:
            return "en" if spoken.startswith("en") else "zh"
    return "zh"


def translator() -> Callable[[str], str]:
    """The words of the terminal's language for a Chinese text."""
    if language() == "zh":
        return str
    from survey import translations

    catalog = translations.catalog()

    def translate(text: str) -> str:
        message = catalog.get(text)
        return str(message.string) if message and message.string else text

    return translate


@click.command("score", short_help="Score a year book: the five rankings.")
@click.argument("path", type=BOOK)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON on standard output, nothing else there.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the result to a .json or .xlsx file.")
@click.option("--explain", metavar="SUBJECT", help="Print how the score of a banner or a person came about.")
def score(path: Path, as_json: bool, out: Path | None, explain: str | None) -> None:
    """Score the year book at PATH (a folder of CSV files, a workbook, a SQLite file) and print the five rankings."""
    gc.disable()  # a short run that makes no rubbish: looking for it takes a sixth of its time
    click.get_current_context().call_on_close(gc.enable)
    atexit.register(gc.freeze)
    if out and out.suffix.lower() not in (".json", ".xlsx"):
        raise click.BadParameter("a .json or .xlsx file", param_hint="--out")
    book, rulebook = _read(path)
    from survey.year import gather, result
    from tally import step
    from tally.outcome import appraise

    outcome = appraise(gather.facts(book, rulebook), rulebook)
    if as_json:
        click.echo(result.as_json(outcome), nl=False)
    if out:
        try:
            if out.suffix.lower() == ".json":
                out.write_text(result.as_json(outcome), encoding="utf-8")
            else:
                result.write_workbook(outcome, rulebook, out)
        except OSError as error:
            raise click.BadParameter(error.strerror or str(error), param_hint="--out") from None
    if explain:
        rows = [row for ranking in outcome.rankings for row in ranking.rows if explain in (row.key, row.name)]
        if not rows:
            raise click.BadParameter(f"{explain} is not scored in this year book", param_hint="--explain")
        for row in rows:
            click.echo(step.text(row.step, language=language()), nl=False)
    elif not as_json and not out:
        click.echo(result.terminal(outcome, rulebook, language=language()), nl=False)


@click.group("year", short_help="Check, import and export year books.")
def year() -> None:
    """Year books: a folder of CSV files, a workbook or a SQLite file."""


@year.command("check")
@click.argument("path", type=BOOK)
def check(path: Path) -> None:
    """Check the year book at PATH: every fault with table, row, column, value and what would be right."""
    book, _ = _read(path)
    counted = ", ".join(f"{rows.table.id} {len(rows)}" for rows in book.tables.values())
    click.echo(f"{translator()('没有差错')}: {counted}")


@year.command("import")
@click.argument("path", type=BOOK)
@click.option("--replace", is_flag=True, help="Replace a year that is there already, while it has no collection.")
@with_appcontext
def bring_in(path: Path, replace: bool) -> None:
    """Import the year book at PATH into the site's database; marks become sealed collections labelled 导入."""
    book, rulebook = _read(path)
    from survey import db
    from survey.year.site import Refused, take_in

    db.migrate(db.engine())
    try:
        with db.deed() as connection:
            collections = take_in(connection, book, rulebook, by="cli", replace=replace)
    except Refused as refusal:
        click.echo(translator()(refusal.reason) % refusal.values, err=True)
        sys.exit(1)
    done = translator()("%(year)s 年度已导入，%(collections)s 个已封箱的导入记录")
    click.echo(done % {"year": book.settings["year"], "collections": collections})


@year.command("export")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--year", "exported", type=int, required=True, help="The assessment year, such as 2018.")
@with_appcontext
def hand_out(path: Path, exported: int) -> None:
    """Export a year of the site's database to PATH: a folder, an .xlsx or a .db/.sqlite."""
    from survey import db
    from survey.year import yearbook
    from survey.year.site import give_out, left_out

    db.migrate(db.engine())
    with db.reading() as connection:
        book = give_out(connection, exported)
        without = left_out(connection, exported)
    if book is None:
        raise click.BadParameter(f"{exported} is not in the database", param_hint="--year")
    try:
        yearbook.write(book, path)
    except yearbook.NotAYearBook:
        raise click.BadParameter("a folder, an .xlsx or a .db/.sqlite file", param_hint="PATH") from None
    except yearbook.TooLong as table:
        raise click.BadParameter(f"{table} is too long for a workbook; export a folder or a .db", param_hint="PATH") from None
    except OSError as error:
        raise click.BadParameter(error.strerror or str(error), param_hint="PATH") from None
    if without:
        words = translator()("有效票太少的场次不在工作簿里，因此在别处重算的得分会不同（D-27）")
        click.echo(f"{words}: {', '.join(without)}", err=True)


@year.command("archive")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--year", "kept", type=int, required=True, help="The assessment year, such as 2018.")
@with_appcontext
def keep(path: Path, kept: int) -> None:
    """Write the whole year to one SQLite file at PATH (.db): year book, results, steps, tallies, journal, checksums."""
    from survey import db
    from survey.year import archive

    if path.suffix.lower() != ".db":
        raise click.BadParameter("a .db file", param_hint="PATH")
    db.migrate(db.engine())
    try:
        with db.reading() as connection:
            archive.write(connection, kept, path)
    except KeyError:
        raise click.BadParameter(f"{kept} is not in the database", param_hint="--year") from None
    except OSError as error:
        raise click.BadParameter(error.strerror or str(error), param_hint="PATH") from None


@click.command("serve", short_help="Serve the site with granian.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=2, show_default=True)
@with_appcontext
def serve(host: str, port: int, workers: int) -> None:
    """Migrate, load the demo into an empty database, print where to go, and serve."""
    from flask import current_app

    from survey import serve as serving

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if serving.taken(host, port):
        raise click.ClickException(
            f"port {port} is in use by another program: stop it, or choose another port (make run PORT={port + 1}, flask serve --port {port + 1})"
        )
    serving.prepare(app)
    click.echo(serving.welcome(app, host=host, port=port))
    sys.stdout.flush()
    serving.run(host=host, port=port, workers=workers)


@click.command("office", short_help="A new one-time sign-in link for the office.")
@with_appcontext
def office() -> None:
    """Print a one-time sign-in link for the office (24 hours), as a path below the site's address."""
    from flask import current_app

    from survey import db
    from survey import serve as serving

    db.migrate(db.engine())
    click.echo(serving.invitation(current_app._get_current_object()))  # type: ignore[attr-defined]


@click.command("demo", short_help="The demo, into an empty database.")
@click.option("--again", is_flag=True, help="Delete instance/survey.db and the keys first, after asking.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_appcontext
def demo(again: bool, yes: bool) -> None:
    """Load the demo. It never mixes with real years: the database must be empty, or be deleted with --again."""
    from flask import current_app
    from sqlalchemy import func, select

    from survey import db
    from survey import demo as invented
    from survey.schema import cycle

    app = current_app._get_current_object()  # type: ignore[attr-defined]
    if again:
        _delete(app, yes)
    db.migrate(db.engine())
    with db.reading() as connection:
        if connection.execute(select(func.count()).select_from(cycle)).scalar_one():
            raise click.ClickException("The database has years in it. Use --again to start over.")
    invented.load(app)
    click.echo("演示数据已载入。 The demo is loaded; `make run` serves it.")


def _delete(app: "Flask", yes: bool) -> None:
    """Deletes the SQLite database and the keys of this instance."""
    import shutil

    from survey import db

    if db.engine().dialect.name != "sqlite":
        raise click.ClickException("--again deletes a SQLite database only.")
    instance = Path(app.config["INSTANCE"])
    if not yes and (instance / "survey.db").exists():
        click.confirm(f"Delete everything in {instance} and start the demo over?", abort=True)
    db.engine().dispose()
    for name in ("survey.db", "survey.db-wal", "survey.db-shm", "demo-accounts.txt"):
        (instance / name).unlink(missing_ok=True)
    shutil.rmtree(instance / "keys", ignore_errors=True)


@click.group("journal", short_help="The journal of staff's deeds.")
def journal() -> None:
    """The journal of staff's deeds."""


@journal.command("verify")
@with_appcontext
def verify_journal() -> None:
    """Check that no entry was changed or removed; print the number of entries and the last hash."""
    from survey import db
    from survey import journal as entries

    with db.reading() as connection:
        broken = entries.verify(connection)
        count, last = entries.head(connection)
    if broken:
        click.echo(broken, err=True)
        sys.exit(1)
    click.echo(f"{count} {last}")


def _read(path: Path) -> "tuple[Book, Rulebook]":
    """The year book, or its faults on standard error and status 1."""
    from survey.year import yearbook

    try:
        return yearbook.read(path)
    except yearbook.NotAYearBook:
        raise click.BadParameter("a folder of CSV files, an .xlsx, .xls, .ods, .db or .sqlite", param_hint="PATH") from None
    except yearbook.Faulty as faulty:
        _tell(faulty.faults)
        sys.exit(1)


def _tell(faults: "Iterable[Fault]") -> None:
    translate = translator()
    click.echo("\n".join(fault.line(translate) for fault in faults), err=True)


@click.command("backup", short_help="Back up the database: ciphertexts of open boxes, never their keys.")
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup(path: Path) -> None:
    """Write a backup of the whole database to PATH (.zip); either database takes it in. Safe while votes go on."""
    from survey import backup as backups
    from survey import db

    db.migrate(db.engine())
    try:
        rows = backups.save(db.engine(), path, by="cli")
    except OSError as error:
        raise click.BadParameter(error.strerror or str(error), param_hint="PATH") from None
    click.echo(translator()("备份已写好，共 %(rows)s 行") % {"rows": sum(rows.values())})


@click.command("restore", short_help="Restore a backup into an empty database.")
@click.argument("path", type=BOOK)
@click.option("--replace", is_flag=True, help="Replace everything that is in the database.")
@with_appcontext
def restore(path: Path, replace: bool) -> None:
    """Restore the backup at PATH. Keys are not in it: they stay in the instance folder."""
    from survey import backup as backups
    from survey import db

    db.migrate(db.engine())
    try:
        rows = backups.load(db.engine(), path, by="cli", replace=replace)
    except backups.NotABackup as fault:
        click.echo(translator()(str(fault)), err=True)
        sys.exit(1)
    click.echo(translator()("已恢复，共 %(rows)s 行") % {"rows": sum(rows.values())})
