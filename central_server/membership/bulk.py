"""Many members at once: an import, the demo, a bench. Tens of thousands a second instead of hundreds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import bulk_insert
from central_server.downlink.feed import tell_many
from central_server.keys import Keys
from central_server.membership.models import ACTIVE, PERSONAL_FIELDS, Member, MemberCard, NamePiece
from central_server.membership.records import blind_pieces
from central_server.membership.telling import word_of
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import EVERYONE, MemberTold

AT_ONCE = 5_000
_COLUMNS = (
    "id", "status", "merged_into", *PERSONAL_FIELDS, "phone_token", "sex", "tier", "consent",
    "store", "told", "joined_ms", "changed_ms", "seen_ms", "version",
)  # fmt: skip


@dataclass(frozen=True)
class NewMember:
    """Somebody to be written. `fields` as `person.whole` checked them; `cards` are numbers in clear."""

    id: str
    fields: Mapping[str, str]
    joined_ms: int
    cards: Sequence[str] = field(default=())
    store: str = ""
    seen_ms: int = 0


async def create_many(session: AsyncSession, *, keys: Keys, people: Sequence[NewMember]) -> int:
    """Write members with their cards and tell every store; gives how many.

    For fresh ids, cards and telephone numbers only: what is there already raises IntegrityError (ids and
    cards) or stands twice (telephone numbers). No line of history is written: they came together.
    """
    rest = iter(people)
    while some := list(islice(rest, AT_ONCE)):
        words = []
        members, cards, pieces = [], [], []
        for new in some:
            tokens = [(card_token(keys.token_key, number), number) for number in new.cards]
            phone = phone_token(keys.token_key, new.fields["phone"]) if new.fields.get("phone") else ""
            word = _word(new, [token for token, _ in tokens], phone)
            words.append(word)
            members.append(_row(new, keys, phone, word))
            cards += [_card(new, token, number) for token, number in tokens]
            pieces += [(piece, new.id) for piece in blind_pieces(keys, new.fields.get("name", ""))]
        await bulk_insert(session, Member, members, columns=_COLUMNS)
        await bulk_insert(session, MemberCard, cards)
        await bulk_insert(session, NamePiece, pieces)
        await tell_many(session, EVERYONE, words)
    return len(people)


def _word(new: NewMember, cards: list[str], phone: str) -> MemberTold:
    return word_of(
        new.id,
        name=new.fields.get("name", ""),
        birthday=new.fields.get("birthday", ""),
        tier=new.fields.get("tier", ""),
        cards=cards,
        phones=[phone] if phone else [],
    )


def _row(new: NewMember, keys: Keys, phone: str, word: MemberTold) -> tuple[object, ...]:
    personal = (new.fields.get(name, "") for name in PERSONAL_FIELDS)
    return (
        new.id, ACTIVE, "", *(keys.encrypt(text) if text else None for text in personal),
        phone, new.fields.get("sex", ""), new.fields.get("tier", ""), bool(new.fields.get("consent")),
        new.store, msgspec.json.encode(word), new.joined_ms, new.joined_ms, new.seen_ms, 1,
    )  # fmt: skip


def _card(new: NewMember, token: str, number: str) -> tuple[object, ...]:
    return (token, new.id, number[-4:].upper(), "", ACTIVE, "", new.joined_ms, new.joined_ms)
