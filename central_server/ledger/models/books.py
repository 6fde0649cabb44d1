"""The books: accounts, insert-only transfers, the chain that holds them together, and holds.

No column needs a conversion on its way to the driver (so no booleans, no JSON type): rows go there as they
are. There are no foreign keys from transfers to accounts: PostgreSQL would lock both accounts' rows again for
each; `post` has read and locked them, and `verify` finds a transfer whose account is not there.

The database itself refuses to change or delete a transfer or a batch, whoever asks: the triggers below are
made with the tables, by `create_all` and by the migrations alike.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base

OPEN, CAPTURED, VOIDED, EXPIRED = "open", "captured", "voided", "expired"  # states of a hold
_STILL_OPEN = sa.text(f"state = '{OPEN}'")


class Account(Base):
    """Who has how much of what. `id` is made of kind, owner and unit (`accounts`), which never change.

    `balance` is the sum of what was credited less what was debited: cached, `verify` recomputes it.
    """

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    owner: Mapped[str]
    unit: Mapped[str]  # currency, or PTS
    balance: Mapped[int]
    guarded: Mapped[int]  # 1: may never fall below 0
    last_seq: Mapped[int]  # of the last transfer that touched it; 0: none did

    # The balance is in no index, so an update finds room beside the old row.
    __table_args__ = (
        sa.Index("ix_account_owner", "owner"),
        {"postgresql_with": {"fillfactor": 80}},
    )


class Transfer(Base):
    """`amount` > 0 of `unit` from account `debit` to account `credit`. Never changed, never deleted.

    An account's transfers are found from its `last_seq` backwards (`accounts.history`): two indexes on the
    largest table would cost as much as everything else together, for each is another page at random.

    `seq` is the chain and the transfer's number in it (`chain.SEQ_BITS`), without gaps. The body is what
    was asked, without its time: the same `id` with another body is a conflict.
    """

    __tablename__ = "transfer"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[bytes] = mapped_column(unique=True)  # 16 bytes, made where the fact arose
    debit: Mapped[int]
    credit: Mapped[int]
    unit: Mapped[str]
    amount: Mapped[int]
    kind: Mapped[str]  # grant, spend, refund, top, close, earn, …
    about: Mapped[str]  # "<lease>/<number>", an approval's id, …
    at_ms: Mapped[int]  # when it happened, the wall clock
    debit_before: Mapped[int]  # `seq` of the transfer before on the same account; 0: there was none
    credit_before: Mapped[int]

    __table_args__ = (sa.Index("ix_transfer_at_ms", "at_ms"),)


class Batch(Base):
    """A set of transfers that were posted together, and the hash of all that its chain holds up to here."""

    __tablename__ = "ledger_batch"

    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1, 2, 3, …
    first_seq: Mapped[int]
    count: Mapped[int]
    before: Mapped[bytes]  # hash of the batch before; 32 zero bytes in front of the first
    hash: Mapped[bytes]


class ChainHead(Base):
    """The end of a chain; who posts holds its row. All zero while the chain is empty."""

    __tablename__ = "ledger_chain"

    chain: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int]  # of the last batch
    seq: Mapped[int]  # of the last transfer
    hash: Mapped[bytes]

    __table_args__ = ({"postgresql_with": {"fillfactor": 20}},)


class Hold(Base):
    """An amount set aside at the centre: out of `available`, to be captured in part or whole, or voided."""

    __tablename__ = "hold"

    id: Mapped[bytes] = mapped_column(primary_key=True)  # 16 bytes, the asker's
    purse: Mapped[str]
    unit: Mapped[str]
    amount: Mapped[int]
    captured: Mapped[int]
    goes_to: Mapped[int | None]  # the account that was captured to
    state: Mapped[str]
    about: Mapped[str]
    at_ms: Mapped[int]
    expires_ms: Mapped[int]
    ended_ms: Mapped[int | None]

    __table_args__ = (
        sa.Index("ix_hold_purse", "purse"),
        sa.Index("ix_hold_expires", "expires_ms", sqlite_where=_STILL_OPEN, postgresql_where=_STILL_OPEN),
    )


WRITTEN_ONCE = (Transfer.__tablename__, Batch.__tablename__)


@sa.event.listens_for(sa.Table, "after_create")
def _guard(table: sa.Table, connection: sa.Connection, **_more: Any) -> None:
    """Any table of these names, for Alembic makes them of Table objects of its own."""
    if table.name not in WRITTEN_ONCE:
        return
    for statement in _triggers(table.name, connection.dialect.name):
        connection.exec_driver_sql(statement)


def _triggers(table: str, dialect: str) -> list[str]:
    why = f"{table} is only ever added to"
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table}"
            f" BEGIN SELECT RAISE(ABORT, '{why}'); END"
            for what in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE OR REPLACE FUNCTION {table}_written_once() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{why}'; END $$",
        f"CREATE TRIGGER {table}_written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {table}_written_once()",
    ]
