"""Card programmes: made, changed, stopped, and told to every store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.downlink.feed import tell
from central_server.errors import Conflict, Invalid, NotFound
from central_server.ledger.cards.law import law_of
from central_server.ledger.cards.rules import Rules, checked_rules, rules_of
from central_server.ledger.models.cards import ProgrammeRow
from central_server.ledger.models.lots import Purse
from central_server.web.text import N_
from sync.contract.told import EVERYONE, ProgrammeTold

PROGRAMMES_MAX = 500  # of a chain; each is told to every store
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_FOR_GOOD = ("kind", "unit", "holder")  # what purses of a programme are made of
_ALL = sa.select(ProgrammeRow).order_by(ProgrammeRow.id)
_SOME = _ALL.where(ProgrammeRow.id.in_(sa.bindparam("ids", expanding=True)))


@dataclass(frozen=True)
class Programme:
    """A programme as the others see it."""

    id: str
    rules: Rules
    version: int
    stopped: bool

    @property
    def is_value(self) -> bool:
        return self.rules.kind == "value"


async def make_programme(
    session: AsyncSession, id_: str, given: Mapping[str, Any], *, by: str, at_ms: int
) -> Programme:
    """A new programme; tells every store. Raises Invalid, and Conflict when the id is taken."""
    rules = await _fitting(session, id_, given)
    if await session.get(ProgrammeRow, id_) is not None:
        raise Conflict(N_("there is a programme {programme} already"), programme=id_)
    count = await session.scalar(sa.select(sa.func.count()).select_from(ProgrammeRow))
    if (count or 0) >= PROGRAMMES_MAX:
        raise Conflict(N_("there can be at most {most} programmes"), most=PROGRAMMES_MAX)
    row = ProgrammeRow(id=id_, kind=rules.kind, unit=rules.unit, rules=rules.model_dump_json())
    row.stopped, row.version, row.made_ms, row.changed_ms, row.changed_by = 0, 1, at_ms, at_ms, by
    session.add(row)
    await session.flush()
    await tell(session, EVERYONE, word_of(id_, rules))
    return _opened(row)


async def change_programme(
    session: AsyncSession, id_: str, given: Mapping[str, Any], *, version: int, by: str, at_ms: int
) -> Programme:
    """New rules for what happens from now on; `version` is the one the editor saw. Tells every store.

    Raises NotFound, Invalid, and Conflict (changed meanwhile, or its purses are made of what would change).
    """
    row = await _row(session, id_)
    if row.version != version:
        raise Conflict(N_("somebody changed this programme meanwhile; look at it again"))
    rules, before = await _fitting(session, id_, given), rules_of(row.rules)
    changed = [name for name in _FOR_GOOD if getattr(rules, name) != getattr(before, name)]
    if changed and await session.scalar(sa.select(Purse.id).where(Purse.programme == id_).limit(1)):
        raise Conflict(N_("there are purses already: {fields} cannot change"), fields=", ".join(changed))
    row.kind, row.unit, row.rules = rules.kind, rules.unit, rules.model_dump_json()
    row.version, row.changed_ms, row.changed_by = row.version + 1, at_ms, by
    await session.flush()
    await tell(session, EVERYONE, word_of(id_, rules, stopped=bool(row.stopped)))
    return _opened(row)


async def stop_programme(session: AsyncSession, id_: str, *, stopped: bool, by: str, at_ms: int) -> Programme:
    """Let nothing out of its purses or into them, or let it again; tells every store. Raises NotFound."""
    row = await _row(session, id_)
    row.stopped, row.version, row.changed_ms, row.changed_by = int(stopped), row.version + 1, at_ms, by
    await session.flush()
    await tell(session, EVERYONE, word_of(id_, rules_of(row.rules), stopped=stopped))
    return _opened(row)


async def programme(session: AsyncSession, id_: str) -> Programme:
    """Raises NotFound."""
    row = await session.get(ProgrammeRow, id_)
    if row is None:
        raise NotFound(N_("there is no programme {programme}"), programme=id_)
    return _opened(row)


async def programmes(session: AsyncSession, ids: Iterable[str] | None = None) -> dict[str, Programme]:
    """All programmes, or those of `ids` that there are, by id."""
    found = session.scalars(_ALL) if ids is None else session.scalars(_SOME, {"ids": sorted(set(ids))})
    return {row.id: _opened(row) for row in await found}


def card_until(programme: Programme, member: str, from_ms: int) -> int | None:
    """When a card ends that is activated then; None: never, as the law wants it of cards in a name."""
    in_a_name = bool(member) and programme.is_value
    if in_a_name and not law_of(programme.rules.unit).registered_may_expire:
        return None
    return programme.rules.card_until(from_ms)


def must_run(programme: Programme) -> None:
    """Raises Conflict when the programme is stopped."""
    if programme.stopped:
        raise Conflict(N_("the programme {programme} is stopped"), programme=programme.id)


def word_of(id_: str, rules: Rules, *, stopped: bool = False) -> ProgrammeTold:
    """What tills need of it. A till cannot tell a bearer, so the bearer's limit counts where one may be."""
    return ProgrammeTold(
        programme=id_,
        kind=rules.kind,
        unit=rules.unit,
        zh=rules.zh,
        en=rules.en,
        reload=rules.reload and not stopped,
        top_max=0 if stopped else rules.top_max,
        balance_max=rules.most(registered=rules.is_registered),
        pin_above=rules.pin_above,
        pay_max=rules.pay_max,
        pay_per_unit=rules.pay_per_unit,
        stopped=stopped,
    )


async def _fitting(session: AsyncSession, id_: str, given: Mapping[str, Any]) -> Rules:
    rules = checked_rules(given)
    if not _ID.fullmatch(id_):
        raise Invalid({"id": N_("1 to 32 of a-z, 0-9 and '-'")})
    known = await programmes(session)
    wrong = {}
    if unknown := [other for other in rules.also if other not in known or other == id_]:
        wrong["also"] = N_("there is no such programme") + f": {', '.join(unknown)}"
    if rules.numbers is not None:
        for other in known.values():
            theirs = other.rules.numbers
            if other.id != id_ and theirs and theirs.digits == rules.numbers.digits:
                mine = rules.numbers.prefix
                if mine.startswith(theirs.prefix) or theirs.prefix.startswith(mine):
                    wrong["numbers.prefix"] = N_("another programme has these numbers") + f": {other.id}"
    if wrong:
        raise Invalid(wrong)
    return rules


async def _row(session: AsyncSession, id_: str) -> ProgrammeRow:
    await session.flush()
    row = await session.get(ProgrammeRow, id_, populate_existing=True, with_for_update=True)
    if row is None:
        raise NotFound(N_("there is no programme {programme}"), programme=id_)
    return row


def _opened(row: ProgrammeRow) -> Programme:
    return Programme(row.id, rules_of(row.rules), row.version, bool(row.stopped))
