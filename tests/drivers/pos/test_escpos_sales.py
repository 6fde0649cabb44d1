"""What is encoded is decoded: any sale, in every style of paper, cut anywhere."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivers.pos.escpos_tap import DRIVER
from drivers.pos.escpos_tap.encoder import Language, PaperStyle, encode_receipt
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.protocol import AFTER_CUT_MS, EscposTapDecoder
from drivers.pos.escpos_tap.simulator import simulate
from sync.contract.events import SaleCompleted, SaleLine, Tender

_HAN = (
    "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好"
    "看起发当没成只如事把还用第样道想作种开美总从无情已面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知"
)
_words = st.lists(
    st.one_of(
        st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=8),
        st.text(_HAN, min_size=2, max_size=6),
    ),
    min_size=1,
    max_size=3,
)
_grammar = EscposTapDecoder(Options())._grammar
names = _words.map(" ".join).filter(
    lambda name: not (_grammar.label(name) or _grammar.label(name.split(" ")[0]) or _grammar.mark(name))
)
amounts = st.integers(-9_999_999, 9_999_999)


@st.composite
def sale_lines(draw: st.DrawFn) -> SaleLine:
    amount = draw(amounts)
    unit = draw(st.none() | st.integers(0, 999_999))
    quantity = draw(st.just(1000) | st.integers(1, 99_999)) if unit is not None else 1000
    return SaleLine(
        name=draw(names),
        amount_minor=amount,
        quantity_milli=-quantity if amount < 0 else quantity,
        unit_price_minor=unit,
    )


@st.composite
def sales(draw: st.DrawFn) -> SaleCompleted:
    kinds = st.sampled_from(["cash", "card", "mobile", "value", "other"])
    total = draw(amounts)
    lines = tuple(draw(st.lists(sale_lines(), max_size=6)))
    # A last line that is the sum of all above it is read as a subtotal, with reason
    assume(len(lines) < 2 or 2 * lines[-1].amount_minor != sum(line.amount_minor for line in lines))
    return SaleCompleted(
        till="T1",
        receipt=draw(st.from_regex(r"[0-9]{4,12}", fullmatch=True)),
        currency="CNY",
        total_minor=total,
        lines=lines,
        tenders=tuple(Tender(draw(kinds), draw(amounts)) for _ in range(draw(st.integers(0, 2)))),
        tax_minor=draw(st.integers(0, 99_999)),
        change_minor=draw(st.integers(0, 99_999)),
        cashier=draw(st.sampled_from(["", "12", "Anna", "张敏"])),
        refers_to=draw(st.sampled_from(["", "00017"])),
    )


@pytest.mark.parametrize("style", ["epson", "gbk", "plain"])
@pytest.mark.parametrize("language", ["en", "zh"])
@settings(max_examples=150, deadline=None)
@given(sale=sales(), where=st.floats(0, 1))
def test_any_sale_comes_back_from_its_own_paper(
    style: PaperStyle, language: Language, sale: SaleCompleted, where: float
) -> None:
    job = encode_receipt(sale, style, language, shop="Tillbeam 好邻居便利店")
    decoder = EscposTapDecoder(Options(till="T1"))
    cut = int(where * len(job))
    heard = decoder.feed(job[:cut], 0) + decoder.feed(job[cut:], 1) + decoder.wake(1 + AFTER_CUT_MS)
    assert [each.what for each in heard if isinstance(each.what, SaleCompleted)] == [sale]


@pytest.mark.parametrize("currency", ["CNY", "EUR"])
@pytest.mark.parametrize("seed", range(5))
def test_the_simulated_till_sells_and_every_receipt_balances(currency: str, seed: int) -> None:
    options = Options(till="T1", currency=currency)
    decoder = DRIVER.decoder(options)
    now, events, notes = 0, [], []
    for scene in islice(simulate(options, random.Random(seed)), 120):
        now += scene.wait_ms
        for heard in decoder.feed(scene.chunk, now) + decoder.wake(now + AFTER_CUT_MS):
            (events if isinstance(heard.what, SaleCompleted) else notes).append(heard.what)
    assert len(events) == len(notes) == 60
    assert not [note for note in notes if note.problem or note.fields.get("unbalanced")]
    assert len({event.receipt for event in events}) == 60
    assert all(event.lines and event.tenders and event.cashier for event in events)
