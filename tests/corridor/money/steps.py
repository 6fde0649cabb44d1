"""What may happen next in a walk, and how often: tills, lines, head office, and trouble.

Uniform chance finds little: a payment needs a lease, a lease needs a line, a fight over the same money needs
both and then no line. So steps have weights, and every walk changes them by its own taste (`walk.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from central_server.errors import CentreError
from central_server.ledger import holds
from central_server.ledger.accounts import AccountName
from central_server.ledger.doubt import declare_loss, fence, resolve, set_stopped
from central_server.ledger.leases import recall
from central_server.ledger.lots import Take, settle_lots
from central_server.ledger.purses import tell_purses
from sync.contract.clock import Stamp
from sync.contract.events import LeaseRecord, encode_event
from sync.contract.ids import Lane
from sync.contract.leases import lease_id
from sync.contract.message import encode_batch, envelope
from sync.contract.questions import MoneyQuestion, Paid, Pay, Refund, TopUp, Undo
from sync.contract.topics import up
from sync.link.base import Message
from tests.corridor.centre_box import KEYS
from tests.corridor.money.clocks import START_MS
from tests.corridor.money.new_chain import CURRENCY, LEASES, POINTS, load
from tests.corridor.money.truth import OPEN

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from tests.corridor.money.boxes import Box
    from tests.corridor.money.walk import Walk

HOUR_MS = 3_600_000
MOMENTS = 7  # in which a power cut may come within one step
TILLS = ("1", "2")


class Step(NamedTuple):
    """Something that may happen. `take` does it and says what it was; empty: it could not happen now."""

    name: str
    weight: float
    take: Callable[[Walk], Awaitable[str]]
    always: bool = False


# ── tills ───────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────


async def cut(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    walk.line_up[box.name] = False
    box.hang_up()
    if walk.chance.random() < 0.5:
        walk.wires.up[box.name].clear()
        walk.wires.down[box.name].clear()
    return box.name


async def mend(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    walk.line_up[box.name] = True
    box.hang_up()
    return box.name


async def say(walk: Walk) -> str:
    """A store says what it has to say, into a line that may lose it."""
    if (box := some_box(walk)) is None:
        return ""
    if walk.chance.random() < 0.2:
        box.hang_up()
    await box.survive(box.say)
    return box.name


async def go_up(walk: Walk) -> str:
    """Some of what is under way arrives at head office, in any order, perhaps twice."""
    box = walk.chance.choice(walk.boxes)
    waiting = walk.wires.up[box.name]
    messages = [walk.wires.take(waiting) for _ in range(min(len(waiting), walk.chance.choice((1, 2, 4))))]
    some = [message for message in messages if message]
    if not some:
        return ""
    await walk.at_office(lambda: walk.office.hear(some))
    return f"{len(some)} of {box.name}"


async def tell(walk: Walk) -> str:
    await walk.at_office(walk.office.publish)
    return "words go out"


async def go_down(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    if not box.on or (message := walk.wires.take(walk.wires.down[box.name])) is None:
        return ""
    await box.survive(lambda: box.hear(message))
    return box.name


async def forge(walk: Walk) -> str:
    """Who has a store's login, but not its key, makes up records: of another store's lease, or of his own."""
    box, chance = walk.chance.choice(walk.boxes), walk.chance
    logs = [log for lease, log in sorted(walk.truth.log.items()) if walk.truth.written_by[lease] != box.name]
    purse = chance.choice(walk.people).purses[CURRENCY]
    if logs and chance.random() < 0.5:
        last = chance.choice(logs)[-1]
        lease, number, purse, unit = last.lease, last.number + 1, last.purse, last.unit
        made = [
            LeaseRecord(
                lease=lease, number=number, kind="spend", purse=purse, unit=unit, amount=1, mac="0" * 32
            )
        ]
    else:
        lease, epoch = lease_id(chance.randbytes(10)), chance.randbytes(8).hex()
        said = {"lease": lease, "purse": purse, "unit": CURRENCY, "mac": "0" * 32}
        made = [
            LeaseRecord(number=1, kind="open", amount=0, epoch=epoch, **said),
            LeaseRecord(number=2, kind="top", amount=50, **said),
        ]
    walk.truth.forged.add((box.name, lease))
    stamp = Stamp("thief", 1, START_MS, True)
    payload = encode_batch(
        chance.randbytes(8).hex(), Lane.TILL, 1, [envelope(encode_event(each), stamp) for each in made]
    )
    await walk.at_office(lambda: walk.office.hear([Message(up(box.name, Lane.TILL), payload)]))
    return f"{box.name} {made}"


async def lose(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    walk.wires.lose(walk.chance.choice((walk.wires.up, walk.wires.down))[box.name])
    return box.name


# ── head office ─────────────────────────────────────────────────────────────────────────────────────────────


async def pay_in(walk: Walk) -> str:
    """Money is paid in at head office, or points are earned; asked twice, as people do."""
    customer = walk.chance.choice(walk.people)
    unit, amount = walk.chance.choice((CURRENCY, POINTS)), walk.chance.choice((5, 20))
    request, purse, now_ms = new_txn(walk), customer.purses[unit], walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> bool:
        await load(session, purse, unit, amount, request, now_ms)
        return True

    walk.truth.loaded[purse] += amount  # it is taken first, and given back when the transaction fails
    done = await walk.office.survive(lambda: walk.office.do(work))
    if done is None:  # nobody knows: it is asked again
        done = await walk.office.survive(lambda: walk.office.do(work))
    assert done
    return f"{amount} {unit} on {purse}"


async def hand_out(walk: Walk) -> str:
    """Head office sells something: set aside, and then taken in part, or whole, or given back."""
    customer = walk.chance.choice(walk.people)
    unit, amount = walk.chance.choice((CURRENCY, POINTS)), walk.chance.choice((5, 20, 60))
    purse, id_, now_ms = customer.purses[unit], walk.chance.randbytes(16), walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> bool:
        try:
            await holds.hold(
                session,
                id_,
                purse=purse,
                unit=unit,
                amount=amount,
                about="walk",
                at_ms=now_ms,
                expires_ms=now_ms + HOUR_MS,
            )
        except CentreError:
            return False
        return True

    held = await walk.office.survive(lambda: walk.office.do(work))
    if held is None:
        held = await walk.office.survive(lambda: walk.office.do(work))
    if held:
        walk.holds[id_] = purse, unit, amount
    return f"{amount} {unit} of {purse}: {held}"


async def end_hold(walk: Walk) -> str:
    if not walk.holds:
        return ""
    id_ = walk.chance.choice(list(walk.holds))
    purse, unit, held = walk.holds.pop(id_)
    amount = walk.chance.choice((0, 1, held))
    now_ms = walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> bool:
        try:
            if not amount:
                await holds.void(session, id_, at_ms=now_ms)
                return False
            to = AccountName("captured", "centre", unit)
            taken = await holds.capture(session, id_, amount, to=to, about="walk", at_ms=now_ms)
        except CentreError:  # it has expired
            return False
        await settle_lots(session, [Take(taken, purse, amount)], now_ms=now_ms)
        await tell_purses(session, [purse], at_ms=now_ms)
        return True

    done = await walk.office.survive(lambda: walk.office.do(work))
    if done is None:
        done = await walk.office.survive(lambda: walk.office.do(work))
    if done:
        walk.truth.handed_out[purse] += amount
    return f"{amount} of {held} {unit} of {purse}: {done}"


async def expire_holds(walk: Walk) -> str:
    now_ms = walk.office.clock.wall_ms()
    done = await walk.office.survive(lambda: holds.expire(walk.office.store.database, now_ms))
    return f"{done}"


async def want_back(walk: Walk) -> str:
    """A lease, or all of a purse, is recalled."""
    leases = await walk.office.store.rows("SELECT id, purse FROM lease WHERE state = 'open' ORDER BY id")
    if not leases:
        return ""
    which = walk.chance.choice(walk.chance.choice(leases))
    now_ms = walk.office.clock.wall_ms()
    done = await walk.office.survive(
        lambda: walk.office.do(lambda session: recall(session, which, keys=KEYS, now_ms=now_ms))
    )
    return f"{which}: {done}"


async def say_lost(walk: Walk) -> str:
    """Two people declare (part of) a lease lost, or try to: too early, alone, too much."""
    leases = await walk.office.store.rows(
        "SELECT id, escrow, lost FROM lease WHERE state <> 'closed' ORDER BY state, id"
    )
    if not leases:
        return ""
    lease, escrow, lost = walk.chance.choice(leases)
    amount = max(1, walk.chance.choice((escrow - lost, escrow, (escrow - lost) // 2)))
    people = walk.chance.choice((("ann", "bo"), ("ann", "bo"), ("ann", "bo"), ("ann", "ann"), ("ann", " ")))
    if walk.chance.random() < 0.7:
        walk.office.clock.pass_ms((LEASES.grace_hours + 1) * HOUR_MS)
    request, now_ms = new_txn(walk), walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> str:
        try:
            await declare_loss(
                session,
                lease,
                amount=amount,
                approvers=people,
                request=request,
                settings=LEASES,
                now_ms=now_ms,
            )
        except CentreError as error:
            return f"refused: {error}"
        return "declared"

    done = await walk.office.survive(lambda: walk.office.do(work))
    if done is None:
        done = await walk.office.survive(lambda: walk.office.do(work))
    return f"{amount} of {lease} by {people}: {done}"


async def give_up_store(walk: Walk) -> str:
    """Head office says that a store's box is gone; it may speak all the same."""
    box, now_ms = walk.chance.choice(walk.boxes), walk.office.clock.wall_ms()
    await walk.office.survive(lambda: walk.office.do(lambda session: fence(session, box.name, now_ms)))
    return box.name


async def stop_store(walk: Walk) -> str:
    box, stopped = walk.chance.choice(walk.boxes), walk.chance.random() < 0.4
    await walk.office.survive(lambda: walk.office.do(lambda session: set_stopped(session, box.name, stopped)))
    return f"{box.name} {stopped}"


async def look_into(walk: Walk) -> str:
    """Two people take a lease out of its freeze."""
    leases = await walk.office.store.rows("SELECT id FROM lease WHERE why <> '' ORDER BY id")
    if not leases:
        return ""
    lease, now_ms = walk.chance.choice(leases)[0], walk.office.clock.wall_ms()

    async def work(session: AsyncSession) -> None:
        await resolve(session, lease, approvers=("ann", "bo"), keys=KEYS, now_ms=now_ms)

    await walk.office.survive(lambda: walk.office.do(work))
    return lease


# ── trouble ─────────────────────────────────────────────────────────────────────────────────────────────────


async def cut_power(walk: Walk) -> str:
    """In the middle of something a box does."""
    if (box := some_box(walk)) is None:
        return ""
    box.power.arm(walk.chance.randrange(1, MOMENTS))
    (step,) = walk.chance.choices(IN_THE_MIDDLE, [each.weight for each in IN_THE_MIDDLE])
    said = await step.take(walk)
    if box.on and walk.chance.random() < 0.5:
        await box.crash()
    box.power.arm(0)
    return f"{box.name} in {step.name}: {said}"


async def kill(walk: Walk) -> str:
    if (box := some_box(walk)) is None:
        return ""
    await box.crash()
    return box.name


async def start(walk: Walk) -> str:
    """A box that is off is on again, perhaps after a reboot."""
    off = [box for box in walk.boxes if not box.on]
    if not off:
        return ""
    box = walk.chance.choice(off)
    if rebooted := walk.chance.random() < 0.5:
        box.reboot()
    if walk.chance.random() < 0.15:  # and the power goes again while it starts
        box.power.arm(walk.chance.randrange(1, MOMENTS))
    await box.survive(box.start)
    return f"{box.name}{' rebooted' if rebooted else ''}"


async def copy_disk(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    box.copy()
    return box.name


async def put_back(walk: Walk) -> str:
    """A technician copies yesterday's database back; the anchor stays, or is gone."""
    copied = [box for box in walk.boxes if box.copied]
    if not copied:
        return ""
    box = walk.chance.choice(copied)
    await box.crash()
    anchor_too = walk.chance.random() < 0.3
    box.put_back(lose_anchor=anchor_too)
    return f"{box.name}{', its anchor is gone' if anchor_too else ''}"


async def lose_disk(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    await box.crash()
    keep_anchor = walk.chance.random() < 0.3
    box.lose_disk(keep_anchor=keep_anchor)
    return f"{box.name}{', its anchor stays' if keep_anchor else ''}"


async def kill_office(walk: Walk) -> str:
    """The centre dies in the middle of something, or its database is busy, perhaps after all."""
    if walk.chance.random() < 0.5:
        walk.office.power.arm(walk.chance.randrange(1, 4))
    else:
        walk.office.busy[:] = [walk.chance.random() < 0.5 for _ in range(walk.chance.choice((1, 1, 2)))]
    (step,) = walk.chance.choices(AT_OFFICE, [each.weight for each in AT_OFFICE])
    said = await step.take(walk)
    return f"in {step.name}: {said}"


async def time_passes(walk: Walk) -> str:
    ms = walk.chance.choice((1_000, 30_000, 300_000, 1_000_000, 4_000_000))
    for box in walk.boxes:
        box.clock.pass_ms(ms)
    walk.office.clock.pass_ms(ms)
    return f"{ms} ms"


async def set_clock(walk: Walk) -> str:
    clock = walk.chance.choice([walk.office.clock, *(box.clock for box in walk.boxes)])
    clock.set(walk.chance.choice((0, START_MS - 10**10, START_MS + 10**11, START_MS)))
    return "a wall clock is set"


AT_OFFICE = [
    Step("go up", 6, go_up),
    Step("tell", 2, tell),
    Step("pay in", 1, pay_in),
    Step("hand out", 1, hand_out),
    Step("end hold", 1, end_hold),
    Step("recall", 1, want_back),
    Step("declare loss", 1, say_lost),
]
IN_THE_MIDDLE = [
    Step("pay", 6, present_and_pay),
    Step("top up", 2, top_up),
    Step("refund", 2, refund),
    Step("undo", 1, undo),
    Step("at once", 1, at_once),
    Step("tick", 2, tick),
    Step("go down", 3, go_down),
]
STEPS = [
    Step("present and pay", 10, present_and_pay, always=True),
    Step("pay", 5, pay),
    Step("present", 4, present),
    Step("top up", 4, top_up),
    Step("refund", 4, refund),
    Step("undo", 1.5, undo),
    Step("ask again", 4, ask_again),
    Step("at once", 3, at_once),
    Step("tick", 3, tick),
    Step("cut", 3, cut),
    Step("mend", 3.5, mend, always=True),
    Step("say", 3, say),
    Step("go up", 5, go_up, always=True),
    Step("tell", 2, tell),
    Step("go down", 5, go_down, always=True),
    Step("lose", 1, lose),
    Step("forge", 0.3, forge),
    Step("pay in", 1, pay_in),
    Step("hand out", 2, hand_out),
    Step("end hold", 2, end_hold),
    Step("expire holds", 0.5, expire_holds),
    Step("recall", 2, want_back),
    Step("declare loss", 2, say_lost),
    Step("give up store", 0.4, give_up_store),
    Step("stop store", 0.5, stop_store),
    Step("look into", 0.5, look_into),
    Step("cut power", 4, cut_power),
    Step("kill", 1, kill),
    Step("start", 6, start, always=True),
    Step("copy disk", 1.5, copy_disk),
    Step("put back", 1.5, put_back),
    Step("lose disk", 0.5, lose_disk),
    Step("kill office", 3, kill_office),
    Step("time passes", 3, time_passes),
    Step("set clock", 1, set_clock),
]
