"""Users: who may sign in, and with which roles.

What changes the database takes the session first and never commits; what sets a password takes the
`Database` instead, because a slow hash must not be made while every other writer waits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import Conflict, Invalid, NotFound, Refused
from central_server.staff.audit import COMMAND, differing, record_change
from central_server.staff.models import User
from central_server.staff.passwords import Passwords, weakness
from central_server.staff.rights import ROLES, rights_of
from central_server.staff.sessions import close_sessions, digest
from central_server.staff.throttle import attempt, forgive, slow_down
from central_server.staff.tokens import revoke_tokens
from central_server.web.deps import Viewer
from central_server.web.text import N_
from config.text import LANGUAGES

OWN_TRIES: Final = 10
USERS_MAX: Final = 5_000
_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{1,63}")


@dataclass(frozen=True)
class NewUser:
    """A user as a form or the API gives one. `stores` None: every store."""

    login: str
    name: str
    roles: Sequence[str]
    stores: Sequence[str] | None = None
    lang: str = "zh_CN"
    active: bool = True


async def create_first_admin(
    database: Database,
    passwords: Passwords,
    login: str,
    name: str,
    password: str,
    *,
    now_ms: int,
    lang: str = "zh_CN",
) -> int:
    """The first administrator's id. Raises Conflict when there is an active one, Invalid."""
    _check_password(password, login, name)
    hashed = await passwords.hash(password)

    async def created(session: AsyncSession) -> int:
        if await _admins(session):
            raise Conflict(N_("there is an administrator already"))
        user = await _added(
            session, NewUser(login, name, ["admin"], lang=lang), hashed, must_change=False, now_ms=now_ms
        )
        await record_change(session, COMMAND, "created", "user", user.id, None, seen_by_audit(user), now_ms)
        return user.id

    return await database.run(created)


async def create_user(
    database: Database,
    passwords: Passwords,
    new: NewUser,
    password: str,
    *,
    now_ms: int,
    must_change: bool = True,
) -> int:
    """A new user's id, made at the machine itself, so that no user has had their login in hand.

    Raises Invalid, and Conflict when the name is taken.
    """
    _check_password(password, new.login, new.name)
    hashed = await passwords.hash(password)

    async def created(session: AsyncSession) -> int:
        user = await _added(session, new, hashed, must_change=must_change, now_ms=now_ms)
        await record_change(session, COMMAND, "created", "user", user.id, None, seen_by_audit(user), now_ms)
        return user.id

    return await database.run(created)


async def add_user(
    database: Database, passwords: Passwords, viewer: Viewer, new: NewUser, password: str, *, now_ms: int
) -> int:
    """A new user's id; they must change that password when they first sign in.

    Raises Invalid, Conflict when the name is taken, Refused when `viewer` would give rights they have not.
    """
    _check_password(password, new.login, new.name)
    _check_grant(viewer, new.roles, new.stores)
    hashed = await passwords.hash(password)

    async def created(session: AsyncSession) -> int:
        user = await _added(session, new, hashed, must_change=True, now_ms=now_ms)
        await record_change(session, viewer, "created", "user", user.id, None, seen_by_audit(user), now_ms)
        return user.id

    return await database.run(created)


async def change_user(
    session: AsyncSession, viewer: Viewer, user_id: int, new: NewUser, *, now_ms: int
) -> User:
    """Changes everything but the login and the password.

    Raises NotFound, Invalid, Refused; Conflict when no active administrator would be left.
    """
    user = await user_with(session, user_id)
    _check_user(replace(new, login=user.login))
    _check_grant(viewer, user.roles, user.stores)
    _check_grant(viewer, new.roles, new.stores)
    old = seen_by_audit(user)
    user.name, user.lang, user.active = new.name.strip(), new.lang, new.active
    user.roles = sorted(set(new.roles))
    user.stores = None if new.stores is None else sorted(set(new.stores))
    await session.flush()
    if not await _admins(session):
        raise Conflict(N_("the last administrator must stay one"))
    if not user.active:
        await close_sessions(session, user.id)
    before, after = differing(old, seen_by_audit(user))
    if after:
        await record_change(session, viewer, "changed", "user", user.id, before, after, now_ms)
    return user


async def set_password(
    database: Database, passwords: Passwords, viewer: Viewer, user_id: int, password: str, *, now_ms: int
) -> None:
    """Gives a user a password that they must change; ends their sessions and revokes their keys for programs.

    Raises NotFound, Invalid, Refused.
    """
    async with database.reading() as session:
        user = await user_with(session, user_id)
    _check_grant(viewer, user.roles, user.stores)
    _check_password(password, user.login, user.name)
    hashed = await passwords.hash(password)

    async def done(session: AsyncSession) -> None:
        row = await user_with(session, user_id)
        row.password_hash, row.must_change = hashed, True
        await close_sessions(session, user_id)
        await revoke_tokens(session, viewer, user_id, now_ms=now_ms)
        await record_change(session, viewer, "set password", "user", user_id, None, None, now_ms)

    await database.run(done)


async def change_own_password(
    database: Database,
    passwords: Passwords,
    viewer: Viewer,
    old: str,
    new: str,
    *,
    token: str,
    now_ms: int,
) -> None:
    """Raises Invalid (fields `old`, `new`) or TooMany. Ends the user's other sessions; `token` goes on."""
    key = f"user-id:{viewer.user_id}"

    async def counted(session: AsyncSession) -> float:
        return await attempt(session, {key: OWN_TRIES}, now_ms=now_ms)

    slow_down(await database.run(counted))
    async with database.reading() as session:
        user = await user_with(session, viewer.user_id)
    if not await passwords.matches(user.password_hash, old):
        raise Invalid({"old": N_("is not your password")})
    if old == new:
        raise Invalid({"new": N_("is the old one")})
    _check_password(new, user.login, user.name, field="new")
    hashed = await passwords.hash(new)

    async def done(session: AsyncSession) -> None:
        row = await user_with(session, viewer.user_id)
        row.password_hash, row.must_change = hashed, False
        await forgive(session, key, now_ms=now_ms)
        await close_sessions(session, viewer.user_id, but=[digest(token)])
        await record_change(session, viewer, "changed password", "user", viewer.user_id, None, None, now_ms)

    await database.run(done)


async def change_language(session: AsyncSession, user_id: int, lang: str) -> None:
    """The language in which that user's pages are. Raises Invalid."""
    if lang not in LANGUAGES:
        raise Invalid({"lang": N_("is none of the choices")})
    await session.execute(sa.update(User).where(User.id == user_id).values(lang=lang))


async def users(session: AsyncSession) -> list[User]:
    """Every user, by login; there are at most USERS_MAX."""
    return list((await session.scalars(sa.select(User).order_by(User.login).limit(USERS_MAX))).all())


async def user_with(session: AsyncSession, user_id: int) -> User:
    """That user. Raises NotFound."""
    user = await session.get(User, user_id)
    if user is None:
        raise NotFound(N_("there is no such user"))
    return user


async def user_named(session: AsyncSession, login: str) -> User | None:
    """The user with that login, if there is one."""
    return (await session.scalars(sa.select(User).where(User.login == login))).one_or_none()


def seen_by_audit(user: User) -> dict[str, Any]:
    """What the audit trail keeps of a user: no password, nothing that signs in."""
    return {
        "login": user.login,
        "name": user.name,
        "roles": user.roles,
        "stores": user.stores,
        "lang": user.lang,
        "active": user.active,
    }


async def _added(session: AsyncSession, new: NewUser, hashed: str, *, must_change: bool, now_ms: int) -> User:
    login = new.login.strip().lower()
    _check_user(replace(new, login=login))
    if await user_named(session, login) is not None:
        raise Conflict(N_("the name {login} is taken"), login=login)
    if (await session.scalar(sa.select(sa.func.count()).select_from(User)) or 0) >= USERS_MAX:
        raise Conflict(N_("there are too many users"))
    user = User(
        login=login,
        name=new.name.strip(),
        password_hash=hashed,
        roles=sorted(set(new.roles)),
        stores=None if new.stores is None else sorted(set(new.stores)),
        lang=new.lang,
        active=new.active,
        must_change=must_change,
        created_ms=now_ms,
    )
    session.add(user)
    await session.flush()
    return user


async def _admins(session: AsyncSession) -> int:
    """How many active administrators there are; `roles` is JSON, so they are counted here."""
    rows = await session.scalars(sa.select(User.roles).where(User.active.is_(True)))
    return sum("admin" in roles for roles in rows)


def _check_user(new: NewUser) -> None:
    wrong: dict[str, str] = {}
    if not _LOGIN.fullmatch(new.login):
        wrong["login"] = N_("2 to 64 small letters, digits and . _ @ -")
    if not new.name.strip() or len(new.name) > 80:
        wrong["name"] = N_("is needed")
    if not new.roles or any(role not in ROLES for role in new.roles):
        wrong["roles"] = N_("is none of the choices")
    if new.lang not in LANGUAGES:
        wrong["lang"] = N_("is none of the choices")
    if wrong:
        raise Invalid(wrong)


def _check_password(password: str, login: str, name: str, field: str = "password") -> None:
    why = weakness(password, login, name)
    if why is not None:
        raise Invalid({field: why})


def _check_grant(viewer: Viewer, roles: Sequence[str], stores: Sequence[str] | None) -> None:
    """Nobody makes, changes or resets somebody who may more than they."""
    more = not viewer.rights >= rights_of(roles)
    further = viewer.stores is not None and (stores is None or not viewer.stores >= set(stores))
    if more or further:
        raise Refused(N_("nobody can give rights that they do not have"))
