"""The desk's pages: every one in both languages, and the forms do once what they say."""

from __future__ import annotations

import base64
import csv
import io
import re

import pytest
import sqlalchemy as sa

from central_server.ledger.desk.desk_names import about_kind
from central_server.ledger.models.approvals import Answered
from central_server.staff.audit import COMMAND
from central_server.stores import service as stores

PAGES = (
    "/cards",
    "/cards/batches",
    "/cards/programmes",
    "/cards/programmes/new",
    "/cards/leases",
    "/approvals",
)


@pytest.fixture
def ask_page(client, as_):
    """Opens a page; what it has must be whole."""

    async def opened(path: str, **who):  # type: ignore[no-untyped-def]
        answer = await client.get(path, headers=as_(**who))
        assert answer.status_code == 200, f"{path}: {answer.text[:400]}"
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|<style", answer.text), path
        assert all(f'for="{name}"' in answer.text for name in re.findall(r' id="(f-[^"]+)"', answer.text))
        return answer.text

    return opened


@pytest.fixture
def send(client, as_):
    async def sent(path: str, form: dict[str, str], **who):  # type: ignore[no-untyped-def]
        return await client.post(path, data={"id": "form-0000001"} | form, headers=as_(**who))

    return sent


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_every_page_opens_in_both_languages(ask_page, purses, ask, lang) -> None:
    (purse,) = await purses(12_345)
    await ask("/corrections", {"purse": purse, "amount": 1, "why": "typed wrong"}, user=3)
    for path in (*PAGES, f"/cards/C{1:012}", f"/cards/purses/{purse}", "/approvals?state=done"):
        await ask_page(path, lang=lang)
    assert "¥123.45" in await ask_page(f"/cards/purses/{purse}", lang=lang)
    assert "¥123.45" in await ask_page(f"/cards/C{1:012}", lang=lang)


async def test_roles_see_what_they_may(ask_page, client, as_, purses) -> None:
    (purse,) = await purses(100)
    shown = await ask_page(f"/cards/purses/{purse}", role="cashier")
    assert "/load" in shown
    assert "/correct" not in shown
    shown = await ask_page(f"/cards/purses/{purse}", role="auditor")
    assert "<summary" not in shown.partition("<main")[2]
    for role, path in (("analyst", "/cards"), ("cashier", "/approvals"), ("cashier", "/cards/leases")):
        assert (await client.get(path, headers=as_(role))).status_code == 403


async def test_a_top_up_by_form_is_done_once_however_often_it_is_sent(send, purses, ask_page) -> None:
    (purse,) = await purses(0)
    form = {"deed": "load", "amount": "150.50", "tender": "cash", "store": "s1", "receipt": "R1"}
    for _ in range(2):
        assert (await send(f"/cards/purses/{purse}/load", form)).headers[
            "location"
        ] == f"/cards/purses/{purse}"
    assert "¥150.50" in await ask_page(f"/cards/purses/{purse}")


async def test_a_form_that_is_refused_comes_back_with_the_reason(send, purses, clock) -> None:
    (purse,) = await purses(0)
    wrong = await send(f"/cards/purses/{purse}/load", {"deed": "load", "amount": "1.005", "tender": "cash"})
    assert wrong.status_code == 422
    assert "is no amount" in wrong.text
    assert "1.005" in wrong.text
    law = {"deed": "load", "amount": "400", "tender": "cash", "receipt": "R1", "id": "form-0000002"}
    for number, status in ((1, 303), (2, 303), (3, 409)):
        clock.now_ms += 26 * 3_600_000  # what is topped up within a day counts as one
        answer = await send(
            f"/cards/purses/{purse}/load", law | {"receipt": f"R{number}", "id": f"form-law-{number}"}
        )
        assert answer.status_code == status
    assert "at most" in answer.text


async def test_a_large_top_up_by_form_goes_to_the_queue_and_another_allows_it(
    send, client, as_, purses, ask_page
) -> None:
    (purse,) = await purses(0)
    form = {"deed": "load", "amount": "600", "tender": "cash", "why": "company gift"}
    assert (await send(f"/cards/purses/{purse}/load", form, user=5)).headers["location"] == "/approvals"
    mine = await ask_page("/approvals", user=5)
    assert "somebody else must decide" in mine
    theirs = await ask_page("/approvals", user=6)
    assert "¥600.00" in theirs
    assert f'href="/cards/purses/{purse}"' in theirs
    (id_,) = re.findall(r'action="/approvals/(A[0-9a-f]{24})"', theirs)
    refused = await send(f"/approvals/{id_}", {"decision": "yes"}, user=5)
    assert refused.status_code == 403
    assert (await send(f"/approvals/{id_}", {"decision": "yes", "note": "ok"}, user=6)).status_code == 303
    assert "¥620.00" in await ask_page(f"/cards/purses/{purse}")


async def test_cards_are_made_stocked_and_sold_by_form(send, gift, ask_page) -> None:
    made = await send("/cards/batches", {"batch": "B1", "programme": gift, "count": "2"})
    numbers = re.findall(r"(C[A-Z2-7]{16}),(8800\d{12})", made.text)
    assert len(numbers) == 2
    again = await send("/cards/batches", {"batch": "B1", "programme": gift, "count": "2"})
    assert re.findall(r"(C[A-Z2-7]{16}),(8800\d{12})", again.text) == numbers
    assert numbers[0][1] not in await ask_page("/cards/batches")
    assert (
        await send("/cards/batches/stock", {"batch": "B1", "store": "s1", "id": "form-stock"})
    ).status_code == 303
    card, number = numbers[0]
    for move, path, more in (
        ("issue", "move", {}),
        ("activate", "sell", {"amount": "100", "tender": "cash"}),
        ("freeze", "move", {"why": "phoned"}),
    ):
        form = {"move": move, "id": f"form-{move}-1"} | more
        answer = await send(f"/cards/{card}/{path}", form)
        assert answer.status_code == 303, answer.text
    shown = await ask_page(f"/cards/{card}", lang="en")
    assert "Unfreeze" in shown
    assert "¥100.00" in shown
    found = await ask_page(f"/cards?q={number}")
    assert card in found
    wrong = await send(f"/cards/{card}/move", {"move": "activate", "id": "form-wrong-1"})
    assert wrong.status_code == 404


async def test_the_numbers_of_a_new_batch_are_a_file_that_only_that_page_holds(
    send, gift, ask_page, database
) -> None:
    form = {"batch": "=B1", "programme": gift, "count": "2"}
    made = await send("/cards/batches", form)
    (link,) = re.findall(r'href="data:text/csv;charset=utf-8;base64,([^"]+)" download="([^"]+)"', made.text)
    assert link[1] == "cards-=B1.csv"
    rows = list(csv.reader(io.StringIO(base64.b64decode(link[0]).decode("utf-8-sig"))))
    shown = re.findall(r"(C[A-Z2-7]{16}),(8800\d{12})", made.text)
    assert rows == [
        ["Card", "Card number", "Batch", "Programme"],
        *([card, number, "'=B1", gift] for card, number in shown),
    ]
    assert "only time" in made.text
    assert "base64" not in await ask_page("/cards/batches")
    async with database.reading() as session:
        kept = (await session.scalars(sa.select(Answered))).all()
        assert kept
        assert not any(number in str(row.__dict__) for row in kept for _, number in shown)


async def test_every_field_that_is_needed_has_its_star(ask_page, purses) -> None:
    (purse,) = await purses(100)
    seen = 0
    for path in (*PAGES, "/cards/catalogue", f"/cards/C{1:012}", f"/cards/purses/{purse}"):
        shown = await ask_page(path)
        for tag in re.findall(r"<(?:input|select|textarea) [^>]*>", shown):
            if not re.search(r"\srequired[ =>]", tag):
                continue
            (name,) = re.findall(r' id="([^"]+)"', tag)
            label = shown.partition(f'<label for="{name}">')[2].partition("</label>")[0]
            assert 'class="required"' in label, (path, tag)
            seen += 1
    assert seen > 20


async def test_a_purse_tells_names_and_keeps_ids_small(ask_page, send, purses, database) -> None:
    async with database.transaction() as session:
        group = await stores.add_org(session, COMMAND, "group", "Chain", None, now_ms=0)
        shop = stores.NewStore("s1", "West Lake", org_id=group.id)
        await stores.add_store(session, COMMAND, shop, now_ms=0)
    (purse,) = await purses(0)
    form = {
        "deed": "load",
        "amount": "100",
        "tender": "cash",
        "store": "s1",
        "receipt": "R1",
        "id": "ab" * 12,
    }
    assert (await send(f"/cards/purses/{purse}/load", form)).status_code == 303
    shown = await ask_page(f"/cards/purses/{purse}")
    assert "cash/s1" not in shown
    assert 'Cash taken in · West Lake <code class="quiet">s1</code>' in shown
    assert "姓名" not in await ask_page("/cards/catalogue", lang="zh_CN")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("A" + "0a" * 12, "approval"),
        ("L" + "A2" * 8, "lease"),
        ("ab" * 12, "id"),
        ("0" * 64, "id"),
        ("s1/till1/R123", "text"),
        ("demo load 1", "text"),
        ("", "text"),
    ],
)
def test_what_a_transfer_is_about_is_a_text_or_an_id(text: str, kind: str) -> None:
    assert about_kind(text) == kind


async def test_no_form_works_for_whoever_lacks_the_right(send, purses) -> None:
    (purse,) = await purses(100)
    for path, role in (
        (f"/cards/purses/{purse}/load", "auditor"),
        (f"/cards/purses/{purse}/refund", "finance"),
        (f"/cards/purses/{purse}/correct", "cashier"),
        (f"/cards/C{1:012}/move", "cashier"),
        ("/cards/batches", "cashier"),
        ("/cards/programmes/new", "finance"),
        ("/approvals/A" + "0" * 24, "cashier"),
    ):
        assert (await send(path, {"amount": "1"}, role=role)).status_code == 403, path
