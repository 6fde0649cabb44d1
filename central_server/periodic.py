"""The centre's jobs: what each module wants done from time to time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from central_server.db import Database
from central_server.jobs import Job
from central_server.keys import Keys
from config.central import CentralSettings

HOUR_S = 3_600


def jobs(settings: Callable[[], CentralSettings], keys: Keys) -> list[Job]:
    """All of them; `settings()` gives those in force when a job runs."""

    async def close_anew(database: Database, _now_ms: int) -> None:
        from central_server.membership import service as membership

        member: str | None = ""
        while member is not None:
            async with database.transaction() as session:
                member = await membership.reclose_members(session, keys=keys, after=member)
        change: int | None = 0
        while change is not None:
            async with database.transaction() as session:
                change = await membership.reclose_history(session, keys=keys, after=change)

    async def expire_holds(database: Database, now_ms: int) -> None:
        from central_server.ledger.books import holds

        await holds.expire(database, now_ms)

    async def expire_value(database: Database, now_ms: int) -> None:
        from central_server.ledger.purses import expiry

        while await database.run(partial(expiry.expire_cards, keys=keys, now_ms=now_ms)):
            pass
        for step in (expiry.expire_lots, expiry.expire_with_cards):
            after: int | None = 0
            while after is not None:
                after = await database.run(partial(step, now_ms=now_ms, after=after))

    async def mature_points(database: Database, now_ms: int) -> None:
        from central_server.ledger.purses import expiry

        after: int | None = 0
        while after is not None:
            after = await database.run(partial(expiry.mature_lots, now_ms=now_ms, after=after))

    async def review_tiers(database: Database, now_ms: int) -> None:
        from central_server.ledger.purses import tiers

        while await database.run(partial(tiers.review_tiers, keys=keys, now_ms=now_ms)):
            pass

    async def forget_buyers(database: Database, now_ms: int) -> None:
        from central_server.ledger.cards import buyers
        from central_server.ledger.cards.law import MAINLAND

        async with database.transaction() as session:
            await buyers.forget_buyers(session, years=MAINLAND.keep_years, now_ms=now_ms)

    async def close_secrets_anew(database: Database, _now_ms: int) -> None:
        from central_server.ledger.cards import rotation

        for step in (rotation.reclose_pins, rotation.reclose_buyers):
            after: str | None = ""
            while after is not None:
                after = await database.run(partial(step, keys=keys, after=after))

    async def prune_uplink(database: Database, now_ms: int) -> None:
        from central_server.uplink import aside

        keep = settings().keep
        await aside.prune(database, now_ms, batches_days=keep.batches_days, aside_days=keep.aside_days)

    async def link_sales(database: Database, _now_ms: int) -> None:
        from central_server.sales import service as sales

        after: str | None = ""
        while after is not None:
            async with database.transaction() as session:
                after = await sales.link_pending(session, after=after)

    async def prune_health(database: Database, now_ms: int) -> None:
        from central_server.stores import service as stores

        await stores.prune(database, now_ms, health_days=settings().keep.health_days)

    async def prune_staff(database: Database, now_ms: int) -> None:
        from central_server.staff import service as staff

        keep = settings().keep
        await staff.prune(database, now_ms, sessions_days=keep.sessions_days, audit_days=keep.audit_days)

    async def forget_answers(database: Database, now_ms: int) -> None:
        from central_server.ledger.desk import alone
        from central_server.ledger.purses import answered, operations

        keep, day_ms = settings().keep, 24 * HOUR_S * 1000
        answers_ms = now_ms - keep.answers_days * day_ms
        requests_ms = now_ms - max(keep.answers_days, keep.requests_days) * day_ms
        for forget in (
            partial(answered.forget_answers, before_ms=answers_ms),
            partial(answered.forget_claims, before_ms=requests_ms),
            partial(operations.forget_operations, before_ms=requests_ms),
            partial(alone.forget_alone, now_ms=now_ms),
        ):
            while await database.run(forget):
                pass

    return [
        Job("staff.prune", 6 * HOUR_S, prune_staff),
        Job("stores.prune", 6 * HOUR_S, prune_health),
        Job("uplink.prune", 6 * HOUR_S, prune_uplink),
        Job("sales.link_pending", 60, link_sales),
        Job("ledger.expire_holds", 60, expire_holds),
        Job("ledger.expire", HOUR_S, expire_value),
        Job("ledger.mature", HOUR_S, mature_points),
        Job("ledger.review_tiers", 6 * HOUR_S, review_tiers),
        Job("ledger.forget_buyers", 24 * HOUR_S, forget_buyers),
        Job("ledger.forget_answers", 24 * HOUR_S, forget_answers),
        Job("keys.close_anew", 24 * HOUR_S, close_anew),
        Job("ledger.close_anew", 24 * HOUR_S, close_secrets_anew),
    ]
