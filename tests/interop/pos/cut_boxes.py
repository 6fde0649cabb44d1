"""The same conversation cut at many places, some of them at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.edge_agent.terminal_box import TerminalBox
from tests.interop.wire import Cut

AT_ONCE = 8  # mostly they wait


async def side_by_side(
    cuts: list[Cut], cut_one: Callable[[Cut, TerminalBox], Awaitable[Any]], open_till_box: Any
) -> list[Any]:
    """What came of each cut, each with a box of its own."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, cut: Cut) -> Any:
        async with room, open_till_box(f"cut-{number}") as box:
            return await cut_one(cut, box)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number, cut)) for number, cut in enumerate(cuts)]
    return [task.result() for task in tasks]
