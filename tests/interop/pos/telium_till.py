"""A till with pyTeliumManager, told what to do in lines of JSON (tests/interop/peers.py)."""

from __future__ import annotations

import json
import sys
from typing import Any

from serial import SerialException
from telium import Telium, TeliumAsk
from telium.manager import TerminalInitializationFailedException, TerminalUnexpectedAnswerException

ANSWER_S = 8
SIGNAL_S = 5  # its own is 1, which a machine that runs many tests at once may need
till: list[Telium] = []


def open_line(path: str) -> bool:
    till[:] = [Telium(path, timeout=SIGNAL_S)]
    return bool(till[0].is_open)


def ask(amount: float, kind: str, full: bool = True, wait: bool = True, currency: str = "CNY") -> Any:
    asked = TeliumAsk.new_payment(
        amount,
        payment_mode=kind,
        target_currency=currency,
        wait_for_transaction_to_end=wait,
        collect_payment_source_info=full,
    )
    if not till[0].ask(asked):
        return {"error": "not taken"}
    told = till[0].verify(asked, waiting_timeout=ANSWER_S)
    if told is None:
        return {"error": "no answer"}
    return {
        "result": told.transaction_result,
        "amount": told.amount,
        "currency": told.currency_numeric,
        "card": told.card_id.strip(),
    }


DO = {"open": open_line, "ping": lambda: till[0].is_ok(), "ask": ask}
for line in sys.stdin:
    asked = json.loads(line)
    try:
        said = DO[asked.pop("do")](**asked)
    except (
        OSError,
        SerialException,
        TerminalInitializationFailedException,
        TerminalUnexpectedAnswerException,
    ) as error:
        said = {"error": repr(error)}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
