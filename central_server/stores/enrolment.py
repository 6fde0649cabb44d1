"""How a box becomes a store's edge: a person reads a short code to it, and it gets its identity in return.

A code has 40 random bits, holds for a day and works once; only a keyed digest of it is kept, so the
database alone does not tell which code would work. Whatever is wrong with a code, the answer is the same.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.errors import NotFound
from central_server.keys import Keys
from central_server.staff.service import Actor, Who, attempt, record_change, slow_down
from central_server.stores.hierarchy import store_with
from central_server.stores.models import Code, Login
from central_server.web.text import N_

CODE_HOLDS_MS: Final = 24 * 3_600_000
ADDRESS_TRIES: Final = 20
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: none that look alike
_LENGTH: Final = 8
_HEARD_AS: Final = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Enrolled:
    """What a new edge is given; told once."""

    store: str
    login: str
    password: str
    token_key: bytes
    store_key: bytes
    centre_public_key: bytes


async def new_code(session: AsyncSession, keys: Keys, who: Who, store: str, *, now_ms: int) -> str:
    """A code for the store's next edge, as ``7KQ2-M9XF``; it replaces any earlier one. Raises NotFound."""
    await store_with(session, store)
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    row = await session.get(Code, store) or Code(store=store)
    row.code_blind, row.expires_ms = _blind(keys, code), now_ms + CODE_HOLDS_MS
    session.add(row)
    await record_change(session, who, "made a code", "store", store, None, None, now_ms)
    return f"{code[:4]}-{code[4:]}"


async def enrol(
    database: Database, keys: Keys, code: str, *, address: str, version: str, now_ms: int
) -> Enrolled:
    """The identity of the store that the code was made for; its earlier edge is shut out from now on.

    Raises NotFound, in the same words whether the code is wrong, used or too old; TooMany.
    """

    async def counted(session: AsyncSession) -> float:
        return await attempt(session, {f"enrol:{address}": ADDRESS_TRIES}, now_ms=now_ms)

    slow_down(await database.run(counted))
    password = secrets.token_urlsafe(32)

    async def enrolled(session: AsyncSession) -> str | None:
        row = await session.scalar(
            sa.select(Code).where(Code.code_blind == _blind(keys, code)).with_for_update()
        )
        if row is None or not now_ms <= row.expires_ms <= now_ms + CODE_HOLDS_MS:
            return None
        store = row.store
        await session.delete(row)
        login = await session.get(Login, store) or Login(store=store)
        login.secret_sha256, login.since_ms = digest(password), now_ms
        login.version, login.revoked_ms = version[:80], None
        session.add(login)
        new = {"version": version[:80], "address": address}
        await record_change(session, Actor(f"edge {store}"), "enrolled", "store", store, None, new, now_ms)
        return store

    store = await database.run(enrolled)
    if store is None:
        raise NotFound(N_("this code is not valid, has been used or is too old; ask for a new one"))
    return Enrolled(store, store, password, keys.token_key, keys.store_key(store), keys.public_key)


async def revoke(session: AsyncSession, who: Who, store: str, *, now_ms: int) -> None:
    """Shuts the store's edge out, and ends its open code. Raises NotFound."""
    await store_with(session, store)
    await session.execute(sa.delete(Code).where(Code.store == store))
    login = await session.get(Login, store)
    if login is not None and login.revoked_ms is None:
        login.revoked_ms = now_ms
        await record_change(session, who, "revoked", "store", store, None, None, now_ms)


def digest(password: str) -> bytes:
    """What the database has of a broker password; it is random and long, so no slow hash is needed."""
    return sha256(password.encode()).digest()


def _blind(keys: Keys, code: str) -> bytes:
    heard = "".join(letter for letter in code.upper().translate(_HEARD_AS) if letter in _LETTERS)
    return keys.blind("enrol", heard[: _LENGTH + 1])
