"""What happens to members in stores: they join, show cards, and buy. Fed by the inbox."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import believed
from central_server.db import bulk_insert
from central_server.errors import Conflict
from central_server.facts import Fact
from central_server.keys import Keys
from central_server.membership.cards import give_card
from central_server.membership.changes import note_change
from central_server.membership.ids import id_of_joiner
from central_server.membership.models import ACTIVE, ARCHIVED, MEMBERS, MERGED, CardRefusal, CardSwipe, Member
from central_server.membership.profile import told_of
from central_server.membership.records import fill_gaps, set_status, write_fields
from central_server.membership.search import AT_ONCE, members_of
from central_server.membership.telling import retell, retell_visits, with_visits
from sync.contract.errors import BadId, BadMessage
from sync.contract.events import CardPresented, CardRefused, MemberJoined
from sync.contract.questions import Visit
from sync.contract.sealed import Joiner
from sync.contract.tokens import TOKEN_HEX_DIGITS, normal_phone, phone_token

NAME_MAX = 80
TEXT_MAX = 64  # a till, a technology: longer is cut
_TOKEN = re.compile(rf"[0-9a-f]{{{TOKEN_HEX_DIGITS}}}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_log = logging.getLogger(__name__)


async def joined(
    session: AsyncSession,
    store: str,
    facts: Sequence[Fact[MemberJoined]],
    now_ms: int,
    *,
    keys: Keys,
    country: str = "86",
) -> None:
    """Somebody joined at a till, perhaps offline. The same join twice is one. `country`: of bare numbers.

    When the telephone or the card is a member's already, the joiner *is* that member: the new id is kept as
    one merged into theirs, empty fields are filled, the card is added, and the name they now gave stands in
    the history. A joiner that our key does not open becomes a member of whom only the card is known.
    """
    for fact in facts:
        await _join(session, store, fact, keys, believed(fact.stamp, now_ms)[0], country)


async def _join(
    session: AsyncSession, store: str, fact: Fact[MemberJoined], keys: Keys, at_ms: int, country: str
) -> None:
    event = fact.event
    member, by = id_of_joiner(event.member, fact.key), f"{store}/{_plain(event.till)}"
    person = _opened(event, keys, fact, country)
    phone = _token_of(event.phone)
    if person.get("phone"):
        phone = phone_token(keys.token_key, person["phone"])
    card = _token_of(event.card)
    await session.flush()
    if await session.get(Member, member) is not None:
        return
    known = await members_of(session, [phone, card], [])
    owner = await session.get(Member, known.get(phone) or known.get(card) or "")
    if owner is not None and owner.status not in (ACTIVE, ARCHIVED):
        owner = None  # erased: this is a new person
    row = Member(id=member, status=ACTIVE, merged_into="", store=store, joined_ms=at_ms, changed_ms=at_ms)
    row.version, row.seen_ms, row.told, row.phone_token, row.consent = 1, at_ms, b"", "", False
    row.sex = row.tier = ""
    session.add(row)
    note_change(session, keys, member=member, field="joined", old="", new=by, by=by, at_ms=at_ms)
    if owner is None:
        await write_fields(session, row, person, keys=keys, by=by, at_ms=at_ms)
        row.phone_token = phone
        await _give(session, row, card, keys, by, at_ms)
        await retell(session, row, keys)
        return
    row.status, row.merged_into = MERGED, owner.id
    await retell(session, row, keys)
    note_change(
        session,
        keys,
        member=owner.id,
        field="joined_as",
        old="",
        new=person.get("name", ""),
        by=by,
        at_ms=at_ms,
    )
    await fill_gaps(session, owner, person, keys=keys, by=by, at_ms=at_ms)
    owner.phone_token = owner.phone_token or phone
    if phone and owner.phone_token != phone:
        row.phone_token = phone  # their second number: it stays with the merged id, and finds the owner
        await write_fields(session, row, {"phone": person.get("phone", "")}, keys=keys, by=by, at_ms=at_ms)
        row.phone_token = phone
    owner.seen_ms = max(owner.seen_ms, at_ms)
    await set_status(session, owner, ACTIVE, keys=keys, by=by, at_ms=at_ms)
    await _give(session, owner, card, keys, by, at_ms)
    await retell(session, owner, keys)


async def cards_presented(
    session: AsyncSession, store: str, facts: Sequence[Fact[CardPresented]], now_ms: int
) -> None:
    """Keep who showed a card where, also cards of nobody yet; move on when the member was last seen."""
    known = await members_of(session, [f.event.card for f in facts], [f.event.member for f in facts])
    rows = []
    seen: dict[str, int] = {}
    for fact in facts:
        event, (at_ms, sure) = fact.event, believed(fact.stamp, now_ms)
        member = known.get(event.member) or known.get(event.card, "")
        rows.append(
            (
                fact.key,
                store,
                _plain(event.till),
                at_ms,
                sure,
                _plain(event.card),
                _plain(event.technology),
                member,
            )
        )
        if member:
            seen[member] = max(seen.get(member, 0), at_ms)
    await bulk_insert(session, CardSwipe, rows)
    await _seen(session, seen)


async def cards_refused(
    session: AsyncSession, store: str, facts: Sequence[Fact[CardRefused]], now_ms: int
) -> None:
    """Count the cards that a reader would not read, by reason."""
    rows = [
        (fact.key, store, _plain(fact.event.till), believed(fact.stamp, now_ms)[0], fact.event.reason)
        for fact in facts
    ]
    await bulk_insert(session, CardRefusal, rows)


async def visited(session: AsyncSession, visits: Mapping[str, Sequence[Visit]]) -> None:
    """Members bought something: keep their last visits and tell every till. Ids as `members_of` gave them."""
    members = sorted(visits)
    words = {}
    for at in range(0, len(members), AT_ONCE):
        # Their rows are locked before the feed's, as head office's pages do it, or each waits for the other.
        some = sa.select(Member.id, Member.told).where(Member.id.in_(members[at : at + AT_ONCE]))
        rows = await session.execute(some.order_by(Member.id).with_for_update())
        for member, body in rows:
            told = told_of(body)
            if told is None:
                continue  # archived or erased: tills are told nothing of them
            word = with_visits(told, visits[member])
            if word != told:
                words[member] = word
    last_ms = {member: max(visit.wall_ms for visit in some) for member, some in visits.items() if some}
    await _seen(session, last_ms)
    await retell_visits(session, words)


async def _seen(session: AsyncSession, seen: Mapping[str, int]) -> None:
    if not seen:
        return
    await session.execute(
        sa.update(MEMBERS)
        .where(MEMBERS.c.id == sa.bindparam("member_id"), MEMBERS.c.seen_ms < sa.bindparam("at_ms"))
        .values(seen_ms=sa.bindparam("at_ms")),
        [{"member_id": member, "at_ms": at_ms} for member, at_ms in sorted(seen.items())],
    )


async def _give(session: AsyncSession, row: Member, card: str, keys: Keys, by: str, at_ms: int) -> None:
    if not card:
        return
    try:
        given = await give_card(session, row, card, last4="", technology="", keys=keys, by=by, at_ms=at_ms)
    except Conflict as error:
        given = False
        _log.warning("a card shown on joining was not added to %s: %s", row.id, error)
    if not given:
        note_change(session, keys, member=row.id, field="card_refused", old="", new=card, by=by, at_ms=at_ms)


def _opened(event: MemberJoined, keys: Keys, fact: Fact[MemberJoined], country: str) -> dict[str, str]:
    """The joiner's fields as they are kept; what cannot be kept is left out."""
    try:
        joiner: Joiner = keys.unseal(event.sealed)
    except BadMessage as error:
        _log.warning("the joiner of %s cannot be opened: %s", fact.id, error)
        return {}
    person = {
        "name": _CONTROL.sub("", joiner.name).strip()[:NAME_MAX],
        "consent": "1" if joiner.consent else "",
    }
    try:
        person["phone"] = normal_phone(joiner.phone, country) if joiner.phone else ""
    except BadId:
        person["note"] = f"{joiner.phone[:TEXT_MAX]}"  # what the cashier typed, for a person to read
    return person


def _token_of(text: str) -> str:
    return text if _TOKEN.fullmatch(text) else ""


def _plain(text: str) -> str:
    return _CONTROL.sub("", text)[:TEXT_MAX]
