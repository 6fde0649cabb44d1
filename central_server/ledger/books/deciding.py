"""Which transfers of a set can be posted. Pure: what the books hold comes in, what they shall hold comes out.

A set is decided in its order, and what one transfer brings the next may use: top up 50, then spend 40. Every
transfer has an outcome:

    posted     it is in the books now
    known      it was there already, with the same body: whoever asks twice has the first answer again
    short      its debit account is guarded and would fall below 0
    conflict   its id was there already, with another body
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from central_server.errors import Conflict, Invalid
from central_server.ledger.books.chain import Row
from central_server.web.text import N_
from sync.contract.money import MINOR_MAX

ID_BYTES = 16
KIND_MAX_CHARS = 32
ABOUT_MAX_CHARS = 200
BALANCE_MAX = 2**62  # of any account, either way: half of what 64 bits hold


class Outcome(StrEnum):
    """What became of a transfer."""

    POSTED = "posted"
    KNOWN = "known"
    SHORT = "short"
    CONFLICT = "conflict"


class NewTransfer(NamedTuple):
    """`amount` (1 to `MINOR_MAX`, minor units) from account `debit` to account `credit`.

    `at_ms` is when it happened. It is no part of the body, for who asks again asks later: the time of the
    first stays.
    """

    id: bytes  # 16 bytes: `posting_id`
    debit: int  # an account's number: `accounts_of`
    credit: int
    unit: str
    amount: int
    kind: str
    about: str
    at_ms: int


Body = tuple[int, int, str, int, str, str]  # debit, credit, unit, amount, kind, about


Standing = tuple[int, str, int, int, int]  # of an account: id, unit, balance, guarded, last_seq


class Short(Conflict):
    """There is not enough: `transfer` wanted more than the `left` that its debit account has."""

    def __init__(self, transfer: NewTransfer, left: int) -> None:
        super().__init__(N_("there is not enough left"))
        self.transfer = transfer
        self.left = left


class OtherBody(Conflict):
    """The id of `transfer` is in the books for something else."""

    def __init__(self, transfer: NewTransfer) -> None:
        super().__init__(N_("this was asked before, and was something else then"))
        self.transfer = transfer


class Decided(NamedTuple):
    """`outcomes` in the order of the set, the `rows` to add, and how their `accounts` stand then."""

    outcomes: list[Outcome]
    rows: list[Row]
    accounts: list[Standing]


def decide(
    transfers: Sequence[NewTransfer],
    accounts: Mapping[int, Standing],
    known: Mapping[bytes, Body],
    seq: int,
    *,
    strict: bool,
) -> Decided:
    """What becomes of a set; its rows are numbered from `seq` + 1.

    `accounts` has those of the set as they stand, `known` what the books hold of its ids. Raises Invalid for
    what can never be posted; if `strict`, Short or OtherBody at the first that is short or a conflict.
    """
    changed: dict[int, Standing] = {}
    outcomes: list[Outcome] = []
    rows: list[Row] = []
    bodies = dict(known)
    posted = Outcome.POSTED  # looked up once for all
    for transfer in transfers:
        id_, debit, credit, unit, amount, kind, about, _at_ms = transfer
        body = transfer[1:7]
        before = bodies.get(id_)
        if before is not None:
            if before == body:
                outcomes.append(Outcome.KNOWN)
                continue
            if strict:
                raise OtherBody(transfer)
            outcomes.append(Outcome.CONFLICT)
            continue
        payer = changed.get(debit) or accounts.get(debit)
        payee = changed.get(credit) or accounts.get(credit)
        if (
            payer is None
            or payee is None
            or debit == credit
            or not 0 < amount <= MINOR_MAX
            or len(id_) != ID_BYTES
            or not 0 < len(kind) <= KIND_MAX_CHARS
            or len(about) > ABOUT_MAX_CHARS
            or "\0" in about
        ):
            raise _wrong(transfer, accounts)
        _, payer_unit, payer_has, payer_guarded, payer_seq = payer
        _, payee_unit, payee_has, payee_guarded, payee_seq = payee
        if not payer_unit == unit == payee_unit:
            raise _wrong(transfer, accounts)
        left, came_to = payer_has - amount, payee_has + amount
        if left < 0 and payer_guarded:
            if strict:
                raise Short(transfer, payer_has)
            outcomes.append(Outcome.SHORT)
            continue
        if left < -BALANCE_MAX or came_to > BALANCE_MAX:
            raise Invalid({"amount": N_("the account cannot hold so much")})
        seq += 1
        bodies[id_] = body
        rows.append((seq, *transfer, payer_seq, payee_seq))
        changed[debit] = (debit, unit, left, payer_guarded, seq)
        changed[credit] = (credit, unit, came_to, payee_guarded, seq)
        outcomes.append(posted)
    return Decided(outcomes, rows, list(changed.values()))


def _wrong(transfer: NewTransfer, accounts: Mapping[int, Standing]) -> Invalid:
    """Why it can never be posted."""
    if not 0 < transfer.amount <= MINOR_MAX:
        return Invalid({"amount": N_("must be from 1 to 9007199254740992")})
    for side in ("debit", "credit"):
        if getattr(transfer, side) not in accounts:
            return Invalid({side: N_("there is no such account")})
    if transfer.debit == transfer.credit:
        return Invalid({"credit": N_("must be another account")})
    if not accounts[transfer.debit][1] == transfer.unit == accounts[transfer.credit][1]:
        return Invalid({"unit": N_("must be that of both accounts")})
    if len(transfer.id) != ID_BYTES:
        return Invalid({"id": N_("must have 16 bytes")})
    if not 0 < len(transfer.kind) <= KIND_MAX_CHARS:
        return Invalid({"kind": N_("must have 1 to 32 characters")})
    return Invalid({"about": N_("must have at most 200 characters, none of them NUL")})
