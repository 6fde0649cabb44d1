"""Facts that happened in a store. Frozen, never edited; the tag carries the version.

An event is a JSON object whose `type` names its class: ``{"type":"passed/1","device":"door","inward":1}``.
To add one: write its class, put it in `Event` and `LANES`, add a golden message in
`tests/sync/contract/golden/`, a line in `central_server/uplink/handlers.py` and the module's function.
A changed meaning is a new class (`/2`) and an upgrade in `upgrade.py`; golden messages are only added to.

Amounts are minor units of `currency`; quantities are thousandths, so 1.5 kg is 1500.
Card numbers and telephone numbers travel as tokens (`tokens.py`), names and new numbers sealed to the
centre's public key; no picture, face or other image of a person has a field here, on purpose.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from sync.contract.ids import Lane


class Fact(msgspec.Struct, frozen=True, tag_field="type", omit_defaults=True, kw_only=True):
    """What every event has: the device (its name in the store's settings) that it came from."""

    device: str = ""


class SaleLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a receipt; a return has a negative quantity and amount."""

    name: str
    amount_minor: int
    quantity_milli: int = 1000
    unit_price_minor: int | None = None
    sku: str = ""


class Tender(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a part of a sale was paid. `kind` as UnifiedPOS and tills say it: cash, card, mobile, value, other."""

    kind: str
    amount_minor: int


class SaleCompleted(Fact, frozen=True, tag="sale.completed/1"):
    """A receipt that a till printed: a sale, or a return when `total_minor` is below zero."""

    till: str
    receipt: str
    currency: str
    total_minor: int
    lines: tuple[SaleLine, ...] = ()
    tenders: tuple[Tender, ...] = ()
    tax_minor: int = 0
    change_minor: int = 0
    cashier: str = ""
    card: str = ""  # token of the card shown at this till before the receipt, if any
    member: str = ""  # the member the replica knew the card by, if any
    refers_to: str = ""  # the receipt that a return takes back, if the paper says


class ReceiptUnreadable(Fact, frozen=True, tag="receipt.unreadable/1"):
    """A print job that could not become a sale: pictures only, or no total."""

    till: str
    reason: Literal["picture", "no_total", "too_long"]
    line_count: int = 0


class CardPresented(Fact, frozen=True, tag="card.presented/1"):
    """A card was shown at a till."""

    till: str
    card: str  # token
    technology: str  # magstripe, rfid125, keyboard, phone
    member: str = ""  # as the replica knew it; empty when unknown


class CardRefused(Fact, frozen=True, tag="card.refused/1"):
    """A card that we must not or cannot read. Nothing of its number is kept."""

    till: str
    reason: Literal["payment_card", "misread", "track_mismatch"]


class MemberJoined(Fact, frozen=True, tag="member.joined/1"):
    """Somebody joined at the till. `member` is made here and stays; the person is sealed to the centre."""

    till: str
    member: str
    sealed: str  # base64 of a sealed `Joiner` (sync/contract/sealed.py)
    card: str = ""  # token
    phone: str = ""  # token


class Passed(Fact, frozen=True, tag="passed/1"):
    """People went through a door or over a line."""

    inward: int = 0
    outward: int = 0
    line: str = ""
    unsure: bool = False  # the device could not tell one hesitating person from two


class Dropped(Fact, frozen=True, tag="dropped/1"):
    """Stands for `numbers` consecutive events that a full disk took; the only event that spans several."""

    numbers: Annotated[int, msgspec.Meta(ge=1, le=2**40)]
    reason: str = "disk_full"


class DeviceState(Fact, frozen=True, tag="device.state/1"):
    """A device came, went or changed its mind."""

    state: Literal["up", "down", "blocked", "clear"]
    detail: str = ""


class Heartbeat(Fact, frozen=True, tag="heartbeat/1"):
    """How the box is: numbers only."""

    version: str
    uptime_s: int
    outbox_rows: int
    oldest_s: int
    disk_free_mib: int
    clock_skew_ms: int
    clock_sure: bool
    devices_up: int
    devices_down: int
    rss_mib: int = 0
    settings: str = ""  # short hash of the settings in force


class Alarm(Fact, frozen=True, tag="alarm/1"):
    """Something a person should see: disk_full, lane_stuck, clock_jumped, settings_refused …"""

    name: str
    raised: bool
    detail: str = ""


Event = (
    SaleCompleted
    | ReceiptUnreadable
    | CardPresented
    | CardRefused
    | MemberJoined
    | Passed
    | Dropped
    | DeviceState
    | Heartbeat
    | Alarm
)

LANES: dict[type, Lane] = {
    SaleCompleted: Lane.TILL,
    ReceiptUnreadable: Lane.TILL,
    CardPresented: Lane.TILL,
    CardRefused: Lane.TILL,
    MemberJoined: Lane.TILL,
    Passed: Lane.COUNT,
    DeviceState: Lane.HEALTH,
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
    """The event that JSON says. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return _decoder.decode(body)
