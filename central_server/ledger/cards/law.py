"""The rules on single-purpose prepaid cards in mainland China, as a table. Pure.

    国办发〔2011〕25号            limits of a card, real names, bank transfers, validity
    商务部令2012年第9号 art. 21   refunds go to a bank account of the same name; cash up to ¥100 only
    商务部令2012年第9号 art. 26   custody of a share of the last quarter's balance, by the issuer's kind
    上海 协同监管, same decree     records of buyers for five years

They bind value in CNY. Elsewhere a programme's own limits stand alone: `law_of("EUR")` asks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from central_server.errors import Conflict, Invalid
from central_server.web.formats import money
from central_server.web.text import N_

Buyer = Literal["person", "unit"]
Issuer = Literal["scale", "group", "brand"]
TRANSFER: Final = "transfer"
CASH: Final = "cash"
CUSTODY_BP: Final = MappingProxyType({"scale": 2_000, "group": 3_000, "brand": 4_000})


@dataclass(frozen=True)
class Law:
    """What is asked; amounts in minor units. None: nothing is."""

    unit: str = ""
    bearer_max: int | None = None  # on a bearer's card, at any time
    registered_max: int | None = None  # on a card in a person's name
    real_name_from: int | None = None  # a purchase of bearer cards at once; registered ones always
    transfer_from: dict[Buyer, int] | None = None  # from here a purchase is paid by bank transfer
    bearer_months_min: int | None = None  # the shortest validity of a bearer's card
    registered_may_expire: bool = True
    cash_refund_max: int | None = None  # paid out in cash; above, to a bank account of the same name
    keep_years: int = 0  # records of buyers and refunds

    def balance_max(self, *, registered: bool) -> int | None:
        """The most that may stand on a card."""
        return self.registered_max if registered else self.bearer_max

    def needs_name(self, amount: int, *, registered: bool) -> bool:
        """Whether a purchase of `amount` at once needs the buyer's name and papers."""
        return self.real_name_from is not None and (registered or amount >= self.real_name_from)

    def needs_transfer(self, amount: int, buyer: Buyer) -> bool:
        """Whether a purchase of `amount` at once must come by bank transfer."""
        return self.transfer_from is not None and amount >= self.transfer_from[buyer]

    def may_pay_cash(self, amount: int) -> bool:
        """Whether a refund of `amount` may be paid out in cash."""
        return self.cash_refund_max is None or amount <= self.cash_refund_max

    def check_balance(self, balance: int, *, registered: bool) -> None:
        """Raises Conflict when a card may not hold `balance`."""
        most = self.balance_max(registered=registered)
        if most is not None and balance > most:
            raise Conflict(
                N_("by law such a card holds at most {most}; this would make {balance}"),
                most=money(most, self.unit),
                balance=money(balance, self.unit),
            )

    def check_purchase(
        self, amount: int, *, registered: bool, buyer: Buyer, named: bool, tender: str
    ) -> None:
        """Raises Invalid when a purchase may not be made like this."""
        if self.needs_name(amount, registered=registered) and not named:
            raise Invalid({"buyer": N_("this purchase needs the buyer's name and papers")})
        if self.needs_transfer(amount, buyer) and tender != TRANSFER:
            raise Invalid({"tender": N_("a purchase of this size must be paid by bank transfer")})

    def check_pay_out(self, amount: int, *, tender: str) -> None:
        """Raises Invalid when a refund may not be paid out like this."""
        if tender == CASH and not self.may_pay_cash(amount):
            raise Invalid({"tender": N_("so much is not paid out in cash: it goes to the bank account")})

    def check_validity(self, months: int | None, *, registered: bool) -> None:
        """Raises Invalid when cards may not end after `months` (None: they never do)."""
        if months is None:
            return
        if registered and not self.registered_may_expire:
            raise Invalid({"valid_months": N_("a card in a person's name may not expire")})
        if not registered and self.bearer_months_min is not None and months < self.bearer_months_min:
            raise Invalid({"valid_months": N_("a bearer's card must be valid for three years at least")})


MAINLAND: Final = Law(
    unit="CNY",
    bearer_max=100_000,
    registered_max=500_000,
    real_name_from=1_000_000,
    transfer_from={"unit": 500_000, "person": 5_000_000},
    bearer_months_min=36,
    registered_may_expire=False,
    cash_refund_max=10_000,
    keep_years=5,
)
ELSEWHERE: Final = Law()


def law_of(unit: str) -> Law:
    """The law on value in that unit."""
    return MAINLAND if unit == MAINLAND.unit else ELSEWHERE


def custody_due(issuer: Issuer, balance: int) -> int:
    """What must lie in custody for a quarter that ended with `balance` prepaid; rounded up."""
    return -(-balance * CUSTODY_BP[issuer] // 10_000)
