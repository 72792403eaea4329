"""Who may: accounts, sessions, roles, and the decorators that say who may open a route.

Every view carries exactly one of `@public`, `@respondent`, `@allowed(...)`; `check` refuses to start an app with a view
that has none. Sessions live in the database: a new id at sign-in, gone at sign-out and at a change of password.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from math import ceil
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, Response, abort, g, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Connection, delete, insert, select, update

from survey import clock, db, journal
from survey.schema import account, invitation, session

ROLES = ("office", "staff", "teller", "scrutineer", "assessor", "viewer")
COOKIE = "desk"
IDLE = timedelta(hours=12)
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
NOBODY = HASHER.hash(secrets.token_hex(16))  # verified for unknown names, so that time does not tell them apart

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One who signs in. `banner` narrows staff, tellers and scrutineers to one banner; "" is all."""

    account: str
    name: str
    roles: frozenset[str]
    banner: str = ""
    created_by: str = ""
    reset_by: str | None = None
    reset_at: str | None = None
    disabled: bool = False

    def may(self, *roles: str) -> bool:
        """Whether the account bears one of the roles."""
        return not self.roles.isdisjoint(roles)

    def sees(self, banner: str) -> bool:
        """Whether a banner's material is this account's business (F-202)."""
        return self.may("office") or not self.banner or self.banner == banner


# ---- who may open a route ------------------------------------------------------------------------------------------


def public(view: View) -> View:
    """Anyone, without an account; changes nothing."""
    view.who = ("public",)  # type: ignore[attr-defined]
    return view


def respondent(view: View) -> View:
    """Voters and villagers: no account, no cookie, no log; a post is guarded by slip or link and nonce, not by CSRF."""
    view.who = ("respondent",)  # type: ignore[attr-defined]
    return view


def allowed(*roles: str) -> Callable[[View], View]:
    """Accounts bearing one of the roles; others are sent to sign in, or refused."""
    unknown = set(roles) - set(ROLES)
    if unknown or not roles:
        raise ValueError(f"unknown roles {sorted(unknown)}")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: object, **kw: object) -> object:
            who = current()
            if who is None:
                there = request.full_path if request.method == "GET" else None
                return redirect(url_for("desk.sign_in", then=there))
            if not who.may(*roles):
                abort(403)
            return view(*args, **kw)

        guarded.who = roles  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


def check(app: Flask) -> None:
    """Raises RuntimeError naming every route that does not say who may open it."""
    nameless = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if not hasattr(app.view_functions[rule.endpoint], "who") and not rule.endpoint.endswith("static")
    ]
    if nameless:
        raise RuntimeError(f"routes that do not say who may open them: {', '.join(sorted(nameless))}")


def own_banner(banner: str) -> None:
    """404 unless the banner is the signed-in account's business."""
    who = current()
    if who is None or not who.sees(banner):
        abort(404)


# ---- sessions ------------------------------------------------------------------------------------------------------


def current() -> Account | None:
    """The account signed in, or None. Read once a request."""
    if "account" not in g:
        g.account = _from_cookie(request.cookies.get(COOKIE, ""))
    found: Account | None = g.account
    return found


def me() -> Account:
    """The account signed in; 403 where there is none."""
    return current() or abort(403)


def start(connection: Connection, name: str, response: Response) -> None:
    """Begins a session under a fresh id and hands its cookie to the response."""
    secret = secrets.token_urlsafe(32)
    now = clock.now()
    connection.execute(insert(session).values(session=_digest(secret), account=name, started_at=now, seen_at=now))
    response.set_cookie(COOKIE, secret, httponly=True, samesite="Lax", secure=request.is_secure)


def end(connection: Connection, response: Response) -> None:
    """Ends this session."""
    connection.execute(delete(session).where(session.c.session == _digest(request.cookies.get(COOKIE, ""))))
    response.delete_cookie(COOKIE)


def _from_cookie(secret: str) -> Account | None:
    if not secret:
        return None
    oldest = (datetime.now(UTC) - IDLE).isoformat(timespec="seconds")
    with db.reading() as connection:
        row = connection.execute(
            select(account, session.c.seen_at)
            .join(session, session.c.account == account.c.account)
            .where(session.c.session == _digest(secret), session.c.seen_at > oldest, account.c.disabled.is_(False))
        ).first()
    if row is None:
        return None
    if row.seen_at < (datetime.now(UTC) - timedelta(minutes=10)).isoformat(timespec="seconds"):
        with db.deed() as connection:
            connection.execute(update(session).where(session.c.session == _digest(secret)).values(seen_at=clock.now()))
    return _account(row)


# ---- accounts ------------------------------------------------------------------------------------------------------


def create(connection: Connection, *, name: str, title: str, roles: set[str], password: str, by: str, banner: str = "") -> None:
    """A new account. Raises ValueError for a name taken, an unknown role or a password under 10 characters."""
    if roles - set(ROLES) or not roles:
        raise ValueError(_("角色不对"))
    if connection.execute(select(account.c.account).where(account.c.account == name)).first():
        raise ValueError(_("账号 %(name)s 已存在，请换一个", name=name))
    connection.execute(
        insert(account).values(
            account=name, name=title, roles=" ".join(sorted(roles)), password=hashed(password), banner=banner, created_by=by
        )
    )
    journal.record(connection, account=by, deed="account.create", subject=name, roles=sorted(roles), banner=banner)


def set_password(connection: Connection, *, name: str, password: str, by: str) -> None:
    """Sets a password and ends every session of the account. Done for another, it is noted as a reset (BOX.md, People)."""
    values: dict[str, object] = {"password": hashed(password), "failures": 0, "wait_until": None}
    if by != name:
        values |= {"reset_by": by, "reset_at": clock.now()}
    connection.execute(update(account).where(account.c.account == name).values(**values))
    connection.execute(delete(session).where(session.c.account == name))
    connection.execute(delete(invitation).where(invitation.c.account == name))
    journal.record(connection, account=by, deed="account.password", subject=name)


def unusable() -> str:
    """A password nobody knows, for an account whose holder will choose one."""
    return secrets.token_hex(24)


def hashed(password: str) -> str:
    """The argon2id hash of a password; ValueError when it is too short."""
    if len(password) < 10:
        raise ValueError(_("密码至少10个字符"))
    return HASHER.hash(password)


def verify(connection: Connection, name: str, password: str) -> bool:
    """Whether the password is the account's. A wrong one makes the next try of this account wait, never an address:
    a hall shares one. The caller commits, so the count of failures stays."""
    row = connection.execute(
        select(account.c.password, account.c.failures, account.c.wait_until, account.c.disabled).where(
            account.c.account == name
        )
    ).first()
    try:
        HASHER.verify(row.password if row else NOBODY, password)
        right = row is not None and not row.disabled
    except (VerificationError, InvalidHashError):
        right = False
    if row is None:
        return False
    if row.wait_until and row.wait_until > clock.now():
        return False
    if right:
        connection.execute(update(account).where(account.c.account == name).values(failures=0, wait_until=None))
        return True
    failures = row.failures + 1
    pause = timedelta(seconds=min(2 ** max(failures - 3, 0), 300)) if failures > 3 else timedelta()
    until = (datetime.now(UTC) + pause).isoformat(timespec="seconds") if pause else None
    connection.execute(update(account).where(account.c.account == name).values(failures=failures, wait_until=until))
    return False


def waiting(connection: Connection, name: str) -> int:
    """Seconds until `verify` looks at a password of this account again."""
    until = connection.execute(select(account.c.wait_until).where(account.c.account == name)).scalar()
    return max(0, ceil((datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds())) if until else 0


def find(connection: Connection, name: str) -> Account | None:
    """The account of that sign-in name."""
    row = connection.execute(select(account).where(account.c.account == name)).first()
    return _account(row) if row else None


def everyone(connection: Connection, *, disabled: bool = False) -> list[Account]:
    """All accounts that are not disabled, or really all, by name."""
    query = select(account) if disabled else select(account).where(account.c.disabled.is_(False))
    return [_account(row) for row in connection.execute(query.order_by(account.c.account))]


def change(connection: Connection, of: Account, *, title: str, roles: set[str], banner: str, disabled: bool, by: str) -> None:
    """Other words, roles or banner for an account, or its end. Raises ValueError where no office account would be left."""
    if roles - set(ROLES) or not roles:
        raise ValueError(_("角色不对"))
    offices = {each.account for each in everyone(connection) if each.may("office")}
    if offices <= {of.account} and (disabled or "office" not in roles):
        raise ValueError(_("这是最后一个管理办公室账号，不能停用，也不能改角色"))
    connection.execute(
        update(account)
        .where(account.c.account == of.account)
        .values(name=title, roles=" ".join(sorted(roles)), banner=banner, disabled=disabled)
    )
    if disabled:
        connection.execute(delete(session).where(session.c.account == of.account))
        connection.execute(delete(invitation).where(invitation.c.account == of.account))
    before = {"name": of.name, "roles": sorted(of.roles), "banner": of.banner, "disabled": of.disabled}
    after = {"name": title, "roles": sorted(roles), "banner": banner, "disabled": disabled}
    if before != after:
        journal.record(connection, account=by, deed="account.change", subject=of.account, before=before, after=after)


def reset(connection: Connection, name: str, *, by: str) -> str:
    """Takes the password and every session from an account and returns a one-time link's secret; noted as a reset."""
    values = {"password": hashed(unusable()), "failures": 0, "wait_until": None, "reset_by": by, "reset_at": clock.now()}
    connection.execute(update(account).where(account.c.account == name).values(**values))
    connection.execute(delete(session).where(session.c.account == name))
    journal.record(connection, account=by, deed="account.reset", subject=name)
    return invite(connection, name)


def invite(connection: Connection, name: str, *, hours: int = 24) -> str:
    """A one-time secret that signs the account in and lets it choose a password."""
    secret = secrets.token_urlsafe(24)
    until = (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")
    connection.execute(delete(invitation).where(invitation.c.account == name))
    connection.execute(insert(invitation).values(invitation=_digest(secret), account=name, until=until))
    return secret


def invited(connection: Connection, secret: str) -> Account | None:
    """Whom a one-time link is for, without spending it: a chat app's preview must not use it up."""
    row = connection.execute(select(invitation).where(invitation.c.invitation == _digest(secret))).first()
    found = find(connection, row.account) if row and row.until > clock.now() else None
    return found if found and not found.disabled else None


def accept(connection: Connection, secret: str) -> str | None:
    """Spends a one-time link; the account's name, or None when it is unknown, used or too old."""
    row = connection.execute(select(invitation).where(invitation.c.invitation == _digest(secret))).first()
    if row is None:
        return None
    connection.execute(delete(invitation).where(invitation.c.invitation == _digest(secret)))
    name: str = row.account
    return name if row.until > clock.now() else None


def _account(row: Any) -> Account:
    return Account(
        account=row.account,
        name=row.name,
        roles=frozenset(row.roles.split()),
        banner=row.banner,
        created_by=row.created_by,
        reset_by=row.reset_by,
        reset_at=row.reset_at,
        disabled=row.disabled,
    )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
