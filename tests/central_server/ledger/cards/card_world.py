"""Two programmes, ten cards and a member, at a desk that does one thing after the other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.keys import Keys
from central_server.ledger.cards import activation, cards
from central_server.ledger.cards.buyers import Buyer
from central_server.ledger.cards.making import Made
from central_server.ledger.purses.purses import purses_of_token
from sync.contract.tokens import card_token

BEARER = {
    "kind": "value",
    "zh": "储值卡",
    "en": "Stored value",
    "reload": True,
    "face": 10_000,
    "valid_months": 36,
    "numbers": {"prefix": "6688"},
    "bonus": [{"from_amount": 10_000, "amount": 500}],
    "also": ["points"],
}
POINTS = {"kind": "points", "unit": "PTS", "zh": "积分", "en": "Points", "holder": "member"}
ANNA = Buyer(name="王安娜", paper="id", number="310000199001011234", account="6222")


def chance(seed: str = "x") -> Callable[[int], bytes]:
    state = hashlib.sha256(seed.encode()).digest()

    def random_bytes(count: int) -> bytes:
        nonlocal state
        state = hashlib.sha256(state).digest()
        return (state * 4)[:count]

    return random_bytes


@dataclass
class Desk:
    """Two programmes, ten cards and a member, in one transaction."""

    session: AsyncSession
    keys: Keys
    now_ms: int
    made: list[Made]
    member: str

    @property
    def who(self) -> dict[str, Any]:
        return {"by": "anna", "keys": self.keys}

    async def active(self, place: int, member: str = "", **more: Any) -> str:
        card = self.made[place].id
        await cards.issue_card(self.session, card, member=member, at_ms=self.now_ms, **self.who)
        await activation.activate_card(
            self.session,
            request=f"act {card}",
            card=card,
            tender="cash",
            now_ms=self.now_ms,
            **self.who,
            **more,
        )
        return card

    def token(self, place: int) -> str:
        return card_token(self.keys.token_key, self.made[place].number)

    async def shown(self, place: int, now_ms: int | None = None) -> Any:
        at_ms = self.now_ms if now_ms is None else now_ms
        return await purses_of_token(self.session, self.token(place), keys=self.keys, now_ms=at_ms)

    async def state(self, card: str) -> str:
        return (await cards.card_row(self.session, card)).state
