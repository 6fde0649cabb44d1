"""Our host and a chip that is not there: woken, asked, answered, disturbed; one presence is one event."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Note
from drivers.cardreader.pn532.chip import Card, Chip
from drivers.cardreader.pn532.frames import ACK, CHIP, HOST, NACK, WAKE, Frames, encode_frame
from drivers.cardreader.pn532.protocol import Pn532Decoder, Pn532Options
from drivers.cardreader.pn532.simulator import card
from sync.contract.questions import CardShown

MEMBER = "04A1B2C3D4E580"
Disturb = Callable[[int, bytes], bytes]  # (which answer, its bytes) → the bytes that arrive


class Counter:
    """A reader on a counter: our decoder and the chip, on a clock that runs only here."""

    def __init__(self, disturb: Disturb = lambda n, answer: answer, **options: int | list[str]) -> None:
        self.decoder, self.chip = Pn532Decoder(Pn532Options(**options)), Chip()  # type: ignore[arg-type]
        self.now_ms, self.shown, self.problems = 0, list[str](), list[str]()
        self.asked: list[bytes] = []
        self._disturb, self._answers = disturb, 0

    def run(self, ms: int) -> None:
        until_ms = self.now_ms + ms
        while (due_ms := self.decoder.wake_at_ms) is not None and due_ms <= until_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self._hear(self.decoder.wake(self.now_ms))
            while said := self.decoder.replies():
                self.asked.append(said)
                if answer := self.chip.feed(said):
                    self._answers += 1
                    self._hear(self.decoder.feed(self._disturb(self._answers, answer), self.now_ms))
        self.now_ms = until_ms

    def _hear(self, heard: list) -> None:
        for one in heard:
            if isinstance(one.what, CardShown):
                self.shown.append(one.what.number)
            elif isinstance(one.what, Note) and one.what.problem:
                self.problems.append(one.what.problem)


def test_the_chip_is_woken_and_set_up_before_it_is_asked() -> None:
    counter = Counter()
    counter.run(300)
    assert counter.asked[0] == WAKE + encode_frame(bytes([HOST, 0x14, 0x01, 0x14, 0x01]))
    assert [said[6] for said in counter.asked[1:4]] == [0x02, 0x32, 0x4A]
    assert (counter.shown, counter.problems) == ([], [])


def test_a_card_held_to_the_reader_is_one_card_until_it_was_away() -> None:
    counter = Counter()
    counter.chip.hold(card(MEMBER))
    counter.run(5000)
    assert counter.shown == [MEMBER]
    counter.chip.hold()
    counter.run(300)
    counter.chip.hold(card(MEMBER))  # it only flickered
    counter.run(1000)
    assert counter.shown == [MEMBER]
    counter.chip.hold()
    counter.run(1000)
    counter.chip.hold(card(MEMBER))
    counter.run(1000)
    assert counter.shown == [MEMBER, MEMBER]
    assert counter.problems == []


def test_the_field_is_switched_off_after_a_card_so_that_it_can_be_found_again() -> None:
    counter = Counter()
    counter.chip.hold(card(MEMBER))
    counter.run(200)
    assert encode_frame(bytes([HOST, 0x32, 0x01, 0x00])) in counter.asked


def test_a_telephone_is_nobody() -> None:
    counter = Counter()
    counter.chip.hold(card("08C0FFEE"))
    counter.run(1000)
    assert counter.shown == []
    assert set(counter.problems) == {"random_id"}


@pytest.mark.parametrize("uid", ["00000000", "0411223344"])
def test_what_is_no_uid_is_nobody(uid: str) -> None:
    counter = Counter()
    counter.chip.hold(card(uid))
    counter.run(300)
    assert counter.shown == []


@pytest.mark.parametrize("which", range(1, 8))
@pytest.mark.parametrize(
    "trouble",
    [
        lambda answer: b"",
        lambda answer: answer[:-4],
        lambda answer: answer[6:],  # the ACK got lost
        lambda answer: answer[:6],  # the answer got lost
        lambda answer: answer[:-2] + bytes([answer[-2] ^ 1]) + answer[-1:],
        lambda answer: b"\x01" + answer,
        lambda answer: answer + answer,
        lambda answer: answer[:6] + encode_frame(b"\x7f"),
    ],
)
def test_trouble_with_any_answer_costs_time_and_nothing_else(
    which: int, trouble: Callable[[bytes], bytes]
) -> None:
    counter = Counter(lambda n, answer: trouble(answer) if n == which else answer)
    counter.chip.hold(card(MEMBER))
    counter.run(6000)
    assert counter.shown == [MEMBER]


def test_an_answer_that_came_broken_is_asked_for_again() -> None:
    counter = Counter(lambda n, answer: answer[:-2] + b"\xff\x00" if n == 4 else answer)
    counter.chip.hold(card(MEMBER))
    counter.run(300)
    assert NACK in counter.asked
    assert counter.problems == ["dcs"]
    assert counter.shown == [MEMBER]


def test_a_chip_that_says_nothing_is_woken_for_ever_and_told_of_once() -> None:
    counter = Counter(lambda n, answer: b"")
    counter.chip.hold(card(MEMBER))
    counter.run(60_000)
    assert counter.problems == ["no_answer"]
    assert sum(said.startswith(WAKE) for said in counter.asked) > 100
    counter._disturb = lambda n, answer: answer
    counter.run(3000)
    assert counter.shown == [MEMBER]
    counter._disturb = lambda n, answer: b""
    counter.run(60_000)
    assert counter.problems == ["no_answer", "no_answer"]


def test_a_chip_that_lost_its_power_is_set_up_anew() -> None:
    counter = Counter()
    counter.run(1000)
    counter.chip = Chip()
    counter.chip.hold(card(MEMBER))
    counter.run(5000)
    assert counter.shown == [MEMBER]


def test_felica_is_asked_for_in_turn_when_wished() -> None:
    counter = Counter(cards=["a", "felica"])
    counter.chip.hold(Card(bytes.fromhex("01010A1122334455"), felica_pmm=bytes(8)))
    counter.run(1000)
    assert counter.shown == ["01010A1122334455"]
    polls = [said for said in counter.asked if said[5:7] == bytes([HOST, 0x4A])]
    assert {said[8] for said in polls} == {0, 1}


@given(body=st.binary(min_size=1, max_size=265), cut=st.integers(0, 300), junk=st.binary(max_size=20))
def test_every_body_comes_back_out_of_its_frame(body: bytes, cut: int, junk: bytes) -> None:
    frames, data = Frames(), junk.replace(b"\xff", b"") + encode_frame(body) + ACK
    found = frames.feed(data[:cut]) + frames.feed(data[cut:])
    assert [(frame.kind, frame.body) for frame in found] == [("body", body), ("ack", b"")]
    assert found[0].extended == (len(body) > 255)


def test_what_begins_like_a_frame_does_not_hide_the_frame_behind_it() -> None:
    frames, cut_off = Frames(), encode_frame(bytes([CHIP]) + bytes(200))[:20]
    assert [frame.kind for frame in frames.feed(cut_off + ACK)] == []
    assert [frame.kind for frame in frames.give_up()] == ["ack"]


def test_a_frame_that_lost_its_first_byte_is_heard_and_noise_like_it_is_not() -> None:
    frame = encode_frame(bytes([CHIP, 0x4B, 0x00]))
    assert [found.kind for found in Frames().feed(frame[1:] + ACK[1:])] == ["body", "ack"]
    assert Frames().feed(b"\x07\x00\xff\x12\x34" + frame[1:-2] + b"\x00\x00") == []


# ── the chip, as its manual has it ──────────────────────────────────────────────────────────────────────


def ask(chip: Chip, command: str) -> str:
    """The data of the answer as hex; "" for none, "?" for an error frame."""
    said = chip.feed(encode_frame(bytes([HOST]) + bytes.fromhex(command)))
    found = Frames().feed(said)
    assert not found or found[0].kind == "ack"
    if len(found) < 2:
        return ""
    return "?" if found[1].body == b"\x7f" else found[1].body[2:].hex()


@pytest.fixture
def chip() -> Chip:
    awake = Chip()
    assert awake.feed(WAKE) == b""
    return awake


def test_the_chip_sleeps_until_it_is_woken_and_after_power_down() -> None:
    chip = Chip()
    assert ask(chip, "02") == ""
    chip = Chip()
    assert chip.feed(WAKE + encode_frame(bytes([HOST, 0x02])))[:6] == ACK
    assert ask(chip, "16f0") == "00"
    assert chip.asleep
    assert chip.feed(bytes(10) + encode_frame(bytes([HOST, 0x02])))[:6] == ACK  # ten zeros wake it too


def test_the_chip_echoes_the_line_test_with_its_number(chip: Chip) -> None:
    assert ask(chip, "00006c69626e6663") == "006c69626e6663"
    assert ask(chip, "00" + "00" + bytes(range(256)).hex()) == "00" + bytes(range(256)).hex()
    assert (ask(chip, "0001"), ask(chip, "0009")) == ("00", "?")


def test_the_chip_does_not_know_every_command(chip: Chip) -> None:
    assert (ask(chip, "ee"), ask(chip, "4a0300"), ask(chip, "1409"), ask(chip, "32ff00")) == ("?",) * 4


def test_the_chip_waits_for_a_card_for_ever_unless_told_otherwise(chip: Chip) -> None:
    assert ask(chip, "4a0100") == ""
    listed = bytes.fromhex("d54b0101004400" + "07" + MEMBER)
    assert chip.hold(card(MEMBER)) == encode_frame(listed)
    chip.hold()
    assert ask(chip, "4a0100") == ""
    assert chip.feed(ACK) == b""  # the host has thought better of it
    assert chip.hold(card(MEMBER)) == b""
    chip.hold()
    assert ask(chip, "3205ff0101") == ""
    assert ask(chip, "4a0100") == "00"


def test_the_chip_lists_two_cards_and_picks_the_one_asked_for(chip: Chip) -> None:
    chip.hold(card(MEMBER), card("11223344"))
    assert ask(chip, "4a0200").startswith("0201")
    assert ask(chip, "4a0100" + "11223344") == "0101000408" + "0411223344"
    assert ask(chip, "4a0100" + "8804a1b2c3d4e580").startswith("0101004400")


def test_the_chip_says_its_last_answer_again_at_nack(chip: Chip) -> None:
    first = chip.feed(encode_frame(bytes([HOST, 0x02])))
    assert chip.feed(NACK) == first.removeprefix(ACK)


def test_the_chip_changes_its_speed_when_the_host_has_acknowledged(chip: Chip) -> None:
    assert ask(chip, "1007") == ""
    assert chip.baud == 115_200
    chip.feed(ACK)
    assert chip.baud == 921_600


def test_the_chip_keeps_its_registers_and_reads_pages_of_a_card(chip: Chip) -> None:
    assert ask(chip, "08630380") == ""
    assert ask(chip, "0663036339") == "8026"
    assert ask(chip, "40013000") == "27"  # nobody was listed
    chip.hold(card(MEMBER))
    ask(chip, "4a0100")
    assert ask(chip, "40013000") == "00" + bytes(16).hex()
    assert ask(chip, "425000") == "01"  # halted: no answer
