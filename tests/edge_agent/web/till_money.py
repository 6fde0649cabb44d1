"""Rules of money that a test can see through: one purse of ¥100, PIN 2468 above ¥50, nothing on any disk."""

from __future__ import annotations

from edge_agent.store.journal import PaymentShown
from sync.contract.questions import (
    Balance,
    Declined,
    MoneyAnswer,
    Paid,
    PaidPart,
    Pay,
    PurseNow,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)

PIN = "2468"
PIN_ABOVE = 5_000
TOP_MAX = 100_000
REFUSED_TXN = "REFUSED"


class SimplePayments:
    """Both what a till asks and what a page reads back."""

    def __init__(self) -> None:
        self.left = 10_000
        self.points = 500
        self.asked: list[object] = []
        self._told: dict[tuple[str, str], MoneyAnswer] = {}
        self._paid: dict[tuple[str, str], PaymentShown] = {}
        self.decline: Declined | None = None

    async def pay(self, question: Pay) -> Paid | Declined:
        self.asked.append(question)
        told = self._told.get((question.till, question.txn))
        if isinstance(told, Paid):
            return told
        if self.decline:
            return self.decline
        if question.amount_minor > PIN_ABOVE and question.pin != PIN:
            return Declined("pin_wrong" if question.pin else "pin_needed")
        took = min(self.left, question.amount_minor)
        if not took:
            return Declined("empty")
        self.left -= took
        parts: tuple[PaidPart, ...] = (PaidPart("P1", "value", "CNY", took, took),)
        rest = question.amount_minor - took
        by_points = min(rest, self.points) if question.points else 0
        if by_points:
            self.points -= by_points
            parts += (PaidPart("P2", "points", "PTS", by_points, by_points),)
        paid = Paid(
            approved_minor=took + by_points, rest_minor=rest - by_points, points_used=by_points, parts=parts
        )
        self._told[question.till, question.txn] = paid
        self._paid[question.till, question.txn] = PaymentShown(
            till=question.till,
            txn=question.txn,
            receipt=question.receipt,
            cashier=question.cashier,
            currency=question.currency,
            amount_minor=paid.approved_minor,
            refunded_minor=0,
            wall_ms=1_790_000_000_000,
        )
        return paid

    async def refund(self, question: Refund) -> Refunded | Declined:
        self.asked.append(question)
        key = (question.of_till or question.till, question.of_txn)
        paid = self._paid.get(key)
        if paid is None:
            return Declined("unknown_sale")
        left = paid.amount_minor - paid.refunded_minor
        if question.amount_minor > left:
            return Declined("too_much", left)
        back = paid.refunded_minor + question.amount_minor
        self._paid[key] = PaymentShown(
            till=paid.till,
            txn=paid.txn,
            receipt=paid.receipt,
            cashier=paid.cashier,
            currency=paid.currency,
            amount_minor=paid.amount_minor,
            refunded_minor=back,
            wall_ms=paid.wall_ms,
        )
        self.left += question.amount_minor
        return Refunded(amount_minor=question.amount_minor, left_minor=paid.amount_minor - back)

    async def top_up(self, question: TopUp) -> ToppedUp | Declined:
        self.asked.append(question)
        if question.amount_minor > TOP_MAX:
            return Declined("top_max", TOP_MAX)
        self.left += question.amount_minor
        return ToppedUp(amount_minor=question.amount_minor, purse="P1")

    async def undo(self, question: Undo) -> Undone | Declined:
        self.asked.append(question)
        return Undone()

    async def balance(self, card: str = "", member: str = "") -> Balance | Declined:
        value = PurseNow(
            purse="P1",
            unit="CNY",
            programme="value",
            zh="储值卡",
            en="Value card",
            balance=self.left,
            ready=self.left,
            reload=True,
            top_max=TOP_MAX,
        )
        points = PurseNow(
            purse="P2",
            unit="PTS",
            programme="points",
            kind="points",
            balance=self.points,
            ready=self.points,
            pays_minor=self.points,
        )
        return Balance(purses=(value, points), name="王**", pin_above_minor=PIN_ABOVE, pin="set")

    async def recent(self, till: str, limit: int) -> list[PaymentShown]:
        return [each for (of, _), each in self._paid.items() if of == till][::-1][:limit]

    async def of_receipt(self, receipt: str) -> list[PaymentShown]:
        return [each for each in self._paid.values() if each.receipt == receipt]

    async def payment(self, till: str, txn: str) -> PaymentShown | None:
        return self._paid.get((till, txn))

    async def told(self, till: str, txn: str) -> MoneyAnswer | None:
        return self._told.get((till, txn))
