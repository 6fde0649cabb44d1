"""Pages, files and API of the ledger's reports, in both languages and for every role."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import FastAPI

from central_server.ledger import api, pages
from central_server.ledger.reports import partners
from central_server.ledger.reports.report_tables import REPORTS
from central_server.staff import service as staff
from central_server.staff.models import Change
from central_server.staff.rights import ROLES, rights_of
from central_server.stores import service as stores
from central_server.web.deps import Viewer, WebOptions
from central_server.web.security import csrf_token
from central_server.web.shell import install
from tests.central_server.ledger.reports.books_world import DAY_MS, NOW_MS, Books

API = (
    "liability",
    "settlement",
    "settlement?by=company",
    "breakage",
    "custody",
    "journal",
    "journal/runs",
    "partners",
)


class Clock:
    def wall_ms(self) -> int:
        return NOW_MS + DAY_MS

    def mono_ms(self) -> int:
        return 0


async def viewer_of(_database: object, token: str, *, bearer: bool, now_ms: int) -> Viewer | None:
    """``Bearer finance/zh_CN/s1`` is somebody of finance who reads Chinese and may see s1 only."""
    role, lang, store, *_ = (*token.split("/"), "", "")
    only = frozenset({store}) if store else None
    return Viewer(1, role, rights_of([role]), lang or "en", csrf_token(token), only)


def who(role: str = "finance", lang: str = "en", store: str = "") -> dict[str, str]:
    return {"Authorization": f"Bearer {role}/{lang}/{store}"}


@pytest.fixture
async def client(books: Books) -> AsyncIterator[httpx.AsyncClient]:
    """A chain of two companies with something in every report."""
    app = FastAPI(openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    app.state.database = books.database
    app.state.clock = Clock()
    app.state.viewer_of = viewer_of
    for part in (api, pages):
        app.include_router(part.router)
    install(app, WebOptions())
    async with books.database.transaction() as session:
        for company, store in (("南方公司", "s1"), ("Nord GmbH", "s2")):
            org = await stores.add_org(session, staff.COMMAND, "company", company, None, now_ms=NOW_MS)
            new = stores.NewStore(store, store, "Asia/Shanghai", "CNY", org_id=org.id)
            await stores.add_store(session, staff.COMMAND, new, now_ms=NOW_MS)
    books.at_ms = NOW_MS - 60 * DAY_MS
    await books.load("gift-a", "s1", 100_000, bonus=1_000)
    books.at_ms = NOW_MS - DAY_MS
    await books.load("joint-a", "s1", 50_000)
    await books.load("points-a", "s1", 800)
    for purse in ("gift-a", "joint-a"):
        lease = await books.grant(purse, "s2", 20_000)
        await books.spend(lease, 10_000)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://centre.test") as client:
        yield client


def table(response: httpx.Response) -> list[list[str]]:
    assert response.status_code == 200, response.text[:800]
    return list(csv.reader(io.StringIO(response.text.lstrip("\ufeff"))))


async def test_every_table_of_a_report_is_in_its_files(client: httpx.AsyncClient) -> None:
    """The settlement's page has three: a workbook has them as sheets, and each is a CSV file."""
    page = (await client.get("/cards/reports/settlement?by=store", headers=who())).text
    book = await client.get("/cards/reports/settlement.xlsx?by=store", headers=who())
    with zipfile.ZipFile(io.BytesIO(book.content)) as files:
        sheets = re.findall(r'<sheet name="([^"]+)"', files.read("xl/workbook.xml").decode())
        cells = files.read(
            "xl/sharedStrings.xml"
            if "xl/sharedStrings.xml" in files.namelist()
            else "xl/worksheets/sheet3.xml"
        )
    assert sheets == ["1 Who pays whom", "2 By place", "3 What stores did"]
    assert b"Goods given" in cells
    for number, head in (("1", "Pays"), ("2", "Store or company"), ("3", "Store")):
        address = f"/cards/reports/settlement.csv?by=store&table={number}"
        assert address.replace("&", "&amp;") in page
        assert table(await client.get(address, headers=who()))[0][0] == head
    absent = await client.get("/cards/reports/settlement.csv?table=4", headers=who())
    assert absent.status_code == 404


async def test_things_are_called_by_their_names_and_days_are_days(client: httpx.AsyncClient) -> None:
    page = (await client.get("/cards/reports/partners", headers=who())).text
    assert 'Joint card <code class="quiet">joint</code>' in page
    assert 'ICBC <code class="quiet">icbc</code>' in page
    journal = await client.get("/cards/reports/journal", headers=who())
    assert re.search(r"<td>2026-11-\d\d</td>", journal.text)
    heads = re.findall(r"<th[^>]*>([^<]+)</th>", journal.text)
    assert "Account name" in heads
    for name in REPORTS:
        shown = await client.get(f"/cards/reports/{name}", headers=who("finance", "zh_CN"))
        assert "姓名" not in shown.text, name


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_every_report_opens_in_both_languages_and_as_both_files(
    client: httpx.AsyncClient, lang: str
) -> None:
    asker = who("finance", lang)
    for name in REPORTS:
        page = await client.get(f"/cards/reports/{name}", headers=asker)
        assert page.status_code == 200, (name, page.text[:2000])
        assert "None" not in page.text
        rows = table(await client.get(f"/cards/reports/{name}.csv", headers=asker))
        assert len(rows) > 1, name
        assert {len(row) for row in rows} == {len(rows[0])}
        book = await client.get(f"/cards/reports/{name}.xlsx", headers=asker)
        assert zipfile.ZipFile(io.BytesIO(book.content)).testzip() is None
    for path in (
        "/cards/purses/gift-a/statement",
        "/cards/reports/statements/verify",
        "/cards/reports/settlement?by=company",
    ):
        assert (await client.get(path, headers=asker)).status_code == 200, path
    assert (await client.get("/cards/reports/nothing", headers=asker)).status_code == 404
    assert (
        await client.get("/cards/reports/liability?first=2026-02-01&last=2026-01-01", headers=asker)
    ).status_code == 422
    for query in ("position=x", "first=0001-01-01", "last=0001-01-01", "last=9999-12-31", "run=0", "by=x"):
        assert (await client.get(f"/cards/reports/journal?{query}", headers=asker)).status_code == 422, query
    for query in ("first=0001-01-01", "last=9999-12-31", "first=2026-02-01&last=2026-01-01"):
        for path in ("/cards/purses/gift-a/statement", "/api/v1/statements/gift-a"):
            assert (await client.get(f"{path}?{query}", headers=asker)).status_code == 422, query


@pytest.mark.parametrize("role", sorted(ROLES))
async def test_a_role_opens_what_its_rights_say(client: httpx.AsyncClient, role: str) -> None:
    rights = ROLES[role][1]
    audits = "ledger.audit" in rights
    for name in REPORTS:
        assert (await client.get(f"/cards/reports/{name}", headers=who(role))).status_code == (
            200 if audits else 403
        )
        file = await client.get(f"/cards/reports/{name}.csv", headers=who(role))
        assert file.status_code == (200 if audits and "export" in rights else 403)
    for name in API:
        got = await client.get(f"/api/v1/reports/{name}", headers=who(role))
        assert got.status_code == (200 if audits else 403), (name, got.text)
    reads = 200 if "value.read" in rights else 403
    for path in (
        "/api/v1/statements/gift-a",
        "/cards/purses/gift-a/statement",
        "/cards/purses/gift-a/statement.csv",
    ):
        assert (await client.get(path, headers=who(role))).status_code == reads, path
    run = await client.post("/api/v1/reports/journal/runs", headers=who(role))
    assert run.status_code == (201 if audits and "value.correct" in rights else 403)


async def test_who_may_see_one_store_sees_no_figures_of_the_chain(client: httpx.AsyncClient) -> None:
    only = who("finance", "en", "s1")
    assert (await client.get("/cards/reports/liability", headers=only)).status_code == 403
    assert (await client.get("/api/v1/reports/settlement", headers=only)).status_code == 403
    assert (await client.get("/cards/reports/journal.csv", headers=only)).status_code == 403


async def test_the_api_says_what_the_books_hold(client: httpx.AsyncClient, books: Books) -> None:
    async def said(path: str) -> Any:
        response = await client.get(f"/api/v1/reports/{path}", headers=who())
        assert response.status_code == 200, response.text
        return response.json()

    liability = await said("liability")
    assert liability["agrees"]
    assert sum(row["total"] for row in liability["rows"]) == sum(books.total.values())
    await books.load("gift-b", "s1", 777)
    again = await said(f"liability?position={liability['position']}")
    assert again == liability
    settlement = await said("settlement?by=company")
    # 1,000 of the gift card's 10,000 was bonus: head office answers for that.
    assert settlement["debts"] == [
        {"unit": "CNY", "debtor": "centre", "creditor": "Nord GmbH", "amount": 1_000},
        {"unit": "CNY", "debtor": "南方公司", "creditor": "Nord GmbH", "amount": 19_000},
    ]
    assert sum(place["net"] for place in settlement["places"]) == 0
    [custody] = await said("custody")
    assert (custody["balance"], custody["needed"], custody["short"]) == (100_000, 30_000, 30_000)
    journal = await said("journal")
    assert all(
        sum(line["debit"] - line["credit"] for line in each["lines"]) == 0 for each in journal["entries"]
    )
    assert journal["transfers"] == books.transfers - 2  # those of sixty days ago
    assert {one["code"] for one in await said("journal/accounts")} >= {"2205.01", "P2205.01"}
    [partner] = await said("partners")
    assert (partner["partner"], partner["amount"], partner["share"]) == ("icbc", 10_000, 125)
    breakage = await said("breakage")
    assert {one["months"] for one in breakage["after"]} == {6, 12, 24, 36}


async def test_a_run_is_closed_once_and_downloaded_again_the_same(
    client: httpx.AsyncClient, books: Books
) -> None:
    made = await client.post("/api/v1/reports/journal/runs", headers=who())
    assert made.json()["transfers"] == books.transfers
    assert (await client.post("/api/v1/reports/journal/runs", headers=who())).status_code == 409
    first = table(await client.get("/cards/reports/journal.csv?run=1", headers=who()))
    await books.load("gift-b", "s1", 500)
    assert table(await client.get("/cards/reports/journal.csv?run=1", headers=who())) == first
    again = await client.post("/cards/reports/journal/runs", headers=who(), follow_redirects=False)
    assert (again.status_code, again.headers["location"]) == (303, "/cards/reports/journal?run=2")
    second = table(await client.get("/cards/reports/journal.csv?run=2", headers=who()))
    assert [row[4] for row in second[1:]] == ["1001.01", "2205.01"]
    assert second[1][0].endswith("-s1-CNY-2")
    assert (await client.get("/cards/reports/journal?run=3", headers=who())).status_code == 404


async def test_the_bank_is_noted_and_the_shortage_goes(client: httpx.AsyncClient) -> None:
    page = await client.get("/cards/reports/custody", headers=who())
    assert "Short in custody: ¥300.00" in page.text
    form = {"unit": "CNY", "kind": "scale", "amount": "200.00", "note": "ICBC 1234"}
    done = await client.post("/cards/reports/custody", data=form, headers=who(), follow_redirects=False)
    assert done.status_code == 303, done.text
    assert "Short in custody" not in (await client.get("/cards/reports/custody", headers=who())).text
    assert "¥200.00" in (await client.get("/cards/reports/custody?issuer=group", headers=who())).text
    wrong = await client.post("/api/v1/reports/custody", json={"issuer": "bank", "amount": 5}, headers=who())
    assert wrong.status_code == 422
    more = await client.post("/api/v1/reports/custody", json={"issuer": "brand", "amount": 5}, headers=who())
    assert (more.json()["quarter"], more.json()["amount"]) == ("2026Q3", 5)
    [custody] = (await client.get("/api/v1/reports/custody", headers=who())).json()
    assert (custody["issuer"], custody["short"]) == ("brand", 39_995)


async def test_custody_is_in_a_currency_of_the_chain_and_an_entry_can_be_taken_back(
    client: httpx.AsyncClient,
) -> None:
    form = {"unit": "JPY", "kind": "scale", "amount": "200", "note": ""}
    assert (await client.post("/cards/reports/custody", data=form, headers=who())).status_code == 422
    back = {"unit": "CNY", "why": "typed wrong"}
    assert (await client.post("/cards/reports/custody/back", data=back, headers=who())).status_code == 404
    form |= {"unit": "CNY", "amount": "200.00"}
    assert (await client.post("/cards/reports/custody", data=form, headers=who())).status_code == 303
    page = (await client.get("/cards/reports/custody", headers=who())).text
    assert "Take this entry back" in page
    assert 'value="JPY"' not in page
    assert (await client.post("/cards/reports/custody/back", data=back, headers=who())).status_code == 303
    page = (await client.get("/cards/reports/custody", headers=who())).text
    assert "Short in custody: ¥" in page
    assert "Take this entry back" not in page


async def test_the_file_of_what_is_owed_on_a_day_is_named_by_that_day(client: httpx.AsyncClient) -> None:
    answer = await client.get("/cards/reports/liability.csv?last=2026-11-10", headers=who())
    assert "liability-20261110.csv" in answer.headers["content-disposition"]


async def test_a_partners_file_reads_back(client: httpx.AsyncClient) -> None:
    path = "/cards/reports/partners/joint.csv?first=2026-11-01&last=2026-11-30"
    file = await client.get(path, headers=who())
    one = partners.read(file.text)
    assert (one.partner, one.first, one.last, one.amount, one.share) == (
        "icbc",
        20261101,
        20261130,
        10_000,
        125,
    )
    assert 'filename="partner-joint-20261101-20261130.csv"' in file.headers["content-disposition"]
    assert (await client.get("/cards/reports/partners/gift.csv", headers=who())).status_code == 404


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_a_statement_taken_home_can_be_shown_later(
    client: httpx.AsyncClient, books: Books, lang: str
) -> None:
    file = (await client.get("/cards/purses/gift-a/statement.csv", headers=who("service", lang))).text
    await books.load("gift-a", "s1", 500)
    shown = await client.post("/cards/reports/statements/verify", data={"text": file}, headers=who())
    assert "This statement is what the books say." in shown.text
    checked = await client.post("/api/v1/statements/verify", json={"csv": file}, headers=who())
    assert checked.json() == {"agrees": True, "flaws": []}
    forged = file.replace("-100.00", "-10.00")
    shown = await client.post("/cards/reports/statements/verify", data={"text": forged}, headers=who())
    assert "does not agree with the books" in shown.text
    body = (await client.get("/api/v1/statements/gift-a", headers=who("service"))).json()
    assert body["lines"][-1]["balance"] == books.total["gift-a"]
    ok = await client.post("/api/v1/statements/verify", json={"statement": body}, headers=who())
    assert ok.json()["agrees"]
    body["lines"][0]["amount"] += 1
    bad = (await client.post("/api/v1/statements/verify", json={"statement": body}, headers=who())).json()
    assert [flaw["line"] for flaw in bad["flaws"]] == [0, 1, 1]
    for wrong in (
        {},
        {"csv": "x"},
        {"csv": file, "statement": body},
        {"statement": body | {"made": "2026-99-99T00:00:00.000Z"}},
    ):
        answer = await client.post("/api/v1/statements/verify", json=wrong, headers=who())
        assert answer.status_code == 422, wrong
    assert (await client.get("/api/v1/statements/P%00", headers=who())).status_code == 404
    assert (await client.get("/cards/purses/nobody/statement", headers=who())).status_code == 404


async def test_every_file_leaves_a_row_in_the_audit_trail(client: httpx.AsyncClient, books: Books) -> None:
    for name in REPORTS:
        await client.get(f"/cards/reports/{name}.csv", headers=who())
    await client.get("/cards/purses/gift-a/statement.xlsx", headers=who("service"))
    await client.get("/cards/reports/partners/joint.csv", headers=who())
    async with books.database.reading() as session:
        rows = (
            await session.execute(
                sa.select(Change.actor, Change.subject_kind, Change.new).where(Change.action == "exported")
            )
        ).all()
    assert [kind for _, kind, _ in rows] == [
        *(label for label, _ in REPORTS.values()),
        "statement",
        "partner settlement",
    ]
    assert rows[-2].new["purse"] == "gift-a"
    assert rows[0].new == {"first": "2026-10-23", "last": "2026-11-19"}
