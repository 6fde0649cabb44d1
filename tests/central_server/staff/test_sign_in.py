"""Getting in, staying in, and being kept out."""

from __future__ import annotations

import asyncio

import pytest
import sqlalchemy as sa

from central_server.errors import CentreError, Conflict, Invalid
from central_server.staff import service
from central_server.staff.models import Session, Throttle, User
from central_server.staff.passwords import Passwords, weakness
from central_server.staff.sessions import SESSIONS_MAX

PASSWORD = "correct horse battery"
HOUR_MS = 3_600_000


async def test_who_signs_in_comes_to_where_they_were_going(client, sign_in) -> None:
    answer = await sign_in(next="/audit?kind=user")
    assert (answer.status_code, answer.headers["location"]) == (303, "/audit?kind=user")
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert (await client.get("/audit")).status_code == 200


@pytest.mark.parametrize(
    "next", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:1", "/a b", ""]
)
async def test_nobody_is_sent_to_another_site(sign_in, next: str) -> None:
    assert (await sign_in(next=next)).headers["location"] == "/"


async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client, sign_in, add_user) -> None:
    await add_user("alice", "analyst", active=False)
    wrong = [await sign_in("root", "not this one"), await sign_in("nobody"), await sign_in("alice")]
    assert {answer.status_code for answer in wrong} == {401}
    pages = {
        answer.text.replace(name, "?")
        for answer, name in zip(wrong, ("root", "nobody", "alice"), strict=True)
    }
    strip = {"".join(part for part in page.split('"') if len(part) != 40) for page in pages}  # form tokens
    assert len(strip) == 1
    assert "this name and password do not belong together" in wrong[0].text


async def test_a_guess_at_nobody_costs_the_same_hash(database, clock, monkeypatch) -> None:
    hashed: list[bool] = []
    passwords = Passwords()
    monkeypatch.setattr(
        Passwords, "_matches", lambda self, known, password: bool(hashed.append(known is None))
    )
    with pytest.raises(service.NotSignedIn):
        await service.sign_in(database, passwords, service.SignIn("no", "x", "ip"), now_ms=clock.now_ms)
    assert hashed == [True]


async def test_guessing_gets_slower_for_the_name_whether_it_exists_or_not(sign_in, clock) -> None:
    for login in ("root", "nobody"):
        codes = [(await sign_in(login, "wrong wrong wrong")).status_code for _ in range(5)]
        assert codes == [401, 401, 401, 429, 429]
        assert (await sign_in(login)).status_code == 429  # not even the right one, for now
    clock.now_ms += 3_000
    assert (await sign_in("root")).status_code == 303
    assert (await sign_in("root", "wrong wrong wrong")).status_code == 401  # forgiven: counts from the start


async def test_the_pause_doubles_and_ends(sign_in, clock, database) -> None:
    pauses_s = []
    for _ in range(15):
        answer = await sign_in("root", "wrong wrong wrong")
        pauses_s.append(int(answer.headers.get("retry-after", 0)))
        if pauses_s[-1]:
            clock.now_ms += pauses_s[-1] * 1000
            assert (await sign_in("root", "wrong wrong wrong")).status_code == 401
    assert pauses_s == [0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


async def test_a_hundred_guesses_at_once_are_a_hundred_guesses(database, clock, app, passwords) -> None:
    async def guess() -> str:
        try:
            await service.sign_in(
                database, passwords, service.SignIn("root", "x", "ip"), now_ms=clock.now_ms, tries=3
            )
        except CentreError as error:
            return type(error).__name__
        return "in"

    told = await asyncio.gather(*(guess() for _ in range(12)))
    assert told.count("NotSignedIn") == 3
    assert told.count("TooMany") == 9


async def test_an_address_that_tries_many_names_is_slowed_too(sign_in, database) -> None:
    codes = [(await sign_in(f"name{n}")).status_code for n in range(52)]
    assert codes[-1] == 429
    assert codes[:50] == [401] * 50


async def test_what_is_old_is_forgotten(sign_in, clock, database) -> None:
    await sign_in("nobody")
    clock.now_ms += 2 * HOUR_MS
    await sign_in("root")
    async with database.reading() as session:
        assert (await session.scalars(sa.select(Throttle.key))).all() == []


async def test_a_session_ends_when_it_is_idle_too_long_and_after_a_week_at_most(
    client, sign_in, clock
) -> None:
    await sign_in()
    for _ in range(7 * 24):
        clock.now_ms += HOUR_MS
        assert (await client.get("/me")).status_code == 200
    clock.now_ms += HOUR_MS
    assert (await client.get("/me")).status_code == 303
    await sign_in()
    clock.now_ms += HOUR_MS + 1
    assert (await client.get("/me")).status_code == 303


async def test_signing_out_shuts_the_door_and_a_stolen_cookie_with_it(client, sign_in, csrf) -> None:
    await sign_in()
    stolen = client.cookies.get("tb_session")
    assert (await client.post("/logout", data={"csrf": csrf()})).headers["location"] == "/login"
    client.cookies.set("tb_session", stolen)
    assert (await client.get("/me")).status_code == 303


async def test_the_database_has_no_token_and_no_password(database, sign_in, client) -> None:
    await sign_in()
    token = client.cookies.get("tb_session")
    async with database.reading() as session:
        rows = [*await session.scalars(sa.select(Session)), *await session.scalars(sa.select(User))]
        kept = repr([vars(row) for row in rows])
    assert token not in kept
    assert PASSWORD not in kept


async def test_only_so_many_sessions_stay_open(database, sign_in, clock) -> None:
    for _ in range(SESSIONS_MAX + 3):
        clock.now_ms += 1
        await sign_in()
    async with database.reading() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(Session)) == SESSIONS_MAX


async def test_there_is_one_first_administrator(database, app, passwords, clock) -> None:
    with pytest.raises(Conflict):
        await service.create_first_admin(database, passwords, "two", "Two", PASSWORD, now_ms=clock.now_ms)
    with pytest.raises(Invalid):
        await service.create_first_admin(database, passwords, "two", "Two", "short", now_ms=clock.now_ms)


async def test_a_user_made_at_the_machine_was_in_nobodys_hand(database, passwords, clock) -> None:
    new = service.NewUser("fay", "Fay", ["finance"])
    made = await service.create_user(database, passwords, new, PASSWORD, now_ms=clock.now_ms)
    async with database.reading() as session:
        (change,) = await service.changes(
            session, service.Filter(subject_kind="user", subject_id=str(made)), rows_max=2
        )
    assert change.actor_id is None
    with pytest.raises(Conflict):
        await service.create_user(database, passwords, new, PASSWORD, now_ms=clock.now_ms)
    with pytest.raises(Invalid):
        await service.create_user(
            database, passwords, service.NewUser("gil", "Gil", ["king"]), PASSWORD, now_ms=clock.now_ms
        )


@pytest.mark.parametrize(
    "bad", ["short", "xAlice1234x", "my alice smith", "Password123", "1234567890", "aabbaabbaabb", "x" * 257]
)
def test_a_weak_password_is_refused(bad: str) -> None:
    assert weakness(bad, "alice", "Alice Smith")


@pytest.mark.parametrize("good", [PASSWORD, "春眠不觉晓处处闻啼鸟", "9fQz-77!kd"])
def test_a_good_password_will_do(good: str) -> None:
    assert weakness(good, "alice", "Alice Smith") is None
