"""What stores are to be told, in numbered feeds: one per store, and `*` for all.

    await tell(session, EVERYONE, MemberTold(…))        in the same transaction as the change itself

A feed keeps the newest word per key. Telling gives the word the feed's next number; the older word of the
same key goes, and leaves a hole in the numbers that is no loss. Numbers are given under the lock of the
feed's row, so they rise in the order of the commits: whoever has seen number 7 will never find a 6 later.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from central_server.db import Base, bulk_insert
from central_server.errors import Invalid
from central_server.web.text import N_
from sync.contract.message import EVENT_MAX_BYTES
from sync.contract.told import Told

KEYS_AT_ONCE_MAX = 500  # keys in one DELETE … IN
WORD_MAX_BYTES = (
    EVENT_MAX_BYTES  # of a word as JSON: it must fit a message even if zlib finds nothing to close
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Told)


class Feed(Base):
    """A feed and the last number it gave."""

    __tablename__ = "feed"

    name: Mapped[str] = mapped_column(primary_key=True)  # a store, or EVERYONE
    last: Mapped[int] = mapped_column(default=0)


class FeedWord(Base):
    """The newest word of each key of a feed."""

    __tablename__ = "word"
    __table_args__ = (sa.UniqueConstraint("feed", "key"),)

    feed: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key: Mapped[str]
    body: Mapped[bytes]  # JSON, as it travels


# Statements that every change needs, made once: to make one takes as long as to ask it.
_FEED, _WORD = Feed.__table__.c, FeedWord.__table__.c
_LASTS = sa.select(_FEED.name, _FEED.last).where(_FEED.name.in_(sa.bindparam("feeds", expanding=True)))
_AFTER = (
    sa.select(_WORD.number, _WORD.body)
    .where(_WORD.feed == sa.bindparam("of"), _WORD.number > sa.bindparam("past"))
    .where(sa.func.length(_WORD.body) <= WORD_MAX_BYTES)
    .order_by(_WORD.number)
    .limit(sa.bindparam("most"))
)
_FORGET = sa.delete(cast(sa.Table, FeedWord.__table__)).where(
    _WORD.feed == sa.bindparam("of"), _WORD.key.in_(sa.bindparam("keys", expanding=True))
)


def _taking(insert: Any) -> Any:
    return (
        insert(Feed)
        .values(name=sa.bindparam("of"), last=sa.bindparam("count"))
        .on_conflict_do_update(index_elements=[Feed.name], set_={"last": Feed.last + sa.bindparam("count")})
        .returning(Feed.last)
    )


_TAKE = {"sqlite": _taking(sqlite.insert), "postgresql": _taking(postgresql.insert)}


class Numbered(NamedTuple):
    """A word and its number in its feed; `body` is the word as JSON."""

    number: int
    body: bytes

    @property
    def word(self) -> Told:
        return _decoder.decode(self.body)


async def tell(session: AsyncSession, feed: str, word: Told) -> int:
    """Tell the store `feed`, or EVERYONE, `word`, when the session commits. Gives the word's number.

    Raises Invalid for a word over WORD_MAX_BYTES.
    """
    return await tell_many(session, feed, [word])


async def tell_many(session: AsyncSession, feed: str, words: Iterable[Told]) -> int:
    """Tell several words in order; of one key only the last. Gives the number of the last, 0 for none.

    Raises Invalid, and tells none of them, when one is over WORD_MAX_BYTES.
    """
    newest: dict[str, Told] = {}
    for word in words:
        newest.pop(word.key, None)  # so that a repeated key takes the later place
        newest[word.key] = word
    if not newest:
        return 0
    bodies = [_encoder.encode(word) for word in newest.values()]
    for key, body in zip(newest, bodies, strict=True):
        if len(body) > WORD_MAX_BYTES:
            raise Invalid({key: N_("is more than stores can be told of one thing")})
    last = await _take_numbers(session, feed, len(newest))
    await forget(session, feed, *newest)
    first = last - len(newest) + 1
    rows = [(feed, first + n, key, body) for n, (key, body) in enumerate(zip(newest, bodies, strict=True))]
    await bulk_insert(session, FeedWord, rows)
    session.info.setdefault("told", set()).add(feed)
    return last


async def forget(session: AsyncSession, feed: str, *keys: str) -> None:
    """Take the words of these keys out of the feed: nobody is told them any more.

    For what is over and of which no store need hear. The hole in the numbers is no loss.
    """
    for at in range(0, len(keys), KEYS_AT_ONCE_MAX):
        await session.execute(_FORGET, {"of": feed, "keys": keys[at : at + KEYS_AT_ONCE_MAX]})


async def after(session: AsyncSession, feed: str, number: int, limit: int) -> list[Numbered]:
    """The next words of `feed` after `number`, oldest first, at most `limit`.

    One that fits no message, from before `tell` refused such, is a hole like any other: it stops nobody.
    """
    found = await session.execute(_AFTER, {"of": feed, "past": number, "most": limit})
    return [Numbered(row.number, row.body) for row in found]


async def last_numbers(session: AsyncSession, feeds: Iterable[str]) -> dict[str, int]:
    """The last number each of `feeds` has given; a feed that was never told anything is at 0."""
    wanted = list(feeds)
    found = await session.execute(_LASTS, {"feeds": wanted})
    return dict.fromkeys(wanted, 0) | {row.name: row.last for row in found}


async def raise_above(session: AsyncSession, feed: str, number: int, *, most: int, beyond: int) -> bool:
    """Number the words of `feed` anew, in their order, from `beyond` above `number` on.

    Gives False, and does nothing, when `number` is not above the feed's last, or over `most` away from it.

    For a centre that was restored from a backup: stores leave words whose number they have.
    """
    last = await _take_numbers(session, feed, 0)
    if not last < number <= last + most:
        return False
    step = number + beyond  # at least the last number, so that no word meets another on its way up
    await session.execute(
        sa.update(FeedWord).where(FeedWord.feed == feed).values(number=FeedWord.number + step)
    )
    await session.execute(sa.update(Feed).where(Feed.name == feed).values(last=last + step))
    session.info.setdefault("told", set()).add(feed)
    return True


async def _take_numbers(session: AsyncSession, feed: str, count: int) -> int:
    """Lock the feed's row and take `count` numbers; gives the last of them."""
    taking = _TAKE[session.get_bind().dialect.name]
    last: int = (await session.execute(taking, {"of": feed, "count": count})).scalar_one()
    return last
