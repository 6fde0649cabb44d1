"""A statement is written, read back and held against the books; whatever is altered shows."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.ledger.reports import statement as statements
from central_server.ledger.reports.statement import Entry, Statement
from central_server.web.tables import cell

NOW_MS = 1_795_000_000_000
HASHES = {f"1/{number}": f"{number:064x}" for number in range(20)}
HEADS = (("1/19", HASHES["1/19"]),)

entries = st.lists(
    st.builds(
        Entry,
        st.integers(NOW_MS - 10**10, NOW_MS),
        st.sampled_from(["top", "spend", "refund", "correct"]),
        st.sampled_from(["s1", "s2", "centre"]),
        st.sampled_from(["L2345/3", "=1+1", "-2", "R 77,8", '"', ""]),
        st.integers(-(10**9), 10**9),
        st.uuids().map(lambda one: one.hex),
        st.sampled_from(sorted(HASHES)),
    ),
    max_size=12,
)


def made(seen: list[Entry], **more: Any) -> Statement:
    how: dict[str, Any] = {
        "purse": "P234567ABCDEF", "programme": "gift", "unit": "CNY", "opening": 1200,
        "first_ms": NOW_MS - 10**10, "until_ms": NOW_MS, "made_ms": NOW_MS, "hashes": HASHES, "heads": HEADS,
    }  # fmt: skip
    return statements.state(seen, **(how | more))


def through_a_file(one: Statement) -> list[list[str]]:
    """The rows as they come back out of a CSV file."""
    file = io.StringIO()
    csv.writer(file).writerows([cell(value) for value in row] for row in statements.rows(one, {}))
    return list(csv.reader(io.StringIO(file.getvalue())))


def a_spend() -> Statement:
    return made([Entry(NOW_MS - 5, "spend", "s1", "L2345/3", -500, "ab" * 16, "1/3")])


def test_a_statement_ends_with_the_balance_of_its_lines() -> None:
    one = a_spend()
    assert (one.opening, one.closing, one.batches) == (1200, 700, (("1/3", HASHES["1/3"]),))
    assert one.lines[0].at == "2026-11-18T11:06:39.995Z"
    table = statements.rows(one, {"spend": "消费"})
    assert [row[3] for row in table] == [
        "purse",
        "programme",
        "opening",
        "spend",
        "closing",
        "batch",
        "head",
        "seal",
    ]
    assert table[3][2:8] == ["消费", "spend", "s1", "L2345/3", "-5.00", "7.00"]
    assert {len(row) for row in table} == {len(statements.HEADER)}


@given(entries, st.integers(-(10**9), 10**9))
def test_a_statement_comes_back_out_of_its_file_and_is_true(seen: list[Entry], opening: int) -> None:
    one = made(seen, opening=opening)
    assert one.closing == opening + sum(each.amount for each in seen)
    assert statements.read(through_a_file(one)) == one
    if len({each.transfer for each in seen}) == len(seen):
        assert statements.flaws(one, one, HASHES) == []


@given(entries.filter(bool), st.data())
def test_no_cell_of_the_file_can_be_altered(seen: list[Entry], data: st.DataObject) -> None:
    one = made(seen)
    table = through_a_file(one)
    row = data.draw(st.integers(0, len(table) - 1))
    column = data.draw(st.integers(0, len(statements.HEADER) - 1))
    before = table[row][column]
    table[row][column] = data.draw(
        st.sampled_from(["", "7", "x", "-5.00", "spend", "2026-11-18T11:06:39.995Z"])
    )
    try:
        shown = statements.read(table)
    except statements.BadStatement:
        return
    if shown != one:
        assert statements.flaws(shown, one, HASHES), (row, column, before, table[row][column])


@given(entries.filter(lambda seen: len({each.transfer for each in seen}) > 1), st.data())
def test_a_line_left_out_shows_though_all_else_is_made_to_fit(seen: list[Entry], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(seen) - 1))
    forged = made(seen[:gone] + seen[gone + 1 :])
    found = statements.flaws(forged, made(seen), HASHES)
    assert "a transfer of the books is missing" in {flaw.msgid for flaw in found}


def test_each_way_of_cheating_has_its_name() -> None:
    one = a_spend()
    line = one.lines[0]

    def said(forged: Statement, hashes: dict[str, str] = HASHES) -> list[tuple[int, str]]:
        sealed = replace(forged, digest=statements.digest(forged))
        return [(flaw.line, flaw.msgid) for flaw in statements.flaws(sealed, one, hashes)]

    assert said(one) == []
    assert said(replace(one, opening=99_999))[0] == (0, "the balance before is not that of the books")
    cheaper = replace(one, lines=(line._replace(amount=-5, balance=1195),))
    assert said(cheaper) == [(1, "the books say otherwise")]
    invented = replace(one, lines=(line, line._replace(transfer="cd" * 16, balance=200)))
    assert said(invented) == [(2, "the books have no such transfer here")]
    assert said(replace(one, lines=(line, line._replace(balance=200))))[0][1].startswith("the books have no")
    assert said(replace(one, batches=())) == [(1, "its batch is not named below")]
    rewritten = HASHES | {"1/3": "f" * 64}
    assert said(one, rewritten) == [(0, "a batch of the chain has another hash: file or books were altered")]
    assert statements.flaws(replace(one, digest="0" * 64), one, HASHES)[0].msgid.startswith("the seal is not")


def test_what_is_no_statement_is_refused() -> None:
    table = through_a_file(a_spend())
    for broken in (table[1:], table[:-1], [*table, ["x"]], [*table, table[0]], []):
        with pytest.raises(statements.BadStatement):
            statements.read(broken)
    with pytest.raises(statements.BadStatement):
        made([Entry(NOW_MS, "top", "s1", "", 1, f"{n:032x}", "1/1") for n in range(statements.LINES_MAX + 1)])
