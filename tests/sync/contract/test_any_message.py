"""Whatever arrives: it is what was sent, or it is refused in one way only."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.contract import events as e
from sync.contract.clock import MONO_MAX_MS, WALL_MAX_MS, Stamp
from sync.contract.errors import BadEvent, BadMessage, ContractError, TooLarge
from sync.contract.events import decode_event, encode_event, lane_of, numbers_of
from sync.contract.ids import NUMBER_MAX, Lane
from sync.contract.message import (
    BATCH_MAX_EVENTS,
    EVENT_MAX_BYTES,
    INFLATED_MAX_BYTES,
    PAYLOAD_MAX_BYTES,
    WHY_MAX,
    Envelope,
    Here,
    Spoiled,
    decode_batch,
    decode_down,
    decode_here,
    decode_said,
    encode,
    encode_batch,
    envelope,
)
from sync.contract.money import MINOR_MAX
from tests.sync.contract.specimens import DOWN, EPOCH, EVENTS, HERE, SAID, SALE

DECODERS = (decode_batch, decode_here, decode_said, decode_down)
GOOD = envelope(encode_event(e.Passed(device="door", inward=1)), Stamp("00c0ffee", 1, 1, True))

names = st.text(st.characters(exclude_categories=("Cs",)), max_size=e.NAME_MAX)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
minors = st.integers(-MINOR_MAX, MINOR_MAX)
counts = st.integers(0, 2**31 - 1)
currencies = st.sampled_from(["CNY", "JPY", "BHD", "EUR"])
readings = st.integers(-(2**62), 2**62)
lines = st.builds(e.SaleLine, texts, minors, minors, st.none() | minors, names)
any_event = st.one_of(
    st.builds(
        e.SaleCompleted,
        device=names,
        till=names,
        receipt=names,
        currency=currencies,
        total_minor=minors,
        lines=st.lists(lines, max_size=5).map(tuple),
        tenders=st.lists(st.builds(e.Tender, names, minors), max_size=3).map(tuple),
        tax_minor=minors,
        change_minor=minors,
        card=names,
        member=names,
    ),
    st.builds(e.ReceiptUnreadable, device=names, till=names, reason=st.just("picture"), line_count=counts),
    st.builds(e.CardPresented, device=names, till=names, card=names, technology=names, member=names),
    st.builds(e.CardRefused, device=names, till=names, reason=st.just("misread")),
    st.builds(
        e.LeaseRecord,
        lease=names,
        number=st.integers(1, 10_000),
        kind=st.sampled_from(["open", "spend", "refund", "top", "close"]),
        purse=names,
        unit=st.sampled_from(["CNY", "PTS"]),
        amount=st.integers(0, MINOR_MAX),
        mac=names,
        epoch=names,
        till=names,
        txn=names,
        receipt=names,
        cashier=names,
        refers_to=names,
    ),
    st.builds(e.MemberJoined, till=names, member=names, sealed=texts, card=names, phone=names),
    st.builds(e.Passed, device=names, inward=counts, outward=counts, line=names, unsure=st.booleans()),
    st.builds(e.Visited, device=names, zone=names, dwell_ms=counts),
    st.builds(e.Occupancy, device=names, zone=names, people=counts),
    st.builds(e.CameraState, device=names, state=st.sampled_from(["frozen", "clear"]), detail=texts),
    st.builds(e.Dropped, numbers=st.integers(1, 2**30)),
    st.builds(e.DeviceState, device=names, state=st.just("down"), detail=texts),
    st.builds(e.Devices, names=st.lists(names, max_size=9).map(tuple)),
    st.builds(
        e.Heartbeat,
        version=names,
        uptime_s=readings,
        outbox_rows=readings,
        oldest_s=readings,
        disk_free_mib=readings,
        clock_skew_ms=readings,
        clock_sure=st.booleans(),
        devices_up=counts,
        devices_down=counts,
        settings=names,
    ),
    st.builds(e.Alarm, name=names, raised=st.booleans(), detail=texts),
)
stamps = st.builds(
    Stamp, st.just("00c0ffee"), st.integers(0, MONO_MAX_MS), st.integers(0, WALL_MAX_MS), st.booleans()
)


def raw_batch(*envelopes: bytes, head: bytes = b'"0123456789abcdef",1,1') -> bytes:
    return zlib.compress(b"[" + head + b",[" + b",".join(envelopes) + b"]]")


def with_event(event: bytes) -> bytes:
    return b'[1,true,"00c0ffee",1,' + event + b"]"


@given(
    st.lists(st.tuples(any_event, stamps), min_size=1, max_size=8),
    st.sampled_from(Lane),
    st.integers(1, 2**39),
)
def test_any_events_arrive_as_they_were_sent(
    sent: list[tuple[e.Event, Stamp]], lane: Lane, first: int
) -> None:
    batch = decode_batch(encode_batch(EPOCH, lane, first, [envelope(encode_event(a), s) for a, s in sent]))
    assert (batch.epoch, batch.lane, batch.first) == (EPOCH, lane, first)
    assert [(each.event, each.stamp) for each in batch.events if isinstance(each, Envelope)] == sent
    assert batch.last == first - 1 + sum(numbers_of(event) for event, _ in sent)


@given(any_event)
def test_any_event_has_a_lane_and_reads_back(event: e.Event) -> None:
    assert decode_event(encode_event(event)) == event
    if not isinstance(event, e.Dropped):
        assert lane_of(event) in Lane


@given(st.integers(), st.integers())
def test_a_clock_that_lies_never_spoils_an_event(wall_ms: int, mono_ms: int) -> None:
    body = envelope(encode_event(e.Passed()), Stamp("00c0ffee", mono_ms, wall_ms, sure=True))
    [only] = decode_batch(encode_batch(EPOCH, Lane.COUNT, 1, [body])).events
    assert isinstance(only, Envelope)
    assert only.sure == (0 <= wall_ms <= WALL_MAX_MS)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_one_way(noise: bytes) -> None:
    for decode in DECODERS:
        for payload in (noise, zlib.compress(noise)):
            with contextlib.suppress(BadMessage):
                decode(payload)
    with contextlib.suppress(BadEvent):
        decode_event(noise)


@settings(max_examples=300)
@given(st.data())
def test_a_message_with_a_few_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    bodies = [envelope(encode_event(each), Stamp("00c0ffee", 1, 1, True)) for each in EVENTS.values()]
    raw = data.draw(
        st.sampled_from(
            [
                zlib.decompress(encode_batch(EPOCH, Lane.TILL, 1, bodies)),
                *(zlib.decompress(encode(each)) for each in (*DOWN.values(), *HERE.values(), *SAID.values())),
            ]
        )
    )
    changed = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(raw) - 1))] = data.draw(
            st.sampled_from(b'\xff\x00[]{}",:\\9-.eN')
        )
    for decode in DECODERS:
        with contextlib.suppress(BadMessage):
            decode(zlib.compress(changed))


def test_a_message_cut_anywhere_or_with_something_behind_is_refused() -> None:
    for decode, payload in (
        (decode_batch, encode_batch(EPOCH, Lane.COUNT, 1, [GOOD])),
        (decode_here, encode(HERE["here-1"])),
        (decode_said, encode(SAID["ask-1"])),
        (decode_down, encode(DOWN["words-1"])),
    ):
        raw = zlib.decompress(payload)
        for cut in range(len(payload)):
            with pytest.raises(BadMessage):
                decode(payload[:cut])
        for cut in range(len(raw)):
            with pytest.raises(BadMessage):
                decode(zlib.compress(raw[:cut]))
        for behind in (b"x", b"\0", payload):
            with pytest.raises(BadMessage):
                decode(payload + behind)
        with pytest.raises(BadMessage):
            decode(zlib.compress(raw + b"]"))


BOMBS = {
    "a zlib bomb": zlib.compress(bytes(60_000_000), 9),
    "a bomb of one name": raw_batch(with_event(b'{"type":"passed/1","line":"' + b"x" * 5_000_000 + b'"}')),
    "too large closed": b"x" * (PAYLOAD_MAX_BYTES + 1),
    "200 kB of brackets": zlib.compress(b"[" * 200_000),
    "brackets in a batch": raw_batch(b"[" * 1_000_000),
    "too many events": raw_batch(*[b"1"] * (BATCH_MAX_EVENTS + 1)),
    "two million events": raw_batch(*[b"1"] * 2_000_000),
    "two million events that are no JSON": raw_batch(b"NaN", *[b"1"] * 1_900_000),
    "no events": raw_batch(),
    "an empty object": zlib.compress(b"{}"),
    "null": zlib.compress(b"null"),
    "nothing": zlib.compress(b""),
    "number 0": raw_batch(GOOD, head=b'"0123456789abcdef",1,0'),
    "a number below 0": raw_batch(GOOD, head=b'"0123456789abcdef",1,-1'),
    "a number past all numbers": raw_batch(GOOD, head=b'"0123456789abcdef",1,%d' % (NUMBER_MAX + 1)),
    "a number of 5000 digits": raw_batch(GOOD, head=b'"0123456789abcdef",1,' + b"9" * 5000),
    "a float": raw_batch(GOOD, head=b'"0123456789abcdef",1,1.5'),
    "an unknown lane": raw_batch(GOOD, head=b'"0123456789abcdef",7,1'),
    "an epoch that is none": raw_batch(GOOD, head=b'"0123456789ABCDEF",1,1'),
    "an epoch with a line end": raw_batch(GOOD, head=b'"0123456789abcdef\\n",1,1'),
    "an epoch of half characters": raw_batch(GOOD, head=b'"\xff\xfe",1,1'),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_refused(name: str) -> None:
    for decode in DECODERS:
        with pytest.raises(BadMessage):
            decode(BOMBS[name])


def test_inflating_stops_at_the_limit() -> None:
    with pytest.raises(TooLarge):
        decode_batch(zlib.compress(b" " * (INFLATED_MAX_BYTES + 1)))


LEASE_HEAD = b'{"type":"lease.record/1","lease":"L1","purse":"P1","unit":"CNY","mac":"0",'
SALE_HEAD = b'{"type":"sale.completed/1","till":"1","receipt":"1","currency":'
SPOILED = {
    "not a number": b'{"type":"passed/1","inward":NaN}',
    "infinite": b'{"type":"passed/1","inward":-Infinity}',
    "a float": b'{"type":"passed/1","inward":1.5}',
    "below zero": b'{"type":"passed/1","inward":-1}',
    "past 64 bits": b'{"type":"passed/1","inward":18446744073709551616}',
    "5000 digits": b'{"type":"passed/1","inward":' + b"9" * 5000 + b"}",
    "half a surrogate": b'{"type":"passed/1","line":"\\ud800"}',
    "half a character": b'{"type":"passed/1","line":"\xe4\xb8"}',
    "5000 deep": b'{"type":"passed/1","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "an unknown type": b'{"type":"passed/99"}',
    "no type": b"{}",
    "a type that is a list": b'{"type":["passed/1"]}',
    "a type that is an object": b'{"type":{"a":1}}',
    "a name of 100 kB": b'{"type":"passed/1","line":"' + b"x" * 100_000 + b'"}',
    "a wrong currency": SALE_HEAD + b'"cny","total_minor":1}',
    "money past all money": SALE_HEAD + b'"CNY","total_minor":9007199254740993}',
    "a line too many": SALE_HEAD
    + b'"CNY","total_minor":1,"lines":['
    + b",".join([b'{"name":"x","amount_minor":1}'] * (e.LINES_MAX + 1))
    + b"]}",
    "a lease record without a number": LEASE_HEAD + b'"kind":"spend","amount":1}',
    "a lease record number 0": LEASE_HEAD + b'"number":0,"kind":"spend","amount":1}',
    "less than nothing spent": LEASE_HEAD + b'"number":2,"kind":"spend","amount":-1}',
    "a lease record of another kind": LEASE_HEAD + b'"number":2,"kind":"lend","amount":1}',
    "nobody dropped": b'{"type":"dropped/1","numbers":0}',
    "all dropped": b'{"type":"dropped/1","numbers":1099511627777}',
    "null": b"null",
    "a word": b"nonsense",
    "nothing": b"",
}


@pytest.mark.parametrize("name", list(SPOILED))
def test_one_spoiled_event_among_a_thousand_is_set_aside_and_the_others_arrive(name: str) -> None:
    bodies = [GOOD] * 1000
    bodies[617] = with_event(SPOILED[name])
    batch = decode_batch(raw_batch(*bodies))
    assert (batch.first, batch.last, len(batch.events)) == (1, 1000, 1000)
    spoiled = [index for index, each in enumerate(batch.events) if isinstance(each, Spoiled)]
    assert spoiled == [617]
    aside = batch.events[617]
    assert isinstance(aside, Spoiled)
    assert aside.body == bodies[617][:EVENT_MAX_BYTES]
    assert 0 < len(aside.why) <= WHY_MAX


@pytest.mark.parametrize(
    "body",
    [
        b'[-1,true,"b",1,{"type":"passed/1"}]',
        b'[281474976710656,true,"b",1,{"type":"passed/1"}]',
        b'[1,1,"b",1,{"type":"passed/1"}]',
        b'[1,true,"' + b"b" * 65 + b'",1,{"type":"passed/1"}]',
        b'[1,true,"b",-1,{"type":"passed/1"}]',
        b'[1,true,"b"]',
        b"[]",
        b"{}",
        b"1",
    ],
)
def test_a_stamp_of_nonsense_spoils_one_event_only(body: bytes) -> None:
    batch = decode_batch(raw_batch(GOOD, body, GOOD))
    assert [type(each) for each in batch.events] == [Envelope, Spoiled, Envelope]
    assert batch.last == 3


def test_a_key_twice_is_read_as_the_last() -> None:
    [only] = decode_batch(raw_batch(with_event(b'{"type":"passed/1","inward":1,"inward":2}'))).events
    assert isinstance(only, Envelope)
    assert only.event == e.Passed(inward=2)


def test_an_unknown_field_of_a_newer_version_is_no_hindrance() -> None:
    [only] = decode_batch(
        raw_batch(with_event(b'{"type":"passed/1","inward":1,"mood":[1,{"a":null}]}'))
    ).events
    assert isinstance(only, Envelope)


def test_what_is_too_large_is_not_made() -> None:
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(60_000))
    bodies = [envelope(encode_event(e.Alarm(name="x", raised=True, detail=noise)), Stamp("b", 1, 1, True))]
    with pytest.raises(TooLarge):
        encode_batch(EPOCH, Lane.HEALTH, 1, bodies)
    with pytest.raises(TooLarge):
        encode(Here(EPOCH, version=noise))


@pytest.mark.parametrize("field", ["everyone", "own"])
@pytest.mark.parametrize("number", [-1, NUMBER_MAX + 1, 10**30])
def test_a_store_that_says_impossible_numbers_is_refused(field: str, number: int) -> None:
    raw = b'{"type":"here/1","epoch":"%s","%s":%d}' % (EPOCH.encode(), field.encode(), number)
    with pytest.raises(BadMessage):
        decode_here(zlib.compress(raw))


def test_a_full_receipt_fits_a_payload() -> None:
    lines = tuple(e.SaleLine(f"Article number {number} 中文", number, 1000, number) for number in range(300))
    sale = e.SaleCompleted(
        till="1", receipt="1", currency="CNY", total_minor=1, lines=lines, tenders=SALE.tenders
    )
    body = encode_event(sale)
    assert len(body) < EVENT_MAX_BYTES
    assert (
        len(encode_batch(EPOCH, Lane.TILL, 1, [envelope(body, Stamp("b", 1, 1, True))])) < PAYLOAD_MAX_BYTES
    )


def test_every_refusal_is_one_tree() -> None:
    for kind in (BadMessage, TooLarge, BadEvent):
        assert issubclass(kind, ContractError)
