"""The numbers of currencies (ISO 4217), for protocols that have no room for their letters."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

NUMBERS: dict[str, int] = {
    "AED": 784,
    "AUD": 36,
    "BRL": 986,
    "CAD": 124,
    "CHF": 756,
    "CLP": 152,
    "CNY": 156,
    "CZK": 203,
    "DKK": 208,
    "EUR": 978,
    "GBP": 826,
    "HKD": 344,
    "HUF": 348,
    "IDR": 360,
    "INR": 356,
    "JPY": 392,
    "KRW": 410,
    "MAD": 504,
    "MOP": 446,
    "MXN": 484,
    "MYR": 458,
    "NOK": 578,
    "NZD": 554,
    "PHP": 608,
    "PLN": 985,
    "RUB": 643,
    "SEK": 752,
    "SGD": 702,
    "THB": 764,
    "TND": 788,
    "TRY": 949,
    "TWD": 901,
    "USD": 840,
    "VND": 704,
    "XOF": 952,
    "XPF": 953,
    "ZAR": 710,
}


def _numbered(currency: str) -> str:
    if currency not in NUMBERS:
        raise ValueError(f"no number is known for it; there are {', '.join(NUMBERS)}")
    return currency


NumberedCurrency = Annotated[str, AfterValidator(_numbered)]
"""ISO 4217 letters, as an option, of which the number is known."""
