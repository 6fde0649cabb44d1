"""What the store has been told: members, who has which card or telephone, and the rules of card programmes.

A till is answered from here alone. Tokens are keyed once more with this store's own key, so that no two
stores' disks can be joined; names are masked before they ever leave the centre. Words are applied in one
transaction with the number of their feed, so that a power cut never leaves half a message.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from edge_agent.store.database import Database
from edge_agent.store.lines import Sql, Work
from sync.contract.message import Words
from sync.contract.questions import Answer, MemberKnown, NobodyKnown
from sync.contract.told import EVERYONE, LeaseTold, MemberGone, MemberTold, ProgrammeTold

_DIGEST_BYTES = 16
_OWNED_BY = (  # writes nothing when it says nothing new
    "INSERT INTO token VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE"
    " SET member = excluded.member, reason = excluded.reason"
    " WHERE member <> excluded.member OR reason <> excluded.reason"
)
_PUT = (
    "INSERT OR REPLACE INTO member (member, answer, digests, entry)"
    " SELECT ?, ?, ?, coalesce(max(entry), 0) FROM journal"
)
_WHO = "SELECT reason, answer, entry FROM token LEFT JOIN member USING (member) WHERE digest = ?"
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(MemberKnown)
_programme_decoder = msgspec.json.Decoder(ProgrammeTold)

# Takes words about leases, and does the work given in the same transaction.
TakeLeases = Callable[[Sequence[LeaseTold], Work[None]], Awaitable[None]]


class Replica:
    """The members as this store knows them."""

    def __init__(
        self,
        db: Database,
        store: str,
        store_key: bytes,
        feeds: dict[str, int],
        programmes: Iterable[ProgrammeTold] = (),
    ) -> None:
        self._db, self._key = db, store_key
        self.programmes = {each.programme: each for each in programmes}  # the rules, by name
        self.take_leases: TakeLeases | None = None  # None: leases are not for this store, and are passed by
        self._feeds = {EVERYONE: 0, store: 0} | feeds
        self._store = store

    @classmethod
    async def open(cls, db: Database, store: str, store_key: bytes) -> Replica:
        """The replica as it stands on disk. Raises sqlite3.Error."""
        rows = await db.read(lambda sql: sql.execute("SELECT feed, number FROM feed").fetchall())
        told = await db.read(lambda sql: sql.execute("SELECT told FROM programme").fetchall())
        programmes = [_programme_decoder.decode(row[0]) for row in told]
        return cls(db, store, store_key, {str(feed): int(number) for feed, number in rows}, programmes)

    @property
    def everyone(self) -> int:
        """The last number taken of the feed for all stores."""
        return self._feeds[EVERYONE]

    @property
    def own(self) -> int:
        """The last number taken of this store's own feed."""
        return self._feeds[self._store]

    async def look_up(self, token: str) -> Answer:
        """Who has the card or telephone of that token, as far as this store has been told."""
        return (await self.find(token))[0]

    async def find(self, token: str) -> tuple[Answer, int]:
        """The same, and the journal's last entry when the centre told of them."""
        digest = self._digest(token)
        return await self._db.ask(lambda sql: _found(sql.execute(_WHO, (digest,)).fetchone()))

    async def member(self, member: str) -> tuple[Answer, int]:
        """The member, as `find` gives them."""
        return await self._db.ask(
            lambda sql: _found(
                sql.execute("SELECT '', answer, entry FROM member WHERE member = ?", (member,)).fetchone()
            )
        )

    async def apply(self, words: Words) -> bool:
        """Takes the words not yet taken, in one transaction with the feed's number; False if there is a hole.

        A feed that is neither ours nor everyone's has a hole too. Raises sqlite3.Error, and what
        `take_leases` raises.
        """
        have = self._feeds.get(words.feed)
        if have is None or words.after > have:
            return False
        new = [(number, word) for number, word in words.words if number > have]
        if not new:
            return True
        number = max(number for number, _ in new)

        def work(sql: Sql) -> None:
            for _, word in new:
                match word:
                    case MemberTold():
                        self._put(sql, word)
                    case MemberGone():
                        self._remove(sql, word.member)
                    case ProgrammeTold():
                        told = _encoder.encode(word)
                        sql.execute("INSERT OR REPLACE INTO programme VALUES (?, ?)", (word.programme, told))
            sql.execute("INSERT OR REPLACE INTO feed VALUES (?, ?)", (words.feed, number))

        # A lease is between the centre and one store: in everyone's feed it would be a mistake.
        leases = [word for _, word in new if isinstance(word, LeaseTold) and words.feed == self._store]
        if leases and self.take_leases is not None:
            await self.take_leases(leases, work)
        else:
            await self._db.write(work)
        # A new dict: a payment under way goes on with the rules it began with.
        self.programmes = self.programmes | {
            word.programme: word for _, word in new if isinstance(word, ProgrammeTold)
        }
        self._feeds[words.feed] = number
        return True

    async def expect(self, member: MemberTold) -> None:
        """A member who has just joined here, until the centre's own word takes the entry's place."""
        await self._db.write(lambda sql: self._put(sql, member))

    def _put(self, sql: Sql, told: MemberTold) -> None:
        live = [self._digest(token) for token in (*told.cards, *told.phones)]
        lost = [self._digest(token) for token in told.lost_cards]
        digests = b"".join(live + lost)
        row = sql.execute("SELECT digests FROM member WHERE member = ?", (told.member,)).fetchone()
        if row is not None and row[0] != digests:
            self._forget_tokens(sql, told.member, row[0])
        sql.execute(_PUT, (told.member, _answer(told), digests))
        # Also when the digests are the same: a card may have been somebody else's in between.
        sql.executemany(
            _OWNED_BY,
            [(each, told.member, "") for each in live] + [(each, told.member, "lost") for each in lost],
        )

    def _remove(self, sql: Sql, member: str) -> None:
        row = sql.execute("SELECT digests FROM member WHERE member = ?", (member,)).fetchone()
        if row is not None:
            self._forget_tokens(sql, member, row[0])
            sql.execute("DELETE FROM member WHERE member = ?", (member,))

    def _forget_tokens(self, sql: Sql, member: str, digests: bytes) -> None:
        # Only those still this member's: a card may have gone to somebody else since.
        sql.executemany(
            "DELETE FROM token WHERE digest = ? AND member = ?", [(each, member) for each in _split(digests)]
        )

    def _digest(self, token: str) -> bytes:
        return token_digest(self._key, token)


def token_digest(store_key: bytes, token: str) -> bytes:
    """16 bytes that stand for a token on this store's disk, and on no other's."""
    return hmac.digest(store_key, token.encode(), "sha256")[:_DIGEST_BYTES]


def _found(row: Any) -> tuple[Answer, int]:
    if row is None or row[1] is None:
        return NobodyKnown(), 0
    answer: Answer = NobodyKnown("lost") if row[0] == "lost" else _decoder.decode(row[1])
    return answer, int(row[2])


def _answer(told: MemberTold) -> bytes:
    return _encoder.encode(
        MemberKnown(
            member=told.member,
            name=told.name,
            tier=told.tier,
            points=told.points,
            value_minor=told.value_minor,
            currency=told.currency,
            birthday=told.birthday,
            flags=told.flags,
            visits=told.visits,
            purses=told.purses,
        )
    )


def _split(digests: bytes) -> Iterable[bytes]:
    return (digests[i : i + _DIGEST_BYTES] for i in range(0, len(digests), _DIGEST_BYTES))
