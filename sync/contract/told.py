"""Words: what the centre tells stores. The newest per key is kept; the key says what it replaces."""

from __future__ import annotations

from typing import Literal

import msgspec

from sync.contract.questions import PurseShown, Visit


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
    purses: tuple[PurseShown, ...] = ()

    @property
    def key(self) -> str:
        return f"member/{self.member}"


class MemberGone(Word, frozen=True, tag="member.gone/1", kw_only=True):
    """A member was archived, merged or erased; takes the place of `MemberTold`."""

    member: str

    @property
    def key(self) -> str:
        return f"member/{self.member}"


class ProgrammeTold(Word, frozen=True, tag="programme/1", kw_only=True):
    """The rules of a card programme that a till needs while the line is down. Amounts in its unit."""

    programme: str
    kind: Literal["value", "points", "coupon"]
    unit: str
    zh: str
    en: str
    reload: bool = False  # may be topped up at a till
    top_max: int = 0  # by one top-up at a till; beyond, head office with a second person
    balance_max: int = 0  # the most a purse may hold; 0: no limit
    pin_above: int | None = None  # a payment above this asks for the PIN; None: never
    pay_max: int = 0  # what one payment may take from it; 0: no limit
    pay_per_unit: int = 0  # points: minor units of the shop's currency that 1 point pays; 0: they do not pay
    stopped: bool = False  # nothing leaves its purses or enters them, whatever a store holds of them

    @property
    def key(self) -> str:
        return f"programme/{self.programme}"


class LeaseTold(Word, frozen=True, tag="lease/1", kw_only=True):
    """A lease was granted to this store, or is wanted back (`recalled`). Only in a store's own feed.

    It says all of the lease each time: a recall may come to a store that has never heard of the grant. It
    installs once, ever, and only in its epoch; told again it changes nothing but `recalled`.
    """

    lease: str
    epoch: str
    purse: str
    unit: str
    granted: int
    ttl_s: int  # counted by the edge from before it asked, less `DRIFT`
    request: str  # the `Ask` it answers
    seal: str
    card: str = ""  # the token that was presented
    member: str = ""
    programme: str = ""
    recalled: bool = False

    @property
    def key(self) -> str:
        return f"lease/{self.lease}"


Told = MemberTold | MemberGone | ProgrammeTold | LeaseTold

EVERYONE = "*"  # the feed that every store reads; no store can be called that
