"""The demo's simulated till: what its receipts say must agree with what cards paid, and nobody pays there."""

from __future__ import annotations

import random
from datetime import datetime

import pytest

from central_server.reports.reconciliation import TENDER
from demo.__main__ import ATTENDED_SPEED
from demo.history import SHOPS, ZONE, _day
from demo.shop import DEVICES, _scenes
from drivers.registry import driver
from sync.contract.events import SaleCompleted

TEN_MINUTES_MS = 600_000
(PRINTER,) = (device for device in DEVICES if device.driver.startswith("pos."))


def printed(seed: int) -> list[SaleCompleted]:
    """The receipts of ten minutes of an attended demo, read off the wire as the edge reads them."""
    kind = driver(PRINTER.driver)
    options = kind.options(till=PRINTER.till)
    decoder, found, at_ms = kind.decoder(options), [], 0.0
    for scene in _scenes(PRINTER, options, random.Random(seed)):
        at_ms += scene.wait_ms / ATTENDED_SPEED
        if at_ms > TEN_MINUTES_MS:
            break
        found += [*decoder.wake(round(at_ms)), *decoder.feed(scene.chunk, round(at_ms))]
    return [heard.what for heard in found if isinstance(heard.what, SaleCompleted)]


@pytest.mark.parametrize("seed", range(1, 6))
def test_ten_minutes_of_the_demo_reconcile_to_zero(seed: int) -> None:
    sales = printed(seed)
    assert len(sales) > 50
    assert all(sale.tenders for sale in sales)
    assert [tender for sale in sales for tender in sale.tenders if tender.kind == TENDER] == []


def test_the_weeks_behind_the_demo_have_no_payment_that_no_card_made() -> None:
    morning = datetime(2026, 11, 21, tzinfo=ZONE)
    happened = [event for _, event in _day(SHOPS[0], morning, random.Random(1), sampled_from=morning)]
    sales = [event for event in happened if isinstance(event, SaleCompleted)]
    assert len(sales) > 50
    assert not any(tender.kind == TENDER for sale in sales for tender in sale.tenders)
