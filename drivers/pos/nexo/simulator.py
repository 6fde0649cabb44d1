"""A till on the other side: payments, loads, balances, and what became of the request before."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from drivers.base import Scene
from drivers.http_frames import write_fate, write_request
from drivers.pos.nexo.options import NexoOptions
from drivers.pos.nexo.protocol import Header, write_message
from drivers.pos.nexo.secured import BLOCK_BYTES
from sync.contract.money import exponent

SALE_ID, POI_ID = "TILL-1", "EDGE-0001"
SOME_CARDS = tuple(f"62870199{n:08d}" for n in range(17, 57))
STARTED = "2026-11-22T01:00:00Z"
ANSWERED_MS = 4_000  # so long the till waits before its story goes on


def simulate(options: NexoOptions, chance: random.Random) -> Iterator[Scene]:
    """A customer every 8 to 60 seconds, without end; one answer in twenty never reaches its till."""
    key, number = options.key(), 0
    while True:
        number += 1
        category, body = chance.choices((_payment, _load, _balance, _status), weights=(12, 2, 3, 2))[0](
            options, chance, number
        )
        header = Header(category, sale_id=SALE_ID, service_id=_service(number), poi_id=POI_ID)
        document = write_message(
            header,
            "Request",
            body,
            key=key,
            trailer={
                "KeyIdentifier": options.key_identifier or "key",
                "KeyVersion": options.key_version or 1,
            },
            random_bytes=lambda size: chance.randbytes(size) if size == BLOCK_BYTES else bytes(size),
        )
        headers = [("Content-Type", "application/json"), ("User-Agent", "tillbeam-simulator")]
        yield Scene(chance.randint(8_000, 60_000), write_request(number, "POST", "/nexo/", headers, document))
        yield Scene(ANSWERED_MS, write_fate(number, arrived=chance.random() > 0.05))


def _payment(options: NexoOptions, chance: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    amounts = {"Currency": options.currency, "RequestedAmount": _amount(options, chance)}
    body: dict[str, Any] = {"SaleData": _sale(number), "PaymentTransaction": {"AmountsReq": amounts}}
    if chance.random() < 0.5:  # the till has read the card itself
        instrument = {"PaymentInstrumentType": "StoredValue", "StoredValueAccountID": _card(chance)}
        body["PaymentData"] = {"PaymentType": "Normal", "PaymentInstrumentData": instrument}
    return "Payment", body


def _load(options: NexoOptions, chance: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    item = {
        "StoredValueTransactionType": "Load",
        "ItemAmount": _amount(options, chance),
        "Currency": options.currency,
        "StoredValueAccountID": _card(chance),
    }
    return "StoredValue", {"SaleData": _sale(number), "StoredValueData": [item]}


def _balance(options: NexoOptions, chance: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    instrument = {"PaymentInstrumentType": "StoredValue", "StoredValueAccountID": _card(chance)}
    return "BalanceInquiry", {"PaymentAccountReq": {"PaymentInstrumentData": instrument}}


def _status(options: NexoOptions, chance: random.Random, number: int) -> tuple[str, dict[str, Any]]:
    of = {"MessageCategory": "Payment", "SaleID": SALE_ID, "ServiceID": _service(max(1, number - 1))}
    return "TransactionStatus", {"MessageReference": of}


def _sale(number: int) -> dict[str, Any]:
    return {"SaleTransactionID": {"TransactionID": f"T{number}", "TimeStamp": STARTED}}


def _card(chance: random.Random) -> dict[str, Any]:
    return {
        "StoredValueAccountType": "GiftCard",
        "IdentificationType": "PAN",
        "EntryMode": [chance.choice(("MagStripe", "Keyed"))],
        "Value": chance.choice(SOME_CARDS),
    }


def _amount(options: NexoOptions, chance: random.Random) -> float:
    whole = chance.randint(5, 300)
    return whole / 2 if exponent(options.currency) else whole


def _service(number: int) -> str:
    return f"S{number:06d}"
