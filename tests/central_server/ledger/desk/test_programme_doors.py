"""Programmes at the desk: as JSON and as a form."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from central_server.downlink.feed import FeedWord

GIFT = {"kind": "value", "unit": "CNY", "zh": "礼品卡", "en": "Gift card", "reload": True, "valid_months": 36}


async def test_a_programme_is_made_changed_and_stopped(client, as_, database) -> None:
    made = await client.put("/api/v1/programmes/gift", json={"rules": GIFT}, headers=as_())
    assert (made.status_code, made.json()["version"]) == (200, 1), made.text
    changed = await client.put(
        "/api/v1/programmes/gift", json={"rules": GIFT | {"reload": False}, "version": 1}, headers=as_()
    )
    assert (changed.json()["version"], changed.json()["rules"]["reload"]) == (2, False)
    late = await client.put("/api/v1/programmes/gift", json={"rules": GIFT, "version": 1}, headers=as_())
    assert late.status_code == 409
    stopped = await client.post("/api/v1/programmes/gift/stop", json={"stopped": True}, headers=as_())
    assert stopped.json()["stopped"] is True
    (listed,) = (await client.get("/api/v1/programmes", headers=as_("cashier"))).json()
    assert (listed["id"], listed["stopped"]) == ("gift", True)
    async with database.reading() as session:
        told = await session.scalar(sa.select(FeedWord.body).where(FeedWord.key == "programme/gift"))
    assert told is not None
    assert b'"stopped":true' in told  # what stores hold of it pays no more either


@pytest.mark.parametrize(
    "wrong",
    [{"colour": "red"}, {"unit": "PTS"}, {"face": -1}, {"valid_months": 35}, {"balance_max": 100_001}],
)
async def test_rules_that_do_not_fit_are_refused(client, as_, wrong) -> None:
    answer = await client.put("/api/v1/programmes/gift", json={"rules": GIFT | wrong}, headers=as_())
    assert answer.status_code == 422, answer.text


async def test_a_cashier_changes_no_programme(client, as_) -> None:
    answer = await client.put("/api/v1/programmes/gift", json={"rules": GIFT}, headers=as_("cashier"))
    assert answer.status_code == 403


async def test_the_form_takes_decimals_and_keeps_what_it_has_no_field_for(client, as_) -> None:
    form = {
        "id": "gift", "zh": "礼品卡", "en": "Gift card", "kind": "value", "unit": "CNY", "holder": "card",
        "reload": "1", "refunds_allowed": "1", "face": "100", "top_max": "500.50", "valid_months": "36",
        "prefix": "8800", "digits": "16", "bonus": "500 50\n1000 12.5%", "bonus_first": "1",
        "more": '{"partner": {"id": "bank", "zh": "银行", "en": "Bank", "share_bp": 150}}',
    }  # fmt: skip
    made = await client.post("/cards/programmes/new", data=form, headers=as_())
    assert made.status_code == 303, made.text
    rules = (await client.get("/api/v1/programmes/gift", headers=as_())).json()["rules"]
    assert (rules["face"], rules["top_max"], rules["partner"]["share_bp"]) == (10_000, 50_050, 150)
    assert [(each["from_amount"], each["amount"], each["share_bp"]) for each in rules["bonus"]] == [
        (50_000, 5_000, 0),
        (100_000, 0, 1_250),
    ]
    page = (await client.get("/cards/programmes/gift", headers=as_(lang="zh_CN"))).text
    for shown in ("500.50", "1000.00 12.5%", "share_bp", "礼品卡"):
        assert shown in page
    again = await client.post("/cards/programmes/gift", data=form | {"version": "1"}, headers=as_())
    assert again.status_code == 303
    same = (await client.get("/api/v1/programmes/gift", headers=as_())).json()
    assert (same["rules"], same["version"]) == (rules, 2)


async def test_a_form_with_mistakes_comes_back_with_what_was_typed(client, as_) -> None:
    form = {"id": "gift", "zh": "卡", "en": "Card", "face": "12.345", "more": "[", "bonus": "500"}
    answer = await client.post("/cards/programmes/new", data=form, headers=as_())
    assert answer.status_code == 422
    for shown in ("is no amount", "is no JSON object", "one step a line", "12.345"):
        assert shown in answer.text
    law = {"id": "gift", "zh": "卡", "en": "Card", "balance_max": "1000.01"}
    answer = await client.post("/cards/programmes/new", data=law, headers=as_())
    assert answer.status_code == 422
    assert "at most" in answer.text
