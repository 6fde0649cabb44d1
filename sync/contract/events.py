"""Facts that happened in a store. Frozen, never edited; the tag carries the version.

An event is a JSON object whose `type` names its class: ``{"type":"passed/1","device":"door","inward":1}``.
To add one: write its class, put it in `Event` and `LANES`, add a golden message in
`tests/sync/contract/golden/`, a line in `central_server/uplink/handlers.py` and the module's function.
A changed meaning is a new class (`/2`) and an upgrade in `upgrade.py`; golden messages are only added to.

Amounts are minor units of `currency`; quantities are thousandths, so 1.5 kg is 1500.
Every field has a limit, checked on arrival: an event past it is set aside, so whoever makes one keeps within.
Card numbers and telephone numbers travel as tokens (`tokens.py`), names and new numbers sealed to the
centre's public key; no picture, face or other image of a person has a field here, on purpose.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sync.contract.errors import BadEvent
from sync.contract.ids import Lane
from sync.contract.money import MINOR_MAX

NAME_MAX = 64  # characters of what names something: a till, a receipt, a token, an article number
TEXT_MAX = 500  # … of what a person reads: the name of an article, a detail
SEALED_MAX = 4096  # … of a sealed joiner
LINES_MAX = 1000  # lines of a receipt
TENDERS_MAX = 50
DWELL_MAX_MS = 24 * 3_600_000  # of a visit: who is in an area for longer is no visitor
DEVICES_MAX = 500  # of one box; its settings take fewer

Name = Annotated[str, msgspec.Meta(max_length=NAME_MAX)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_MAX)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}\Z")]
Minor = Annotated[int, msgspec.Meta(ge=-MINOR_MAX, le=MINOR_MAX)]  # amounts, and quantities in thousandths
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Reading = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]  # of an instrument or clock that may be wrong


class Fact(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, kw_only=True, gc=False):
    """What every event has: the device (its name in the store's settings) that it came from.

    No event can be part of a ring, so Python's collector need not look at them: they come by the thousand.
    """

    device: Name = ""


class SaleLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One line of a receipt; a return has a negative quantity and amount."""

    name: Text
    amount_minor: Minor
    quantity_milli: Minor = 1000
    unit_price_minor: Minor | None = None
    sku: Name = ""


class Tender(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How a part of a sale was paid. `kind` as UnifiedPOS says it: cash, card, mobile, value, other."""

    kind: Name
    amount_minor: Minor


class SaleCompleted(Fact, frozen=True, tag="sale.completed/1"):
    """A receipt that a till printed: a sale, or a return when `total_minor` is below zero."""

    till: Name
    receipt: Name
    currency: Currency
    total_minor: Minor
    lines: Annotated[tuple[SaleLine, ...], msgspec.Meta(max_length=LINES_MAX)] = ()
    tenders: Annotated[tuple[Tender, ...], msgspec.Meta(max_length=TENDERS_MAX)] = ()
    tax_minor: Minor = 0
    change_minor: Minor = 0
    cashier: Name = ""
    card: Name = ""  # token of the card shown at this till before the receipt, if any
    member: Name = ""  # the member the replica knew the card by, if any
    refers_to: Name = ""  # the receipt that a return takes back, if the paper says


class ReceiptUnreadable(Fact, frozen=True, tag="receipt.unreadable/1"):
    """A print job that could not become a sale: pictures only, or no total."""

    till: Name
    reason: Literal["picture", "no_total", "too_long"]
    line_count: Count = 0


class CardPresented(Fact, frozen=True, tag="card.presented/1"):
    """A card was shown at a till."""

    till: Name
    card: Name  # token
    technology: Name  # magstripe, rfid125, keyboard, phone
    member: Name = ""  # as the replica knew it; empty when unknown


class CardRefused(Fact, frozen=True, tag="card.refused/1"):
    """A card that we must not or cannot read, nothing of its number is kept; or a PIN that was wrong."""

    till: Name
    reason: Literal["payment_card", "misread", "track_mismatch", "pin"]
    card: Name = ""  # of a wrong PIN: the token of the card, which is one of ours


class LeaseRecord(Fact, frozen=True, tag="lease.record/1"):
    """One record of a lease (`leases.py`): what a store did with the value or points entrusted to it.

    `open` carries what was granted, `close` what is given back; in between are spends, refunds and top-ups.
    A lease, its number and its mac identify it for ever, in whatever epoch and however often it comes.
    """

    lease: Name
    number: Annotated[int, msgspec.Meta(ge=1, le=10_000)]
    kind: Literal["open", "spend", "refund", "top", "close"]
    purse: Name
    unit: Currency  # a currency, or PTS for points
    amount: Annotated[int, msgspec.Meta(ge=0, le=MINOR_MAX)]
    mac: Name
    epoch: Name = ""  # of an `open`: the epoch the lease is of
    till: Name = ""
    txn: Name = ""  # the till's own number of the transaction: what makes a repeated question the same one
    receipt: Name = ""
    cashier: Name = ""
    refers_to: Name = ""  # of a refund: the spend it takes back, as lease/number


class MemberJoined(Fact, frozen=True, tag="member.joined/1"):
    """Somebody joined at the till. `member` is made here and stays; the person is sealed to the centre."""

    till: Name
    member: Name
    sealed: Annotated[str, msgspec.Meta(max_length=SEALED_MAX)]  # base64 of a sealed `Joiner` (sealed.py)
    card: Name = ""  # token
    phone: Name = ""  # token


class Passed(Fact, frozen=True, tag="passed/1"):
    """People went through a door or over a line."""

    inward: Count = 0
    outward: Count = 0
    line: Name = ""
    unsure: bool = False  # the device could not tell one hesitating person from two


class Visited(Fact, frozen=True, tag="visited/1"):
    """Somebody was in a sales area. Stamped when they left it; they came `dwell_ms` before."""

    zone: Name
    dwell_ms: Count


class Occupancy(Fact, frozen=True, tag="occupancy/1"):
    """How many people are in a sales area now: a sample, made when that changed and every 15 minutes."""

    zone: Name
    people: Count


class CameraState(Fact, frozen=True, tag="camera.state/1"):
    """What a camera sees of its place. Each state holds until the next one.

    It counts while it is `up` (pictures come, as at its start), `clear` (what was wrong is over) or `late`
    (the box is too slow for it, and may miss people). It is blind while it is `down` (no picture comes),
    `frozen` (always the same one), `dark`, `covered`, `moved` (it looks elsewhere), `flooded` (all of the
    picture changes at once) or `resting` (closed hours, and nobody is to be counted).
    """

    state: Literal["up", "down", "frozen", "dark", "covered", "moved", "late", "flooded", "resting", "clear"]
    detail: Text = ""


class Dropped(Fact, frozen=True, tag="dropped/1"):
    """Stands for `numbers` consecutive events that a full disk took; the only event that spans several."""

    numbers: Annotated[int, msgspec.Meta(ge=1, le=2**40)]
    reason: Name = "disk_full"


class DeviceState(Fact, frozen=True, tag="device.state/1"):
    """A device came, went or changed its mind."""

    state: Literal["up", "down", "blocked", "clear"]
    detail: Text = ""


class Devices(Fact, frozen=True, tag="devices/1"):
    """The devices that the box's settings want: said when its agent begins, and when they change.

    What is not among them is gone: nothing of it is down, covered or missed any more.
    """

    names: Annotated[tuple[Name, ...], msgspec.Meta(max_length=DEVICES_MAX)] = ()


class Heartbeat(Fact, frozen=True, tag="heartbeat/1"):
    """How the box is: numbers only."""

    version: Name
    uptime_s: Reading
    outbox_rows: Reading
    oldest_s: Reading
    disk_free_mib: Reading
    clock_skew_ms: Reading
    clock_sure: bool
    devices_up: Count
    devices_down: Count
    rss_mib: Reading = 0
    settings: Name = ""  # short hash of the settings in force


class Alarm(Fact, frozen=True, tag="alarm/1"):
    """Something a person should see: disk_full, lane_stuck, clock_jumped, settings_refused …"""

    name: Name
    raised: bool
    detail: Text = ""


Event = (
    SaleCompleted
    | ReceiptUnreadable
    | CardPresented
    | CardRefused
    | LeaseRecord
    | MemberJoined
    | Passed
    | Visited
    | Occupancy
    | CameraState
    | Dropped
    | DeviceState
    | Devices
    | Heartbeat
    | Alarm
)

LANES: dict[type, Lane] = {
    SaleCompleted: Lane.TILL,
    ReceiptUnreadable: Lane.TILL,
    CardPresented: Lane.TILL,
    CardRefused: Lane.TILL,
    LeaseRecord: Lane.TILL,
    MemberJoined: Lane.TILL,
    Passed: Lane.COUNT,
    Visited: Lane.COUNT,
    Occupancy: Lane.COUNT,
    CameraState: Lane.HEALTH,
    DeviceState: Lane.HEALTH,
    Devices: Lane.HEALTH,
    Heartbeat: Lane.HEALTH,
    Alarm: Lane.HEALTH,
}


def lane_of(event: Event) -> Lane:
    """The lane an event is born into. `Dropped` has none: it takes the place of others."""
    return LANES[type(event)]


def numbers_of(event: Event) -> int:
    """How many numbers of its lane the event stands for: one, but for `Dropped`."""
    return event.numbers if isinstance(event, Dropped) else 1


def tag_of(event: Event) -> str:
    """The event's type as it travels: ``passed/1``."""
    tag = type(event).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """The event as JSON; this is what the outbox keeps on disk and what travels, unchanged."""
    return _encoder.encode(event)


def decode_event(body: bytes) -> Event:
    """The event that JSON says. Raises BadEvent."""
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvent(f"not an event: {error}") from None
