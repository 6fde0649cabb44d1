from sync.contract.events import (
    LINES_MAX,
    NAME_MAX,
    TEXT_MAX,
    SaleCompleted,
    SaleLine,
    decode_event,
    encode_event,
)
from sync.contract.fitting import fitted

SALE = SaleCompleted(till="1", receipt="7", currency="CNY", total_minor=100, lines=(SaleLine("milk", 100),))


def test_an_event_within_the_limits_is_itself():
    assert fitted(SALE) is SALE


def test_a_receipt_that_is_too_long_is_cut_and_can_be_read_at_the_centre():
    long = SaleCompleted(
        till="t" * 200,
        receipt="7",
        currency="CNY",
        total_minor=100,
        lines=tuple(SaleLine("m" * 5000, 1, sku="s" * 100) for _ in range(LINES_MAX + 5)),
        cashier="c" * 999,
    )
    cut = decode_event(encode_event(fitted(long)))
    assert isinstance(cut, SaleCompleted)
    assert (len(cut.till), len(cut.cashier), len(cut.lines)) == (NAME_MAX, NAME_MAX, LINES_MAX)
    assert {(len(line.name), len(line.sku)) for line in cut.lines} == {(TEXT_MAX, NAME_MAX)}


def test_an_amount_is_never_made_to_fit():
    absurd = SaleCompleted(till="1", receipt="7", currency="CNY", total_minor=2**60)
    assert fitted(absurd) is absurd
