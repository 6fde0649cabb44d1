"""Passwords: what is good enough, and slow hashes of them (argon2id), a few at a time.

A hash takes 64 MiB and a quarter of a second on purpose, so only `at_once` run together, in threads, and
no more than WAITING_MAX stand in line. A guess at a user who does not exist costs the same hash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from central_server.errors import Busy
from central_server.web.text import N_

T = TypeVar("T")

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 256  # argon2 would take gigabytes of one
WAITING_MAX: Final = 32

_COMMON_FILE: Final = Path(__file__).with_name("common_passwords.txt")


def weakness(password: str, login: str, name: str) -> str | None:
    """Why that password will not do, as a msgid; None when it will."""
    folded = password.casefold()
    if len(password) < LENGTH_MIN:
        return N_("needs at least 10 characters")
    if len(password) > LENGTH_MAX:
        return N_("holds at most 256 characters")
    if any(part and len(part) > 2 and part.casefold() in folded for part in (login, name, *name.split())):
        return N_("must not contain the name")
    if folded in _common() or len(set(folded)) < 5:
        return N_("is one that everybody would try first")
    return None


@lru_cache(maxsize=1)
def _common() -> frozenset[str]:
    """What people choose when told to choose ten characters; compared without regard to case."""
    return frozenset(_COMMON_FILE.read_text(encoding="utf-8").split())


class Passwords:
    """Hashes and checks, bounded. One for the whole program."""

    def __init__(self, hasher: PasswordHasher | None = None, at_once: int = 2) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """A salted hash that names its own parameters. Raises Busy."""
        return await self._slowly(self._hash, password)

    async def matches(self, known: str | None, password: str) -> bool:
        """Whether `known` is a hash of `password`; as slow as ever when `known` is None. Raises Busy."""
        return await self._slowly(self._matches, known, password)

    def outdated(self, known: str) -> bool:
        """Whether `known` was made with weaker parameters than today's."""
        return self._hasher.check_needs_rehash(known)

    def _hash(self, password: str) -> str:
        return self._hasher.hash(password[:LENGTH_MAX])

    def _matches(self, known: str | None, password: str) -> bool:
        self._nobody = self._nobody or self._hasher.hash("nobody")
        try:
            return self._hasher.verify(known or self._nobody, password[:LENGTH_MAX]) and known is not None
        except (VerificationError, InvalidHashError):
            return False

    async def _slowly(self, work: Callable[..., T], *arguments: object) -> T:
        if self._waiting >= WAITING_MAX:
            raise Busy(N_("too many people are signing in at once"))
        self._waiting += 1
        try:
            async with self._room:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1
