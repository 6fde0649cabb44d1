"""What really happened: who handed out goods, who paid money in. Kept outside of both programs.

It knows only what tills asked and were told, what people at head office did and were told, and what stood on
a store's disk when somebody looked after each step. From that follows what both databases may say.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from sync.contract.events import LeaseRecord
from sync.contract.questions import (
    Declined,
    MoneyAnswer,
    MoneyQuestion,
    Paid,
    Pay,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)

OPEN, TOLD, VANISHED = "open", "told", "vanished"
_WRITES = {Pay: ("spend",), Refund: ("refund",), Undo: ("refund",), TopUp: ("top",)}
Sums = dict[str, int]  # by purse


class Violation(Exception):
    """One of I1 to I11, or what a till was promised, does not hold. `rule` is its name."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(f"{rule}: {what}")
        self.rule = rule


@dataclass(eq=False)
class Deal:
    """A question of a till, and how it ended.

    Open: the power went before the answer. Vanished: and then the disk.
    """

    store: str
    life: int  # which life of the store's disk it was asked of
    question: MoneyQuestion
    state: str = OPEN
    answer: MoneyAnswer | None = None
    undone: bool = False

    @property
    def place(self) -> tuple[str, str, str]:
        return self.store, self.question.till, self.question.txn


@dataclass
class Truth:
    """All of it, for one walk."""

    deals: list[Deal] = field(default_factory=list)
    log: dict[str, list[LeaseRecord]] = field(default_factory=lambda: defaultdict(list))  # by lease
    turn: dict[tuple[str, int], int] = field(default_factory=dict)  # of a record, among all
    written_by: dict[str, str] = field(default_factory=dict)  # lease → store
    installed: dict[str, tuple[str, str]] = field(default_factory=dict)  # lease → store, epoch
    of_till: dict[tuple[str, str, str], list[LeaseRecord]] = field(default_factory=lambda: defaultdict(list))
    back: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # of a spend, "lease/number"
    loaded: Sums = field(default_factory=lambda: defaultdict(int))  # at head office
    handed_out: Sums = field(default_factory=lambda: defaultdict(int))  # … goods, less what came back
    forged: set[tuple[str, str]] = field(default_factory=set)  # store and lease that a thief spoke of
    approvals: int = 0
    declines: int = 0

    # ── tills ───────────────────────────────────────────────────────────────────────────────────────────

    def asked(self, store: str, life: int, question: MoneyQuestion) -> Deal:
        """A till asks; until it is told something, anything may have become of it."""
        deal = Deal(store, life, question)
        self.deals.append(deal)
        return deal

    def told(self, deal: Deal, answer: MoneyAnswer) -> None:
        """The till has its answer and acts on it. Raises Violation when it had another one before."""
        before, deal.state = deal.answer, TOLD
        if before is not None and not isinstance(before, Declined):
            if answer != before and not deal.undone and not self._may_be_undone(deal, answer):
                raise Violation("answer", f"{deal.question} was answered {before}, and then {answer}")
            return
        if deal.undone and not isinstance(answer, Declined):
            raise Violation("answer", f"{deal.question} was undone, and then answered {answer}")
        deal.answer = answer
        if isinstance(answer, Declined):
            self.declines += 1
            return
        self.approvals += 1
        _adds_up(deal.question, answer)
        if isinstance(answer, Undone):
            # A copy put back before anything else was written is the same disk: it found what it took back.
            found = bool(answer.amount_minor or answer.points_back)
            for each in self.deals:
                same_disk = found or each.life == deal.life
                if each.place == deal.place and same_disk and isinstance(each.question, Pay):
                    each.undone, each.state = True, TOLD

    def _may_be_undone(self, deal: Deal, answer: MoneyAnswer) -> bool:
        """Somebody asked for it to be taken back and has no answer yet."""
        asked = any(
            each.place == deal.place and isinstance(each.question, Undo) and each.state == OPEN
            for each in self.deals
        )
        return asked and answer == Declined("undone")

    def disk_gone(self, store: str) -> None:
        """What nobody had been told, nobody will be."""
        for deal in self.deals:
            if deal.store == store and deal.state == OPEN:
                deal.state = VANISHED

    # ── disks ───────────────────────────────────────────────────────────────────────────────────────────

    def written(self, store: str, record: LeaseRecord) -> bool:
        """A record stands on a store's disk; whether it is new. Raises Violation when it cannot follow."""
        log = self.log[record.lease]
        if record.number <= len(log):
            if log[record.number - 1] != record:
                raise Violation("I5", f"{store} wrote {record.lease}/{record.number} twice, and otherwise")
            return False
        if record.number != len(log) + 1:
            raise Violation("I4", f"{store} wrote {record.lease}/{record.number} after {len(log)}")
        if log and log[-1].kind == "close":
            raise Violation("I5", f"{store} wrote {record.kind} after the close of {record.lease}")
        if (record.kind == "open") != (not log):
            raise Violation("I5", f"{record.kind} is number {record.number} of {record.lease}")
        log.append(record)
        self.turn[record.lease, record.number] = len(self.turn)
        self.written_by[record.lease] = store
        if record.kind in ("spend", "refund", "top"):
            self.of_till[store, record.till, record.txn].append(record)
        if record.kind == "refund":
            self.back[record.refers_to] += record.amount
        if left(log) < 0:
            raise Violation("I3", f"{store} handed out more of {record.lease} than it held")
        return True

    def forgotten(self, store: str, epoch: str, ends: dict[str, int]) -> None:
        """A disk that was put back starts in the same epoch, its leases at `ends`.

        So it is older by nothing but what was written without its anchor when the power went: nobody was told
        of it, and no line had it. Raises Violation when a till was told.
        """
        told = {
            (deal.place, kind)
            for deal in self.deals
            if deal.state == TOLD and not isinstance(deal.answer, Declined)
            for kind in _WRITES[type(deal.question)]
        }
        for lease, log in list(self.log.items()):
            if self.written_by.get(lease) != store or not log or log[0].epoch != epoch:
                continue
            for record in log[ends.get(lease, 0) :]:
                place = store, record.till, record.txn
                if (place, record.kind) in told:
                    raise Violation("I7", f"{store} was told of {record}, and its disk forgot it unnoticed")
                if record in self.of_till.get(place, ()):
                    self.of_till[place].remove(record)
                if record.kind == "refund":
                    self.back[record.refers_to] -= record.amount
            del log[ends.get(lease, 0) :]
            if not log:
                del self.log[lease]
                self.installed.pop(lease, None)

    # ── what follows ────────────────────────────────────────────────────────────────────────────────────

    def check_deals(self) -> None:
        """What tills were told stands on disks, no more and no less. Raises Violation."""
        known: dict[tuple[str, str, str], list[Deal]] = defaultdict(list)
        for deal in self.deals:
            known[deal.place].append(deal)
        for place, records in self.of_till.items():
            if place not in known:
                raise Violation("answer", f"{records[0]} was written, and nobody asked for it")
        for deals in known.values():
            if all(deal.state == TOLD for deal in deals):
                for deal in deals:
                    self._check_deal(deal)

    def _check_deal(self, deal: Deal) -> None:
        records = self.of_till.get(deal.place, [])
        answer, question = deal.answer, deal.question
        if isinstance(question, Pay):
            spends = [each for each in records if each.kind == "spend"]
            if deal.undone:
                kept = [each for each in spends if self.back[f"{each.lease}/{each.number}"] != each.amount]
                if kept:
                    raise Violation("answer", f"{question} was undone, and {kept} stands on the disk")
                return
            said = answer.parts if isinstance(answer, Paid) else ()
            _same_sums(deal, [(part.purse, part.amount) for part in said], spends)
        elif isinstance(question, Refund):
            refunds = [each for each in records if each.kind == "refund"]
            said = answer.parts if isinstance(answer, Refunded) else ()
            _same_sums(deal, [(part.purse, part.amount) for part in said], refunds)
        elif isinstance(question, TopUp):
            tops = [each for each in records if each.kind == "top"]
            paid = [(answer.purse, answer.amount_minor)] if isinstance(answer, ToppedUp) else []
            _same_sums(deal, paid, tops)
        for each in records:
            spent = self.back[f"{each.lease}/{each.number}"]
            if each.kind == "spend" and spent > each.amount:
                raise Violation("answer", f"{spent} of {each} was given back")

    def purses(self) -> set[str]:
        """Every purse that anything happened to."""
        return {*self.loaded, *self.handed_out, *(log[0].purse for log in self.log.values() if log)}

    def paid_in(self) -> Sums:
        """M of each purse: at head office and at tills."""
        sums = defaultdict(int, self.loaded)
        for log in self.log.values():
            for record in log:
                if record.kind == "top":
                    sums[record.purse] += record.amount
        return sums

    def goods(self) -> Sums:
        """P of each purse: handed out, less what was brought back."""
        sums = defaultdict(int, self.handed_out)
        for log in self.log.values():
            for record in log:
                if record.kind in ("spend", "refund"):
                    sums[record.purse] += record.amount if record.kind == "spend" else -record.amount
        return sums

    def told_goods(self) -> Sums:
        """P of each purse by what tills were told alone, disks and databases aside."""
        sums = defaultdict(int, self.handed_out)
        undone = {deal.place for deal in self.deals if deal.undone}
        for deal in self.deals:
            if isinstance(deal.answer, Paid) and not deal.undone:
                for part in deal.answer.parts:
                    sums[part.purse] += part.amount
            elif isinstance(deal.answer, Refunded) and isinstance(deal.question, Refund):
                question = deal.question
                if (deal.store, question.of_till or question.till, question.of_txn) not in undone:
                    for part in deal.answer.parts:
                        sums[part.purse] -= part.amount
            elif deal.state != TOLD:  # nobody was told, and yet it may have come back
                for record in self.of_till.get(deal.place, ()):
                    if record.kind == "refund":
                        sums[record.purse] -= record.amount
        return sums


def left(log: list[LeaseRecord]) -> int:
    """What a store can still hand out of a lease, by what it wrote."""
    sign = {"open": 1, "top": 1, "refund": 1, "spend": -1, "close": -1}
    return sum(sign[record.kind] * record.amount for record in log)


def _same_sums(deal: Deal, said: list[tuple[str, int]], records: list[LeaseRecord]) -> None:
    sums: Sums = defaultdict(int)
    for record in records:
        sums[record.purse] += record.amount
    for purse, amount in said:
        sums[purse] -= amount
    if any(sums.values()):
        raise Violation("answer", f"{deal.question} was answered {deal.answer}, on the disk stands {records}")


def _adds_up(question: MoneyQuestion, answer: MoneyAnswer) -> None:
    """An answer is for no more than was asked, and the sum of its parts. Raises Violation."""
    right = True
    if isinstance(answer, Paid) and isinstance(question, Pay):
        worth = sum(part.worth_minor for part in answer.parts)
        right = worth == answer.approved_minor and worth + answer.rest_minor == question.amount_minor
        right = right and (question.partial or not answer.rest_minor)
    elif isinstance(answer, Refunded) and isinstance(question, Refund):
        right = answer.amount_minor == question.amount_minor == sum(part.worth_minor for part in answer.parts)
    elif isinstance(answer, ToppedUp) and isinstance(question, TopUp):
        right = answer.amount_minor == question.amount_minor
    elif isinstance(question, Undo):
        right = isinstance(answer, Undone)
    if not right:
        raise Violation("answer", f"{question} was answered {answer}")
