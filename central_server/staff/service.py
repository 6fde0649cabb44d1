"""Staff, as other modules and the doors call it: signing in and out, users, keys, the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import NotSignedIn
from central_server.staff.audit import COMMAND, Actor, Filter, Who, changes, differing, record_change
from central_server.staff.forgetting import prune
from central_server.staff.hands import hands
from central_server.staff.models import User
from central_server.staff.passwords import Passwords
from central_server.staff.sessions import close_session, open_session, viewer_of
from central_server.staff.throttle import attempt, forgive, slow_down
from central_server.staff.tokens import add_token, revoke_token, tokens
from central_server.staff.users import (
    NewUser,
    add_user,
    change_language,
    change_own_password,
    change_user,
    create_first_admin,
    create_user,
    seen_by_audit,
    set_password,
    user_named,
    user_with,
    users,
)
from central_server.web.text import N_

__all__ = [
    "COMMAND",
    "Actor",
    "Filter",
    "NewUser",
    "Passwords",
    "SignIn",
    "Who",
    "add_token",
    "add_user",
    "attempt",
    "change_language",
    "change_own_password",
    "change_user",
    "changes",
    "create_first_admin",
    "create_user",
    "differing",
    "forgive",
    "hands",
    "prune",
    "record_change",
    "revoke_token",
    "seen_by_audit",
    "set_password",
    "sign_in",
    "sign_out",
    "slow_down",
    "tokens",
    "user_with",
    "users",
    "viewer_of",
]

USER_TRIES: Final = 10
ADDRESS_TRIES: Final = 50  # a head office may share one address


@dataclass(frozen=True)
class SignIn:
    """What somebody typed, and from where."""

    login: str
    password: str
    address: str
    agent: str = ""


async def sign_in(
    database: Database, passwords: Passwords, who: SignIn, *, now_ms: int, tries: int = USER_TRIES
) -> tuple[str, User]:
    """The token of a new session, and its user.

    Raises NotSignedIn, in the same words and time whether the name, the password or the user's state is
    wrong; TooMany after too many failures for the name or the address; Busy.
    """
    login = who.login.strip().lower()
    keys = {f"user:{login}": tries, f"ip:{who.address}": ADDRESS_TRIES}

    async def counted(session: AsyncSession) -> float:
        return await attempt(session, keys, now_ms=now_ms)

    slow_down(await database.run(counted))
    async with database.reading() as session:
        user = await user_named(session, login)
    known = user.password_hash if user is not None and user.active else None
    if not await passwords.matches(known, who.password) or user is None:
        raise NotSignedIn(N_("this name and password do not belong together"))
    better = await passwords.hash(who.password) if passwords.outdated(user.password_hash) else None

    async def opened(session: AsyncSession) -> str:
        for key in keys:
            await forgive(session, key, now_ms=now_ms)
        if better is not None:
            await session.execute(sa.update(User).where(User.id == user.id).values(password_hash=better))
        actor = Actor(user.name, user.id)
        await record_change(
            session, actor, "signed in", "user", user.id, None, {"address": who.address}, now_ms
        )
        return await open_session(session, user, address=who.address, agent=who.agent, now_ms=now_ms)

    return await database.run(opened), user


async def sign_out(session: AsyncSession, token: str) -> None:
    """Ends the session with that token."""
    await close_session(session, token)
