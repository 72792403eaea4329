"""The application: configuration, database, blueprints, who may, commands.

`create_app()` opens no network and imports the heavy parts (PDF, images) only when they are used; `flask score` needs
neither database nor configuration.
"""

import gc
import os
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, Request, Response, abort, has_request_context, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from survey import cli

ROOT = Path(__file__).parent
LANGUAGES = ("zh", "en")
UPLOAD_LIMIT = 64 * 1024 * 1024


class Site(Flask):
    """Flask, but an error names the rule of its route: the path may hold a voter's code (BOX.md, "Rows")."""

    def log_exception(self, exc_info: Any) -> None:
        rule = request.url_rule.rule if request.url_rule else "?"
        self.logger.error("Exception on %s [%s]", rule, request.method, exc_info=exc_info)


class Forms(SecureCookieSessionInterface):
    """Flask's signed cookie of the desk's forms. A voter has none, so nothing is made ready to read one."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if self.get_cookie_name(app) not in request.environ.get("HTTP_COOKIE", ""):
            return self.session_class()
        return super().open_session(app, request)


def create_app(config: Mapping[str, object] | None = None) -> Flask:
    """A ready app. `config` overrides: INSTANCE (folder), DATABASE_URL, SECRET_KEY, PUBLIC_URL (what QR codes point to)."""
    if config is None and cli.light():
        return cli.bare(__name__)
    from flask_babel import Babel

    from survey import access, db, translations
    from survey.phone import page
    from survey.phone.lane import Lane

    instance = Path(str((config or {}).get("INSTANCE") or os.environ.get("INSTANCE") or ROOT / "instance")).resolve()
    app = Site(__name__, instance_path=str(instance))
    app.config.update(
        INSTANCE=instance,
        DATABASE_URL=os.environ.get("DATABASE_URL") or f"sqlite:///{instance / 'survey.db'}",
        PUBLIC_URL=os.environ.get("PUBLIC_URL", ""),
        MAX_CONTENT_LENGTH=UPLOAD_LIMIT,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        MAX_FORM_PARTS=5000,
        WTF_CSRF_CHECK_DEFAULT=False,  # `_blueprints` asks for it
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        SESSION_COOKIE_NAME="desk-form",
        SESSION_COOKIE_SAMESITE="Lax",
        BABEL_DEFAULT_LOCALE="zh",
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "survey" / "translations"),
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.config.update(config or {})
    app.config["INSTANCE"] = instance
    app.session_interface = Forms()
    cli.init_app(app)
    if not app.config.get("SECRET_KEY"):
        app.config["SECRET_KEY"] = _secret(instance)
    db.init_app(app)
    translations.build()
    Babel(app, locale_selector=language)
    first = _first(lambda: db.prepare(db.engine()))
    app.before_request(first)
    _blueprints(app)
    headers = {**HEADERS, "Content-Security-Policy": POLICY.format(style=page.style_hash())}
    app.after_request(partial(_with, headers))
    app.wsgi_app = Lane(app, headers, first)  # type: ignore[method-assign]
    access.check(app)
    if config is None:  # a process of its own, not one of many apps in a test
        _settle()
    return app


def _settle() -> None:
    """What is loaded by now stays: it is not searched for rubbish again and again, and a hall's votes are not stopped for it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)  # new objects between two searches; Python's own 700 are fewer than a page of a full hall makes


def _first(deed: Callable[[], None]) -> Callable[[], None]:
    """A deed done before the first request of this process, and not again."""
    done: list[bool] = []

    def once() -> None:
        if not done:
            deed()
            done.append(True)

    return once


def _blueprints(app: Flask) -> None:
    from flask_wtf import CSRFProtect

    from survey import desk, paper, phone

    csrf = CSRFProtect(app)
    app.register_blueprint(phone.blueprint)
    app.register_blueprint(desk.blueprint)
    app.register_blueprint(paper.blueprint)

    @app.before_request
    def protect() -> None:
        """A post needs the form's token, but for a respondent's, who has no cookie another site could use. No address and no
        desk form holds a NUL that a person sent, and not every database takes one."""
        if "\0" in request.path:
            abort(404)
        view = app.view_functions.get(request.endpoint or "")
        if not view or getattr(view, "who", ())[:1] == ("respondent",):
            return
        if app.config["WTF_CSRF_ENABLED"]:
            csrf.protect()
        if "%00" in request.environ.get("QUERY_STRING", "") or any("\0" in value for _, value in request.form.items(multi=True)):
            abort(400)


def language() -> str:
    """The language of this page: what the address or form says, else what the desk chose, else Chinese."""
    if not has_request_context():
        return "zh"
    try:
        asked = request.args.get("lang") or request.form.get("lang", "")
    except (RequestEntityTooLarge, ClientDisconnected):  # the page that says so has a language too
        asked = ""
    if asked not in LANGUAGES and "desk-form" in request.environ.get("HTTP_COOKIE", ""):
        asked = session.get("lang", "")
    return asked if asked in LANGUAGES else "zh"


HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'none'; style-src 'self' {style}; script-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def _with(headers: Mapping[str, str], response: Response) -> Response:
    """A page with those headers its view did not set."""
    given = {name.lower() for name, _ in response.headers}
    response.headers.extend([(name, value) for name, value in headers.items() if name.lower() not in given])
    return response


def _secret(instance: Path) -> bytes:
    """The key that signs form cookies: made once, 0600, beside the other keys."""
    path = instance / "keys" / "forms"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
    except FileExistsError:
        pass
    except OSError:  # a folder that cannot be written: fine for commands that only read
        return secrets.token_bytes(32)
    return path.read_bytes()
