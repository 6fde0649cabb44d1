"""Cards that come through a keyboard: the pages' input box follows the same rules as a reader on a line.

Which numbers are our own cards and not a bank's is said at the store's stripe readers (`prefixes`); a store
without one uses those drivers' default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.base import Decoder
from drivers.cardreader.magstripe.options import StripeOptions
from drivers.cardreader.magstripe.protocol import MagstripeOptions
from drivers.cardreader.magstripe.tracks import is_payment_card
from drivers.registry import driver

if TYPE_CHECKING:
    from config.edge import EdgeSettings

DRIVER = "cardreader.magstripe"


def wedge_decoder(settings: EdgeSettings) -> Decoder:
    """A fresh decoder for one text that a wedge typed."""
    return driver(DRIVER).decoder(MagstripeOptions(form="text", prefixes=_prefixes(settings)))


def is_bank_card(settings: EdgeSettings, number: str) -> bool:
    """Whether a typed number is a bank card's, and not one of ours."""
    return is_payment_card(number.replace(" ", "").replace("-", ""), _prefixes(settings))


def _prefixes(settings: EdgeSettings) -> list[str]:
    readers = [d.options for d in settings.devices if isinstance(d.options, StripeOptions)]
    return sorted({prefix for options in readers or [StripeOptions()] for prefix in options.prefixes})
