"""A till with Transbank's SDK for Python, told what to do in lines of JSON (tests/interop/peers.py)."""

from __future__ import annotations

import json
import sys
from typing import Any

from transbank import POSIntegrado
from transbank.error.transbank_exception import TransbankException

pos = POSIntegrado()


def sale(amount: int, ticket: str, shows: bool = False) -> Any:
    shown: list[str] = []
    told = pos.sale(
        amount, ticket, shows, lambda said: shown.append(said["response_code"]) if shows else None
    )
    return dict(told) | {"shown": shown}


def detail() -> Any:
    sales = pos.details(print_on_pos=True)  # which sends "1": to the till
    return [sale for sale in sales if sale["authorization_code"]]  # the last one says that it was the last


DO = {
    "open": lambda path: pos.open_port(path),
    "poll": lambda: pos.poll(),
    "normal_mode": lambda: pos.set_normal_mode(),
    "keys": lambda: pos.load_keys(),
    "sale": sale,
    "last_sale": lambda: pos.last_sale(),
    "reverse": lambda operation: pos.refund(operation),
    "detail": detail,
    "totals": lambda: pos.totals(),
    "close": lambda: pos.close(),
    "multicode_sale": lambda amount, ticket, shop: pos.multicode_sale(amount, ticket, shop),
}

for line in sys.stdin:
    asked = json.loads(line)
    try:
        said = DO[asked.pop("do")](**asked)
    except (TransbankException, OSError) as error:
        said = {"error": f"{error}: {error.__cause__}"}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
