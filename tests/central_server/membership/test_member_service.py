"""Members at head office: enrolled, changed, found, merged, archived, erased, on both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from central_server.db import Base, Database
from central_server.errors import Conflict, Invalid, NotFound
from central_server.keys import Keys
from central_server.membership import service
from central_server.membership.models import Member, MemberCard, MemberChange, NamePiece
from sync.contract.tokens import card_token, phone_token
from sync.contract.told import MemberGone, MemberTold

WANG, DOE, THIRD = "MWANG23456AAA", "MDOE2345672BB", "MTHRD34567CCC"
WANG_FIELDS = {"name": "王小明", "phone": "13800138000", "birthday": "1990-12-31", "address": "南京路 1 号"}


async def enrolled(
    database: Database, keys: Keys, at_ms: int, member: str = WANG, **fields: str
) -> service.Profile:
    async with database.transaction() as session:
        return await service.enrol(
            session,
            keys=keys,
            member=member,
            person=fields or WANG_FIELDS,
            required=["name"],
            by="li",
            at_ms=at_ms,
        )


async def test_a_new_member_is_told_to_every_store_by_a_masked_name(
    database: Database, keys: Keys, now_ms: int, words: Any
) -> None:
    await enrolled(database, keys, now_ms)
    async with database.reading() as session:
        word = (await words(session))[f"member/{WANG}"]
        profile = await service.profile(session, keys=keys, member=WANG)
    token = phone_token(keys.token_key, "13800138000")
    assert word == MemberTold(member=WANG, name="王**", phones=(token,), birthday="12-31")
    assert profile.fields["name"] == "王小明"
    assert profile.told == word
    assert profile.masked().fields == {
        "name": "王**", "phone": "138****8000", "email": "", "address": "***", "birthday": "***", "note": "",
    }  # fmt: skip


async def test_a_member_without_a_required_field_is_refused_field_by_field(
    database: Database, keys: Keys, now_ms: int
) -> None:
    with pytest.raises(Invalid) as refused:
        await enrolled(database, keys, now_ms, phone="13800138000", email="x")
    assert set(refused.value.fields) == {"name", "email"}


async def test_a_telephone_number_belongs_to_one_member(database: Database, keys: Keys, now_ms: int) -> None:
    await enrolled(database, keys, now_ms)
    with pytest.raises(Conflict, match=WANG):
        await enrolled(database, keys, now_ms, DOE, name="Doe", phone="+86 138 0013 8000")
    await enrolled(database, keys, now_ms, DOE, name="Doe", phone="13900139000")
    async with database.transaction() as session:
        with pytest.raises(Conflict, match=WANG):
            await service.change(
                session, keys=keys, member=DOE, person={"phone": "13800138000"}, by="li", at_ms=now_ms
            )


@pytest.mark.parametrize(
    "query", ["王", "小明", "13800138000", "+86 138-0013-8000", "GC 0012 3456", WANG.lower()]
)
async def test_a_member_is_found_by_name_telephone_card_or_id(
    database: Database, keys: Keys, now_ms: int, query: str
) -> None:
    await enrolled(database, keys, now_ms)
    await enrolled(database, keys, now_ms, DOE, name="John Doe 3rd", phone="13900139000")
    async with database.transaction() as session:
        await service.add_card(
            session,
            keys=keys,
            member=WANG,
            number="gc00123456",
            technology="magstripe",
            by="li",
            at_ms=now_ms,
        )
    async with database.reading() as session:
        found, after = await service.find(session, keys=keys, query=query)
        assert ([one.id for one in found], after) == ([WANG], None)
        found, _ = await service.find(session, keys=keys, query="doe 3rd")
        assert [one.id for one in found] == [DOE]
        found, _ = await service.find(session, keys=keys, query="nobody")
        assert found == []


async def test_a_list_is_read_page_by_page_newest_first(database: Database, keys: Keys, now_ms: int) -> None:
    people = [
        service.NewMember(
            f"M{n:012d}", {"name": f"Guest {n}", "phone": f"+86139{n:08d}"}, now_ms + n // 2, [f"CARD{n}"]
        )
        for n in range(25)
    ]
    async with database.transaction() as session:
        assert await service.create_many(session, keys=keys, people=people) == 25
    seen, cursor = [], ""
    async with database.reading() as session:
        for _ in range(3):
            some, cursor = await service.find(session, keys=keys, query="", limit=10, after=cursor or "")
            seen += [one.id for one in some]
        assert [one.id async for one in service.all_profiles(session, keys=keys)] == seen
        found, _ = await service.find(session, keys=keys, query="CARD7")
        assert (await service.counts(session)) == {"active": 25}
    assert cursor is None
    assert seen == [
        person.id for person in sorted(people, key=lambda p: (-p.joined_ms, p.id), reverse=False)
    ] or (seen == [person.id for person in sorted(people, key=lambda p: (p.joined_ms, p.id), reverse=True)])
    assert [one.fields["name"] for one in found] == ["Guest 7"]


async def test_a_change_says_who_when_old_and_new_and_is_told(
    database: Database, keys: Keys, now_ms: int, words: Any
) -> None:
    await enrolled(database, keys, now_ms)
    async with database.transaction() as session:
        changed = await service.change(
            session,
            keys=keys,
            member=WANG,
            person={"name": "王大明", "tier": "gold"},
            by="zhao",
            at_ms=now_ms + 5,
        )
    assert changed.fields["name"] == "王大明"
    async with database.reading() as session:
        lines = await service.history(session, keys=keys, members=[WANG], personal=True)
        masked = await service.history(session, keys=keys, members=[WANG], personal=False)
        found, _ = await service.find(session, keys=keys, query="小明")
        assert found == []
        assert (await words(session))[f"member/{WANG}"].tier == "gold"
    assert [(line.by, line.at_ms, line.field, line.old, line.new) for line in lines[:2]] == [
        ("zhao", now_ms + 5, "tier", "", "gold"),
        ("zhao", now_ms + 5, "name", "王小明", "王大明"),
    ]
    assert (masked[1].old, masked[1].new) == ("王**", "王**")


async def test_an_edit_of_what_somebody_changed_meanwhile_is_refused(
    database: Database, keys: Keys, now_ms: int
) -> None:
    before = await enrolled(database, keys, now_ms)
    async with database.transaction() as session:
        await service.change(
            session,
            keys=keys,
            member=WANG,
            person={"tier": "a"},
            by="x",
            at_ms=now_ms,
            version=before.version,
        )
    async with database.transaction() as session:
        with pytest.raises(Conflict, match="meanwhile"):
            await service.change(
                session,
                keys=keys,
                member=WANG,
                person={"tier": "b"},
                by="y",
                at_ms=now_ms,
                version=before.version,
            )


async def test_an_archived_member_is_gone_from_tills_and_can_come_back(
    database: Database, keys: Keys, now_ms: int, words: Any
) -> None:
    await enrolled(database, keys, now_ms)
    for archived, kind in ((True, MemberGone), (False, MemberTold)):
        async with database.transaction() as session:
            await service.set_archived(
                session, keys=keys, member=WANG, archived=archived, by="li", at_ms=now_ms
            )
        async with database.reading() as session:
            assert isinstance((await words(session))[f"member/{WANG}"], kind)
            found, _ = await service.find(session, keys=keys, query="王")
            assert bool(found) is not archived


async def test_cards_are_added_lost_and_replaced(
    database: Database, keys: Keys, now_ms: int, words: Any
) -> None:
    await enrolled(database, keys, now_ms)
    await enrolled(database, keys, now_ms, DOE, name="Doe")
    how = {"keys": keys, "technology": "magstripe", "by": "li", "at_ms": now_ms}
    async with database.transaction() as session:
        old = await service.add_card(session, member=WANG, number="1111 2222", **how)
        with pytest.raises(Conflict, match=r"… 2222"):
            await service.add_card(session, member=DOE, number="11112222", **how)
        with pytest.raises(Invalid):
            await service.add_card(session, member=DOE, number="1-1", **how)
        with pytest.raises(NotFound):
            await service.lose_card(session, keys=keys, member=DOE, token=old, by="li", at_ms=now_ms)
        await service.lose_card(session, keys=keys, member=WANG, token=old, by="li", at_ms=now_ms)
        assert (await words(session))[f"member/{WANG}"].lost_cards == (old,)
        new = await service.replace_card(session, member=WANG, token=old, number="33334444", **how)
        word = (await words(session))[f"member/{WANG}"]
    assert (word.cards, word.lost_cards) == ((new,), (old,))
    assert new == card_token(keys.token_key, "33334444")
    async with database.reading() as session:
        profile = await service.profile(session, keys=keys, member=WANG)
        fields = [
            line.field for line in await service.history(session, keys=keys, members=[WANG], personal=True)
        ]
    assert {(card.last4, card.state, card.replaced_by) for card in profile.cards} == {
        ("2222", "replaced", new), ("4444", "active", ""),
    }  # fmt: skip
    assert fields[:4] == ["card_replaced", "card_added", "card_lost", "card_added"]


async def test_merging_loses_nothing(database: Database, keys: Keys, now_ms: int, words: Any) -> None:
    await enrolled(database, keys, now_ms)
    await enrolled(database, keys, now_ms, DOE, name="Wang X.M.", phone="13900139000", email="w@x.cn")
    await enrolled(database, keys, now_ms, THIRD, name="Wang", phone="13700137000")
    how = {"keys": keys, "by": "li", "at_ms": now_ms + 9}
    async with database.transaction() as session:
        card = await service.add_card(session, member=DOE, number="11112222", technology="magstripe", **how)
        await service.merge(session, keep=DOE, gone=THIRD, **how)
        merged = await service.merge(session, keep=WANG, gone=DOE, **how)
        word = (await words(session))[f"member/{WANG}"]
        assert isinstance((await words(session))[f"member/{DOE}"], MemberGone)
        with pytest.raises(Conflict, match=WANG):
            await service.change(session, member=DOE, person={"tier": "x"}, **how)
        with pytest.raises(Conflict):
            await service.merge(session, keep=WANG, gone=WANG, **how)
    assert merged.fields["name"] == "王小明"
    assert merged.fields["email"] == "w@x.cn"
    phones = [phone_token(keys.token_key, phone) for phone in ("13800138000", "13900139000", "13700137000")]
    assert word.cards == (card,)
    assert set(word.phones) == set(phones)
    async with database.reading() as session:
        assert await service.members_of(session, [card, *phones, "0" * 32], [DOE, THIRD, "MNOBODY"]) == {
            card: WANG, **dict.fromkeys(phones, WANG), DOE: WANG, THIRD: WANG,
        }  # fmt: skip
        assert await service.family_of(session, WANG) == [WANG, DOE, THIRD]
        found, _ = await service.find(session, keys=keys, query="13700137000")
        assert [one.id for one in found] == [WANG]


async def test_erasing_leaves_an_id_and_nothing_of_the_person(
    database: Database, keys: Keys, now_ms: int, words: Any
) -> None:
    await enrolled(database, keys, now_ms)
    await enrolled(database, keys, now_ms, DOE, name="Wang", phone="13900139000")
    how = {"keys": keys, "by": "li", "at_ms": now_ms}
    async with database.transaction() as session:
        await service.add_card(session, member=WANG, number="11112222", technology="magstripe", **how)
        await service.merge(session, keep=WANG, gone=DOE, **how)
        await service.erase(session, member=WANG, **how)
    async with database.reading() as session:
        assert isinstance((await words(session))[f"member/{WANG}"], MemberGone)
        profile = await service.profile(session, keys=keys, member=WANG)
        lines = await service.history(session, keys=keys, members=[WANG, DOE], personal=True)
        for table in (MemberCard, NamePiece):
            assert await session.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    assert profile.status == "erased"
    assert not any(profile.fields.values())
    assert not any(line.old or line.new for line in lines)
    async with database.transaction() as session:
        with pytest.raises(Conflict, match="erased"):
            await service.change(session, member=WANG, person={"name": "x"}, **how)
        await service.enrol(session, member=THIRD, person=WANG_FIELDS, **how)


async def test_every_field_is_closed_again_after_a_new_key(
    database: Database, keys: Keys, now_ms: int, tmp_path: Any
) -> None:
    await enrolled(database, keys, now_ms)
    newer = keys.rotated(tmp_path)
    async with database.transaction() as session:
        assert await service.reclose_members(session, keys=newer) is None
        assert await service.reclose_history(session, keys=newer) is None
    async with database.reading() as session:
        row = await session.get(Member, WANG)
        assert row is not None
        assert row.name is not None
        assert not newer.needs_rotation(bytes(row.name))
        for line in await session.scalars(sa.select(MemberChange)):
            assert not line.new or not newer.needs_rotation(bytes(line.new))
        assert (await service.profile(session, keys=newer, member=WANG)).fields["name"] == "王小明"


async def test_the_database_file_holds_nothing_of_a_person_in_clear(
    database: Database, keys: Keys, now_ms: int
) -> None:
    person = {
        "name": "Zephyrine Quillfeather", "phone": "13812345678", "email": "zq@quillfeather.example",
        "address": "77 Marmalade Lane", "birthday": "1987-03-09", "note": "allergic to walnuts",
    }  # fmt: skip
    await enrolled(database, keys, now_ms, **person)
    async with database.transaction() as session:
        how = {"keys": keys, "by": "li", "at_ms": now_ms}
        await service.add_card(session, member=WANG, number="6399887766554433", technology="magstripe", **how)
        await service.change(session, member=WANG, person={"name": "Zephyrine Oldcastle"}, **how)
    raw = await everything(database)
    assert WANG.encode() in raw
    for secret in (*person.values(), "Zephyrine", "zephyri", "Oldcastle", "13812345678", "6399887766554433"):
        assert secret.encode() not in raw, secret
        assert secret.encode().hex().encode() not in raw, secret  # as PostgreSQL writes bytes


async def everything(database: Database) -> bytes:
    """All that the database holds: its files, or on PostgreSQL every row of every table as text."""
    if database.is_sqlite:
        assert database.url.database is not None
        await database.close()
        files = Path(database.url.database).parent.glob("centre.db*")
        return b"".join(file.read_bytes() for file in files)
    async with database.reading() as session:
        dumps = [
            await session.scalar(sa.text(f'SELECT string_agg(t::text, chr(10)) FROM "{name}" AS t'))  # noqa: S608
            for name in Base.metadata.tables
        ]
    return "\n".join(dump or "" for dump in dumps).encode()
