"""What goes wrong in a walk: power, disks, clocks, and the centre in the middle of something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.corridor.money import desk, lines, tills
from tests.corridor.money.clocks import START_MS
from tests.corridor.money.step import Step
from tests.corridor.money.tills import some_box

if TYPE_CHECKING:
    from tests.corridor.money.walk import Walk

MOMENTS = 7  # in which a power cut may come within one step


async def cut_power(walk: Walk) -> str:
    """In the middle of something a box does."""
    if (box := some_box(walk)) is None:
        return ""
    box.power.arm(walk.chance.randrange(1, MOMENTS))
    (step,) = walk.chance.choices(IN_THE_MIDDLE, [each.weight for each in IN_THE_MIDDLE])
    said = await step.take(walk)
    if box.on and walk.chance.random() < 0.5:
        await box.crash()
    box.power.arm(0)
    return f"{box.name} in {step.name}: {said}"


async def kill(walk: Walk) -> str:
    if (box := some_box(walk)) is None:
        return ""
    await box.crash()
    return box.name


async def start(walk: Walk) -> str:
    """A box that is off is on again, perhaps after a reboot."""
    off = [box for box in walk.boxes if not box.on]
    if not off:
        return ""
    box = walk.chance.choice(off)
    if rebooted := walk.chance.random() < 0.5:
        box.reboot()
    if walk.chance.random() < 0.15:  # and the power goes again while it starts
        box.power.arm(walk.chance.randrange(1, MOMENTS))
    await box.survive(box.start)
    return f"{box.name}{' rebooted' if rebooted else ''}"


async def copy_disk(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    box.copy()
    return box.name


async def put_back(walk: Walk) -> str:
    """A technician copies yesterday's database back; the anchor stays, or is gone."""
    copied = [box for box in walk.boxes if box.copied]
    if not copied:
        return ""
    box = walk.chance.choice(copied)
    await box.crash()
    anchor_too = walk.chance.random() < 0.3
    box.put_back(lose_anchor=anchor_too)
    return f"{box.name}{', its anchor is gone' if anchor_too else ''}"


async def lose_disk(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    await box.crash()
    keep_anchor = walk.chance.random() < 0.3
    box.lose_disk(keep_anchor=keep_anchor)
    return f"{box.name}{', its anchor stays' if keep_anchor else ''}"


async def kill_office(walk: Walk) -> str:
    """The centre dies in the middle of something, or its database is busy, perhaps after all."""
    if walk.chance.random() < 0.5:
        walk.office.power.arm(walk.chance.randrange(1, 4))
    else:
        walk.office.busy[:] = [walk.chance.random() < 0.5 for _ in range(walk.chance.choice((1, 1, 2)))]
    (step,) = walk.chance.choices(AT_OFFICE, [each.weight for each in AT_OFFICE])
    said = await step.take(walk)
    return f"in {step.name}: {said}"


async def time_passes(walk: Walk) -> str:
    ms = walk.chance.choice((1_000, 30_000, 300_000, 1_000_000, 4_000_000))
    for box in walk.boxes:
        box.clock.pass_ms(ms)
    walk.office.clock.pass_ms(ms)
    return f"{ms} ms"


async def set_clock(walk: Walk) -> str:
    clock = walk.chance.choice([walk.office.clock, *(box.clock for box in walk.boxes)])
    clock.set(walk.chance.choice((0, START_MS - 10**10, START_MS + 10**11, START_MS)))
    return "a wall clock is set"


AT_OFFICE = [
    Step("go up", 6, lines.go_up),
    Step("tell", 2, lines.tell),
    Step("pay in", 1, desk.pay_in),
    Step("hand out", 1, desk.hand_out),
    Step("end hold", 1, desk.end_hold),
    Step("recall", 1, desk.want_back),
    Step("declare loss", 1, desk.say_lost),
]
IN_THE_MIDDLE = [
    Step("pay", 6, tills.present_and_pay),
    Step("top up", 2, tills.top_up),
    Step("refund", 2, tills.refund),
    Step("undo", 1, tills.undo),
    Step("at once", 1, tills.at_once),
    Step("tick", 2, tills.tick),
    Step("go down", 3, lines.go_down),
]
