"""What a display shows a customer: lines, times, and the peace with a till that uses it as well."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.base import Display
from drivers.pos.line_display.encoder import encode_screen
from drivers.pos.line_display.options import Options
from drivers.pos.line_display.protocol import SETTLE_MS, LineDisplayDecoder
from drivers.pos.line_display.reading import ScreenReader
from sync.contract.questions import (
    Balance,
    Declined,
    MemberKnown,
    NobodyKnown,
    Paid,
    PaidPart,
    PurseNow,
    Refunded,
    ToppedUp,
    Undone,
)

IDLE_S = 20
WANG = MemberKnown("m1", "王**", points=1280, value_minor=8800)
ANNA = MemberKnown("m2", "Anna K**", points=12, value_minor=8800)
HOLDS = Balance(purses=(PurseNow(purse="p", unit="CNY", programme="v", balance=7550),))


class Counter:
    """A display on a counter: what it is told by us and by the till, and what stands on it."""

    def __init__(self, **options: Any) -> None:
        self.decoder = LineDisplayDecoder(Options(idle_s=IDLE_S, **options))
        self.display = ScreenReader()
        self.now_ms = 0
        self.written = b""
        self.at(0)

    def at(self, now_ms: int) -> list[str]:
        while self.decoder.wake_at_ms is not None and self.decoder.wake_at_ms <= now_ms:
            self.now_ms = max(self.now_ms, self.decoder.wake_at_ms)
            self.decoder.wake(self.now_ms)
            self._write()
        self.now_ms = now_ms
        return self.sees()

    def told(self, *told: Any) -> list[str]:
        for each in told:
            self.decoder.show(each, self.now_ms)
        self._write()
        return self.sees()

    def till_says(self, chunk: bytes) -> None:
        """Over a port in between: the display hears the till as well."""
        self.display.feed(chunk, 0)
        self.decoder.feed(chunk, self.now_ms)
        self._write()

    def sees(self) -> list[str]:
        return [line.rstrip() for line in self.display.screen.lines()]

    def _write(self) -> None:
        said = self.decoder.replies()
        self.written += said
        self.display.feed(said, 0)
        assert self.decoder.replies() == b""


def test_it_is_a_display() -> None:
    assert isinstance(LineDisplayDecoder(Options()), Display)


@pytest.mark.parametrize("dialect", ["cd5220", "epson"])
def test_a_member_sees_name_points_and_value(dialect: Any) -> None:
    counter = Counter(dialect=dialect, code_page="gbk")
    assert counter.sees() == ["      欢迎光临", ""]
    assert counter.told(WANG) == ["王**       积分 1280", "余额           88.00"]


def test_without_chinese_characters_the_words_are_latin_and_no_name_is_rubbish() -> None:
    counter = Counter()
    assert counter.sees() == ["      Welcome", ""]
    assert counter.told(WANG) == ["Member   Points 1280", "Balance        88.00"]
    assert counter.told(ANNA) == ["Anna K**   Points 12", "Balance        88.00"]
    assert counter.written.isascii()


def test_accents_stay_where_the_page_has_them_and_go_where_not() -> None:
    told = MemberKnown("m", "Zoë Łę**", points=1)
    assert Counter(dialect="epson", code_page="cp1252").told(told)[0] == "Zoë Le**    Points 1"
    assert Counter().told(told)[0] == "Zoe Le**    Points 1"


def test_a_name_cannot_command_the_display() -> None:
    counter = Counter()
    counter.told(MemberKnown("m", "Eve\x0c\x1b@\rx", points=1))
    assert counter.sees()[0] == "Eve@x       Points 1"


def test_a_card_that_nobody_knows_says_so_without_a_reason() -> None:
    assert Counter().told(NobodyKnown("lost")) == ["Card not known", "Please ask us"]


def test_a_payment_shows_what_it_took_and_what_is_left_on_the_card() -> None:
    counter = Counter()
    counter.told(WANG)
    paid = Paid(approved_minor=1250)
    assert counter.told(paid) == ["Paid          -12.50", ""], "the balance of before is not true any more"
    assert counter.told(HOLDS) == ["Paid          -12.50", "Balance        75.50"]


def test_a_payment_in_part_shows_what_is_still_to_pay() -> None:
    counter = Counter(code_page="gbk")
    counter.told(WANG, Paid(approved_minor=1250, rest_minor=750), HOLDS)
    assert counter.sees() == ["已付          -12.50", "还需付          7.50"]


def test_money_that_comes_back_or_on_top_has_a_plus() -> None:
    counter = Counter()
    assert counter.told(Refunded(amount_minor=500), HOLDS) == ["Refunded       +5.00", "Balance        75.50"]
    assert counter.told(ToppedUp(amount_minor=10000, purse="p"))[0] == "Topped up    +100.00"
    assert counter.told(Undone(amount_minor=1250))[0] == "Taken back    +12.50"


def test_another_currency_has_its_name_in_front() -> None:
    part = PaidPart(purse="p", programme="v", unit="JPY", amount=1500, worth_minor=1500)
    assert Counter().told(Paid(approved_minor=1500, parts=(part,)))[0] == "Paid       JPY -1500"


def test_points_alone_are_shown_as_such() -> None:
    points = Balance(purses=(PurseNow(purse="p", unit="PTS", programme="p", kind="points", balance=99),))
    counter = Counter()
    counter.told(Paid(approved_minor=100), points)
    assert counter.sees() == ["Paid           -1.00", "Points            99"]


def test_what_is_no_news_for_a_customer_shows_nothing() -> None:
    counter = Counter()
    before = counter.written
    counter.told(Declined("short"), Undone())
    assert counter.written == before


@given(
    st.text(max_size=40), st.integers(0, 10**12), st.integers(0, 10**12), st.sampled_from(["ascii", "gbk"])
)
def test_figures_are_never_cut(name: str, points: int, value: int, page: str) -> None:
    upper, lower = Counter(code_page=page).told(MemberKnown("m", name, points=points, value_minor=value))
    assert upper.endswith(str(points))
    assert not value or lower.endswith(f"{value // 100}.{value % 100:02d}")


@pytest.mark.parametrize("told", [WANG, NobodyKnown(), Paid(approved_minor=1)])
def test_nothing_stands_longer_than_it_should(told: Any) -> None:
    counter = Counter()
    shown = counter.told(told)
    assert counter.at(IDLE_S * 1000 - 1) == shown
    assert counter.at(IDLE_S * 1000) == ["      Welcome", ""]
    assert counter.decoder.wake_at_ms is None


def test_the_next_customer_does_not_see_the_one_before() -> None:
    counter = Counter()
    counter.told(ANNA)
    counter.at(IDLE_S * 1000)
    assert counter.told(HOLDS)[0] == "Member"


def test_the_idle_text_has_two_lines_and_may_be_none() -> None:
    assert Counter(idle_en="Corner Shop\nOpen till 22").sees() == ["    Corner Shop", "    Open till 22"]
    assert Counter(idle_en="").sees() == ["", ""]


def test_brightness_and_the_displays_own_bytes_come_with_every_screen() -> None:
    counter = Counter(brightness=2, first_hex="1C 26")
    assert b"\x0c\x1b*\x02\x1c&\x1bQA" in counter.written
    assert b"\x0c\x1fX\x02" in Counter(dialect="epson", brightness=2).written


def test_it_initialises_the_display_once() -> None:
    counter = Counter()
    counter.told(WANG, Paid(approved_minor=1))
    assert counter.written.startswith(b"\x1b@\x0c")
    assert counter.written.count(b"\x1b@") == 1


def test_a_tap_never_writes() -> None:
    counter = Counter(show=False)
    counter.told(WANG)
    counter.till_says(encode_screen("cd5220", b"TOTAL 1.00", b""))
    counter.at(60_000)
    assert counter.written == b""


@pytest.mark.parametrize("dialect", ["cd5220", "epson"])
class TestADisplayThatATillUsesAsWell:
    def test_the_tills_screen_stands_there_again_when_ours_is_over(self, dialect: Any) -> None:
        counter = Counter(dialect=dialect)
        counter.till_says(encode_screen(dialect, b"Milk 1L         1.20", b"TOTAL           1.20"))
        counter.at(1000)
        assert counter.told(ANNA)[0].startswith("Anna")
        assert counter.at(1000 + IDLE_S * 1000) == ["Milk 1L         1.20", "TOTAL           1.20"]

    def test_nothing_is_said_into_what_the_till_is_saying(self, dialect: Any) -> None:
        counter = Counter(dialect=dialect)
        counter.till_says(b"\x0cMilk")
        before = counter.written
        counter.told(ANNA)
        counter.at(SETTLE_MS - 1)
        counter.till_says(b" 1L")
        assert counter.at(SETTLE_MS) == ["Milk 1L", ""]
        assert counter.written == before
        assert counter.at(SETTLE_MS * 2)[0].startswith("Anna")

    def test_what_the_till_writes_ends_what_we_show_and_stands_there_whole(self, dialect: Any) -> None:
        counter = Counter(dialect=dialect)
        counter.till_says(b"\x0cMilk 1L\x0a\x0dTOTAL 1.20")
        counter.at(1000)
        counter.told(ANNA)
        counter.till_says(b"\x0b" + b"Bread".ljust(7))
        assert counter.at(1000 + SETTLE_MS) == ["Bread", "TOTAL 1.20"]
        assert counter.at(60_000) == ["Bread", "TOTAL 1.20"]

    def test_the_cursor_and_the_mode_are_where_the_till_left_them(self, dialect: Any) -> None:
        counter = Counter(dialect=dialect)
        counter.till_says(b"\x1b@\x1f\x02one".ljust(24) + b"two")
        counter.at(1000)
        counter.told(ANNA)
        counter.at(60_000)
        counter.till_says(b"!".ljust(17) + b"three")
        assert counter.at(61_000) == ["two!", "three"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"code_page": "klingon"}, "no code page"),
        ({"language": "zh"}, "no Chinese"),
        ({"first_hex": "1C2"}, "hex"),
        ({"currency": "yuan"}, "currency"),
        ({"brightness": 5}, "less than"),
    ],
)
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Options(**wrong)
