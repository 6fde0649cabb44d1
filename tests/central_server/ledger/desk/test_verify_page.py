"""The page that says whether the books are right."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from central_server.ledger.desk import verify_pages
from central_server.ledger.models.lots import Lot
from tests.central_server.ledger.desk.conftest import who

PAGE = "/cards/reports/verify"


@pytest.fixture
def prove(app, client):
    """Ask for it and wait until it is done; gives the page then."""

    async def proved(lang: str = "en") -> str:
        began = await client.post(PAGE, headers=who("auditor", lang))
        assert (began.status_code, began.headers["location"]) == (303, PAGE)
        shown = await client.get(PAGE, headers=who("auditor", lang))
        assert 'hx-trigger="every 2s"' in shown.text  # until it is done
        await app.state.proving
        return (await client.get(PAGE, headers=who("auditor", lang))).text

    return proved


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
async def test_somebody_has_the_books_proved_and_sees_what_was_found(
    purses, prove, client, database, lang
) -> None:
    await purses(12_300)
    assert "notice" not in (await client.get(PAGE, headers=who("finance", lang))).text
    right = await prove(lang)
    assert 'class="notice good"' in right
    assert "auditor 1" in right
    assert "hx-trigger" not in right
    async with database.transaction() as session:
        await session.execute(sa.update(Lot).values(left=Lot.left - 1))
    wrong = await prove(lang)
    assert 'class="notice bad"' in wrong


async def test_a_proof_that_takes_too_long_is_given_up_and_says_so(purses, prove, monkeypatch) -> None:
    await purses(100)
    monkeypatch.setattr(verify_pages, "LONGEST_S", 0.0)
    assert "run tillbeam-central ledger verify instead" in await prove()


async def test_only_who_may_prove_the_ledger_sees_it(client) -> None:
    for role, status in (("cashier", 403), ("finance", 200), ("auditor", 200)):
        assert (await client.get(PAGE, headers=who(role))).status_code == status
        if status == 403:
            assert (await client.post(PAGE, headers=who(role))).status_code == 403
