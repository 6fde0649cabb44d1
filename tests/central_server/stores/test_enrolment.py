"""A box becomes a store's edge with a code, once; its login opens the broker until it is shut out."""

from __future__ import annotations

import asyncio

import pytest

from central_server.errors import NotFound
from central_server.stores import service
from central_server.stores.enrolment import CODE_HOLDS_MS
from central_server.stores.logins import Logins, open_logins
from config.central import CentralSettings


@pytest.fixture
async def code(database, keys, root, add_store, clock) -> str:
    await add_store("s1")
    async with database.transaction() as session:
        return await service.new_code(session, keys, root, "s1", now_ms=clock.now_ms)


async def test_a_code_gives_the_identity_that_an_edge_writes_down(client, code, keys, database) -> None:
    answer = await client.post("/api/enrol", json={"code": code, "version": "1.2"})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told | {"password": "?"} == {
        "store": "s1",
        "mqtt_url": "mqtts://crm.test:8883",
        "login": "s1",
        "password": "?",
        "token_key": keys.token_key.hex(),
        "store_key": keys.store_key("s1").hex(),
        "centre_public_key": keys.public_key.hex(),
        "ca": "",
    }
    assert await Logins(database).check("s1", told["password"])


async def test_an_edge_can_read_what_the_centre_tells(client, code) -> None:
    parse_identity = pytest.importorskip("edge_agent.identity").parse_identity
    told = (await client.post("/api/enrol", json={"code": code, "version": "1.2"})).json()
    assert parse_identity(told).store == "s1"


@pytest.mark.parametrize("written", [str.lower, lambda code: f" {code} ", lambda code: code.replace("-", "")])
async def test_a_code_may_be_written_as_people_write(client, code, written) -> None:
    assert (await client.post("/api/enrol", json={"code": written(code)})).status_code == 200


async def test_wrong_used_replaced_and_old_codes_get_the_same_answer(
    client, code, clock, database, keys, root
) -> None:
    assert (await client.post("/api/enrol", json={"code": code})).status_code == 200
    async with database.transaction() as session:
        replaced = await service.new_code(session, keys, root, "s1", now_ms=clock.now_ms)
        old = await service.new_code(session, keys, root, "s1", now_ms=clock.now_ms)
    clock.now_ms += CODE_HOLDS_MS + 1
    told = {
        (await client.post("/api/enrol", json={"code": one})).text for one in (code, replaced, old, "no", "")
    }
    assert len(told) == 1
    assert '"status":404' in told.pop()


async def test_a_code_works_once_also_when_two_boxes_try_at_the_same_moment(
    database, keys, code, clock
) -> None:
    async def enrol(address: str) -> bool:
        try:
            await service.enrol(database, keys, code, address=address, version="1", now_ms=clock.now_ms)
        except NotFound:
            return False
        return True

    assert sum(await asyncio.gather(*(enrol(f"ip{n}") for n in range(5)))) == 1


async def test_guessing_codes_is_slowed_per_address(client, code) -> None:
    codes = [(await client.post("/api/enrol", json={"code": f"AAAA-{n:04}"})).status_code for n in range(22)]
    assert codes[:20] == [404] * 20
    assert codes[21] == 429
    assert (await client.post("/api/enrol", json={"code": code})).status_code == 429


async def test_the_database_does_not_tell_which_code_would_work(database, code) -> None:
    import sqlalchemy as sa

    from central_server.stores.models import Code

    async with database.reading() as session:
        rows = repr([vars(row) for row in await session.scalars(sa.select(Code))])
    assert code.replace("-", "") not in rows.replace("-", "")


async def test_a_new_edge_shuts_the_old_one_out_and_revoking_shuts_out_both(
    client, code, database, keys, root, clock
) -> None:
    first = (await client.post("/api/enrol", json={"code": code})).json()["password"]
    async with database.transaction() as session:
        again = await service.new_code(session, keys, root, "s1", now_ms=clock.now_ms)
    second = (await client.post("/api/enrol", json={"code": again})).json()["password"]
    logins = Logins(database)
    assert [await logins.check("s1", secret) for secret in (first, second)] == [False, True]
    async with database.transaction() as session:
        third = await service.new_code(session, keys, root, "s1", now_ms=clock.now_ms)
        await service.revoke(session, root, "s1", now_ms=clock.now_ms)
    assert not await logins.check("s1", second)
    assert (await client.post("/api/enrol", json={"code": third})).status_code == 404


async def test_who_was_shut_out_is_not_listened_to_on_anybodys_broker(
    client, code, database, keys, root, clock
) -> None:
    async def known() -> bool:
        async with database.reading() as session:
            return await service.is_known(session, "s1")

    await client.post("/api/enrol", json={"code": code})
    assert await known()
    async with database.transaction() as session:
        await service.revoke(session, root, "s1", now_ms=clock.now_ms)
    assert not await known()
    async with database.transaction() as session:
        again = await service.new_code(session, keys, root, "s1", now_ms=clock.now_ms)
    await client.post("/api/enrol", json={"code": again})
    assert await known()


async def test_the_broker_opens_the_logins_by_the_database_s_address(database, client, code) -> None:
    password = (await client.post("/api/enrol", json={"code": code})).json()["password"]
    async with open_logins(database.url.render_as_string(hide_password=False)) as logins:
        assert await logins.check("s1", password)
        assert not await logins.check("s1", "")
        assert not await logins.check("s2", password)
        assert not await logins.check("centre", password)


async def test_the_command_for_the_box_names_the_address_of_the_settings(
    client, app, as_viewer, add_store
) -> None:
    await add_store("hz-004")
    header = as_viewer("admin")
    shown = await client.post("/fleet/hz-004/code", headers=header)
    assert "--centre http://centre.test " in shown.text
    app.state.settings = CentralSettings.model_validate({"web": {"public_url": "https://crm.example.com"}})
    shown = await client.post("/fleet/hz-004/code", headers=header | {"Host": "evil.test"})
    assert "--centre https://crm.example.com " in shown.text
    assert "evil.test" not in shown.text
