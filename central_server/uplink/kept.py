"""What is kept of a message: the message as it came, but for people.

Who joined at a till stands in the batch sealed to a key that the centre has: kept as it came, an erased
member could be read out of it for as long as batches are kept. Once they are a member the seal has done its
work, so it is taken out. A joiner who could not be taken in stands in `aside`, sealed, until settled.
"""

from __future__ import annotations

import msgspec

from sync.contract.errors import TooLarge
from sync.contract.events import MemberJoined, encode_event
from sync.contract.ids import Lane
from sync.contract.message import Batch, Envelope, Spoiled, encode_batch, envelope


def kept_payload(batch: Batch, payload: bytes) -> bytes:
    """`payload` itself, or the same batch with nobody's seal in it."""
    if batch.lane is not Lane.TILL or not any(_joins(each) for each in batch.events):
        return payload
    try:
        return encode_batch(batch.epoch, batch.lane, batch.first, [_kept(each) for each in batch.events])
    except TooLarge:
        return payload  # our zlib closed it worse than theirs; nothing we make ourselves comes near


def _joins(each: Envelope | Spoiled) -> bool:
    return isinstance(each, Envelope) and isinstance(each.event, MemberJoined)


def _kept(each: Envelope | Spoiled) -> bytes:
    if isinstance(each, Spoiled):
        return each.body if _is_json(each.body) else b"null"  # it stands in `aside` as it came
    event = each.event
    if isinstance(event, MemberJoined):
        event = msgspec.structs.replace(event, sealed="")
    return envelope(encode_event(event), each.stamp)


def _is_json(body: bytes) -> bool:
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        return False
    return True
