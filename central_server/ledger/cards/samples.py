"""Programmes to begin with, as data: a shop makes them its own, tests and the demo load them as they are.

value     储值卡     a reloadable card in nobody's name or a member's, with bonus for loading
points    积分       earned by buying, with tiers; 1 point pays one fen
gift      纪念卡     a card of one face value, not reloaded, with an own range of numbers
bank      联名卡     issued with a bank: its own range, its share of what is paid with the card
coupons   返券       ¥50 for each whole ¥300 spent, valid for a month
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.ledger.cards.programmes import Programme, make_programme, programmes
from central_server.ledger.purses.catalogue import put_item

VALUE: Final = MappingProxyType(
    {
        "kind": "value",
        "zh": "储值卡",
        "en": "Stored-value card",
        "also": ("points",),
        "numbers": {"prefix": "668801", "digits": 16},
        "reload": True,
        "load_max": 100_000,
        "top_max": 100_000,
        "pin_above": 20_000,
        "valid_months": 36,
        "bonus": (
            {"from_amount": 50_000, "amount": 3_000},
            {"from_amount": 100_000, "amount": 8_000},
        ),
        "bonus_expiry": {"months": 12, "to_end_of": "day"},
    }
)
POINTS: Final = MappingProxyType(
    {
        "kind": "points",
        "unit": "PTS",
        "zh": "会员积分",
        "en": "Member points",
        "holder": "member",
        "pay_per_unit": 1,
        "expiry": {"months": 12, "to_end_of": "year"},
        "earn": (
            {"gives": 0, "skus": ("TOBACCO", "69010")},
            {"gives": 2, "weekdays": (2,)},
            {"gives": 1},
        ),
        "tiers": {
            "steps": (
                {"id": "silver", "zh": "银卡", "en": "Silver", "reach": 200_000, "keep": 100_000},
                {
                    "id": "gold",
                    "zh": "金卡",
                    "en": "Gold",
                    "reach": 1_000_000,
                    "keep": 600_000,
                    "times_bp": 15_000,
                },
            )
        },
    }
)
GIFT: Final = MappingProxyType(
    {
        "kind": "value",
        "zh": "周年纪念卡",
        "en": "Anniversary card",
        "numbers": {"prefix": "668802", "digits": 16},
        "face": 20_000,
        "valid_months": 60,
        "refunds": {"allowed": False},
    }
)
BANK: Final = MappingProxyType(
    {
        "kind": "value",
        "zh": "银行联名卡",
        "en": "Joint card with the bank",
        "registered": True,
        "also": ("points",),
        "numbers": {"prefix": "626688", "digits": 19},
        "reload": True,
        "load_max": 500_000,
        "top_max": 200_000,
        "pin_above": 30_000,
        "partner": {"id": "citybank", "zh": "城市银行", "en": "City Bank", "share_bp": 150},
    }
)
COUPONS: Final = MappingProxyType(
    {
        "kind": "coupon",
        "zh": "返券",
        "en": "Rebate coupons",
        "holder": "member",
        "earn": ({"gives": 5_000, "per": 30_000},),
        "expiry": {"days": 30, "to_end_of": "day"},
    }
)
SAMPLES: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {"points": POINTS, "value": VALUE, "gift": GIFT, "bank": BANK, "coupons": COUPONS}
)
ITEMS: Final = (
    ("umbrella", "雨伞", "Umbrella", 3_000, 200),
    ("mug", "马克杯", "Mug", 1_500, 500),
    ("oil-5l", "食用油 5 升", "Cooking oil, 5 litres", 6_800, 80),
)


async def load_samples(
    session: AsyncSession, *, by: str, at_ms: int, wanted: tuple[str, ...] = tuple(SAMPLES)
) -> dict[str, Programme]:
    """Make those of the sample programmes that are not there yet, with a small catalogue; gives them all.

    Raises as `make_programme` does.
    """
    known = await programmes(session)
    for id_ in wanted:
        if id_ not in known:
            known[id_] = await make_programme(session, id_, SAMPLES[id_], by=by, at_ms=at_ms)
            for item, zh, en, points, stock in ITEMS if id_ == "points" else ():
                await put_item(
                    session,
                    item,
                    programme_id=id_,
                    zh=zh,
                    en=en,
                    points=points,
                    stock=stock,
                    at_ms=at_ms,
                )
    return {id_: known[id_] for id_ in wanted}
