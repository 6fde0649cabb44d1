"""The till's sums and the payments in them, as conversations (drivers/pos/conversations.py)."""

from __future__ import annotations

from drivers.pos.conversations import Conversation, Habits, Outcome, count_of, declined
from sync.contract.terminal import Day, DayAsked, TxnAsked, TxnsAsked, TxnsTold, TxnTold

SALES_MAX = 500  # told to a till one by one; the newest
CLOSE_AGAIN_MS = 5 * 60_000  # an empty close within so long of the last is that one asked again


def sales(habits: Habits) -> Conversation:
    answer = yield TxnsAsked(prefix=f"{habits.scheme}:", limit=SALES_MAX)
    return Outcome(kind="sales", reason="" if isinstance(answer, TxnsTold) else "trouble", told=answer)


def day(habits: Habits, close: bool) -> Conversation:
    """The till's sums. A close that finds nothing to close, within `CLOSE_AGAIN_MS` of another, is that one
    asked again, whose answer was lost: it is told what was recorded."""
    txn, count = "", 0
    if close:
        prefix = f"{habits.scheme}-day#"
        newest = yield TxnAsked(prefix=prefix)
        if isinstance(newest, TxnTold) and newest.age_ms <= CLOSE_AGAIN_MS and isinstance(newest.answer, Day):
            last, now = newest.answer, (yield DayAsked(currency=habits.currency))
            if isinstance(now, Day) and _nothing_since(last, now):
                return Outcome(kind="day", txn=newest.txn, count=last.number, again=True, told=last)
        count = count_of(newest.txn) + 1 if isinstance(newest, TxnTold) else 1
        txn = f"{prefix}{count}"
    answer = yield DayAsked(txn=txn, currency=habits.currency)
    if not isinstance(answer, Day):
        return declined("day", answer, txn, count)
    return Outcome(kind="day", txn=txn, count=answer.number, told=answer)


def _nothing_since(last: Day, now: Day) -> bool:
    """The number says that no other terminal of the till has closed its sums between."""
    done = now.paid + now.refunded + now.topped
    return done == 0 and now.number == last.number + 1 and now.currency == last.currency
