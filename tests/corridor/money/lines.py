"""What lines do in a walk: they are cut and mended, and what is said is late, doubled, lost, or made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sync.contract.clock import Stamp
from sync.contract.events import LeaseRecord, encode_event
from sync.contract.ids import Lane
from sync.contract.leases import lease_id
from sync.contract.message import encode_batch, envelope
from sync.contract.topics import up
from sync.link.base import Message
from tests.corridor.money.clocks import START_MS
from tests.corridor.money.new_chain import CURRENCY
from tests.corridor.money.tills import some_box

if TYPE_CHECKING:
    from tests.corridor.money.walk import Walk


async def cut(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    walk.line_up[box.name] = False
    box.hang_up()
    if walk.chance.random() < 0.5:
        walk.wires.up[box.name].clear()
        walk.wires.down[box.name].clear()
    return box.name


async def mend(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    walk.line_up[box.name] = True
    box.hang_up()
    return box.name


async def say(walk: Walk) -> str:
    """A store says what it has to say, into a line that may lose it."""
    if (box := some_box(walk)) is None:
        return ""
    if walk.chance.random() < 0.2:
        box.hang_up()
    await box.survive(box.say)
    return box.name


async def go_up(walk: Walk) -> str:
    """Some of what is under way arrives at head office, in any order, perhaps twice."""
    box = walk.chance.choice(walk.boxes)
    waiting = walk.wires.up[box.name]
    messages = [walk.wires.take(waiting) for _ in range(min(len(waiting), walk.chance.choice((1, 2, 4))))]
    some = [message for message in messages if message]
    if not some:
        return ""
    await walk.at_office(lambda: walk.office.hear(some))
    return f"{len(some)} of {box.name}"


async def tell(walk: Walk) -> str:
    await walk.at_office(walk.office.publish)
    return "words go out"


async def go_down(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    if not box.on or (message := walk.wires.take(walk.wires.down[box.name])) is None:
        return ""
    await box.survive(lambda: box.hear(message))
    return box.name


async def forge(walk: Walk) -> str:
    """Who has a store's login, but not its key, makes up records: of another store's lease, or of his own."""
    box, chance = walk.chance.choice(walk.boxes), walk.chance
    logs = [log for lease, log in sorted(walk.truth.log.items()) if walk.truth.written_by[lease] != box.name]
    purse = chance.choice(walk.people).purses[CURRENCY]
    if logs and chance.random() < 0.5:
        last = chance.choice(logs)[-1]
        lease, number, purse, unit = last.lease, last.number + 1, last.purse, last.unit
        made = [
            LeaseRecord(
                lease=lease, number=number, kind="spend", purse=purse, unit=unit, amount=1, mac="0" * 32
            )
        ]
    else:
        lease, epoch = lease_id(chance.randbytes(10)), chance.randbytes(8).hex()
        said = {"lease": lease, "purse": purse, "unit": CURRENCY, "mac": "0" * 32}
        made = [
            LeaseRecord(number=1, kind="open", amount=0, epoch=epoch, **said),
            LeaseRecord(number=2, kind="top", amount=50, **said),
        ]
    walk.truth.forged.add((box.name, lease))
    stamp = Stamp("thief", 1, START_MS, True)
    payload = encode_batch(
        chance.randbytes(8).hex(), Lane.TILL, 1, [envelope(encode_event(each), stamp) for each in made]
    )
    await walk.at_office(lambda: walk.office.hear([Message(up(box.name, Lane.TILL), payload)]))
    return f"{box.name} {made}"


async def echo(walk: Walk) -> str:
    """What was said long ago arrives once more, up or down."""
    box, chance = walk.chance.choice(walk.boxes), walk.chance
    if chance.random() < 0.5 and walk.wires.old_up[box.name]:
        message = chance.choice(walk.wires.old_up[box.name])
        await walk.at_office(lambda: walk.office.hear([message]))
        return f"{box.name}, up"
    if box.on and walk.wires.old_down[box.name]:
        message = chance.choice(walk.wires.old_down[box.name])
        await box.survive(lambda: box.hear(message))
        return f"{box.name}, down"
    return ""


async def lose(walk: Walk) -> str:
    box = walk.chance.choice(walk.boxes)
    walk.wires.lose(walk.chance.choice((walk.wires.up, walk.wires.down))[box.name])
    return box.name
