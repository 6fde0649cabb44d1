"""A secured request that somebody recorded moves nothing, however late it is said again."""

from __future__ import annotations

import pytest

from drivers.pos.nexo.options import NexoOptions
from drivers.pos.nexo.protocol import Header, write_message
from drivers.pos.nexo.secured import Key
from tests.drivers.pos.test_nexo_talk import Till, payment


def sealed_at(key: Key, service: str, at: str, nonce: int = 1) -> bytes:
    """A payment of 10, as a till with that key says it at that moment."""
    sale = {"SaleTransactionID": {"TransactionID": "R1", "TimeStamp": at}}
    header = Header("Payment", sale_id="TILL-1", service_id=service, poi_id="EDGE-1")
    chance = nonce.to_bytes(16, "big")
    body = payment(SaleData=sale)
    return write_message(header, "Request", body, key=key, trailer={}, random_bytes=lambda size: chance)


TWO_DAYS_MS = 48 * 3600 * 1000


@pytest.fixture
def locked() -> tuple[Till, Key]:
    options = NexoOptions(passphrase="secret")  # type: ignore[arg-type]  # as a store's YAML has it
    key = options.key()
    assert key is not None
    return Till(options), key


def test_a_secured_request_that_was_recorded_is_refused_when_it_is_no_repetition_any_more(
    locked: tuple[Till, Key],
) -> None:
    till, key = locked
    recorded = sealed_at(key, "S1", "2026-11-01T10:00:00Z")
    number = till.post(recorded)
    till.arrived(number)
    assert (till.answers[number].status, len(till.moved)) == (200, 1)
    assert till.answers[till.post(recorded)].status == 200  # its recorded answer
    till.go_on(after_ms=TWO_DAYS_MS)
    assert till.answers[till.post(recorded)].status == 401
    other_words = recorded.replace(b'AQ=="}', b'AR=="}')  # the same 16 bytes
    assert other_words != recorded
    assert till.answers[till.post(other_words)].status == 401
    assert len(till.moved) == 1
    again = till.post(
        sealed_at(key, "S1", "2026-11-03T10:00:01Z", nonce=2)
    )  # the till's own, under an old name
    assert till.answers[again].status == 200


def test_a_secured_request_from_before_the_box_was_started_is_refused_once_its_till_has_spoken(
    locked: tuple[Till, Key],
) -> None:
    till, key = locked
    for service, at, status in (
        ("S2", "2026-11-09T10:00:00.000Z", 200),
        ("S1", "2026-11-08T09:59:59Z", 401),
        ("S3", "2026-11-08T10:00:01+00:00", 200),  # a ticket of yesterday
        ("S4", "yesterday", 200),
    ):
        number = till.post(sealed_at(key, service, at))
        till.arrived(number)
        assert till.answers[number].status == status, service
