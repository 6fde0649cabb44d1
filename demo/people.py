"""Who the demo's members are: names, telephone numbers and the cards that its simulated readers read."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime

from central_server.membership.bulk import NewMember
from central_server.membership.person import whole
from drivers.cardreader.magstripe.simulator import SOME_CARDS as STRIPES
from drivers.cardreader.rdm6300.simulator import SOME_CARDS as TAGS
from sync.contract.ids import member_id

KNOWN_STRIPES = STRIPES[:32]  # the rest are cards that nobody has registered
KNOWN_TAGS = TAGS[:32]
_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = (
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "丽",
    "强",
    "磊",
    "军",
    "洋",
    "小龙",
    "秀英",
    "明轩",
    "子涵",
    "雨桐",
    "浩然",
)
_LATIN = ("Anna Weber", "Jonas Lind", "Maria Rossi", "Tom Baker", "Aiko Sato", "Luc Martin")
_TIERS = ("", "", "银卡", "银卡", "金卡", "白金卡")


def members(count: int, chance: random.Random, now_ms: int) -> list[NewMember]:
    """`count` members; the first ones hold the cards that the demo's readers read."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    people = []
    for n in range(count):
        name = chance.choice(_LATIN) if n % 17 == 16 else chance.choice(_FAMILY) + chance.choice(_GIVEN)
        born = date(today.year - chance.randint(18, 75), chance.randint(1, 12), chance.randint(1, 28))
        given = {
            "name": name,
            "phone": f"138{n + 1:08d}",
            "birthday": born.isoformat(),
            "tier": chance.choice(_TIERS),
            "consent": "yes",
        }
        cards = [*KNOWN_STRIPES[n : n + 1], *KNOWN_TAGS[n : n + 1]] or [f"62870200{n:08d}"]
        joined_ms = now_ms - chance.randint(30, 900) * 86_400_000
        people.append(
            NewMember(
                member_id(chance.randbytes(8)),
                whole(given, required=(), today=today),
                joined_ms,
                cards,
                "demo",
            )
        )
    return people
