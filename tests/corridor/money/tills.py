"""What tills do in a walk: cards are presented, money is asked for, again, and several at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.contract.questions import MoneyQuestion, Paid, Pay, Refund, TopUp, Undo
from tests.corridor.money.new_chain import CURRENCY
from tests.corridor.money.truth import OPEN

if TYPE_CHECKING:
    from tests.corridor.money.boxes import Box
    from tests.corridor.money.walk import Walk

TILLS = ("1", "2")


def some_box(walk: Walk) -> Box | None:
    """A box that is on."""
    return walk.chance.choice([box for box in walk.boxes if box.on] or [None])


def new_txn(walk: Walk) -> str:
    walk.txn += 1
    return f"t{walk.txn}"


def some_payment(walk: Walk, box: Box) -> Pay:
    chance, customer = walk.chance, walk.chance.choice(walk.people)
    return Pay(
        till=chance.choice(TILLS),
        txn=new_txn(walk),
        amount_minor=chance.choice((1, 5, 17, 25, 60, chance.randrange(1, 90))),
        currency=CURRENCY,
        card=chance.choice(customer.cards),
        member=customer.member if chance.random() < 0.5 else "",
        receipt=f"r{walk.txn}",
        partial=chance.random() < 0.8,
        points=chance.random() < 0.4,
    )


def some_top(walk: Walk, box: Box) -> TopUp:
    chance, customer = walk.chance, walk.chance.choice(walk.people)
    return TopUp(
        till=chance.choice(TILLS),
        txn=new_txn(walk),
        amount_minor=chance.choice((3, 10, 30)),
        currency=CURRENCY,
        card=chance.choice(customer.cards),
        member=customer.member,
        purse=customer.purses[CURRENCY] if chance.random() < 0.5 else "",
        receipt=f"r{walk.txn}",
    )


def some_refund(walk: Walk, box: Box) -> Refund | None:
    paid = [
        deal
        for deal in walk.truth.deals
        if deal.store == box.name and isinstance(deal.answer, Paid) and deal.answer.approved_minor
    ]
    if not paid:
        return None
    chance, deal = walk.chance, walk.chance.choice(paid)
    assert isinstance(deal.answer, Paid)
    assert isinstance(deal.question, Pay)
    whole = deal.answer.approved_minor
    return Refund(
        till=deal.question.till if chance.random() < 0.7 else chance.choice(TILLS),
        txn=new_txn(walk),
        amount_minor=whole if chance.random() < 0.5 else chance.randrange(1, whole + 3),
        currency=CURRENCY,
        of_txn=deal.question.txn,
        of_till=deal.question.till,
    )


def some_undo(walk: Walk, box: Box) -> Undo | None:
    """Mostly of a payment nobody has the answer of, sometimes of any, sometimes of one that never was."""
    pays = [deal for deal in walk.truth.deals if deal.store == box.name and isinstance(deal.question, Pay)]
    lost = [deal for deal in pays if deal.state == OPEN]
    some = lost if lost and walk.chance.random() < 0.7 else pays
    if not some:
        return None
    question = walk.chance.choice(some).question
    return Undo(till=question.till, txn=question.txn)


def some_question(walk: Walk, box: Box) -> MoneyQuestion | None:
    makers = (some_payment, some_payment, some_payment, some_top, some_refund, some_undo)
    return walk.chance.choice(makers)(walk, box)


async def ask(walk: Walk, box: Box, question: MoneyQuestion | None) -> str:
    if question is None:
        return ""
    answer = await box.ask(question, walk)
    return f"{box.name} {question} → {answer}"


async def present(walk: Walk) -> str:
    if (box := some_box(walk)) is None:
        return ""
    customer = walk.chance.choice(walk.people)
    card = walk.chance.choice(customer.cards)
    await box.survive(lambda: box.present(card, customer.member))
    return f"{box.name} {card[:4]}"


async def present_and_pay(walk: Walk) -> str:
    """The usual course: the card at the reader, some talk on the line, and then the money."""
    if (box := some_box(walk)) is None:
        return ""
    question = some_payment(walk, box)
    await box.survive(lambda: box.present(question.card, question.member))
    await walk.chatter()
    return await ask(walk, box, question) if box.on else ""


async def pay(walk: Walk) -> str:
    box = some_box(walk)
    return "" if box is None else await ask(walk, box, some_payment(walk, box))


async def top_up(walk: Walk) -> str:
    box = some_box(walk)
    return "" if box is None else await ask(walk, box, some_top(walk, box))


async def refund(walk: Walk) -> str:
    box = some_box(walk)
    return "" if box is None else await ask(walk, box, some_refund(walk, box))


async def undo(walk: Walk) -> str:
    box = some_box(walk)
    return "" if box is None else await ask(walk, box, some_undo(walk, box))


async def ask_again(walk: Walk) -> str:
    """A till asks what it asked before: it has no answer, or it has one and asks all the same."""
    box = some_box(walk)
    if box is None:
        return ""
    same = [deal for deal in walk.truth.deals if deal.store == box.name and deal.life == box.life]
    if not same:
        return ""
    waiting = [deal for deal in same if deal.state == OPEN]
    deal = walk.chance.choice(waiting if waiting and walk.chance.random() < 0.7 else same)
    answer = await box.ask(deal.question, walk, again=deal)
    return f"{box.name} {deal.question} → {answer}"


async def at_once(walk: Walk) -> str:
    """Several tills ask in the same moment, and perhaps the leases are looked after, or the line speaks."""
    box = some_box(walk)
    if box is None:
        return ""
    customer = walk.chance.choice(walk.people)
    await box.survive(lambda: box.present(customer.cards[0], customer.member))
    await walk.chatter()
    if not box.on:
        return ""
    questions = [q for q in (some_question(walk, box) for _ in range(walk.chance.choice((2, 2, 3)))) if q]
    answers = await box.ask_together(questions, walk)
    return f"{box.name} {questions} → {answers}"


async def tick(walk: Walk) -> str:
    if (box := some_box(walk)) is None:
        return ""
    await box.survive(box.tick)
    return box.name
