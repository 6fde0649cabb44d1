"""Messages on the wire: JSON made by msgspec, closed with zlib, at most 64 KiB, on MQTT 3.1.1 at QoS 1.

Up, on `tb/1/<store>/up/<lane>`, one batch of consecutive events of one lane:

    [epoch, lane, first, [[wall_ms, sure, boot, mono_ms, event], …]]

Up, on `…/up/here`: `Here` or `Ask`. Down, on `tb/1/<store>/down`: one of `Hello`, `Received`, `Words`,
`Answered`, each a JSON object with its `type`.

Everything that inflates is inflated with a limit: 200 kB of zlib can hold 200 MB.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from sync.contract.clock import MONO_MAX_MS, WALL_MAX_MS, Stamp
from sync.contract.errors import BadId, BadMessage, ContractError, TooLarge
from sync.contract.events import Event, Name, numbers_of
from sync.contract.ids import NUMBER_MAX, Lane, check_epoch
from sync.contract.questions import PurseShown
from sync.contract.told import Told
from sync.contract.upgrade import upgraded

PAYLOAD_MAX_BYTES = 64 * 1024  # the least that every broker we know will carry
INFLATED_MAX_BYTES = 4 * 1024 * 1024  # a full payload of counts inflates to about 1 MiB
EVENT_MAX_BYTES = 48 * 1024  # one event must fit a payload even if zlib finds nothing to close
BATCH_MAX_EVENTS = 20_000
WHY_MAX = 500  # characters of why an event is spoiled
_SPLIT_MAX_TOKENS = 200_000  # of a batch that is not even JSON; splitting it is slow
_ZLIB_LEVEL = 1  # level 6 makes 8 % less and takes three times as long


Number = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]


class Envelope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event and when it happened, as it stands in a batch."""

    wall_ms: Annotated[int, msgspec.Meta(ge=0, le=WALL_MAX_MS)]
    sure: bool
    boot: Name
    mono_ms: Annotated[int, msgspec.Meta(ge=0, le=MONO_MAX_MS)]
    event: Event

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.boot, self.mono_ms, self.wall_ms, self.sure)


class Spoiled(msgspec.Struct, frozen=True):
    """An event that cannot be read: what it was, and why not."""

    body: bytes  # at most EVENT_MAX_BYTES of it
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
    everyone: Number = 0  # the last number it has of the feed for all stores
    own: Number = 0  # … and of its own feed
    version: Name = ""
    greet: bool = True  # asks for a Hello; without it, only says what it now has


class Ask(msgspec.Struct, frozen=True, tag_field="type", tag="ask/1", omit_defaults=True):
    """A card is at a till: the store wants leases on its purses. Never stored; lost, it does no harm."""

    request: Name  # random, made by the edge; the same request has the same answer
    epoch: str
    card: Name  # token of a card or telephone number
    wants: dict[str, Number] = {}  # by unit, at least; as the centre's settings say where not named


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello/1"):
    """The centre answers `Here`: its time, and how far it has each lane of that epoch."""

    epoch: str
    wall_ms: int
    marks: dict[str, Number]  # by the lane's label; a lane it never heard of is at 0
    known: bool = True  # False: this store may not speak (blocked); its rows stay where they are


class Received(msgspec.Struct, frozen=True, tag_field="type", tag="received/1"):
    """Receipt: this lane has had its effect up to and with `mark`. The only thing that confirms."""

    epoch: str
    lane: Lane
    mark: Number


class Words(msgspec.Struct, frozen=True, tag_field="type", tag="words/1"):
    """Words of one feed after number `after`, in order: to be taken by whoever has `after` or more."""

    feed: str  # a store, or EVERYONE
    after: Number
    words: list[tuple[Number, Told]]


class Answered(msgspec.Struct, frozen=True, tag_field="type", tag="answered/1", omit_defaults=True):
    """The centre has heard an `Ask`. The leases themselves come in the store's feed; this is for the page.

    Never stored on either side: `pin_check` lives in the edge's memory alone.
    """

    request: Name
    refused: Name = ""  # unknown, lost, frozen, expired, empty, card_cap, store_cap, velocity, epoch, stopped
    leases: tuple[Name, ...] = ()
    name: str = ""  # masked, for a card that the store's replica does not know
    purses: tuple[PurseShown, ...] = ()
    pin_salt: str = ""  # hex; empty: no PIN was ever set
    pin_check: str = ""  # hex of `leases.pin_check`


Up = Here | Ask
Down = Hello | Received | Words | Answered

_batch_decoder = msgspec.json.Decoder(_WireBatch)
_raw_decoder = msgspec.json.Decoder(_RawBatch)
_envelope_decoder = msgspec.json.Decoder(Envelope)
_here_decoder: msgspec.json.Decoder[Up] = msgspec.json.Decoder(Up)
_down_decoder: msgspec.json.Decoder[Down] = msgspec.json.Decoder(Down)
_encoder = msgspec.json.Encoder()
T = TypeVar("T")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)


def envelope(body: bytes, stamp: Stamp) -> bytes:
    """One event, encoded by `encode_event`, with its stamp, as it stands in a batch.

    A clock may say anything: what is no date becomes the nearest that is, and unsure.
    """
    wall_ms = min(max(stamp.wall_ms, 0), WALL_MAX_MS)
    return b'[%d,%s,"%s",%d,%s]' % (
        wall_ms,
        b"true" if stamp.sure and wall_ms == stamp.wall_ms else b"false",
        stamp.boot.encode(),
        min(max(stamp.mono_ms, 0), MONO_MAX_MS),
        body,
    )


def encode_batch(epoch: str, lane: Lane, first: int, envelopes: Sequence[bytes]) -> bytes:
    """The payload of `envelopes` (each made by `envelope`). Raises TooLarge when it is over 64 KiB."""
    head = b'["%s",%d,%d,[' % (epoch.encode(), lane, first)
    payload = zlib.compress(head + b",".join(envelopes) + b"]]", _ZLIB_LEVEL)
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise TooLarge(
            f"a batch of {len(envelopes)} events is {len(payload)} bytes, over {PAYLOAD_MAX_BYTES}"
        )
    return payload


def decode_batch(payload: bytes) -> Batch:
    """The batch in `payload`; an event that cannot be read is `Spoiled`, the others are themselves.

    Raises BadMessage (TooLarge) when the payload as a whole is not a batch.
    """
    raw = inflate(payload)
    try:
        wire = _batch_decoder.decode(raw)
        batch = Batch(wire.epoch, wire.lane, wire.first, wire.events)
    except _UNREADABLE:
        batch = _decode_one_by_one(raw)
    _check(batch.epoch)
    if not 1 <= batch.first <= NUMBER_MAX - len(batch.events):
        raise BadMessage(f"a batch cannot start at number {batch.first}")
    if not 1 <= len(batch.events) <= BATCH_MAX_EVENTS:
        raise BadMessage(f"a batch has 1 to {BATCH_MAX_EVENTS} events, this one {len(batch.events)}")
    return batch


def encode(message: Up | Down) -> bytes:
    """The payload of anything that is not a batch. Raises TooLarge."""
    payload = zlib.compress(_encoder.encode(message), _ZLIB_LEVEL)
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise TooLarge(f"a message of {len(payload)} bytes is over {PAYLOAD_MAX_BYTES}")
    return payload


def decode_said(payload: bytes) -> Up:
    """What a store says beside its batches: that it is there, or what it wants. Raises BadMessage."""
    said = _decode(_here_decoder, payload)
    _check(said.epoch)
    return said


def decode_here(payload: bytes) -> Here:
    """What a store says of itself. Raises BadMessage."""
    said = decode_said(payload)
    if not isinstance(said, Here):
        raise BadMessage("an ask where a store should say that it is there")
    return said


def decode_down(payload: bytes) -> Down:
    """What the centre says. Raises BadMessage."""
    return _decode(_down_decoder, payload)


def inflate(payload: bytes) -> bytes:
    """`payload` without its zlib. Raises TooLarge past the limits, BadMessage when not one whole stream."""
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


def _check(epoch: str) -> None:
    try:
        check_epoch(epoch)
    except BadId as error:
        raise BadMessage(str(error)) from None


def _decode(decoder: msgspec.json.Decoder[T], payload: bytes) -> T:
    raw = inflate(payload)
    try:
        return decoder.decode(raw)
    except _UNREADABLE as error:
        raise BadMessage(f"not a message of ours: {error}") from None


def _decode_one_by_one(raw: bytes) -> Batch:
    """The slow way, taken when some event of the batch is spoiled or of an older version."""
    try:
        head = _raw_decoder.decode(raw)
        bodies = [bytes(each) for each in head.events]
    except _UNREADABLE:
        head, bodies = _split(raw)
    if len(bodies) > BATCH_MAX_EVENTS:
        raise BadMessage(f"a batch has at most {BATCH_MAX_EVENTS} events, this one {len(bodies)}")
    return Batch(head.epoch, head.lane, head.first, [_decode_one(each) for each in bodies])


def _decode_one(body: bytes) -> Envelope | Spoiled:
    try:
        return _envelope_decoder.decode(body)
    except _UNREADABLE as error:
        why = str(error)
    try:
        if (newer := upgraded(body)) is not None:
            return _envelope_decoder.decode(newer)
    except (ContractError, *_UNREADABLE) as error:
        why = f"{why}; {error}"
    return Spoiled(body[:EVENT_MAX_BYTES], why[:WHY_MAX])


_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]|,', re.DOTALL)


def _split(raw: bytes) -> tuple[_RawBatch, list[bytes]]:
    """The events of a batch that is no JSON as a whole (NaN, half a character, 10,000 brackets in one event).

    Only strings, brackets and commas are looked at, so that one event of nonsense does not block its lane.
    """
    bodies: list[bytes] = []
    depth, start, end = 0, 0, 0
    for count, token in enumerate(_TOKEN.finditer(raw)):
        if count > _SPLIT_MAX_TOKENS:
            break
        mark = token.group()
        if mark in (b"[", b"{"):
            depth += 1
            if depth == 2 and not start:
                start = token.end()
                head = raw[:start] + b"]]"
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth == 1:
                bodies.append(raw[start : token.start()])
                end = token.end()
                break
        elif mark == b"," and depth == 2:
            bodies.append(raw[start : token.start()])
            start = token.end()
    if not end or raw[end:].strip() != b"]":
        raise BadMessage("not a batch: it does not end as one")
    try:
        return _raw_decoder.decode(head), bodies
    except _UNREADABLE as error:
        raise BadMessage(f"not a batch: {error}") from None
