"""A counted run: the shop is busy, the line is cut in the middle, and at the end both sides are compared."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from bench.report import percentile
from demo.cashier import Cashier, captured_minor
from demo.counts import arrived
from demo.screen import Screen
from demo.shop import CARD
from demo.stage import Stage

ACTIVE_S = 20.0
CUT_AFTER_S, CUT_FOR_S = 6.0, 6.0
DRAIN_MAX_S = 40.0
SECOND_LOOK_S = 1.0  # long enough for a second delivery to show itself


async def counted(house: Stage) -> dict[str, Any]:
    """Captured on the wires, arrived at the centre, lost, doubled; how fast swipes were on the screen.

    And what cards paid at the till, with the line up and down, against what the centre's books say of it.
    """
    before = await arrived(house.database)
    captured_before = await captured_minor(house.database)
    cashier = Cashier(house.places.edge_port, house.shop.truth, seed=7)
    screens = {till: Screen(house.places.edge_port, till) for till in ("1", "2")}
    watching = [asyncio.create_task(screen.watch()) for screen in screens.values()]
    for screen in screens.values():
        await screen.open.wait()
    house.shop.begin()
    paying = asyncio.create_task(cashier.work())
    await asyncio.sleep(CUT_AFTER_S)
    house.line.cut()
    cashier.offline = True
    await asyncio.sleep(CUT_FOR_S)
    house.line.mend()
    cashier.offline = False
    await asyncio.sleep(ACTIVE_S - CUT_AFTER_S - CUT_FOR_S)
    cashier.stop()
    await paying
    await house.shop.stop_selling()
    taken = cashier.taken
    here, drained = await _drained(house, before, captured_before + taken.minor)
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    truth = house.shop.truth
    waits_ms = [
        (shown_s - swiped_s) * 1000
        for till, screen in screens.items()
        for swiped_s, shown_s in zip(truth.swiped_s.get(till, ()), screen.shown_s, strict=False)
    ]
    by_type = {tag: (truth.said[tag], here[tag]) for tag in sorted(before)}
    return {
        "captured": truth.captured,
        "at_centre": sum(here.values()),
        "lost": sum(max(0, said - at_centre) for said, at_centre in by_type.values()),
        "duplicated": sum(max(0, at_centre - said) for said, at_centre in by_type.values()),
        "swipes": truth.said[CARD],
        "swipe_to_screen_ms_p95": round(percentile(waits_ms, 95), 2) if waits_ms else None,
        "offline_s": CUT_FOR_S,
        "payments": taken.payments,
        "payments_offline": taken.offline,
        "declined": taken.declined,
        "paid_minor": taken.minor,
        "paid_at_centre_minor": await captured_minor(house.database) - captured_before,
        "drained": drained,
        "by_type": by_type,
    }


async def _drained(house: Stage, before: Counter[str], captured: int) -> tuple[Counter[str], bool]:
    """What has arrived since `before`, and whether that is everything, waiting for it if need be.

    `captured`: what the books should say that the store has taken from cards.
    """
    end = time.monotonic() + DRAIN_MAX_S
    while (here := await _since(house, before)).total() < house.shop.truth.captured or (
        await captured_minor(house.database) < captured
    ):
        if time.monotonic() > end:
            return here, False
        await asyncio.sleep(0.2)
    await asyncio.sleep(SECOND_LOOK_S)
    return await _since(house, before), True


async def _since(house: Stage, before: Counter[str]) -> Counter[str]:
    now = await arrived(house.database)
    return Counter({tag: count - before[tag] for tag, count in now.items()})
