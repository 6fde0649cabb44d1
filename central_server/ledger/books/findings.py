"""What was found when the books were looked through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from central_server.ledger.books.chain import Head


class Wrong(NamedTuple):
    """One thing that is wrong: an English msgid and what stands in its braces."""

    msgid: str
    values: dict[str, object]

    def __str__(self) -> str:
        return self.msgid.format(**self.values)


@dataclass
class Found:
    """How much was looked at, where the chains end, and the first thing that is wrong, if any."""

    accounts: int = 0
    transfers: int = 0
    batches: int = 0
    purses: int = 0
    heads: list[Head] = field(default_factory=list)
    wrong: Wrong | None = None
