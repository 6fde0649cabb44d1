"""Programs with one rule taken out each. A world that does not notice proves nothing about the whole ones.

with planted("gap_accepted"):
    WorldRun(…).run()
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from unittest.mock import patch

from central_server.uplink import apply as applying
from central_server.uplink import inbox as inboxes
from central_server.uplink import parts
from central_server.uplink.apply import Arrived, Outcome
from central_server.uplink.parts import Part
from edge_agent import uplink as uplinks
from edge_agent.flight import Flight
from edge_agent.store import room
from edge_agent.store.epochs import Greeting
from edge_agent.store.lines import Sql
from edge_agent.store.outbox import Outbox
from edge_agent.store.replica import Replica
from sync.contract.events import Event
from sync.contract.ids import Lane
from sync.contract.message import Batch, Words
from tests.corridor.troubles import PUT_BACK, RESTORED, Plan

Fits = Callable[[Plan], bool]


class Mutant(NamedTuple):
    """What is taken out, and in which worlds that can show at all."""

    what: str
    plant: Callable[[], contextlib.AbstractContextManager[Any]]
    fits: Fits = lambda plan: True


def _has(*troubles: str) -> Fits:
    return lambda plan: plan.troubles >= set(troubles) and RESTORED not in plan.troubles


def _trim_on_acknowledgement() -> Any:
    """What the broker has taken goes from the disk, but for the row that keeps the lane's number."""
    whole = uplinks._Talk._send_batch

    async def send_batch(talk: Any, flight: Flight) -> bool:
        sent = {lane: state.sent for lane, state in flight._lanes.items()}
        more = await whole(talk, flight)
        outbox = talk._up._outbox
        for lane, state in flight._lanes.items():
            if state.sent > sent[lane]:

                def trim(sql: Sql, lane: Lane = lane, upto: int = state.sent) -> None:
                    sql.execute(
                        "DELETE FROM row WHERE lane = ? AND number <= ?"
                        " AND number < (SELECT max(number) FROM row WHERE lane = ?)",
                        (lane, upto, lane),
                    )

                await outbox._db.write(trim)
        return more

    return patch.object(uplinks._Talk, "_send_batch", send_batch)


def _no_deduplication() -> Any:
    """What comes again is taken again."""

    def take(row: Any, each: Arrived, kept: list[tuple[Any, ...]]) -> str:
        if row is None or each.batch.first > row.mark + 1:
            return whole(row, each, kept)
        part = parts._walked(each.batch, each.batch.first - 1)
        if part.last > row.mark:
            kept.append((row.id, row.mark + 1, part.last, each.received_ms, each.payload))
        row.parts.append(part)
        row.mark = max(row.mark, part.last)
        return "applied"

    whole = applying._take
    return patch.object(applying, "_take", take)


def _gap_accepted() -> Any:
    """Whatever comes is taken to follow what was there."""
    whole = parts.new_part

    def new_part(batch: Batch, mark: int) -> Part | None:
        return whole(batch, max(mark, batch.first - 1))

    return patch.object(applying, "new_part", new_part)


def _trim_one_too_many() -> Any:
    """The row after the last confirmed one goes too."""
    whole = room._prune

    def prune(sql: Sql, marks: Mapping[Lane, int]) -> bool:
        return whole(sql, {lane: mark + 1 for lane, mark in marks.items()})

    return patch.object(room, "_prune", prune)


def _memory_only_accept() -> Any:
    """Accepted means: will be on the disk soon."""

    async def accept(outbox: Any, events: Sequence[Event]) -> None:
        task = asyncio.ensure_future(whole(outbox, events))
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.sleep(0)

    whole = Outbox.accept
    return patch.object(Outbox, "accept", accept)


def _receipt_before_commit() -> Any:
    """The receipt goes out while the transaction is still open."""
    whole = inboxes.apply

    async def committed(inbox: Any, group: list[Arrived], *, careful: bool) -> Outcome:
        async def work(session: Any) -> Outcome:
            outcome = await whole(session, inbox._handlers, group, inbox._clock.wall_ms(), careful=careful)
            await inbox._answer(outcome)
            return outcome

        return await inbox._database.run(work)

    return patch.object(inboxes.Inbox, "_committed", committed)


def _epoch_ignored() -> Any:
    """A disk that was put back goes on under the numbers it had."""

    async def greeted(outbox: Any, marks: Mapping[Lane, int]) -> Greeting:
        outbox._opened = {}
        return await whole(outbox, {lane: min(marks.get(lane, 0), outbox.last(lane)) for lane in Lane})

    whole = Outbox.greeted
    return patch.object(Outbox, "greeted", greeted)


def _dropped_counts_one() -> Any:
    """A `dropped` of a thousand numbers is taken for one number."""
    return patch.object(parts, "Dropped", type("NoSuchEvent", (), {}))


def _words_past_a_hole() -> Any:
    """Words are taken although those before them are missing."""

    async def apply(replica: Any, words: Words) -> bool:
        have = replica._feeds.get(words.feed)
        if have is not None and words.after > have:
            words = Words(words.feed, have, words.words)
        return await whole(replica, words)

    whole = Replica.apply
    return patch.object(Replica, "apply", apply)


MUTANTS: dict[str, Mutant] = {
    "trim_on_acknowledgement": Mutant("trim on the broker's acknowledgement", _trim_on_acknowledgement),
    "no_deduplication": Mutant("no de-duplication at the inbox", _no_deduplication),
    "gap_accepted": Mutant("a gap is accepted", _gap_accepted),
    "trim_one_too_many": Mutant("trim one row too many", _trim_one_too_many, _has("disk_full")),
    "memory_only_accept": Mutant("accept returns before the disk has it", _memory_only_accept),
    "receipt_before_commit": Mutant("receipt before the commit", _receipt_before_commit),
    "epoch_ignored": Mutant("the epoch is ignored", _epoch_ignored, _has(PUT_BACK)),
    "dropped_counts_one": Mutant("a dropped counts one number", _dropped_counts_one, _has("disk_full")),
    "words_past_a_hole": Mutant("words are taken past a hole", _words_past_a_hole),
}


@contextlib.contextmanager
def planted(name: str | None) -> Iterator[None]:
    """The programs with that rule taken out; None: whole. Raises KeyError."""
    if name is None:
        yield
        return
    with MUTANTS[name].plant():
        yield
