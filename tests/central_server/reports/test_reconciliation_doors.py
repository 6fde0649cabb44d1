"""The reconciliation page, its files and its API, on a store with records and receipts."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import httpx
import pytest

from central_server.db import Database
from central_server.facts import Fact, fact_key
from central_server.ledger.models.leases import Lease, LeaseEntry, LeaseWaiting
from central_server.sales import service as sales
from central_server.staff.rights import ROLES
from sync.contract.clock import Stamp
from sync.contract.events import SaleCompleted, SaleLine, Tender
from sync.contract.ids import EventId, Lane

NOW_MS = 1_795_000_000_000  # 19:06 on 2026-11-18 in Shanghai
AT_MS = NOW_MS - 3_600_000


def a_receipt(number: int, receipt: str, *tenders: tuple[str, int]) -> Fact[Any]:
    total = sum(amount for _, amount in tenders)
    event = SaleCompleted(
        till="till1", receipt=receipt, currency="CNY", total_minor=total,
        lines=(SaleLine("x", total),), tenders=tuple(Tender(*each) for each in tenders),
    )  # fmt: skip
    id_ = EventId("s1", "0" * 16, Lane.TILL, number)
    return Fact(fact_key(1, number), id_, Stamp("0" * 8, number, AT_MS, True), event)


@pytest.fixture
async def with_money(office: Database) -> Database:
    """s1: R10 agrees, R11 differs by 0.50, R12 is only printed, R13 is only recorded; one record waits."""
    lease = Lease(
        id="L1", store="s1", epoch="e", purse="P1", programme="gift", unit="CNY", granted=9_000, funded=True,
        escrow=0, lost=0, state="open", why="", recalled=False, last_number=9, head="", ttl_s=60, request="",
        card="", member="", granted_ms=AT_MS,
    )  # fmt: skip
    records = [
        ("spend", 1_000, "R10"),
        ("spend", 850, "R11"),
        ("spend", 300, "R13"),
        ("refund", 100, "R13"),
        ("top", 5_000, ""),
    ]
    waiting = LeaseWaiting(
        lease="L1", number=20, mac="m", store="s1", body=b"", at_ms=AT_MS, sure=1, key=99, arrived_ms=NOW_MS
    )
    async with office.transaction() as session:
        session.add(lease)
        await session.flush()
        session.add(waiting)
        for number, (kind, amount, receipt) in enumerate(records, 1):
            entry = LeaseEntry(
                lease="L1", number=number, kind=kind, amount=amount, purse="P1", unit="CNY", store="s1",
                mac=f"m{number}", till="till1", txn=str(number), receipt=receipt, cashier="", refers_to="",
                at_ms=AT_MS, sure=1, applied_ms=NOW_MS, key=number,
            )  # fmt: skip
            session.add(entry)
        facts = [
            a_receipt(7001, "R10", ("value", 1_000), ("cash", 500)),
            a_receipt(7002, "R11", ("value", 800)),
            a_receipt(7003, "R12", ("value", 70)),
            a_receipt(7004, "R14", ("cash", 70)),
        ]
        await sales.record(session, "s1", facts, NOW_MS)
    return office


async def test_records_and_receipts_stand_side_by_side(
    with_money: Database, client: httpx.AsyncClient, as_: Any
) -> None:
    seen = (await client.get("/api/reports/reconciliation?store=s1", headers=as_("finance"))).json()
    [day] = seen["days"]
    assert day == {
        "store": "s1", "day": 20261118, "currency": "CNY", "spends": 2_150, "refunds": 100, "tops": 5_000,
        "recorded": 2_050, "tendered": 1_870, "difference": 180,
        "counts": {"agrees": 1, "other amount": 1, "no record": 1, "no receipt": 1},
    }  # fmt: skip
    assert [
        (one["receipt"], one["recorded"], one["tendered"], one["why"]) for one in seen["differences"]
    ] == [
        ("R11", 850, 800, "other amount"),
        ("R12", 0, 70, "no record"),
        ("R13", 200, 0, "no receipt"),
    ]
    assert (seen["waiting"], seen["cut"]) == ({"s1": 1}, False)


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_the_page_and_its_files_say_the_same(
    with_money: Database, client: httpx.AsyncClient, as_: Any, lang: str
) -> None:
    asker = as_("finance", lang)
    page = await client.get("/reconciliation?store=s1", headers=asker)
    assert page.status_code == 200, page.text
    assert "¥1.80" in page.text
    assert "None" not in page.text
    file = await client.get("/reconciliation.csv?store=s1", headers=asker)
    rows = list(csv.reader(io.StringIO(file.text.lstrip("\ufeff"))))
    assert rows[1] == ["s1", "2026-11-18", "CNY", "21.50", "1.00", "50.00", "20.50", "18.70", "1.80"]
    receipts = await client.get("/reconciliation.csv?store=s1&what=receipts", headers=asker)
    assert [row.split(",")[4] for row in receipts.text.splitlines()[1:]] == ["R11", "R12", "R13"]
    book = await client.get("/reconciliation.xlsx?store=s1", headers=asker)
    assert zipfile.ZipFile(io.BytesIO(book.content)).testzip() is None


async def test_an_empty_choice_is_no_error(client: httpx.AsyncClient, as_: Any) -> None:
    for path in ("/reconciliation?org=99", "/reconciliation?days=92", "/reconciliation?store=s2"):
        assert (await client.get(path, headers=as_("finance"))).status_code == 200
    only = as_("store_manager", "en", "s2")
    seen = (await client.get("/api/reports/reconciliation?store=s1", headers=only)).json()
    assert seen["days"] == []


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_reconciles_what_its_rights_say(client: httpx.AsyncClient, as_: Any, role: str) -> None:
    rights = ROLES[role][1]
    reads = {"sales.read", "leases.read"} <= rights
    for path in ("/reconciliation", "/api/reports/reconciliation"):
        assert (await client.get(path, headers=as_(role))).status_code == (200 if reads else 403)
    file = await client.get("/reconciliation.csv", headers=as_(role))
    assert file.status_code == (200 if reads and "export" in rights else 403)
