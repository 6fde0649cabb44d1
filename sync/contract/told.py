"""Words: what the centre tells stores. The newest per key is kept; the key says what it replaces."""

from __future__ import annotations

import msgspec

from sync.contract.questions import Visit


class Word(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True):
    """What every word has: a key. A later word of the same key replaces an earlier one."""

    @property
    def key(self) -> str:
        raise NotImplementedError


class MemberTold(Word, frozen=True, tag="member/1", kw_only=True):
    """A member as a till may see them. `cards` and `phones` are tokens, the name is masked."""

    member: str
    name: str
    cards: tuple[str, ...] = ()
    lost_cards: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    tier: str = ""
    points: int = 0
    value_minor: int = 0
    currency: str = "CNY"
    birthday: str = ""
    flags: tuple[str, ...] = ()
    visits: tuple[Visit, ...] = ()

    @property
    def key(self) -> str:
        return f"member/{self.member}"


class MemberGone(Word, frozen=True, tag="member.gone/1", kw_only=True):
    """A member was archived, merged or erased; takes the place of `MemberTold`."""

    member: str

    @property
    def key(self) -> str:
        return f"member/{self.member}"


Told = MemberTold | MemberGone

EVERYONE = "*"  # the feed that every store reads; no store can be called that
