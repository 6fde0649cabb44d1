"""What a decoder that is listened with may say: nothing, and no more than a recording tells a technician."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.base import Note
from drivers.decode import options_of
from drivers.pos.concert.messages import Ask, write_ask
from drivers.pos.stx import frame
from drivers.pos.zvt import apdu, commands
from drivers.registry import driver
from edge_agent.field.listening import Piece, Seen, WatchedDecoder, show_pieces

NUMBER = "6287019900000010"
BALANCE_BY_TRACK = apdu.encode(commands.BALANCE, bytes.fromhex(f"23f1f1{NUMBER}d2512f"))
CONCERT_ASK = Ask(
    pos="01",
    amount_minor=1500,
    answer_flag="0",
    mode="1",
    type="0",
    currency="156",
    private=" " * 10,
    delay="A010",
    auto="B010",
)


def decoder(name: str, **options: Any) -> Any:
    return driver(name).decoder(options_of(driver(name), options))


@pytest.mark.parametrize("listens", ["on a port", "to what was heard"])
def test_a_card_number_that_a_till_says_is_told_masked_only(listens: str) -> None:
    seen: list[Seen] = []
    if listens == "on a port":
        watched = WatchedDecoder(decoder("pos.zvt", transport="tcp"), seen.append, 0)
        watched.feed(BALANCE_BY_TRACK, 0)
    else:
        show_pieces(decoder("pos.zvt", transport="tcp"), [Piece(0, BALANCE_BY_TRACK)], seen.append)
    heard = [each.what for one in seen for each in one.heard]
    assert [type(each) for each in heard] == [Note]
    assert NUMBER not in repr(heard)


def test_a_decoder_that_polls_does_not_begin_where_nobody_is_to_be_asked() -> None:
    quiet = WatchedDecoder(decoder("counter.modbus"), lambda seen: None, 0)
    assert quiet.wake_at_ms is None
    speaking = WatchedDecoder(decoder("counter.modbus"), lambda seen: None, 0, speaks=True)
    assert speaking.wake_at_ms is not None


def test_who_speaks_asks_and_is_answered() -> None:
    seen: list[Seen] = []
    watched = WatchedDecoder(decoder("pos.concert"), seen.append, 0, speaks=True)
    watched.feed(b"\x05" + frame(write_ask(CONCERT_ASK)) + b"\x04", 0)
    assert watched.replies() == b"\x06\x06"
    assert any(not isinstance(each.what, Note) for one in seen for each in one.heard)
