"""One of everything that travels, with every field filled; what `golden/` was written from, once."""

from __future__ import annotations

import msgspec

from sync.contract import events as e
from sync.contract.ids import Lane
from sync.contract.message import Answered, Ask, Down, Hello, Here, Received, Up, Words
from sync.contract.questions import PurseShown, Visit
from sync.contract.told import EVERYONE, LeaseTold, MemberGone, MemberTold, ProgrammeTold

EPOCH = "0123456789abcdef"
TOKEN = "9f86d081884c7d659a2feaa0c55ad015"
LEASE = "LMFRGGZDFMZTWQ2LK"
PURSE = "PNNQW4Z3UMVZXIZLT"
MAC = "3bc51062973c458d5a6f2d8d64a02324"

SALE = e.SaleCompleted(
    device="printer",
    till="1",
    receipt="0001-000042",
    currency="CNY",
    total_minor=2680,
    lines=(
        e.SaleLine("拿铁 大杯", 2880, 1000, 2880, "6901234567892"),
        e.SaleLine("苹果", 1200, 1500, 800),
        e.SaleLine("退货 水", -1400, -2000, 700),
    ),
    tenders=(e.Tender("cash", 3000), e.Tender("mobile", 180)),
    tax_minor=152,
    change_minor=500,
    cashier="小李",
    card=TOKEN,
    member="m-0042",
    refers_to="0001-000041",
)

EVENTS: dict[str, e.Event] = {
    "sale.completed-1": SALE,
    "sale.completed-1-least": e.SaleCompleted(till="1", receipt="7", currency="JPY", total_minor=-500),
    "receipt.unreadable-1": e.ReceiptUnreadable(device="printer", till="1", reason="no_total", line_count=12),
    "card.presented-1": e.CardPresented(
        device="reader", till="1", card=TOKEN, technology="rfid125", member="m-0042"
    ),
    "card.refused-1": e.CardRefused(device="reader", till="1", reason="payment_card"),
    "member.joined-1": e.MemberJoined(
        device="till", till="1", member="m-0043", sealed="c2VhbGVk", card=TOKEN, phone=TOKEN
    ),
    "passed-1": e.Passed(device="door", inward=2, outward=1, line="left", unsure=True),
    "passed-1-least": e.Passed(),
    "visited-1": e.Visited(device="camera", zone="shoes", dwell_ms=600_250),
    "occupancy-1": e.Occupancy(device="camera", zone="shoes", people=3),
    "camera.state-1": e.CameraState(device="camera", state="moved", detail="34 px"),
    "dropped-1": e.Dropped(device="", numbers=5000, reason="disk_full"),
    "device.state-1": e.DeviceState(device="door", state="blocked", detail="beam a for 60 s"),
    "devices-1": e.Devices(names=("door", "camera")),
    "devices-1-least": e.Devices(),
    "heartbeat-1": e.Heartbeat(
        version="0.1.0",
        uptime_s=86400,
        outbox_rows=3,
        oldest_s=2,
        disk_free_mib=20480,
        clock_skew_ms=-350,
        clock_sure=True,
        devices_up=4,
        devices_down=1,
        rss_mib=58,
        settings="a1b2c3d4",
    ),
    "alarm-1": e.Alarm(name="lane_stuck", raised=True, detail="till, 600 s"),
    "card.refused-1-pin": e.CardRefused(till="1", reason="pin"),
    "card.refused-1-pin-of": e.CardRefused(till="1", reason="pin", card=TOKEN),
    "lease.record-1": e.LeaseRecord(
        device="till",
        lease=LEASE,
        number=2,
        kind="refund",
        purse=PURSE,
        unit="CNY",
        amount=1250,
        mac=MAC,
        epoch=EPOCH,
        till="1",
        txn="1-20261122-0042",
        receipt="0001-000042",
        cashier="小李",
        refers_to="LAAAAAAAAAAAAAAAA/7",
    ),
    "lease.record-1-least": e.LeaseRecord(
        lease=LEASE, number=1, kind="open", purse=PURSE, unit="PTS", amount=0, mac=MAC
    ),
}

# The events that golden/batch.json was written from: those of the first version.
BATCH = (
    "sale.completed-1",
    "sale.completed-1-least",
    "receipt.unreadable-1",
    "card.presented-1",
    "card.refused-1",
    "member.joined-1",
    "passed-1",
    "passed-1-least",
    "dropped-1",
    "device.state-1",
    "heartbeat-1",
    "alarm-1",
)

_MEMBER = MemberTold(
    member="m-0042",
    name="王**",
    cards=(TOKEN,),
    lost_cards=(TOKEN[::-1],),
    phones=(TOKEN,),
    tier="gold",
    points=1200,
    value_minor=5000,
    currency="CNY",
    birthday="02-29",
    flags=("vip",),
    visits=(Visit(1_790_000_000_000, "shop-1", 2680, "CNY"),),
)

_RICH = MemberTold(member="m-0042", name="王**", purses=(PurseShown(PURSE, "CNY", "value", 12_300),))
_PROGRAMME = ProgrammeTold(
    programme="value",
    kind="value",
    unit="CNY",
    zh="储值卡",
    en="Stored value",
    reload=True,
    top_max=100_000,
    balance_max=500_000,
    pin_above=20_000,
)
_POINTS = ProgrammeTold(programme="points", kind="points", unit="PTS", zh="积分", en="Points", pay_per_unit=1)
_LEASE = LeaseTold(
    lease=LEASE,
    epoch=EPOCH,
    purse=PURSE,
    unit="CNY",
    granted=12_300,
    ttl_s=900,
    request="8c1f0a6c",
    seal=MAC,
    card=TOKEN,
    member="m-0042",
    programme="value",
)
_RECALL = LeaseTold(
    lease=LEASE,
    epoch=EPOCH,
    purse=PURSE,
    unit="CNY",
    granted=12_300,
    ttl_s=900,
    request="",
    seal=MAC,
    recalled=True,
)

DOWN: dict[str, Down] = {
    "hello-1": Hello(EPOCH, 1_790_000_000_000, {"till": 42, "count": 100_000, "health": 0}, known=False),
    "received-1": Received(EPOCH, Lane.COUNT, 100_000),
    "words-1": Words("shop-1", 41, [(42, _MEMBER), (45, MemberGone(member="m-0007"))]),
    "words-1-everyone": Words(EVERYONE, 0, [(1, MemberTold(member="m-1", name="A*"))]),
    "words-1-money": Words(
        "shop-1", 45, [(46, _RICH), (47, _PROGRAMME), (48, _POINTS), (49, _LEASE), (51, _RECALL)]
    ),
    "words-1-stopped": Words(EVERYONE, 1, [(2, msgspec.structs.replace(_PROGRAMME, stopped=True))]),
    "answered-1": Answered(
        "8c1f0a6c",
        refused="empty",
        leases=(LEASE,),
        name="王**",
        purses=(PurseShown(PURSE, "CNY", "value", 12_300),),
        pin_salt="00112233",
        pin_check="44556677",
    ),
    "answered-1-least": Answered("8c1f0a6c"),
}

SAID: dict[str, Up] = {
    "ask-1": Ask("8c1f0a6c", EPOCH, TOKEN, {"CNY": 12_300, "PTS": 0}),
    "ask-1-least": Ask("8c1f0a6c", EPOCH, TOKEN),
}

HERE: dict[str, Here] = {
    "here-1": Here(EPOCH, everyone=7, own=45, version="0.1.0", greet=False),
    "here-1-least": Here(EPOCH),
}
