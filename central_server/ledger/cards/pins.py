"""PINs: set and changed. What is kept tells a PIN without saying it, and is closed besides."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.errors import Invalid
from central_server.keys import Keys
from central_server.ledger.models.cards import Pin
from central_server.web.text import N_
from sync.contract.leases import PIN_DIGITS, pin_check

SALT_BYTES = 16
_PIN = re.compile(rf"[0-9]{{{PIN_DIGITS[0]},{PIN_DIGITS[1]}}}")
_EASY = re.compile(r"(\d)\1*")


def checked_pin(pin: str) -> str:
    """The PIN itself. Raises Invalid when it is none, or one that anybody tries first."""
    if not _PIN.fullmatch(pin):
        raise Invalid({"pin": N_("4 to 12 digits")})
    rising = "01234567890123456789"
    if _EASY.fullmatch(pin) or pin in rising or pin in rising[::-1]:
        raise Invalid({"pin": N_("this is too easy to guess")})
    return pin


def told_by(pin: str, random_bytes: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """(salt, check) of a PIN; takes 30 ms, so call it in a thread. Raises Invalid."""
    salt = random_bytes(SALT_BYTES)
    return salt, pin_check(checked_pin(pin), salt)


async def set_pin(
    session: AsyncSession, holder: str, salt: bytes, check: bytes, *, keys: Keys, by: str, at_ms: int
) -> None:
    """The PIN of `holder` (`purses.holder_of`: a member, or a bearer's card) is now what `told_by` made."""
    row = await session.get(Pin, holder, populate_existing=True, with_for_update=True)
    if row is None:
        row = Pin(holder=holder)
        session.add(row)
    row.wrong, row.wrong_since_ms, row.wrong_ms = 0, 0, 0
    row.salt, row.closed, row.changed_ms, row.by = salt.hex(), keys.encrypt(check.hex()), at_ms, by
    await session.flush()
