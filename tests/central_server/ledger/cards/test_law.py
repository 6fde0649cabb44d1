"""Each rule of the table one unit below its limit, at it, and above it."""

from __future__ import annotations

from typing import Any

import pytest

from central_server.errors import Conflict, Invalid
from central_server.ledger.cards.law import CUSTODY_BP, ELSEWHERE, MAINLAND, Issuer, custody_due, law_of
from central_server.ledger.cards.rules import Rules, checked_rules

VALUE: dict[str, Any] = {"kind": "value", "zh": "储值卡", "en": "Stored value"}


@pytest.mark.parametrize(("registered", "most"), [(False, 100_000), (True, 500_000)])
def test_a_card_holds_up_to_its_limit(registered: bool, most: int) -> None:
    for balance in (most - 1, most):
        MAINLAND.check_balance(balance, registered=registered)
    with pytest.raises(Conflict):
        MAINLAND.check_balance(most + 1, registered=registered)


def purchase(amount: int, **more: Any) -> None:
    said: dict[str, Any] = {"registered": False, "buyer": "person", "named": True, "tender": "cash"} | more
    MAINLAND.check_purchase(amount, **said)


def test_bearer_cards_for_ten_thousand_yuan_need_a_name() -> None:
    purchase(999_999, named=False)
    for amount in (1_000_000, 1_000_001):
        purchase(amount)
        with pytest.raises(Invalid):
            purchase(amount, named=False)
    with pytest.raises(Invalid):
        purchase(1, named=False, registered=True)


@pytest.mark.parametrize(("buyer", "limit"), [("unit", 500_000), ("person", 5_000_000)])
def test_large_purchases_come_by_bank_transfer(buyer: str, limit: int) -> None:
    purchase(limit - 1, buyer=buyer)
    for amount in (limit, limit + 1):
        purchase(amount, buyer=buyer, tender="transfer")
        with pytest.raises(Invalid):
            purchase(amount, buyer=buyer)


def test_up_to_a_hundred_yuan_is_paid_out_in_cash() -> None:
    for amount in (9_999, 10_000):
        MAINLAND.check_pay_out(amount, tender="cash")
    MAINLAND.check_pay_out(10_001, tender="transfer")
    with pytest.raises(Invalid):
        MAINLAND.check_pay_out(10_001, tender="cash")


def test_a_bearers_card_is_valid_for_three_years_and_a_registered_one_for_ever() -> None:
    for months in (36, 37, None):
        MAINLAND.check_validity(months, registered=False)
    with pytest.raises(Invalid):
        MAINLAND.check_validity(35, registered=False)
    MAINLAND.check_validity(None, registered=True)
    with pytest.raises(Invalid):
        MAINLAND.check_validity(36, registered=True)


@pytest.mark.parametrize(("issuer", "share"), [("scale", 20), ("group", 30), ("brand", 40)])
def test_custody_is_a_share_of_the_balance_rounded_up(issuer: Issuer, share: int) -> None:
    assert CUSTODY_BP[issuer] == share * 100
    assert custody_due(issuer, 1_000_000) == share * 10_000
    assert custody_due(issuer, 1_000_001) == share * 10_000 + 1
    assert custody_due(issuer, 999_999) == share * 10_000
    assert custody_due(issuer, 0) == 0


def test_the_law_is_that_of_the_currency() -> None:
    assert law_of("CNY") is MAINLAND
    assert law_of("EUR") is ELSEWHERE
    ELSEWHERE.check_balance(10**9, registered=False)
    ELSEWHERE.check_purchase(10**9, registered=False, buyer="person", named=False, tender="cash")
    ELSEWHERE.check_pay_out(10**9, tender="cash")
    ELSEWHERE.check_validity(1, registered=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"face": 100_001},
        {"balance_max": 100_001},
        {"registered": True, "face": 500_001},
        {"valid_months": 35},
        {"registered": True, "valid_months": 60},
        {"kind": "points"},
        {"unit": "PTS"},
        {"unit": "yuan"},
        {"numbers": {"prefix": "66881234567", "digits": 16}},
        {"face": -1},
        {"colour": "red"},
    ],
)
def test_rules_that_the_law_forbids_or_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        checked_rules(VALUE | wrong)


def test_limits_of_programme_and_law_count_together() -> None:
    rules = Rules.model_validate(VALUE)
    assert (rules.most(registered=False), rules.most(registered=True)) == (100_000, 500_000)
    assert Rules.model_validate(VALUE | {"balance_max": 50_000}).most(registered=True) == 50_000
    assert Rules.model_validate(VALUE | {"unit": "EUR"}).most(registered=False) == 0
