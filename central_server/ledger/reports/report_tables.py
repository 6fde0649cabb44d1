"""The reports as tables for people: the same rows on the page, in CSV and in XLSX."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from central_server.calendar import day_of_number
from central_server.ledger.books.accounts import CENTRE
from central_server.ledger.cards.programmes import programme, programmes
from central_server.ledger.desk.desk_names import store_names
from central_server.ledger.desk.desk_words import LOTS
from central_server.ledger.reports import finance, partners, settlement
from central_server.ledger.reports.ages import AGE_LABELS, quarter_name
from central_server.ledger.reports.breakage import breakage, cohorts, given
from central_server.ledger.reports.custody import ISSUERS, custody
from central_server.ledger.reports.history import position
from central_server.ledger.reports.liability import liability
from central_server.ledger.reports.report_asked import Asked, companies
from central_server.ledger.reports.report_shapes import Amount, Cell, Named, Report, Say, Share, Table, header
from central_server.web.formats import number
from central_server.web.text import N_, words

Build = Callable[[AsyncSession, Asked, Say], Awaitable[Report]]


async def liability_report(db: AsyncSession, asked: Asked, say: Say) -> Report:
    """What is owed to members and cardholders on the last day."""
    upto = asked.upto or await position(db)
    found = await liability(db, asked.last, zone=asked.zone, until_ms=asked.until_ms, upto=upto)
    names = await _names(db, asked)
    heads = header(say, N_("Programme"), N_("Programme id"), N_("Kind"), N_("Unit"), N_("Total"), *AGE_LABELS)
    rows: list[Sequence[Cell]] = [
        [
            names.get(row.programme, row.programme),
            row.programme,
            say(LOTS.get(row.kind, row.kind)),
            row.unit,
            *(Amount(amount, row.unit) for amount in (row.total, *row.ages)),
        ]
        for row in found.rows
    ]
    check_heads = header(
        say,
        N_("Programme"),
        N_("In lots"),
        N_("In accounts"),
        N_("Differs by"),
        N_("Expired, may be re-activated"),
    )
    checks: list[Sequence[Cell]] = [
        [
            Named(names.get(each.programme, each.programme), each.programme),
            *(
                Amount(one, each.unit)
                for one in (each.lots, each.books, each.lots - each.books, each.forfeited)
            ),
        ]
        for each in found.checks
    ]
    wrong = say(N_("Lots and accounts differ: have the ledger verified before these figures are used."))
    return Report(
        say(N_("Liability")),
        say(N_("What is on cards and in members' purses, by how long ago it came in.")),
        [
            Table(say(N_("By programme and age")), heads, rows),
            Table(say(N_("Held against the accounts")), check_heads, checks),
        ],
        notices=[] if found.agrees else [(wrong, "bad")],
        tiles=[
            (say(LOTS.get(kind, kind)), str(Amount(total, unit)), unit)
            for unit, kind, total in found.totals()
        ],
        position=str(upto),
        dates=("last",),
    )


async def settlement_report(db: AsyncSession, asked: Asked, say: Say) -> Report:
    """Who owes whom for the days."""
    upto = asked.upto or await position(db)
    window = replace(asked.window, upto=upto)
    uses = await settlement.uses(db, window)
    if asked.by == "company":
        uses = settlement.by_company(uses, await companies(db))
    place = await _places(db, say, companies=asked.by == "company")
    pair_heads = header(say, N_("Pays"), N_("To"), N_("Unit"), N_("Amount"))
    pairs: list[Sequence[Cell]] = [
        [place(one.debtor), place(one.creditor), one.unit, Amount(one.amount, one.unit)]
        for one in settlement.debts(uses)
    ]
    net_heads = header(
        say,
        N_("Store or company"),
        N_("Unit"),
        N_("For its own money"),
        N_("Due from others"),
        N_("Owed to others"),
        N_("To receive"),
    )
    found = settlement.positions(uses)
    nets: list[Sequence[Cell]] = [
        [
            place(one.place),
            one.unit,
            *(Amount(much, one.unit) for much in (one.own, one.due, one.owed, one.net)),
        ]
        for one in found
    ]
    did_heads = header(
        say,
        N_("Store"),
        N_("Unit"),
        N_("Cash taken"),
        N_("Taken otherwise"),
        N_("Goods given"),
        N_("Paid out"),
        N_("Declared lost"),
    )
    did: list[Sequence[Cell]] = [
        [place(one.store), one.unit, *(Amount(much, one.unit) for much in one.sums())]
        for one in await settlement.done(db, window)
    ]
    return Report(
        say(N_("Settlement")),
        say(N_("One store took the cash, another gave the goods: who pays whom. The sum is zero.")),
        [
            Table(say(N_("Who pays whom")), pair_heads, pairs),
            Table(say(N_("By place")), net_heads, nets),
            Table(say(N_("What stores did")), did_heads, did),
        ],
        position=str(upto),
    )


async def breakage_report(db: AsyncSession, asked: Asked, say: Say) -> Report:
    """What nobody uses, as it stands today."""
    rows = await given(db, zone=asked.zone)
    names = await _names(db, asked)
    heads = header(
        say,
        N_("Programme"),
        N_("Programme id"),
        N_("Kind"),
        N_("Given out in"),
        N_("Unit"),
        N_("Given out"),
        N_("Used"),
        N_("Left"),
        N_("Expired"),
        N_("Re-activated"),
        N_("Not used"),
    )
    by_month: list[Sequence[Cell]] = [
        [
            names.get(one.programme, one.programme),
            one.programme,
            say(LOTS.get(one.kind, one.kind)),
            one.month,
            one.unit,
            *(
                Amount(much, one.unit)
                for much in (one.amount, one.used, one.left, one.forfeited, one.revived)
            ),
            Share(one.unused_share),
        ]
        for one in cohorts(rows)
    ]
    after_heads = header(
        say,
        N_("Programme"),
        N_("Kind"),
        N_("After months"),
        N_("Unit"),
        N_("Given out"),
        N_("Not used"),
        N_("Share"),
    )
    after: list[Sequence[Cell]] = [
        [
            Named(names.get(one.programme, one.programme), one.programme),
            say(LOTS.get(one.kind, one.kind)),
            one.months,
            one.unit,
            Amount(one.amount, one.unit),
            Amount(one.unused, one.unit),
            Share(one.share),
        ]
        for one in breakage(rows, asked.today)
        if one.amount
    ]
    return Report(
        say(N_("Breakage")),
        say(N_("Value that nobody uses. What expired is the member's still: it can be re-activated.")),
        [
            Table(say(N_("By month")), heads, by_month),
            Table(say(N_("After so many months")), after_heads, after),
        ],
        dates=(),
    )


async def custody_report(db: AsyncSession, asked: Asked, say: Say) -> Report:
    """What must lie at the bank for the last quarter's end."""
    rows = await custody(db, asked.today, zone=asked.zone, issuer=asked.issuer, upto=asked.upto)
    heads = header(
        say,
        N_("Quarter"),
        N_("Unit"),
        N_("Prepaid and not used"),
        N_("Issuer"),
        N_("Share asked for"),
        N_("Must be held"),
        N_("Bank confirmed"),
        N_("Ratio"),
        N_("Short"),
    )
    lines: list[Sequence[Cell]] = [
        [
            quarter_name(row.last),
            row.unit,
            Amount(row.balance, row.unit),
            say(ISSUERS[row.issuer]),
            Share(row.percent / 100),
            Amount(row.needed, row.unit),
            Amount(row.held, row.unit),
            Share(row.ratio),
            Amount(row.short, row.unit),
        ]
        for row in rows
    ]
    short = [str(Amount(row.short, row.unit)) for row in rows if row.short]
    text = say(N_("Short in custody: %(amounts)s. Pay it in before the quarter is filed."))
    notices = [(text % {"amounts": ", ".join(short)}, "bad")] if short else []
    return Report(
        say(N_("Custody")),
        say(N_("A share of what was prepaid must lie at a bank at a quarter's end. Bonus does not count.")),
        [Table(say(N_("Last quarter")), heads, lines)],
        notices=notices,
        dates=(),
    )


async def journal_report(db: AsyncSession, asked: Asked, say: Say) -> Report:
    """The journal of the days, or of one run."""
    journal = await journal_of(db, asked)
    heads = header(
        say,
        N_("Entry"),
        N_("Day"),
        N_("Store"),
        N_("Unit"),
        N_("Account"),
        N_("Account name"),
        N_("Debit"),
        N_("Credit"),
    )
    place = await _places(db, say)
    tail = f"-{asked.run}" if asked.run else ""
    lines: list[Sequence[Cell]] = [
        [
            f"{entry.number}{tail}",
            _iso(entry.day),
            place(entry.store),
            entry.unit,
            line.account.code,
            say(line.account.name),
            Amount(line.debit, entry.unit),
            Amount(line.credit, entry.unit),
        ]
        for entry in journal
        for line in entry.lines
    ]
    sums: list[Sequence[Cell]] = [
        [unit, line.account.code, say(line.account.name), Amount(line.debit, unit), Amount(line.credit, unit)]
        for unit, line in finance.trial(journal)
    ]
    return Report(
        say(N_("Finance journal")),
        say(N_("Every transfer once, as balanced entries by day and store.")),
        [
            Table(say(N_("Entries")), heads, lines),
            Table(say(N_("Sums")), heads[3:], sums),
        ],
        tiles=[
            (say(N_("Transfers")), number(sum(entry.transfers for entry in journal)), say(N_("each once")))
        ],
        dates=("first", "last") if asked.run is None else (),
    )


async def journal_of(db: AsyncSession, asked: Asked) -> list[finance.Entry]:
    """The entries of the days, or of one run. Raises NotFound when there is no such run."""
    days = await asked.days(db)
    if asked.run is not None:
        window = await finance.window_of_run(db, asked.run)
        return finance.entries(await finance.moved(db, window, days.unbounded()), asked.codes)
    return finance.entries(await finance.moved(db, asked.wide(days), days), asked.codes)


async def partners_report(db: AsyncSession, asked: Asked, say: Say) -> Report:
    """What partners are due for the days."""
    heads = header(
        say,
        N_("Programme"),
        N_("Partner"),
        N_("Share"),
        N_("Unit"),
        N_("Payments"),
        N_("Paid with the cards"),
        N_("Partner's part"),
    )
    names, partner_names = await _names(db, asked), await _partner_names(db, asked)
    rows: list[Sequence[Cell]] = [
        [
            Named(names.get(one.programme, one.programme), one.programme),
            Named(partner_names.get(one.partner, one.partner), one.partner),
            Share(one.share_bp / partners.SHARE_OF),
            one.unit,
            one.payments,
            Amount(one.amount, one.unit),
            Amount(one.share, one.unit),
        ]
        for one in await settlements(db, asked)
    ]
    return Report(
        say(N_("Partners")),
        say(N_("What the partners of joint programmes are due, with the file that settles it.")),
        [Table(say(N_("By programme")), heads, rows)],
    )


async def settlements(db: AsyncSession, asked: Asked) -> list[partners.Settlement]:
    """Of every joint programme, or of the one asked for. Raises NotFound."""
    some = [await programme(db, asked.programme)] if asked.programme else (await programmes(db)).values()
    days = await asked.days(db)
    found = []
    for each in some:
        partner = each.rules.partner
        if partner is None:
            continue
        shared = await partners.shared(db, each.id, asked.wide(days), days)
        for unit in sorted(shared) or [each.rules.unit]:
            found.append(
                partners.settle(
                    shared.get(unit, []),
                    partner=partner.id,
                    programme=each.id,
                    first=days.first,
                    last=days.last,
                    unit=unit,
                    share_bp=partner.share_bp,
                )
            )
    return found


REPORTS: Final[Mapping[str, tuple[str, Build]]] = {
    "liability": (N_("Liability"), liability_report),
    "settlement": (N_("Settlement"), settlement_report),
    "breakage": (N_("Breakage"), breakage_report),
    "custody": (N_("Custody"), custody_report),
    "journal": (N_("Finance journal"), journal_report),
    "partners": (N_("Partners"), partners_report),
}


async def build(name: str, db: AsyncSession, asked: Asked) -> Report:
    """One of REPORTS in the viewer's language."""
    return await REPORTS[name][1](db, asked, words(asked.viewer.lang).gettext)


async def _names(db: AsyncSession, asked: Asked) -> dict[str, str]:
    known = (await programmes(db)).values()
    return {each.id: each.rules.zh if asked.viewer.lang == "zh_CN" else each.rules.en for each in known}


async def _partner_names(db: AsyncSession, asked: Asked) -> dict[str, str]:
    some = [each.rules.partner for each in (await programmes(db)).values() if each.rules.partner]
    return {each.id: each.zh if asked.viewer.lang == "zh_CN" else each.en for each in some}


async def _places(db: AsyncSession, say: Say, *, companies: bool = False) -> Callable[[str], Named]:
    """Stores by name; companies are called by theirs already."""
    centre = say(N_("Head office"))
    known = {} if companies else await store_names(db)
    return lambda place: Named(centre, centre) if place == CENTRE else Named(known.get(place, place), place)


def _iso(day: int) -> str:
    """``_iso(20261122) == "2026-11-22"``."""
    return day_of_number(day).isoformat()
