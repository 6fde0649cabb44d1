"""Whether the centre has what was said in the stores: every event once, in order, and nothing else.

Read from the two programs' files with SQL of our own, when everything has been healed and is at rest.
"""

from __future__ import annotations

import contextlib
import hmac
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from central_server.facts import fact_key
from edge_agent.store.replica import _answer
from sync.contract.events import (
    Alarm,
    CardPresented,
    DeviceState,
    Dropped,
    Event,
    Heartbeat,
    Occupancy,
    Passed,
    SaleCompleted,
    Visited,
    encode_event,
)
from sync.contract.ids import Lane
from sync.contract.message import Envelope, decode_batch
from sync.contract.told import EVERYONE, MemberTold, Told
from tests.corridor.store_box import ACCEPTED, REFUSED, Key, Said

_told = msgspec.json.Decoder(Told)


class Seen(NamedTuple):
    """An event as the centre applied it."""

    fact: int  # its key there
    key: Key
    event: Event


class Leave(NamedTuple):
    """What may be missing, and is no fault."""

    forgotten: dict[Lane, int]  # counts that a full disk took just before the power went, by lane
    pruned: bool = False  # a full disk took confirmed rows, and then the centre lost what it had of them


def committed_mark(centre: Path, store: str, epoch: str, lane: Lane) -> int:
    """How far the centre's file has a lane."""
    with _open(centre) as sql:
        row = sql.execute(
            "SELECT mark FROM mark WHERE store = ? AND epoch = ? AND lane = ?", (store, epoch, int(lane))
        ).fetchone()
    return int(row[0]) if row else 0


def feeds(centre: Path) -> dict[str, tuple[int, int]]:
    """By feed: the number of its newest word (0: it has none), and the last that it gave."""
    query = (
        "SELECT name, coalesce(max(number), 0), last FROM feed LEFT JOIN word ON feed = name GROUP BY name"
    )
    with _open(centre) as sql:
        return {name: (newest, last) for name, newest, last in sql.execute(query)}


def members_told(centre: Path) -> set[str]:
    """Every member that a feed speaks of."""
    with _open(centre) as sql:
        return {_told.decode(body).member for (body,) in sql.execute("SELECT body FROM word")}


def numbers_given(centre: Path) -> dict[str, int]:
    """The last number that each feed has given."""
    with _open(centre) as sql:
        return dict(sql.execute("SELECT name, last FROM feed").fetchall())


def lanes_of(centre: Path, store: str) -> Iterator[tuple[Lane, list[Seen]]]:
    """Each lane's events in the order of their numbers, the oldest epoch first. Raises AssertionError."""
    with _open(centre) as sql:
        marks = sql.execute(
            "SELECT id, lane, mark FROM mark WHERE store = ? ORDER BY id", (store,)
        ).fetchall()
        for id_, lane, mark in marks:
            seen: list[Seen] = []
            at = 0
            rows = sql.execute(
                "SELECT first, last, payload FROM batch WHERE mark_id = ? ORDER BY first", (id_,)
            )
            for first, last, payload in rows:
                if first != at + 1:
                    raise AssertionError(
                        f"{store} {Lane(lane).label}: {first} follows {at} in the kept batches"
                    )
                seen += _new_of(id_, payload, first)
                at = last
            if at != mark:
                raise AssertionError(
                    f"{store} {Lane(lane).label}: the batches end at {at}, the mark is {mark}"
                )
            yield Lane(lane), seen


def _new_of(mark_id: int, payload: bytes, first: int) -> Iterator[Seen]:
    """What of a kept batch was new: from number `first`. A `dropped` that spans it counts the rest."""
    batch = decode_batch(payload)
    number = batch.first
    for each in batch.events:
        assert isinstance(each, Envelope)
        event = each.event
        after = number + (event.numbers if isinstance(event, Dropped) else 1)
        if after > first:
            begins = max(number, first)
            if isinstance(event, Dropped):
                event = msgspec.structs.replace(event, numbers=after - begins)
            key = (each.boot, each.mono_ms, encode_event(event))
            yield Seen(fact_key(mark_id, begins), key, event)
        number = after


def differences(lane: Lane, said: list[Said], seen: list[Seen], leave: Leave) -> Iterator[str]:
    """How what a store said of one lane differs from what the centre has of it, over all its epochs."""
    said = [each for each in said if each.lane is lane]
    places = {each.key: place for place, each in enumerate(said)}
    if len(places) != len(said):
        yield f"{lane.label}: the world made two events that cannot be told apart"
    at, gone, left = -1, 0, leave.forgotten[lane]
    done: set[Key] = set()
    for each in [*seen, None]:
        if each is not None and isinstance(each.event, Dropped):
            gone += each.event.numbers
            if lane is Lane.TILL and not (leave.pruned and each.event.reason == "pruned"):
                yield f"till: {each.event.numbers} events of money were dropped ({each.event.reason})"
            if each.event.reason == "pruned" and not leave.pruned:
                yield f"{lane.label}: {each.event.numbers} rows were pruned before the centre had them"
            continue
        place = len(said) if each is None else places.get(each.key)
        if each is not None:
            if each.key in done:
                yield f"{lane.label}: twice: {each.key}"
                continue
            done.add(each.key)
            if place is None:
                yield f"{lane.label}: nobody said {each.key}"
                continue
            if place <= at:
                yield f"{lane.label}: out of order: {each.key}"
                continue
            if said[place].state == REFUSED:
                yield f"{lane.label}: refused, and there all the same: {each.key}"
        assert place is not None
        between = said[at + 1 : place]
        sure = sum(one.state == ACCEPTED for one in between)
        most = sure + sum(one.state not in (ACCEPTED, REFUSED) for one in between)
        if sure > gone + left:
            first = next(one for one in between if one.state == ACCEPTED)
            yield f"{lane.label}: {sure - gone} lost, the first {first.key}"
        elif sure > gone:
            left -= sure - gone
        if gone > most:
            yield f"{lane.label}: {gone} said to be dropped, but only {most} could be"
        at, gone = place, 0


def effects(centre: Path, store: str, seen: list[Seen]) -> Iterator[str]:
    """How the modules' tables differ from the events that the inbox applied."""
    with _open(centre) as sql:
        sales = {each.fact: each.event for each in seen if isinstance(each.event, SaleCompleted)}
        rows = sql.execute("SELECT id, receipt, total_minor FROM sale WHERE store = ?", (store,)).fetchall()
        if sorted(rows) != sorted((fact, sale.receipt, sale.total_minor) for fact, sale in sales.items()):
            yield f"{len(rows)} sales stand for {len(sales)}"
        lines = sql.execute(
            "SELECT sale_id, line_no, amount_minor FROM sale_line JOIN sale ON id = sale_id WHERE store = ?",
            (store,),
        ).fetchall()
        expected = [
            (fact, number, line.amount_minor)
            for fact, sale in sales.items()
            for number, line in enumerate(sale.lines, 1)
        ]
        if sorted(lines) != sorted(expected):
            yield f"{len(lines)} lines of sales stand for {len(expected)}"
        hours = sql.execute(
            "SELECT coalesce(sum(sales + returns), 0), coalesce(sum(revenue_minor), 0) FROM sales_hour"
            " WHERE store = ?",
            (store,),
        ).fetchone()
        if hours != (len(sales), sum(sale.total_minor for sale in sales.values())):
            yield f"the hours of sales say {hours}"
        people: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for each in seen:
            if isinstance(each.event, Passed):
                cell = people[each.event.device, each.event.line]
                cell[0] += each.event.inward
                cell[1] += each.event.outward
        passed = sql.execute(
            "SELECT device, line, sum(inward), sum(outward) FROM traffic_quarter WHERE store = ?"
            " GROUP BY device, line",
            (store,),
        ).fetchall()
        if {(device, line): [i, o] for device, line, i, o in passed} != people:
            yield f"traffic differs: {sum(row[2] for row in passed)} people came in, not {_inward(people)}"
        yield from _areas(sql, store, seen)
        there = sql.execute("SELECT * FROM traffic_box_presence WHERE store = ?", (store,)).fetchall()
        if bool(there) != any(isinstance(each.event, Heartbeat) for each in seen):
            yield f"its box was there: {there}"
        for query, kinds in (
            ("SELECT id FROM traffic_loss WHERE store = ?", Dropped),
            ("SELECT id FROM card_swipe WHERE store = ?", CardPresented),
            ("SELECT key FROM store_happening WHERE store = ?", Alarm | DeviceState),
        ):
            found = sql.execute(query, (store,)).fetchall()
            wanted = [(each.fact,) for each in seen if isinstance(each.event, kinds)]
            if sorted(found) != sorted(wanted):
                yield f"{len(found)} rows for {len(wanted)} events: {query}"


def _areas(sql: sqlite3.Connection, store: str, seen: list[Seen]) -> Iterator[str]:
    """How what cameras said of sales areas differs from what they said."""
    visits: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    most: dict[str, int] = {}
    for each in seen:
        event = each.event
        if isinstance(event, Visited):
            visit = visits[event.zone]
            visit[0] += 1
            visit[1] += event.dwell_ms
            visit[2] += event.dwell_ms < 5_000
        elif isinstance(event, Occupancy):
            most[event.zone] = max(event.people, most.get(event.zone, 0))
    stayed = sql.execute(
        "SELECT zone, sum(visits), sum(dwell_ms), sum(under_5_s) FROM traffic_dwell_hour WHERE store = ?"
        " GROUP BY zone",
        (store,),
    ).fetchall()
    if {zone: sums for zone, *sums in stayed} != visits:
        yield f"{sum(row[1] for row in stayed)} visits stand for {sum(each[0] for each in visits.values())}"
    found = sql.execute(
        "SELECT zone, max(most) FROM traffic_zone_quarter WHERE store = ? GROUP BY zone", (store,)
    ).fetchall()
    if dict(found) != most:
        yield f"areas held {dict(found)} people at most, not {most}"


def set_aside(centre: Path) -> Iterator[str]:
    """What the centre could not apply; nothing that a box of ours says may be so."""
    with _open(centre) as sql:
        for type_, why in sql.execute("SELECT type, why FROM aside"):
            yield f"aside: {type_}: {why}"


def replica_differences(
    centre: Path, edge: Path, store: str, may_stay: set[str], twice: dict[str, range]
) -> Iterator[str]:
    """How what a store has been told differs from what the centre tells. `may_stay`: members that the
    centre told of and then forgot, because it was put back in time; `twice`: numbers of feeds that it may
    have given again, before a store that has them spoke (decision 005)."""
    wanted: dict[str, MemberTold] = {}
    with _open(centre) as sql:
        for feed in (EVERYONE, store):
            words = sql.execute("SELECT number, body FROM word WHERE feed = ? ORDER BY number", (feed,))
            for number, body in words:
                word = _told.decode(body)
                if number in twice.get(feed, ()):
                    may_stay = may_stay | {word.member}
                elif isinstance(word, MemberTold):
                    wanted[word.member] = word
    with _open(edge) as sql:
        members = dict(sql.execute("SELECT member, answer FROM member").fetchall())
        tokens = set(sql.execute("SELECT digest, member, reason FROM token").fetchall())
    for member in members.keys() - wanted.keys() - may_stay:
        yield f"replica: {member} is known, and nobody should be"
    for member, word in wanted.items():
        if members.get(member) != _answer(word):
            yield f"replica: {member} is not as the centre last told"
    expected = {
        (_digest(token), member, reason)
        for member, word in wanted.items()
        for some, reason in (((*word.cards, *word.phones), ""), (word.lost_cards, "lost"))
        for token in some
    }
    stray = {each for each in tokens if each[1] not in may_stay or each[1] in wanted}
    if stray != expected:
        yield f"replica: {len(stray - expected)} tokens too many, {len(expected - stray)} missing"


def _inward(people: dict[tuple[str, str], list[int]]) -> int:
    return sum(cell[0] for cell in people.values())


def _digest(token: str) -> bytes:
    return hmac.digest(bytes(32), token.encode(), "sha256")[:16]


def _open(path: Path) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(path))
