"""Whose file this is: what one store has recorded must not be said again as another's.

A box that is enrolled for another store finds the first one's rows on its disk, and the centre, which knows
nothing of them under the new name, would ask for all of them. And a replica is of use only with the key
its digests were made with: with another one it is forgotten and told anew.
"""

from __future__ import annotations

import hmac

from edge_agent.errors import BadIdentity
from edge_agent.store.database import Database
from edge_agent.store.leases import doubt_all
from edge_agent.store.lines import Sql


async def claim(db: Database, store: str, store_key: bytes) -> None:
    """Notes that the file is `store`'s; a replica of another key is emptied.

    Raises BadIdentity when the file is another store's, sqlite3.Error.
    """
    key_mark = hmac.digest(store_key, b"whose replica", "sha256").hex()
    owner = await db.write(lambda sql: _claimed(sql, store, key_mark))
    if owner != store:
        raise BadIdentity(
            f"{db.path} holds what store {owner} has recorded, but this box is now {store}: move it and its "
            f"-wal and -shm away (what {owner} has not sent is in there), or enrol the box for {owner} again"
        )


def _claimed(sql: Sql, store: str, key_mark: str) -> str:
    known = dict(sql.execute("SELECT name, value FROM meta").fetchall())
    owner = str(known.get("store", store))
    if owner != store:
        return owner
    if known.get("replica_key", key_mark) != key_mark:
        for table in ("token", "member", "programme", "feed"):
            sql.execute(f"DELETE FROM {table}")  # noqa: S608  one of the four above
        doubt_all(sql)  # their chains were made with the other key: no record of ours would be believed
    for name, value in (("store", store), ("replica_key", key_mark)):
        if known.get(name) != value:  # a full disk takes no word, but a store that starts writes none
            sql.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
    return store
