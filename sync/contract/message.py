"""Messages on the wire: JSON made by msgspec, closed with zlib, at most 64 KiB, on MQTT 3.1.1 at QoS 1.

Up, on `tb/1/<store>/up/<lane>`, one batch of consecutive events of one lane:

    [epoch, lane, first, [[wall_ms, sure, boot, mono_ms, event], …]]

Up, on `…/up/here`: `Here`. Down, on `tb/1/<store>/down`: one of `Hello`, `Received`, `Words`,
each a JSON object with its `type`.

Everything that inflates is inflated with a limit: 200 kB of zlib can hold 200 MB.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from sync.contract.clock import Stamp
from sync.contract.errors import BadMessage, ContractError, TooLarge
from sync.contract.events import Event, numbers_of
from sync.contract.ids import Lane, check_epoch
from sync.contract.told import Told
from sync.contract.upgrade import upgraded

PAYLOAD_MAX_BYTES = 64 * 1024  # the least that every broker we know will carry
INFLATED_MAX_BYTES = 4 * 1024 * 1024  # a full payload of counts inflates to about 1 MiB
EVENT_MAX_BYTES = 48 * 1024  # one event must fit a payload even if zlib finds nothing to close
BATCH_MAX_EVENTS = 20_000
NUMBER_MAX = 2**53
_ZLIB_LEVEL = 1  # level 6 makes 8 % less and takes three times as long


class Envelope(msgspec.Struct, frozen=True, array_like=True):
    """An event and when it happened, as it stands in a batch."""

    wall_ms: int
    sure: bool
    boot: str
    mono_ms: int
    event: Event

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.boot, self.mono_ms, self.wall_ms, self.sure)


class Spoiled(msgspec.Struct, frozen=True):
    """An event that cannot be read: what it was, and why not."""

    body: bytes
    why: str


class Batch(msgspec.Struct, frozen=True):
    """Consecutive events of one lane, the first with number `first`."""

    epoch: str
    lane: Lane
    first: int
    events: Sequence[Envelope | Spoiled]

    @property
    def last(self) -> int:
        """The last number the batch holds."""
        return self.first - 1 + sum(1 if isinstance(e, Spoiled) else numbers_of(e.event) for e in self.events)


class _WireBatch(msgspec.Struct, frozen=True, array_like=True):
    epoch: str
    lane: Lane
    first: int
    events: list[Envelope]


class _RawBatch(msgspec.Struct, frozen=True, array_like=True):
    epoch: str
    lane: Lane
    first: int
    events: list[msgspec.Raw]


class Here(msgspec.Struct, frozen=True, tag_field="type", tag="here/1", omit_defaults=True):
    """A store says it is there: which database, what it has been told, and what it runs."""

    epoch: str
    everyone: int = 0  # the last number it has of the feed for all stores
    own: int = 0  # … and of its own feed
    version: str = ""
    greet: bool = True  # asks for a Hello; without it, only says what it now has


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello/1"):
    """The centre answers `Here`: its time, and how far it has each lane of that epoch."""

    epoch: str
    wall_ms: int
    marks: dict[str, int]  # by the lane's label; a lane it never heard of is at 0
    known: bool = True  # False: this store may not speak (blocked); its rows stay where they are


class Received(msgspec.Struct, frozen=True, tag_field="type", tag="received/1"):
    """Receipt: everything of this lane up to and with `mark` has had its effect. The only thing that confirms."""

    epoch: str
    lane: Lane
    mark: int


class Words(msgspec.Struct, frozen=True, tag_field="type", tag="words/1"):
    """Words of one feed after number `after`, in order: to be taken by whoever has `after` or more."""

    feed: str  # a store, or EVERYONE
    after: int
    words: list[tuple[int, Told]]


Down = Hello | Received | Words

_batch_decoder = msgspec.json.Decoder(_WireBatch)
_raw_decoder = msgspec.json.Decoder(_RawBatch)
_envelope_decoder = msgspec.json.Decoder(Envelope)
_here_decoder = msgspec.json.Decoder(Here)
_down_decoder: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)
_encoder = msgspec.json.Encoder()
T = TypeVar("T")


def envelope(body: bytes, stamp: Stamp) -> bytes:
    """One event, encoded by `encode_event`, with its stamp, as it stands in a batch."""
    return b'[%d,%s,"%s",%d,%s]' % (
        stamp.wall_ms,
        b"true" if stamp.sure else b"false",
        stamp.boot.encode(),
        stamp.mono_ms,
        body,
    )


def encode_batch(epoch: str, lane: Lane, first: int, envelopes: Sequence[bytes]) -> bytes:
    """The payload of `envelopes` (each made by `envelope`). Raises TooLarge when it is over 64 KiB."""
    head = b'["%s",%d,%d,[' % (epoch.encode(), lane, first)
    payload = zlib.compress(head + b",".join(envelopes) + b"]]", _ZLIB_LEVEL)
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise TooLarge(f"a batch of {len(envelopes)} events is {len(payload)} bytes, over {PAYLOAD_MAX_BYTES}")
    return payload


def decode_batch(payload: bytes) -> Batch:
    """The batch in `payload`; an event that cannot be read is `Spoiled`, the others are themselves.

    Raises BadMessage (TooLarge) when the payload as a whole is not a batch.
    """
    raw = inflate(payload)
    try:
        wire = _batch_decoder.decode(raw)
        batch = Batch(wire.epoch, wire.lane, wire.first, wire.events)
    except (msgspec.DecodeError, RecursionError, OverflowError):
        batch = _decode_one_by_one(raw)
    check_epoch(batch.epoch)
    if not 1 <= batch.first <= NUMBER_MAX:
        raise BadMessage(f"a batch cannot start at number {batch.first}")
    if not 1 <= len(batch.events) <= BATCH_MAX_EVENTS:
        raise BadMessage(f"a batch has 1 to {BATCH_MAX_EVENTS} events, this one {len(batch.events)}")
    return batch


def encode(message: Here | Down) -> bytes:
    """The payload of anything that is not a batch. Raises TooLarge."""
    payload = zlib.compress(_encoder.encode(message), _ZLIB_LEVEL)
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise TooLarge(f"a message of {len(payload)} bytes is over {PAYLOAD_MAX_BYTES}")
    return payload


def decode_here(payload: bytes) -> Here:
    """What a store says of itself. Raises BadMessage."""
    here = _decode(_here_decoder, payload)
    check_epoch(here.epoch)
    return here


def decode_down(payload: bytes) -> Down:
    """What the centre says. Raises BadMessage."""
    return _decode(_down_decoder, payload)


def inflate(payload: bytes) -> bytes:
    """`payload` without its zlib. Raises TooLarge past the limits, BadMessage when it is no whole zlib stream."""
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise TooLarge(f"a payload of {len(payload)} bytes is over {PAYLOAD_MAX_BYTES}")
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(payload, INFLATED_MAX_BYTES + 1)
    except zlib.error as error:
        raise BadMessage(f"not zlib: {error}") from None
    if len(raw) > INFLATED_MAX_BYTES:
        raise TooLarge(f"a payload inflates past {INFLATED_MAX_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise BadMessage("the zlib stream is cut off or has something behind it")
    return raw


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    raw = inflate(payload)
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadMessage(f"not a message of ours: {error}") from None


def _decode_one_by_one(raw: bytes) -> Batch:
    """The slow way, taken when some event of the batch is spoiled or of an older version."""
    try:
        wire = _raw_decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadMessage(f"not a batch: {error}") from None
    return Batch(wire.epoch, wire.lane, wire.first, [_decode_one(bytes(each)) for each in wire.events])


def _decode_one(body: bytes) -> Envelope | Spoiled:
    try:
        return _envelope_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        why = str(error)
    try:
        newer = upgraded(body)
        return Spoiled(body, why) if newer is None else _envelope_decoder.decode(newer)
    except (ContractError, msgspec.DecodeError, RecursionError) as error:
        return Spoiled(body, f"{why}; {error}")
