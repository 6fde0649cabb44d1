"""What is kept of a message that came."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central_server.uplink.kept import kept_payload
from sync.contract.clock import Stamp
from sync.contract.events import MemberJoined, Passed, SaleCompleted, encode_event
from sync.contract.ids import Lane
from sync.contract.message import Envelope, decode_batch, encode_batch, envelope, inflate
from sync.contract.sealed import Joiner, seal

STAMP = Stamp("0000beef", 5, 1_790_000_000_000, True)
SALE = SaleCompleted(till="1", receipt="7", currency="CNY", total_minor=100)


def payload_of(lane: Lane, *bodies: bytes) -> bytes:
    return encode_batch("0" * 16, lane, 1, [envelope(body, STAMP) for body in bodies])


def test_a_message_without_people_is_kept_as_it_came():
    for lane, event in ((Lane.TILL, SALE), (Lane.COUNT, Passed(inward=1))):
        payload = payload_of(lane, encode_event(event))
        assert kept_payload(decode_batch(payload), payload) is payload


def test_of_who_joined_no_seal_is_kept_and_all_else_stands_as_it_was():
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    sealed = seal(Joiner("王小明", phone="13800000001"), key)
    joined = MemberJoined(till="1", member="MAAAAAAAAAAAA", sealed=sealed, phone="t" * 32)
    payload = payload_of(Lane.TILL, encode_event(SALE), encode_event(joined), b'{"type":"nope/1"}')
    kept = kept_payload(decode_batch(payload), payload)
    assert sealed.encode() not in inflate(kept)
    sale, joiner, spoiled = decode_batch(kept).events
    assert isinstance(sale, Envelope)
    assert isinstance(joiner, Envelope)
    assert (sale.event, sale.stamp) == (SALE, STAMP)
    assert isinstance(joiner.event, MemberJoined)
    assert (joiner.event.member, joiner.event.phone, joiner.event.sealed) == (joined.member, joined.phone, "")
    assert spoiled == decode_batch(payload).events[2]
