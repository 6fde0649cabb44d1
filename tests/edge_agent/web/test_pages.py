import httpx
import pytest

from edge_agent.app import Edge
from edge_agent.web.events import sse, till_events
from sync.contract.ids import Lane
from sync.contract.questions import CardShown

CARD = "6287019900000010"
BANK_CARD = "4111111111111111"


async def test_the_till_page_speaks_both_languages(browser: httpx.AsyncClient):
    english = await browser.get("/till?till=2")
    chosen = await browser.get("/language?lang=zh_CN&to=/till")
    chinese = await browser.get("/till")  # the browser brings the cookie back
    assert "Till 2" in english.text
    assert "tillbeam_lang=zh_CN" in chosen.headers["set-cookie"]
    assert '<html lang="zh-CN">' in chinese.text


async def test_a_telephone_number_typed_at_the_till_shows_the_member_masked(
    browser: httpx.AsyncClient, edge: Edge
):
    answer = await browser.post("/till/lookup", json={"till": "1", "text": "138 0000 0001"})
    page = await browser.get("/till?till=1")
    assert answer.status_code == 204
    for shown in ("王**", "gold", "1,280", "50.50", "199.50"):
        assert shown in page.text
    assert edge.outbox.last(Lane.TILL) == 1


async def test_a_wedge_readers_swipe_is_a_card_and_a_lost_card_says_so(browser: httpx.AsyncClient):
    await browser.post("/till/lookup", json={"till": "1", "text": f";{CARD}=30121010000000?"})
    assert "王**" in (await browser.get("/till?till=1")).text
    await browser.post("/till/lookup", json={"till": "1", "text": "6287019900000028"})
    assert "reported lost" in (await browser.get("/till?till=1")).text


@pytest.mark.parametrize("text", [f"%B{BANK_CARD}^TEST/CARD^30121010000000000?", BANK_CARD])
async def test_a_bank_card_is_refused_and_its_number_kept_nowhere(
    browser: httpx.AsyncClient, edge: Edge, text: str
):
    await browser.post("/till/lookup", json={"till": "1", "text": text})
    page = await browser.get("/till?till=1")
    assert "This is a bank card" in page.text
    for path in edge.settings.state_dir.rglob("*"):
        assert BANK_CARD.encode() not in path.read_bytes()


@pytest.mark.parametrize("text", ["?", "王小明!", "1", "x" * 301])
async def test_what_is_neither_card_nor_number_gets_a_sentence(browser: httpx.AsyncClient, text: str):
    answer = await browser.post("/till/lookup", json={"till": "1", "text": text})
    assert answer.status_code == 422
    assert answer.text.endswith(".")


async def test_who_joins_is_known_at_once_and_lies_on_the_disk_only_sealed(
    browser: httpx.AsyncClient, edge: Edge
):
    joiner = {"till": "1", "name": "李小龙", "phone": "13900000002", "consent": True}
    assert (await browser.post("/till/join", json=joiner)).status_code == 204
    assert "李**" in (await browser.get("/till?till=1")).text
    again = await browser.post("/till/join", json=joiner)
    assert again.status_code == 422
    assert "belongs to a member already" in again.text
    for path in edge.settings.state_dir.rglob("*"):
        assert "李小龙".encode() not in path.read_bytes()
        assert b"13900000002" not in path.read_bytes()


async def test_our_own_card_joins_though_it_looks_like_a_banks_and_a_banks_does_not(
    browser: httpx.AsyncClient,
):
    joiner = {"till": "1", "name": "A", "phone": "13900000004", "consent": True}
    refused = await browser.post("/till/join", json=joiner | {"card": BANK_CARD})
    taken = await browser.post("/till/join", json=joiner | {"card": "6287019900000036"})
    assert (refused.status_code, taken.status_code) == (422, 204)
    assert "bank card" in refused.text


async def test_nobody_joins_without_agreeing(browser: httpx.AsyncClient):
    answer = await browser.post("/till/join", json={"till": "1", "name": "A", "phone": "13900000003"})
    assert (answer.status_code, answer.text) == (422, "The customer must agree first.")


async def test_a_change_without_the_pages_token_is_refused(browser: httpx.AsyncClient, edge: Edge):
    answer = await browser.post(
        "/till/lookup", json={"till": "1", "text": CARD}, headers={"x-tillbeam-token": "guess"}
    )
    assert answer.status_code == 403
    assert edge.outbox.last(Lane.TILL) == 0


async def test_another_host_name_is_not_served(browser: httpx.AsyncClient):
    answer = await browser.get("/till", headers={"host": "evil.example"})
    assert answer.status_code == 421


async def test_every_answer_carries_the_content_security_policy(browser: httpx.AsyncClient):
    for path in ("/till", "/till/display", "/edge", "/edge/state", "/metrics", "/static/till.js"):
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_the_language_link_never_leads_away(browser: httpx.AsyncClient):
    for to in ("//evil.example/x", "https://evil.example/x", "/\\evil.example", "////evil.example"):
        answer = await browser.get("/language", params={"lang": "en", "to": to})
        assert "evil" not in answer.headers["location"].split("/")[2:3]
        assert not answer.headers["location"].startswith(("//", "http", "/\\"))


async def test_the_technicians_page_shows_line_outbox_disk_and_clock(browser: httpx.AsyncClient):
    page = await browser.get("/edge")
    for shown in ("s001", "offline", "Disk free", "Clock", "No device is set up"):
        assert shown in page.text


async def test_a_swipe_reaches_an_open_page_as_an_event(edge: Edge):
    events = till_events(edge.till, "1", edge.status, "en", recent_shown=8)
    assert (await anext(events)).startswith(b"retry:")
    assert b"event: badge" in await anext(events)
    await edge.till.present("1", CardShown(number=CARD, technology="magstripe"))
    swipe = await anext(events)
    assert swipe.startswith(b"event: swipe\n")
    assert "王**".encode() in swipe
    await events.aclose()


def test_each_line_of_a_fragment_becomes_a_data_line():
    assert sse("x", "<p>\n\n a </p>") == b"event: x\ndata: <p>\ndata:  a </p>\n\n"
