"""`tillbeam-central ledger verify`, as an operator meets it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from central_server import migrations
from central_server.db import Database
from central_server.ledger.books.accounts import AccountName, accounts_of
from central_server.ledger.books.posting import NewTransfer, post, posting_id


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    """Settings of a centre on SQLite with two transfers in its books."""
    url = f"sqlite:///{tmp_path / 'centre.db'}"
    settings = tmp_path / "central.yaml"
    settings.write_text(json.dumps({"state_dir": str(tmp_path), "database": {"url": url}}))

    async def fill() -> None:
        await migrations.upgrade(url)
        database = Database(url)
        cash, shop = AccountName("cash", "shop", "CNY"), AccountName("captured", "shop", "CNY")
        async with database.transaction() as session:
            ids = await accounts_of(session, [cash, shop])
            for n in range(2):
                transfer = NewTransfer(posting_id(str(n)), ids[cash], ids[shop], "CNY", 5, "pay", "", 1)
                await post(session, [transfer])
        await database.close()

    asyncio.run(fill())
    return settings


def verify(settings: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "central_server", "ledger", "verify", "--config", str(settings), *more],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        cwd=Path(__file__).parents[4],
    )


def test_right_books_are_said_to_be_right_and_where_their_chain_ends(centre: Path) -> None:
    done = verify(centre)
    assert (done.returncode, done.stderr) == (0, "")
    head, last = done.stdout.splitlines()
    assert last == "right: 2 accounts, 2 transfers in 2 batches, 0 purses"
    assert verify(centre, "--kept", head).returncode == 0
    assert verify(centre, "--kept", head[:-1] + ("0" if head[-1] != "0" else "1")).returncode == 1
    assert "chain, batch and hash" in verify(centre, "--kept", "nonsense").stderr


def test_wrong_books_are_one_sentence_and_status_1(centre: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "centre.db") as forger:
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            forger.execute("UPDATE transfer SET amount = 6 WHERE seq = 2")
        forger.execute("DROP TRIGGER transfer_no_UPDATE")
        forger.execute("UPDATE transfer SET amount = 6 WHERE seq = 2")
    forger.close()
    done = verify(centre)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "batch 2 of chain 0 (transfers 2 to 2) is not what was posted\n"
