"""One walk: a chain whose tills, lines, boxes, clocks and head office do what chance says, a step at a time.

    found = await Walk(7, 1, head_office_store, folder).run(80)       found.rule is empty, or there is a bug
    ./run bench walk --seed 1 --only 7                                the same walk, told in words

After each step both databases and all disks are looked at (`books.py`, `eyes.py`) and held against what
really happened (`truth.py`). After the last all is healed, and then everything must have arrived (I7).
Everything is drawn from the seed and the walk's number, so each walk can be walked again alone.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.corridor.money.books import Books, Checker
from tests.corridor.money.boxes import Box, Disks
from tests.corridor.money.head_office import HeadOffice, Store
from tests.corridor.money.healing import heal
from tests.corridor.money.new_chain import CAPS, STORES, Customer, settings
from tests.corridor.money.steps import STEPS
from tests.corridor.money.truth import Truth, Violation
from tests.corridor.money.wires import Wires


@dataclass
class Found:
    """What a walk came to."""

    number: int
    rule: str = ""  # that does not hold: I1 … I11, answer, died
    what: str = ""
    approvals: int = 0
    declines: int = 0
    crashes: int = 0
    lines: list[str] = field(default_factory=list)


class Walk:
    """`folder` is its own, on a memory disk. `keep_lines`: tell the story."""

    def __init__(
        self,
        number: int,
        seed: int,
        store: Store,
        people: list[Customer],
        folder: Path,
        disks: Disks,
        *,
        keep_lines: bool = False,
    ) -> None:
        self.chance = random.Random(f"{seed} walk {number}")
        self.number = number
        self.people = people
        self.truth = Truth()
        self.wires = Wires(self.chance)
        self.wild = self.chance.random() < 0.25
        self.found = Found(number)
        self.line_up = dict.fromkeys(STORES, True)
        self.txn = 0
        self.copies: dict[str, bool] = {}
        self.holds: dict[bytes, tuple[str, str, int]] = {}
        self._keep_lines = keep_lines
        self._talkative = self.chance.choice((0.1, 0.3, 0.3, 1))  # how soon what may be said is said
        self._checker = Checker(CAPS)
        shops = STORES[: self.chance.choice((2, 2, 3))]
        self.office = HeadOffice(store, self.chance, self.wires, settings(folder), wild=self.wild)
        self.boxes = [
            Box(name, folder, self.chance, self.wires, self.truth, disks, wild=self.wild) for name in shops
        ]
        for customer in people:
            for purse in customer.purses.values():
                self.truth.loaded[purse] = 60
        # Each walk has its own taste: some steps often, some never.
        self._weights = [
            step.weight
            * (self.chance.choice((0.5, 1, 2)) if step.always else self.chance.choice((0, 0.4, 1, 1, 3)))
            for step in STEPS
        ]

    async def run(self, steps: int) -> Found:
        """Never raises: what went wrong is in what it gives."""
        found = self.found
        try:
            await self._run(steps)
        except Violation as violation:
            found.rule, found.what = violation.rule, str(violation)
        except Exception as error:
            found.rule, found.what = "died", f"{type(error).__name__}: {error}"
            if self._keep_lines:
                raise
        finally:
            for box in self.boxes:
                await box.end()
        found.approvals, found.declines = self.truth.approvals, self.truth.declines
        found.crashes = self.office.crashes + sum(box.crashes for box in self.boxes)
        return found

    async def _run(self, steps: int) -> None:
        await self.office.begin()
        for box in self.boxes:
            await box.start()
        for _ in range(steps):
            (step,) = self.chance.choices(STEPS, self._weights)
            said = await step.take(self)
            if self.chance.random() < self._talkative:
                await self.chatter()
            if self._keep_lines:
                self.say(f"{step.name}: {said}" if said else f"({step.name})")
            await self.look()
        self.say("healing")
        await heal(self)

    # ── lines ───────────────────────────────────────────────────────────────────────────────────────────

    async def chatter(self) -> None:
        """Where the line is up, what is to be said is said, until nobody has anything more to say."""
        for box in self.boxes:
            if self.line_up[box.name] and box.on:
                await self.talk(box)

    async def talk(self, box: Box, turns: int = 12) -> None:
        """One store and the centre talk without trouble."""
        for _ in range(turns):
            await box.survive(box.say)
            if not box.on:
                return
            up, down = self.wires.up[box.name], self.wires.down[box.name]
            if not up and not down and not await self.publish(box):
                return
            while up:
                await self.at_office(partial(self.office.hear, [up.pop(0)]))
            while down:
                await box.survive(partial(box.hear, down.pop(0)))

    async def publish(self, box: Box) -> bool:
        """Whether the centre had something to tell."""
        if not self.office.to_tell:
            return False
        self.office.to_tell = False
        await self.at_office(self.office.publish)
        return bool(self.wires.down[box.name])

    async def at_office(self, work: Callable[[], Awaitable[None]]) -> None:
        await self.office.survive(work)

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────

    async def look(self) -> None:
        """Raises Violation."""
        moved = False
        for box in self.boxes:
            moved |= box.look()
        if moved:
            self.truth.check_deals()
        if await self.office.store.moved() or moved:
            self._checker.look(await Books.read(self.office.store.rows), self.truth)

    def say(self, line: str) -> None:
        if self._keep_lines:
            self.found.lines.append(line)
