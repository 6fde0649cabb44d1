"""The rules of a card programme, as it is set up and as it is kept: one pydantic model. Pure.

Amounts are minor units of the programme's `unit`, or points. `valued_until` and `Bonus.gives` answer what
follows from a rule; whether it is followed is the business of whoever asks.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

import pydantic
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from central_server.errors import Invalid
from central_server.ledger.cards.law import law_of
from central_server.web.formats import money
from central_server.web.forms import Disagree, finding
from central_server.web.text import N_
from sync.contract.leases import POINTS
from sync.contract.money import MINOR_MAX

ZONE = ZoneInfo("Asia/Shanghai")  # head office's: where a month and a year end
Amount = Annotated[int, Field(ge=0, le=MINOR_MAX)]
Kind = Literal["value", "points", "coupon"]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
BASIS = 10_000  # of a part in ten thousand
_MONTHS_MAX = 1_200


class Part(BaseModel):
    """What every part of the rules is: frozen, and no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Expiry(Part):
    """How long something lasts: so many months and days, and then on to the end of that month or year."""

    months: Annotated[int, Field(ge=0, le=_MONTHS_MAX)] = 0
    days: Annotated[int, Field(ge=0, le=36_600)] = 0
    to_end_of: Literal["", "day", "month", "year"] = ""

    def after(self, at_ms: int) -> int:
        """When it ends that began at `at_ms`."""
        end = _months_on(datetime.fromtimestamp(at_ms / 1000, ZONE), self.months) + timedelta(days=self.days)
        if self.to_end_of:
            if self.to_end_of == "year":
                end = end.replace(month=12, day=31)
            elif self.to_end_of == "month":
                end = end.replace(day=calendar.monthrange(end.year, end.month)[1])
            end = end.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return int(end.astimezone(UTC).timestamp() * 1000)


class Bonus(Part):
    """充值送: loading `from_amount` or more gives `amount` and `share_bp` ten-thousandths of the load."""

    from_amount: Annotated[int, Field(ge=1, le=MINOR_MAX)]
    amount: Amount = 0
    share_bp: Annotated[int, Field(ge=0, le=BASIS)] = 0

    def gives(self, load: int) -> int:
        return self.amount + load * self.share_bp // BASIS


class Earn(Part):
    """Each whole `per` minor units spent give `gives` points (or minor units of coupon). First match counts.

    Every condition that is set must hold: the article number begins with one of `skus`, the member's tier is
    one of `tiers`, the store's own day is one of `weekdays` (Monday is 0) and within `first_day…last_day`
    (20261122). A rule that gives 0 keeps goods out.
    """

    gives: Amount
    per: Annotated[int, Field(ge=1, le=MINOR_MAX)] = 100
    skus: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = ()
    first_day: int | None = None
    last_day: int | None = None

    def fits(self, *, sku: str, tier: str, weekday: int, day: int) -> bool:
        return (
            (not self.skus or sku.startswith(self.skus))
            and (not self.tiers or tier in self.tiers)
            and (not self.weekdays or weekday in self.weekdays)
            and (self.first_day is None or day >= self.first_day)
            and (self.last_day is None or day <= self.last_day)
        )


class Tier(Part):
    """A tier is reached by spending `reach` within the window, and kept by `keep`."""

    id: Id
    zh: Name
    en: Name
    reach: Amount
    keep: Amount = 0
    times_bp: Annotated[int, Field(ge=0, le=100 * BASIS)] = BASIS  # points earned, in ten-thousandths


class Tiers(Part):
    """The tiers, lowest first. What was spent in the last `window_days` counts; a tier lasts `valid_days`."""

    steps: Annotated[tuple[Tier, ...], Field(min_length=1, max_length=20)]
    window_days: Annotated[int, Field(ge=1, le=3_660)] = 365
    valid_days: Annotated[int, Field(ge=1, le=3_660)] = 365

    @model_validator(mode="after")
    def _rise(self) -> Self:
        reaches = [step.reach for step in self.steps]
        if reaches != sorted(set(reaches)) or any(step.keep > step.reach for step in self.steps):
            raise Disagree(N_("tiers stand lowest first, and none is harder to keep than to reach"))
        return self


class Refunds(Part):
    """How value leaves a card other than by buying. Bonus never does."""

    allowed: bool = True
    fee: Amount = 0
    cash_max: Amount | None = None  # besides the law's


class Numbers(Part):
    """Which numbers the cards have: this prefix (a BIN or a range of ours), random digits, a check digit."""

    prefix: Annotated[str, Field(pattern=r"^[0-9]{1,12}$")]
    digits: Annotated[int, Field(ge=14, le=19)] = 16

    @model_validator(mode="after")
    def _unguessable(self) -> Self:
        if self.digits - len(self.prefix) < 10:
            raise Disagree(N_("nine random digits are the least that cannot be guessed"))
        return self


class Partner(Part):
    """Who issues the programme jointly, and what share of what is paid with it is theirs."""

    id: Id
    zh: Name
    en: Name
    share_bp: Annotated[int, Field(ge=0, le=BASIS)] = 0


class Rules(Part):
    """A card programme."""

    kind: Kind
    unit: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    zh: Name
    en: Name
    holder: Literal["card", "member"] = "card"  # whose the purse is
    registered: bool = False  # every card is in somebody's name
    also: Annotated[tuple[Id, ...], Field(max_length=8)] = ()  # programmes whose purses open with the card
    numbers: Numbers | None = None  # None: no cards of its own
    face: Amount = 0  # a card of stock is sold with this on it
    reload: bool = False
    load_max: Amount = 0  # at once; above, a second person. 0: no limit
    balance_max: Amount = 0  # 0: the law's alone
    top_max: Amount = 0  # by one top-up at a till
    pay_max: Amount = 0  # one payment at a till; 0: no limit
    day_max: Amount = 0  # a purse's payments in 24 hours at head office, not at tills; 0: no limit
    day_count: Annotated[int, Field(ge=0, le=10_000)] = 0  # … and how many
    pin_above: Amount | None = None  # a payment above this asks for the PIN
    bonus: Annotated[tuple[Bonus, ...], Field(max_length=20)] = ()
    bonus_expiry: Expiry | None = None
    bonus_first: bool = True
    valid_months: Annotated[int, Field(ge=1, le=_MONTHS_MAX)] | None = None  # a card, from activation
    expiry: Expiry | None = None  # points and coupons, from when they were earned or issued
    refunds: Refunds = Refunds()
    partner: Partner | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"  # of the sales that earn
    earn: Annotated[tuple[Earn, ...], Field(max_length=100)] = ()
    earn_not_on: tuple[str, ...] = ("value",)  # tenders that earn nothing: they earned when they were loaded
    pending_days: Annotated[int, Field(ge=0, le=366)] = 0  # until the return period ends
    pay_per_unit: Amount = 0  # points: minor units of `currency` that 1 point pays
    tiers: Tiers | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.kind == "points") != (self.unit == POINTS):
            raise Disagree(N_("points are counted in PTS, and nothing else is"))
        if self.kind == "value":
            law = law_of(self.unit)
            law.check_validity(self.valid_months, registered=self.is_registered)
            most = law.balance_max(registered=self.is_registered)
            if most is not None and max(self.face, self.balance_max) > most:
                raise Disagree(
                    N_("the law lets such a card hold at most {most}"), most=money(most, self.unit)
                )
        return self

    @property
    def is_registered(self) -> bool:
        """Whether every card is in somebody's name."""
        return self.registered or self.holder == "member"

    def most(self, *, registered: bool) -> int:
        """The most that a purse may hold, by these rules and the law; 0: no limit."""
        law = law_of(self.unit).balance_max(registered=registered) if self.kind == "value" else None
        limits = [limit for limit in (law, self.balance_max) if limit]
        return min(limits, default=0)

    def bonus_of(self, load: int) -> int:
        """What loading `load` gives besides: by the highest threshold that it reaches."""
        reached = [rule for rule in self.bonus if load >= rule.from_amount]
        return max(reached, key=lambda rule: rule.from_amount).gives(load) if reached else 0

    def card_until(self, from_ms: int) -> int | None:
        """When a card ends that was activated then; None: never."""
        return None if self.valid_months is None else Expiry(months=self.valid_months).after(from_ms)

    def tier(self, id_: str) -> Tier | None:
        """The tier called `id_`; None when there is none."""
        return next((step for step in self.tiers.steps if step.id == id_), None) if self.tiers else None


def checked_rules(given: Mapping[str, Any]) -> Rules:
    """The rules that JSON or a form says. Raises Invalid with every field that is wrong."""
    try:
        return Rules.model_validate_json(pydantic.TypeAdapter(dict[str, Any]).dump_json(dict(given)))
    except ValidationError as error:
        wrong = {
            ".".join(str(part) for part in each["loc"]) or "rules": finding(each)
            for each in error.errors(include_url=False, include_input=False)
        }
        raise Invalid(wrong, N_("these rules do not fit together")) from None


@lru_cache(maxsize=1_024)
def rules_of(kept: str) -> Rules:
    """The rules as a row keeps them."""
    return Rules.model_validate_json(kept)


def _months_on(at: datetime, months: int) -> datetime:
    count = at.year * 12 + at.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return at.replace(year=year, month=month, day=min(at.day, calendar.monthrange(year, month)[1]))
