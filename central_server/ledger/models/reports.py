"""What the reports remember: journals handed to finance, and what the bank confirmed. Insert only."""

from __future__ import annotations

from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base


class JournalRun(Base):
    """A journal handed to finance: what was booked after the run before, up to `position`."""

    __tablename__ = "journal_run"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1, 2, 3 …
    position: Mapped[str]  # `history.Position`: how far each chain had come
    transfers: Mapped[int]
    made_ms: Mapped[int]
    by: Mapped[str]


class CustodyDeposit(Base):
    """What a bank confirmed to hold at a quarter's end. The newest of a quarter and unit counts."""

    __tablename__ = "custody_deposit"

    id: Mapped[int] = mapped_column(primary_key=True)
    unit: Mapped[str]
    quarter: Mapped[str]  # 2026Q3
    issuer: Mapped[str]  # scale, group or brand: which share the law asks for (`law.Issuer`)
    amount: Mapped[int]  # minor units
    note: Mapped[str]
    at_ms: Mapped[int]
    by: Mapped[str]
