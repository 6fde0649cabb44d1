"""A purse's statement as evidence: every change with its transfer, and the chain that holds it. Pure.

An operator who keeps the records must be able to produce them (the Supreme People's Court's rules of 2025 on
prepaid consumption), and a customer to hold him to what he produced. So a statement names for each line the
transfer and the batch it is booked in, carries those batches' hashes, and is sealed with a digest of all of
it. Each batch's hash is made of the one before: nobody can change the books afterwards without every
statement given out before saying so.

As a file it is a table of eleven columns; the fourth says in one word what a row is:

    purse     reference: the purse's id
    programme reference: its programme's
    opening   the time, empty when it begins with the purse, and the balance before
    …         one line a transfer: `top`, `spend`, `refund` …
    closing   the time and the balance after
    batch     transfer: the hash of the batch that the last column names
    head      the same of the last batch of each chain
    seal      when it was made; transfer: the digest of all above
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from central_server.errors import Invalid
from central_server.web.tables import cell
from central_server.web.text import N_
from sync.contract.errors import BadId
from sync.contract.money import format_minor, parse_minor

LINES_MAX: Final = 5_000
ROWS_MAX: Final = 2 * LINES_MAX + 100  # of a file: lines, their batches, the ends of the chains
HEADER: Final = (
    N_("No."),
    N_("Time"),
    N_("What"),
    N_("Kind"),
    N_("Store"),
    N_("Reference"),
    N_("Amount"),
    N_("Balance"),
    N_("Unit"),
    N_("Transfer"),
    N_("Batch"),
)
PURSE, PROGRAMME = "purse", "programme"
OPENING, CLOSING, BATCH, HEAD, SEAL = "opening", "closing", "batch", "head", "seal"
EVER: Final = "1970-01-01T00:00:00.000Z"  # `first` of a statement that has no first day
KINDS: Final[Mapping[str, str]] = {
    PURSE: N_("Purse"),
    PROGRAMME: N_("Programme"),
    OPENING: N_("Balance before"),
    CLOSING: N_("Balance after"),
    BATCH: N_("Batch of the chain"),
    HEAD: N_("End of the chain"),
    SEAL: N_("Seal"),
}


class BadStatement(Invalid):
    """A file that is no statement, or a statement that would be too long."""

    def __init__(self, msgid: str, **values: object) -> None:
        super().__init__({}, msgid)
        self.values = values


class Entry(NamedTuple):
    """A transfer as it changed the purse, as the books have it."""

    at_ms: int  # when it happened; a store that was off line books late
    kind: str
    store: str
    about: str
    amount: int  # what the purse has more; negative: less
    transfer: str  # its id in hex
    batch: str  # chain/number


class Line(NamedTuple):
    """An entry with the balance after it. Time and texts are as they stand in the file."""

    at: str
    kind: str
    store: str
    about: str
    amount: int
    balance: int
    transfer: str
    batch: str


@dataclass(frozen=True)
class Statement:
    """What changed a purse from `first` until `until`, in the order in which it happened."""

    purse: str
    programme: str
    unit: str
    first: str  # times in UTC, to the millisecond
    until: str
    made: str
    opening: int
    lines: tuple[Line, ...]
    batches: tuple[tuple[str, str], ...]  # chain/number, hash in hex; in order
    heads: tuple[tuple[str, str], ...]  # … of the last batch of each chain that has any
    digest: str = ""

    @property
    def closing(self) -> int:
        """The balance after the last line."""
        return self.lines[-1].balance if self.lines else self.opening


class Flaw(NamedTuple):
    """What is wrong with a statement. `line` counts from 1; 0: the whole of it."""

    line: int
    msgid: str


def moment(at_ms: int) -> str:
    """``2026-11-22T01:30:05.250Z``."""
    whole = datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at_ms % 1000:03}Z"


def moment_ms(text: str) -> int:
    """``moment`` read back. Raises ValueError."""
    whole = datetime.strptime(text[:-5], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    at_ms = int(whole.timestamp()) * 1000 + int(text[-4:-1])
    if moment(at_ms) != text:
        raise ValueError(text)
    return at_ms


def state(
    entries: Iterable[Entry],
    *,
    purse: str,
    programme: str,
    unit: str,
    opening: int,
    first_ms: int,
    until_ms: int,
    made_ms: int,
    hashes: Mapping[str, str],
    heads: Iterable[tuple[str, str]],
) -> Statement:
    """The statement of these entries; `hashes` has at least every batch that they are of.

    Raises BadStatement when there are more than LINES_MAX: choose a shorter time.
    """
    lines: list[Line] = []
    balance = opening
    for each in entries:
        if len(lines) == LINES_MAX:
            raise BadStatement(
                N_("a statement holds at most {most} lines; choose a shorter time"), most=LINES_MAX
            )
        balance += each.amount
        texts = (moment(each.at_ms), each.kind, str(cell(each.store)), str(cell(each.about)))
        lines.append(Line(*texts, each.amount, balance, each.transfer, each.batch))
    batches = tuple((name, hashes[name]) for name in dict.fromkeys(line.batch for line in lines))
    times = (moment(first_ms), moment(until_ms), moment(made_ms))
    made = Statement(purse, programme, unit, *times, opening, tuple(lines), batches, tuple(heads))
    return replace(made, digest=digest(made))


def digest(statement: Statement) -> str:
    """SHA-256 over every field, its length in front of it, so that nothing can slip from one into another."""
    one = statement
    fields: list[object] = [one.purse, one.programme, one.unit, one.first, one.until, one.made, one.opening]
    fields += [field for line in one.lines for field in line]
    fields += [field for batch in (*one.batches, *one.heads) for field in batch]
    fields += [len(one.lines), len(one.batches), len(one.heads)]
    said = "".join(f"{len(str(field))}:{field}" for field in fields)
    return hashlib.sha256(said.encode()).hexdigest()


def rows(statement: Statement, labels: Mapping[str, str]) -> list[list[str]]:
    """The rows of the file below its header; `labels` has what a kind is called in the reader's language."""
    one = statement

    def row(number: str, at: str, kind: str, *rest: str) -> list[str]:
        return [number, at, labels.get(kind, kind), kind, *rest]

    def written(minor: int) -> str:
        return format_minor(minor, one.unit)

    made = [
        row("", "", kind, "", about, "", "", "", "", "")
        for kind, about in ((PURSE, one.purse), (PROGRAMME, one.programme))
    ]
    first = "" if one.first == EVER else one.first
    made.append(row("", first, OPENING, "", "", "", written(one.opening), one.unit, "", ""))
    for number, line in enumerate(one.lines, 1):
        amount, balance = written(line.amount), written(line.balance)
        rest = (line.store, line.about, amount, balance, one.unit, line.transfer, line.batch)
        made.append(row(str(number), line.at, line.kind, *rest))
    made.append(row("", one.until, CLOSING, "", "", "", written(one.closing), one.unit, "", ""))
    for kind, batches in ((BATCH, one.batches), (HEAD, one.heads)):
        made += [row("", "", kind, "", "", "", "", "", hash_, name) for name, hash_ in batches]
    made.append(row("", one.made, SEAL, "", "", "", "", "", one.digest, ""))
    return made


def read(table: Sequence[Sequence[str]]) -> Statement:
    """The statement in the rows of a file, its header left out; whether it is true is for `flaws`.

    Raises BadStatement.
    """
    if len(table) > ROWS_MAX:
        raise BadStatement(
            N_("a statement holds at most {most} lines; choose a shorter time"), most=LINES_MAX
        )
    found: dict[str, list[Sequence[str]]] = {}
    for number, each in enumerate(table, 1):
        if len(each) != len(HEADER):
            raise BadStatement(N_("row {row} is not of a statement"), row=number)
        kind = each[3] if each[3] in KINDS else ""
        found.setdefault(kind, []).append(each)
    try:
        [purse], [programme] = found[PURSE], found[PROGRAMME]
        [opening], [closing], [seal] = found[OPENING], found[CLOSING], found[SEAL]
        first = opening[1] or EVER
        unit = opening[8]
        lines = tuple(_line(each, unit) for each in found.get("", ()))
        for at in (first, closing[1], seal[1]):
            moment_ms(at)
        return Statement(
            purse=purse[5],
            programme=programme[5],
            unit=unit,
            first=first,
            until=closing[1],
            made=seal[1],
            opening=parse_minor(opening[7], unit),
            lines=lines,
            batches=tuple((each[10], each[9]) for each in found.get(BATCH, ())),
            heads=tuple((each[10], each[9]) for each in found.get(HEAD, ())),
            digest=seal[9],
        )
    except (KeyError, ValueError, BadId) as error:
        raise BadStatement(N_("this is no whole statement: a row is missing or cannot be read")) from error


def flaws(statement: Statement, again: Statement, hashes: Mapping[str, str]) -> list[Flaw]:
    """What is wrong with a statement somebody shows; empty: it is what the books say.

    `again` is made from the books of today, of what was booked up to its heads; `hashes` are its batches' and
    heads' as they are worked out again from their transfers, without those that are not in the chain.
    """
    found: list[Flaw] = []
    if statement.digest != digest(statement):
        found.append(Flaw(0, N_("the seal is not that of these lines: the file was altered")))
    if statement.opening != again.opening:
        found.append(Flaw(0, N_("the balance before is not that of the books")))
    balance = statement.opening
    ours = {line.transfer: line for line in again.lines}
    shown: set[str] = set()
    for number, line in enumerate(statement.lines, 1):
        balance += line.amount
        if line.balance != balance:
            found.append(Flaw(number, N_("the balance is not the one before and the amount")))
            balance = line.balance
        known = ours.get(line.transfer)
        if known is None or line.transfer in shown:
            found.append(Flaw(number, N_("the books have no such transfer here")))
        elif known != line:
            found.append(Flaw(number, N_("the books say otherwise")))
        shown.add(line.transfer)
    if missing := len(ours.keys() - shown):
        found += [Flaw(0, N_("a transfer of the books is missing"))] * missing
    elif list(ours) != [
        name for name in dict.fromkeys(one.transfer for one in statement.lines) if name in ours
    ]:
        found.append(Flaw(0, N_("the lines are not in the order of the books")))
    named = dict(statement.batches)
    for number, line in enumerate(statement.lines, 1):
        if line.batch not in named:
            found.append(Flaw(number, N_("its batch is not named below")))
    for name, hash_ in (*statement.batches, *statement.heads):
        if hashes.get(name) != hash_:
            found.append(Flaw(0, N_("a batch of the chain has another hash: file or books were altered")))
    return found


def _line(row: Sequence[str], unit: str) -> Line:
    moment_ms(row[1])
    amount, balance = parse_minor(row[6], unit), parse_minor(row[7], unit)
    return Line(row[1], row[3], row[4], row[5], amount, balance, row[9], row[10])
