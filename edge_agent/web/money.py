"""Money at the till's page: what the cashier asks becomes a question to the `Till`, the answer a fragment.

    GET   /till/money/{pay,top,payments,refund}   a form for the card that stands on the page
    POST  /till/{pay,top,refund}                  the question; 200 with a fragment, also when it is declined
    POST  /till/told                              what came of an attempt whose answer the page never saw

The page makes one number (`txn`) for each attempt, and it stays the number of the slip, with the line up or
down: a double click or a request sent again is the same question. A PIN is only ever in a body.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edge_agent.health import Status
from edge_agent.shown import ShownCard, Swipe
from edge_agent.store.journal import PaymentShown
from edge_agent.till import Till
from edge_agent.web import asked, render, words
from edge_agent.web.reasons import PIN_ASKED, declined, no_amount
from sync.contract.leases import POINTS
from sync.contract.money import format_minor
from sync.contract.questions import (
    Balance,
    Declined,
    MoneyAnswer,
    MoneyQuestion,
    Paid,
    PaidPart,
    Pay,
    PurseNow,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undone,
)

PAYMENTS_SHOWN = 6  # on one screen, with thumbs' room for each
QUICK = (50, 100, 200, 500)  # notes a customer gives

A = TypeVar("A", bound=asked.Asked)
Html = Callable[..., Response]


class Past(Protocol):
    """What the tills did, read back (`store/history.py`)."""

    async def recent(self, till: str, limit: int) -> list[PaymentShown]: ...

    async def of_receipt(self, receipt: str) -> list[PaymentShown]: ...

    async def payment(self, till: str, txn: str) -> PaymentShown | None: ...

    async def told(self, till: str, txn: str) -> MoneyAnswer | None: ...


class MoneyPages:
    """The handlers; built once by `app.build`."""

    def __init__(
        self,
        *,
        till: Till,
        history: Past,
        status: Callable[[], Status],
        currency: str,
        lang: str,
        html: Html,
    ) -> None:
        """`html` renders a template: (request, name, **context)."""
        self._till, self._history, self._status = till, history, status
        self._currency, self._lang, self._html = currency, lang, html

    def routes(self) -> list[Route]:
        return [
            Route("/till/money/pay", self.pay_form),
            Route("/till/money/top", self.top_form),
            Route("/till/money/payments", self.payments),
            Route("/till/money/refund", self.refund_form),
            Route("/till/pay", self.pay, methods=["POST"]),
            Route("/till/top", self.top, methods=["POST"]),
            Route("/till/refund", self.refund, methods=["POST"]),
            Route("/till/told", self.told, methods=["POST"]),
        ]

    # What the cashier is shown

    async def pay_form(self, request: Request) -> Response:
        whose = await self._whose(request)
        points = sum(each.pays_minor for each in _purses(whose) if each.unit == POINTS)
        return self._html(request, "money_pay.html", amount=_typed(request), points=points, **whose)

    async def top_form(self, request: Request) -> Response:
        _ = self._translator(request)
        whose = await self._whose(request)
        tops = [each for each in _purses(whose) if each.reload and each.unit == self._currency]
        most = max((each.top_max for each in tops), default=0)
        limits = ""
        if _purses(whose) and not tops:
            limits = _(
                "Nothing on this card can be topped up. Head office can open a purse for it; or sell a card."
            )
        elif most:
            limits = _("At most %(amount)s at a till; head office can do more.") % {
                "amount": render.money(most, self._currency)
            }
        return self._html(
            request, "money_top.html", amount=_typed(request), tops=tops, quick=QUICK, limits=limits, **whose
        )

    async def payments(self, request: Request) -> Response:
        till, receipt = asked.till_of(request), request.query_params.get("receipt", "").strip()[:48]
        if receipt:
            found = (await self._history.of_receipt(receipt))[:PAYMENTS_SHOWN]
        else:
            found = await self._history.recent(till, PAYMENTS_SHOWN)
        return self._html(
            request,
            "money_payments.html",
            till=till,
            receipt=receipt,
            payments=found,
            holder=self._till.holders.of,
        )

    async def refund_form(self, request: Request) -> Response:
        wanted = request.query_params
        payment = await self._history.payment(wanted.get("of_till", "")[:32], wanted.get("of_txn", "")[:48])
        if payment is None:
            return self._refused(request, Declined("unknown_sale"), 404)
        left = format_minor(payment.amount_minor - payment.refunded_minor, payment.currency)
        holder = self._till.holders.of(payment.till, payment.txn)
        return self._html(request, "money_refund.html", payment=payment, amount=left, holder=holder)

    # What the cashier asks

    async def pay(self, request: Request) -> Response:
        head = await self._head(request, asked.PayAsked)
        if isinstance(head, Response):
            return head
        wanted, shared = head
        answer, took = await self._ask(Pay(**shared, pin=wanted.pin, points=wanted.points))
        if isinstance(answer, Declined) and answer.reason in PIN_ASKED:
            text = declined(answer, self._lang_of(request), self._currency)
            return self._html(
                request,
                "money_pin.html",
                text=text,
                reason=answer.reason,
                amount=shared["amount_minor"],
                currency=self._currency,
            )
        return _timed(self._done(request, "pay", wanted, answer), took)

    async def top(self, request: Request) -> Response:
        head = await self._head(request, asked.TopAsked)
        if isinstance(head, Response):
            return head
        wanted, shared = head
        answer, took = await self._ask(TopUp(**shared, purse=wanted.purse))
        return _timed(self._done(request, "top", wanted, answer), took)

    async def refund(self, request: Request) -> Response:
        head = await self._head(request, asked.RefundAsked)
        if isinstance(head, Response):
            return head
        wanted, shared = head
        answer, took = await self._ask(Refund(**shared, of_txn=wanted.of_txn, of_till=wanted.of_till))
        return _timed(self._done(request, "refund", wanted, answer), took)

    async def told(self, request: Request) -> Response:
        wanted = await asked.body(request, asked.ToldAsked)
        answer = await self._history.told(wanted.till, wanted.txn) if wanted else None
        if wanted is None or answer is None:
            return Response(status_code=204)
        return self._done(request, _KINDS.get(type(answer), "pay"), wanted, answer)

    # Parts

    async def _head(self, request: Request, shape: type[A]) -> tuple[A, dict[str, Any]] | Response:
        """What the page asks, and the fields that every question has; else what it is answered at once."""
        wanted = await asked.body(request, shape)
        amount = asked.amount_minor(wanted.amount, self._currency) if wanted else None
        if wanted is None or amount is None or amount > asked.AMOUNT_MAX_MINOR:
            return PlainTextResponse(no_amount(amount, self._lang_of(request), self._currency), 422)
        shared: dict[str, Any] = {
            "till": wanted.till,
            "txn": wanted.txn,
            "amount_minor": amount,
            "currency": self._currency,
            "receipt": wanted.receipt,
            "cashier": wanted.cashier,
        }
        if isinstance(wanted, asked.CardAsked):
            card = self._card(wanted.till, wanted.at)
            if isinstance(card, Declined):
                return await self._too_late(request, wanted, card)
            shared |= {"card": card.card, "member": card.member}
        return wanted, shared

    async def _ask(self, question: MoneyQuestion) -> tuple[MoneyAnswer, float]:
        """The answer, and how many ms it took: the rules, the disk, and head office if it had to be asked."""
        began_s = time.perf_counter()
        return await self._till.ask(question), (time.perf_counter() - began_s) * 1000

    async def _whose(self, request: Request) -> dict[str, Any]:
        """The card that stands on the page, what it holds, and whether a payment may be taken from it.

        `?was=` is the moment at which the card was shown that the form was opened for: when another stands
        there now, `other` is the name on that one, as far as known; else None.
        """
        till = asked.till_of(request)
        swipe, card = self._till.on_page(till), self._till.shown(till)
        if swipe is None or card is None or card.card != swipe.card or swipe.aside:
            return {"swipe": None, "card": None, "balance": None, "other": None, "currency": self._currency}
        found = await self._till.balance(card.card, card.member)
        balance = found if isinstance(found, Balance) else Balance()
        other = self._other(till, request.query_params.get("was", "0"), swipe)
        return {"swipe": swipe, "card": card, "balance": balance, "other": other, "currency": self._currency}

    def _other(self, till: str, was: str, swipe: Swipe) -> str | None:
        """The name on the card shown at that moment, unless `swipe` is of that card or the same member's."""
        if was in ("0", str(swipe.wall_ms)):
            return None
        before = next((each for each in self._till.recent(till) if str(each.wall_ms) == was), None)
        if before is None:
            return ""
        same = before.card == swipe.card or (before.member != "" and before.member == swipe.member)
        return None if same else before.name

    def _card(self, till: str, at: int) -> ShownCard | Declined:
        """The card that was shown at that moment, if it is still the one; else why not."""
        swipe, card = self._till.on_page(till), self._till.shown(till)
        if swipe is None or swipe.wall_ms != at or card is None or card.card != swipe.card or swipe.aside:
            return Declined("no_card")
        return card

    async def _too_late(self, request: Request, wanted: asked.CardAsked, why: Declined) -> Response:
        """Another card stands there now: the attempt has the answer it had, if it had one, else none."""
        if (answer := await self._history.told(wanted.till, wanted.txn)) is not None:
            return self._done(request, _KINDS.get(type(answer), "pay"), wanted, answer)
        return self._refused(request, why, 409)

    def _done(
        self, request: Request, kind: str, wanted: asked.Asked | asked.ToldAsked, answer: MoneyAnswer
    ) -> Response:
        approved = rest = 0
        parts: list[dict[str, Any]] = []
        if isinstance(answer, Paid):
            approved, rest = answer.approved_minor, answer.rest_minor
        elif isinstance(answer, Refunded):
            approved, rest = answer.amount_minor, answer.left_minor
        elif not isinstance(answer, Declined):
            approved = answer.amount_minor
        if isinstance(answer, Paid | Refunded) and (len(answer.parts) > 1 or _with_points(answer)):
            name = render.purse_namer(self._lang_of(request))
            parts = [
                {
                    "name": name(self._as_purse(each)),
                    "unit": each.unit,
                    "amount": each.amount,
                    "worth": each.worth_minor if each.unit == POINTS else 0,
                }
                for each in answer.parts
            ]
        refusal = answer if isinstance(answer, Declined) else None
        of = {"till": wanted.till, "of_till": wanted.till, "of_txn": wanted.txn}
        if isinstance(wanted, asked.RefundAsked):
            of |= {"of_till": wanted.of_till, "of_txn": wanted.of_txn}
        return self._html(
            request,
            "money_done.html",
            kind=kind,
            txn=wanted.txn,
            of=of,
            holder=self._till.holders.of(of["of_till"], of["of_txn"]),
            declined=declined(refusal, self._lang_of(request), self._currency) if refusal else "",
            reason=refusal.reason if refusal else "",
            approved=approved,
            rest=rest,
            parts=parts,
            currency=self._currency,
            offline=self._status().link == "offline",
        )

    def _as_purse(self, part: PaidPart) -> PurseNow:
        told = self._till.programme(part.programme)
        purse = PurseNow(purse=part.purse, unit=part.unit, programme=part.programme)
        return msgspec.structs.replace(purse, kind=told.kind, zh=told.zh, en=told.en) if told else purse

    def _refused(self, request: Request, why: Declined, status: int) -> Response:
        return PlainTextResponse(declined(why, self._lang_of(request), self._currency), status)

    def _lang_of(self, request: Request) -> str:
        return render.language(request, self._lang)

    def _translator(self, request: Request) -> Callable[[str], str]:
        return words.translator(self._lang_of(request))


_KINDS: dict[type, str] = {Paid: "pay", Refunded: "refund", ToppedUp: "top", Undone: "undo"}


def _timed(response: Response, took_ms: float) -> Response:
    """For a technician's browser, and for `./run bench pay`."""
    response.headers["server-timing"] = f"ask;dur={took_ms:.2f}"
    return response


def _typed(request: Request) -> str:
    """The amount that was typed before the card was shown."""
    return request.query_params.get("amount", "")[: asked.AMOUNT_MAX_CHARS]


def _purses(whose: dict[str, Any]) -> tuple[PurseNow, ...]:
    balance: Balance | None = whose["balance"]
    return balance.purses if balance else ()


def _with_points(answer: Paid | Refunded) -> bool:
    return any(each.unit == POINTS for each in answer.parts)
