"""Whoever guesses card numbers learns nothing, and soon has to wait (threat T7)."""

from __future__ import annotations

import pytest

from central_server.ledger.cards import pins
from central_server.ledger.cards.pins import set_pin
from central_server.ledger.models.cards import Card
from central_server.staff.rights import ROLES, rights_of
from central_server.web.deps import Viewer
from sync.contract.tokens import card_token
from tests.central_server.ledger.desk.conftest import NOW_MS

NUMBER, PIN = "8800123456789012", "2580"


@pytest.fixture
def kiosk(app, client):
    """Asks as a kiosk, whose token may do nothing but this."""

    async def viewer_of(_database, _token, *, bearer, now_ms):  # type: ignore[no-untyped-def]
        return Viewer(50, "kiosk", frozenset({"value.ask"}), "en", "x")

    app.state.viewer_of = viewer_of

    async def ask(card: str, pin: str):  # type: ignore[no-untyped-def]
        headers = {"Authorization": "Bearer kiosk"}
        return await client.post("/api/v1/balance", json={"card": card, "pin": pin}, headers=headers)

    return ask


@pytest.fixture
async def card(database, keys, purses) -> None:
    await purses(7_700)
    async with database.transaction() as session:
        row = await session.get_one(Card, f"C{1:012}")
        row.token = card_token(keys.token_key, NUMBER)
        salt, check = pins.told_by(PIN, lambda size: bytes(size))
        await set_pin(session, f"card:{row.id}", salt, check, keys=keys, by="li", at_ms=NOW_MS)


async def test_whoever_knows_number_and_pin_is_told(kiosk, card) -> None:
    answer = await kiosk(NUMBER, PIN)
    assert answer.json() == [{"programme": "gift", "unit": "CNY", "balance": 7_700}], answer.text


async def test_every_wrong_question_has_the_same_answer(kiosk, card, database) -> None:
    answers = [
        await kiosk(NUMBER, "2581"),
        await kiosk("8800123456789013", PIN),
        await kiosk("x" * 20, "0000"),
    ]
    async with database.transaction() as session:
        (await session.get_one(Card, f"C{1:012}")).state = "frozen"
    answers.append(await kiosk(NUMBER, PIN))
    assert {(each.status_code, each.content) for each in answers} == {(404, answers[0].content)}


async def test_guessing_has_to_wait_and_so_does_guessing_one_cards_pin(kiosk, card, clock) -> None:
    seen = [(await kiosk(f"88001234567{n:05}", PIN)).status_code for n in range(60)]
    assert set(seen) == {404, 429}
    assert seen.count(404) <= 22
    assert (await kiosk(NUMBER, PIN)).status_code == 429
    clock.now_ms += 2 * 3_600_000
    assert (await kiosk(NUMBER, PIN)).status_code == 200
    wrong = [(await kiosk(NUMBER, f"70{n:02}")).status_code for n in range(6)]
    assert wrong[0] == 404
    assert wrong[-1] == 429


def test_no_role_asks_balances_like_a_kiosk_but_the_administrator() -> None:
    assert [role for role in ROLES if "value.ask" in rights_of([role])] == ["admin", "manager"]
