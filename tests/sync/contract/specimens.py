"""One of everything that travels, with every field filled; what `golden/` was written from, once."""

from __future__ import annotations

from sync.contract import events as e
from sync.contract.ids import Lane
from sync.contract.message import Down, Hello, Here, Received, Words
from sync.contract.questions import Visit
from sync.contract.told import EVERYONE, MemberGone, MemberTold

EPOCH = "0123456789abcdef"
TOKEN = "9f86d081884c7d659a2feaa0c55ad015"

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
    "dropped-1": e.Dropped(device="", numbers=5000, reason="disk_full"),
    "device.state-1": e.DeviceState(device="door", state="blocked", detail="beam a for 60 s"),
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
}

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

DOWN: dict[str, Down] = {
    "hello-1": Hello(EPOCH, 1_790_000_000_000, {"till": 42, "count": 100_000, "health": 0}, known=False),
    "received-1": Received(EPOCH, Lane.COUNT, 100_000),
    "words-1": Words("shop-1", 41, [(42, _MEMBER), (45, MemberGone(member="m-0007"))]),
    "words-1-everyone": Words(EVERYONE, 0, [(1, MemberTold(member="m-1", name="A*"))]),
}

HERE: dict[str, Here] = {
    "here-1": Here(EPOCH, everyone=7, own=45, version="0.1.0", greet=False),
    "here-1-least": Here(EPOCH),
}
