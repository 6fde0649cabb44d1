import asyncio

from tests.corridor.simloop import SimClock, inline_sqlite, run_simulated


def test_a_week_passes_in_no_time_and_in_order():
    async def main() -> list[str]:
        seen = []

        async def say(after_s: float, word: str) -> None:
            await asyncio.sleep(after_s)
            seen.append(word)

        await asyncio.gather(say(7 * 86400, "a week"), say(0.5, "half a second"), say(3600, "an hour"))
        return seen

    assert run_simulated(main) == ["half a second", "an hour", "a week"]


def test_sqlite_runs_inline_with_no_thread(tmp_path):
    async def main() -> tuple[int, int]:
        async with inline_sqlite(str(tmp_path / "x.db"), isolation_level=None) as db:
            await db.execute("create table t(a)")
            await db.executemany("insert into t values(?)", [(i,) for i in range(5)])
            async with db.execute("select count(*) from t") as rows:
                (count,) = await rows.fetchone()
        clock = SimClock(asyncio.get_running_loop())
        before = clock.mono_ms()
        clock.jump(-(10**12))
        await asyncio.sleep(1.5)
        return count, clock.mono_ms() - before

    assert run_simulated(main) == (5, 1500)
