from __future__ import annotations

from collections.abc import Iterable

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.db import Database
from central_server.downlink import publisher
from central_server.downlink.feed import WORD_MAX_BYTES, FeedWord, tell, tell_many
from central_server.downlink.publisher import (
    ANSWER_TIMEOUT_MS,
    RAISE_BEYOND,
    STORES_MAX,
    TRIES_MAX,
    WINDOW,
    Publisher,
)
from sync.contract.message import PAYLOAD_MAX_BYTES, Hello, Here, Words, decode_down
from sync.contract.told import EVERYONE, MemberTold
from sync.link.base import LinkDown

EPOCH = "0123456789abcdef"


class FakeClock:
    now_ms = 1_790_000_000_000

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_ms(self) -> int:
        return self.now_ms


class Store:
    """An edge as the contract has it: takes words it can place, leaves those it has."""

    def __init__(self) -> None:
        self.has = {EVERYONE: 0, "shop": 0}
        self.words: dict[str, MemberTold] = {}
        self.hellos: list[Hello] = []

    def hear(self, payload: bytes) -> None:
        said = decode_down(payload)
        if isinstance(said, Hello):
            self.hellos.append(said)
        elif isinstance(said, Words) and said.after <= self.has[said.feed]:
            for number, word in said.words:
                if number > self.has[said.feed]:
                    self.has[said.feed] = number
                    self.words[word.key] = word  # type: ignore[assignment]

    def here(self, *, greet: bool = False) -> Here:
        return Here(EPOCH, self.has[EVERYONE], self.has["shop"], greet=greet)


class Town:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        self.store = Store()
        self.sent: list[bytes] = []
        self.line_is_up = True
        self.deaf = False

        async def marks_of(*_: object) -> dict[str, int]:
            return {"till": 7}

        self.publisher = Publisher(database, send=self.send, marks_of=marks_of, clock=self.clock)

    async def send(self, topic: str, payload: bytes) -> None:
        if not self.line_is_up:
            raise LinkDown("cut")
        assert topic == "tb/1/shop/down"
        assert len(payload) <= PAYLOAD_MAX_BYTES
        self.sent.append(payload)
        if not self.deaf:
            self.store.hear(payload)

    async def says_here(self, *, greet: bool = False, known: bool = True) -> None:
        await self.publisher.here("shop", self.store.here(greet=greet), known)
        await self.publisher.publish()

    async def tell(self, *members: str, feed: str = EVERYONE, points: int = 0, name: str = "王**") -> None:
        async with self.database.transaction() as session:
            await tell_many(
                session, feed, [MemberTold(member=each, name=name, points=points) for each in members]
            )


@pytest.fixture
async def town(database: Database) -> Town:
    return Town(database)


async def test_a_round_that_sent_everything_does_not_look_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, looks = Town(database), 0
    last_numbers = publisher.last_numbers

    async def counted(session: AsyncSession, feeds: Iterable[str]) -> dict[str, int]:
        nonlocal looks
        looks += 1
        return await last_numbers(session, feeds)

    monkeypatch.setattr(publisher, "last_numbers", counted)
    async with database.transaction() as session:
        await tell(session, EVERYONE, MemberTold(member="M1", name="*"))
    await town.publisher.here("shop", town.store.here(), True)
    await town.publisher.publish()
    assert (town.store.has[EVERYONE], looks) == (1, 1)


async def test_a_store_that_greets_gets_a_hello_with_its_marks(town: Town) -> None:
    await town.says_here(greet=True)
    assert town.store.hellos == [Hello(EPOCH, town.clock.now_ms, {"till": 7})]


async def test_an_unknown_store_is_told_so_and_nothing_else(town: Town) -> None:
    await town.tell("a")
    await town.says_here(greet=True, known=False)
    assert town.store.hellos == [Hello(EPOCH, town.clock.now_ms, {}, known=False)]
    assert len(town.sent) == 1


async def test_a_new_store_gets_everything_of_both_feeds(town: Town) -> None:
    await town.tell("a", "b")
    await town.tell("c", feed="shop")
    await town.tell("z", feed="elsewhere")
    await town.says_here(greet=True)
    assert sorted(town.store.words) == ["member/a", "member/b", "member/c"]
    assert town.store.has == {EVERYONE: 2, "shop": 1}


async def test_a_store_gets_only_what_is_new(town: Town) -> None:
    await town.tell("a", "b")
    await town.says_here()
    town.sent.clear()
    await town.tell("a", points=5)
    await town.publisher.publish()
    (payload,) = town.sent
    said = decode_down(payload)
    assert isinstance(said, Words)
    assert (said.after, [number for number, _ in said.words]) == (2, [3])
    assert town.store.words["member/a"].points == 5


async def test_many_words_go_in_messages_of_their_size_a_few_at_a_time(town: Town) -> None:
    await town.tell(*(f"m{n}" for n in range(5000)), name="王" * 40)
    await town.publisher.here("shop", town.store.here(), True)
    await town.publisher.publish()
    assert len(town.sent) == WINDOW
    for _ in range(30):
        await town.says_here()
    assert town.store.has[EVERYONE] == 5000
    assert len(town.store.words) == 5000


async def test_what_is_not_confirmed_in_time_is_sent_again(town: Town) -> None:
    await town.tell("a")
    town.deaf = True
    await town.says_here()
    town.deaf = False
    await town.publisher.publish()
    assert len(town.sent) == 1
    town.clock.now_ms += ANSWER_TIMEOUT_MS
    await town.publisher.publish()
    assert len(town.sent) == 2
    assert sorted(town.store.words) == ["member/a"]


async def test_a_store_that_is_gone_costs_nothing_until_it_is_here_again(town: Town) -> None:
    await town.tell("a")
    town.deaf = True
    await town.says_here()
    for _ in range(3 * TRIES_MAX):
        town.clock.now_ms += ANSWER_TIMEOUT_MS
        await town.publisher.publish()
    assert len(town.sent) == TRIES_MAX
    town.deaf = False
    await town.says_here(greet=True)
    assert sorted(town.store.words) == ["member/a"]


async def test_a_store_that_connects_anew_gets_at_once_what_was_under_way(town: Town) -> None:
    await town.tell("a")
    town.deaf = True
    await town.says_here()
    town.deaf = False
    await town.says_here(greet=True)
    assert sorted(town.store.words) == ["member/a"]


async def test_a_centre_restored_from_a_backup_tells_everything_again(town: Town) -> None:
    await town.tell("a", "b")
    town.store.has[EVERYONE] = 50
    await town.says_here(greet=True)
    assert sorted(town.store.words) == ["member/a", "member/b"]
    async with town.database.transaction() as session:
        assert await tell(session, EVERYONE, MemberTold(member="c", name="")) == 53 + RAISE_BEYOND
    await town.says_here()
    assert sorted(town.store.words) == ["member/a", "member/b", "member/c"]


async def test_after_a_restore_a_store_that_had_come_further_than_the_first_to_speak_is_told_all_too(
    town: Town,
) -> None:
    await town.tell("a", "b")
    await town.publisher.here("shop", Here(EPOCH, everyone=50), True)
    await town.publisher.publish()
    town.store.has[EVERYONE] = 52
    await town.says_here(greet=True)
    assert sorted(town.store.words) == ["member/a", "member/b"]


async def test_a_store_that_lies_about_its_number_cannot_use_the_numbers_up(town: Town) -> None:
    await town.tell("a")
    town.store.has[EVERYONE] = 2**53
    await town.says_here(greet=True)
    async with town.database.transaction() as session:
        assert await tell(session, EVERYONE, MemberTold(member="c", name="")) == 2


async def test_while_the_line_is_down_nothing_is_lost(town: Town) -> None:
    await town.tell("a")
    town.line_is_up = False
    await town.publisher.here("shop", town.store.here(greet=True), True)
    with pytest.raises(LinkDown):
        await town.publisher.publish()
    town.line_is_up = True
    await town.says_here(greet=True)
    assert sorted(town.store.words) == ["member/a"]


async def test_a_commit_that_told_something_is_heard_of(town: Town) -> None:
    heard: list[object] = []
    town.database.committed.append(lambda info: heard.append(info.get("told")))
    await town.tell("a")
    assert heard == [{EVERYONE}]


async def test_only_so_many_stores_are_followed(town: Town) -> None:
    for n in range(STORES_MAX + 5):
        await town.publisher.here(f"s{n}", Here(EPOCH, greet=False), True)
    assert len(town.publisher._stores) == STORES_MAX


async def test_a_store_that_speaks_while_feeds_are_looked_up_waits_for_the_next_round(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up = publisher.last_numbers

    async def slow(session: AsyncSession, feeds: Iterable[str]) -> dict[str, int]:
        lasts = await looked_up(session, feeds)
        if "other" not in town.publisher._stores:
            await town.publisher.here("other", Here(EPOCH, greet=False), True)
        return lasts

    monkeypatch.setattr(publisher, "last_numbers", slow)
    await town.says_here()
    await town.publisher.publish()


async def test_a_word_that_fits_no_message_is_passed_over_wherever_it_stands(town: Town) -> None:
    await town.tell("a", "big", "b", "last")
    big = b"x" * (WORD_MAX_BYTES + 1)
    async with town.database.transaction() as session:
        for key in ("member/big", "member/last"):
            await session.execute(sa.update(FeedWord).where(FeedWord.key == key).values(body=big))
    await town.says_here()
    await town.says_here()
    assert sorted(town.store.words) == ["member/a", "member/b"]
    await town.tell("c")
    await town.says_here()
    assert sorted(town.store.words) == ["member/a", "member/b", "member/c"]
    assert town.store.has[EVERYONE] == 5
    assert len(town.sent) == 2
