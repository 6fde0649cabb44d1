"""Who joins at a till: sealed to head office, on disk, and known in this store at once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Literal

from edge_agent.errors import EdgeError, OutboxFull
from edge_agent.identity import Identity
from edge_agent.store.database import is_full
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from sync.contract.errors import BadId
from sync.contract.events import MemberJoined
from sync.contract.ids import MEMBER_RANDOM_BYTES, member_id
from sync.contract.questions import MemberKnown, NobodyKnown
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import MemberTold

NAME_MAX = 60
NEW = "new"  # flag of a member whom the centre has not confirmed yet

Why = Literal["name", "phone", "card", "payment_card", "consent", "known", "disk_full", "not_enrolled"]


class JoinRefused(EdgeError):
    """Somebody could not join; `reason` says why, in one word for the page to translate."""

    def __init__(self, reason: Why) -> None:
        super().__init__(f"cannot join: {reason}")
        self.reason = reason


class Joining:
    """The joining of new members at one store."""

    def __init__(
        self,
        *,
        identity: Identity | None,
        replica: Replica | None,
        outbox: Outbox,
        random_bytes: Callable[[int], bytes],
        country: str,
        payment_card: Callable[[str], bool],
    ) -> None:
        """`payment_card` tells a bank card's number; `country` is that of telephone numbers without one."""
        self._identity, self._replica, self._outbox = identity, replica, outbox
        self._random_bytes, self._country, self._payment_card = random_bytes, country, payment_card
        self._turn = asyncio.Lock()  # one after the other: a double click is the same person twice

    async def join(
        self, till: str, *, name: str, phone: str, card: str, consent: bool
    ) -> tuple[MemberKnown, str]:
        """The new member, and the token they are known by; on disk when this returns. Raises JoinRefused."""
        if self._identity is None or self._replica is None:
            raise JoinRefused("not_enrolled")
        name, phone, card = name.strip(), phone.strip(), card.strip()
        if not 1 <= len(name) <= NAME_MAX or not name.isprintable():
            raise JoinRefused("name")
        if not consent:
            raise JoinRefused("consent")
        if not phone and not card:
            raise JoinRefused("phone")
        if card and self._payment_card(card):
            raise JoinRefused("payment_card")
        key = self._identity.token_key
        phone_is = _checked("phone", lambda: phone_token(key, phone, self._country)) if phone else ""
        card_is = _checked("card", lambda: card_token(key, card)) if card else ""
        async with self._turn:
            for token in filter(None, (phone_is, card_is)):
                if await self._replica.look_up(token) != NobodyKnown():
                    raise JoinRefused("known")
            from sync.contract.sealed import Joiner, seal  # cryptography: 7 MiB that most days nobody needs

            member = member_id(self._random_bytes(MEMBER_RANDOM_BYTES))
            joiner = Joiner(name=name, phone=phone, card=card, consent=consent)
            event = MemberJoined(
                till=till,
                member=member,
                sealed=seal(joiner, self._identity.centre_public_key),
                card=card_is,
                phone=phone_is,
            )
            try:
                await self._outbox.accept([event])
            except OutboxFull:
                raise JoinRefused("disk_full") from None
            told = MemberTold(
                member=member,
                name=masked(name),
                cards=(card_is,) if card_is else (),
                phones=(phone_is,) if phone_is else (),
                flags=(NEW,),
            )
            try:
                await self._replica.expect(told)
            except sqlite3.Error as error:
                if not is_full(error):
                    raise  # with a full disk the new member is known as soon as the centre says so
        return MemberKnown(member=member, name=told.name, flags=told.flags), card_is or phone_is


def _checked(reason: Why, token: Callable[[], str]) -> str:
    try:
        return token()
    except BadId:
        raise JoinRefused(reason) from None


def masked(name: str) -> str:
    """``masked("王小明") == "王**"``: enough to greet somebody, too little to know them by."""
    return f"{name[0]}**" if name else ""
