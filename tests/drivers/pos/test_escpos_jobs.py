"""Where one receipt ends and the next begins, and what becomes of papers that are no sale."""

from __future__ import annotations

import random
import time

import pytest

from drivers.base import Heard, Note
from drivers.pos.escpos_tap.encoder import encode_receipt
from drivers.pos.escpos_tap.grammar import Grammar
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.profiles import load
from drivers.pos.escpos_tap.protocol import AFTER_CUT_MS, EscposTapDecoder
from sync.contract.events import ReceiptUnreadable, SaleCompleted, SaleLine, Tender, encode_event
from sync.contract.message import EVENT_MAX_BYTES

TEA = b"Tea         2.00\nTOTAL       2.00\n"
_SALE = SaleCompleted(
    till="1",
    receipt="0001",
    currency="CNY",
    total_minor=700,
    lines=(SaleLine(name="可口可乐", amount_minor=700, quantity_milli=2000, unit_price_minor=350),),
    tenders=(Tender("mobile", 700),),
)


def _decoder(**options: object) -> EscposTapDecoder:
    return EscposTapDecoder(Options(till="1", **options))


def _fed(decoder: EscposTapDecoder, job: bytes, now_ms: int = 0) -> list[Heard]:
    """What a job says, and the moment of silence behind its cut."""
    return decoder.feed(job, now_ms) + decoder.wake(now_ms + AFTER_CUT_MS)


def _whats(heard: list) -> list:
    return [each.what for each in heard if not isinstance(each.what, Note)]


def test_a_receipt_without_a_cut_is_over_when_the_line_is_silent() -> None:
    decoder = _decoder(idle_cut_ms=2000)
    assert decoder.wake_at_ms is None
    assert decoder.feed(TEA[:9], 100) == []
    assert decoder.wake_at_ms == 2100
    assert decoder.feed(TEA[9:], 1500) == []
    assert decoder.wake(3499) == []
    assert [sale.total_minor for sale in _whats(decoder.wake(3500))] == [200]
    assert decoder.wake_at_ms is None


def test_a_figure_that_a_cut_line_left_in_half_is_no_total() -> None:
    job = encode_receipt(_SALE, "plain", "zh")
    for end in range(len(job)):
        decoder = _decoder()
        decoder.feed(job[:end], 0)
        totals = [
            what.total_minor for what in _whats(decoder.wake(60_000)) if isinstance(what, SaleCompleted)
        ]
        assert totals in ([], [700]), f"cut at {end}"


def test_silence_counts_even_if_nobody_woke_us() -> None:
    decoder = _decoder()
    decoder.feed(TEA, 0)
    assert len(_whats(decoder.feed(TEA, 60_000))) == 1


def test_each_cut_is_a_receipt_and_two_in_a_row_are_one() -> None:
    heard = _fed(_decoder(), b"\x1b@" + TEA + b"\x1dV\x00\x1dV\x00\x1b@" + TEA + b"\n\n\x1bi")
    assert len(_whats(heard)) == 2
    assert heard[0].at_byte == 0


@pytest.mark.parametrize(
    ("behind", "pulses", "cuts"),
    [
        (b"\x1bp\x00\x19\xfa", 1, 1),
        (b"\x1bp\x00\x19\xfa\x1b@", 1, 1),
        (b"\x1b@\x1bp\x00\x19\xfa", 1, 1),
        (b"\n\x10\x14\x01\x00\x01\x1bp\x01\x19\xfa", 2, 1),
        (b"\n\x1bi\x1bp\x00\x19\xfa", 1, 1),
    ],
)
def test_a_drawer_opened_behind_the_cut_is_of_that_receipt(behind: bytes, pulses: int, cuts: int) -> None:
    decoder = _decoder()
    assert decoder.feed(b"\x1b@" + TEA + b"\x1dV\x00" + behind, 0) == []
    assert decoder.wake_at_ms == AFTER_CUT_MS
    fields = decoder.wake(AFTER_CUT_MS)[0].what.fields
    assert (fields["drawer_pulses"], fields["cuts"]) == (pulses, cuts)


def test_a_drawer_is_opened_for_the_receipt_it_stands_with() -> None:
    kick, cut = b"\x1bp\x00\x19\xfa", b"\x1dV\x00"
    for stream, each in (
        (TEA + cut + kick + TEA + cut, [1, 0]),
        (TEA + cut + kick + b"\x1b@" + TEA + cut, [1, 0]),
        (TEA + cut + b"\x1b@" + kick + TEA + cut, [0, 1]),
        (TEA + cut + TEA + kick + cut + kick, [0, 2]),
    ):
        notes = [h.what for h in _fed(_decoder(), stream) if isinstance(h.what, Note)]
        assert [note.fields["drawer_pulses"] for note in notes] == each, stream


def test_a_stream_is_summed_up() -> None:
    decoder = _decoder()
    _fed(decoder, b"\x1bp\x00\x19\xfa\x1b@" + TEA + b"\x1bi" + TEA + b"\x1bi\x1bp\x00\x19\xfa\x1bi")
    assert decoder.summary().fields == {
        "receipts": 2,
        "cuts": 3,
        "drawer_pulses": 2,
        "has_graphics": False,
    }


def test_a_receipt_says_where_it_began() -> None:
    job = b"\x1b@" + TEA + b"\x1dV\x00"
    heard = _fed(_decoder(), job + b"\n" + job)
    assert [each.at_byte for each in heard] == [0, 0, len(job) + 1, len(job) + 1]


def test_a_till_that_never_initialises_its_printer_is_read_behind_a_cut() -> None:
    assert len(_whats(_fed(_decoder(), TEA + b"\x1dV\x00" + TEA + b"\x1dV\x00"))) == 2


def test_a_paper_without_a_total_is_told_as_unreadable() -> None:
    slip = b"\x1b@TABLE 4\n2 soup\n1 bread\nno onions\n\x1bi"
    assert _whats(_fed(_decoder(), slip)) == [ReceiptUnreadable(till="1", reason="no_total", line_count=4)]


def test_a_drawer_pulse_or_a_feed_alone_is_nothing() -> None:
    decoder = _decoder()
    assert decoder.feed(b"\x1b@\x1bp\x00\x19\xfa\n\n\x1bd\x03\x1dV\x00", 0) + decoder.wake(10**6) == []


def test_a_paper_without_end_is_told_once_and_the_next_is_read() -> None:
    decoder = _decoder()
    whats = _whats(_fed(decoder, b"\x1b@" + b"a line of a journal\n" * 2500 + b"\x1bi"))
    assert whats[0] == ReceiptUnreadable(till="1", reason="too_long", line_count=2000)
    assert [sale.total_minor for sale in _whats(_fed(decoder, b"\x1b@" + TEA + b"\x1bi", 1))] == [200]


def test_a_line_without_end_is_wrapped() -> None:
    decoder = _decoder()
    decoder.feed(b"x" * 300_000, 0)
    decoder.feed(b"\x1b@" + b"\x1bi", 0)
    assert len(_whats(_fed(decoder, b"\x1b@" + TEA + b"\x1bi", 1))) == 1


def test_a_very_long_receipt_still_fits_a_message() -> None:
    lines = b"".join(b"Goods number %04d in a box    1.00\n" % n for n in range(1500))
    sale = _whats(_fed(_decoder(), b"\x1b@" + lines + b"TOTAL   1500.00\n\x1bi"))[0]
    assert len(encode_event(sale)) < EVENT_MAX_BYTES
    assert sum(line.amount_minor for line in sale.lines) == sale.total_minor == 150_000


def test_lines_that_do_not_add_up_are_marked_and_sold_all_the_same() -> None:
    note, sale = (each.what for each in _fed(_decoder(), b"Tea    2.00\nBun   1.00\nTOTAL   9.00\n\x1bi"))
    assert note.fields["unbalanced"] is True
    assert sale.total_minor == 900


def test_a_forced_encoding_rules_out_guessing() -> None:
    job = "Ärger    2.00\nSUMME    2.00\n".encode("cp1252") + b"\x1bi"
    note = _fed(_decoder(encoding="cp1252"), job)[0].what
    assert note.fields["items"] == [["Ärger", "2.00"]]


def test_lines_drawn_with_box_characters_do_not_make_a_paper_chinese() -> None:
    job = (
        b"\x1b@"
        + b"\xc4" * 32
        + b"\n"
        + "Käse      2.00\n".encode("cp437")
        + b"\xcd" * 32
        + b"\nTOTAL    2.00\n\x1bi"
    )
    note = _fed(_decoder(), job)[0].what
    assert note.fields["encoding"] == "cp437"
    assert note.fields["items"] == [["Käse", "2.00"]]


def test_no_words_of_a_common_line_take_for_ever() -> None:
    grammar = Grammar(load("default"), 2)
    began = time.perf_counter()
    for words in (
        "1 ",
        "a ",
        "1.00 ",
        "合 ",
        "- ",
        "x 1 ",
        "..",
        "a  1  ",
        "tax ",
        "net of ",
        "order ",
        "A B ",
    ):
        for tail in ("", "!", " 1.00"):
            grammar.read([(words * 256)[:500] + tail])
    assert time.perf_counter() - began < 2


def test_noise_is_skipped_fast_and_says_no_sale() -> None:
    decoder, chance = _decoder(), random.Random(11)
    noise = [chance.randbytes(64 * 1024) for _ in range(32)]
    began = time.perf_counter()
    heard = [each for chunk in noise for each in decoder.feed(chunk, 0)]
    took_s = time.perf_counter() - began
    assert _whats(heard) == []
    assert 2 / took_s > 5  # MB/s; about 60 on an idle machine
    assert _whats(_fed(decoder, encode_receipt(_SALE, "gbk", "zh"), 1)) == [_SALE]


def test_text_is_read_a_hundred_times_faster_than_the_line_can_send_it() -> None:
    decoder = _decoder()
    job = encode_receipt(_SALE, "gbk", "zh") + encode_receipt(_SALE, "epson", "zh")
    began = time.perf_counter()
    for _ in range(200):
        decoder.feed(job, 0)
    per_s = 200 * len(job) / (time.perf_counter() - began)
    assert per_s > 38_400 / 10 * 10  # a tenth of the goal, so that a busy machine does not fail it
