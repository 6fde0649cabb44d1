"""A member opened: what the tables hold closed, in memory and in clear, for whoever may see it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from central_server.keys import Keys
from central_server.membership.masks import masked
from central_server.membership.models import ACTIVE, PERSONAL_FIELDS, Member, MemberCard
from sync.contract.told import MemberTold

_told = msgspec.json.Decoder(MemberTold)


@dataclass(frozen=True)
class Profile:
    """A member as a page or the API shows them. `fields` has every personal field, empty when unknown."""

    id: str
    status: str
    merged_into: str
    fields: dict[str, str]
    sex: str
    tier: str
    consent: bool
    store: str
    joined_ms: int
    seen_ms: int | None
    version: int
    told: MemberTold | None = None  # what tills show of them; None when they are told nothing
    cards: tuple[MemberCard, ...] = field(default=())
    is_masked: bool = False

    @property
    def is_active(self) -> bool:
        return self.status == ACTIVE

    def masked(self) -> Profile:
        """The profile as somebody without `members.personal` sees it."""
        return replace(
            self, fields={name: masked(name, text) for name, text in self.fields.items()}, is_masked=True
        )


def opened(member: Member, keys: Keys, cards: tuple[MemberCard, ...] = ()) -> Profile:
    """The member's row in clear. Raises keys.CannotDecrypt."""
    return Profile(
        id=member.id,
        status=member.status,
        merged_into=member.merged_into,
        fields={name: text_of(member, name, keys) for name in PERSONAL_FIELDS},
        sex=member.sex,
        tier=member.tier,
        consent=member.consent,
        store=member.store,
        joined_ms=member.joined_ms,
        seen_ms=member.seen_ms or None,
        version=member.version,
        told=told_of(member.told),
        cards=cards,
    )


def text_of(member: Member, name: str, keys: Keys) -> str:
    """One field of a row in clear; empty when it holds nothing."""
    if name == "consent":
        return "1" if member.consent else ""
    if name not in PERSONAL_FIELDS:
        return str(getattr(member, name))
    closed: bytes | None = getattr(member, name)
    return keys.decrypt(bytes(closed)) if closed else ""


def told_of(body: bytes) -> MemberTold | None:
    """The word in `Member.told`; None when stores know nothing of the member."""
    return _told.decode(body) if body else None
