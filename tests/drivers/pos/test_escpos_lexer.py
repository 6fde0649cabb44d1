"""Commands have lengths; what has none costs little, and nothing is held for long."""

from __future__ import annotations

import random

import pytest

from drivers.pos.escpos_tap.commands import COMMANDS, HELD_MAX_BYTES, MORE, WRONG
from drivers.pos.escpos_tap.lexer import TEXT, UNKNOWN, Lexer


def _tokens(*chunks: bytes) -> list[tuple[bytes, bytes]]:
    lexer = Lexer()
    return [(token.code, token.args) for chunk in chunks for token in lexer.feed(chunk)]


@pytest.mark.parametrize(
    "command",
    [
        b"\x1b@",
        b"\x1b!\x30",
        b"\x1b$\x44\x01",
        b"\x1bp\x00\x1b@",
        b"\x1bW" + bytes(8),
        b"\x1bD\x08\x10\x18\x00",
        b"\x1bc5\x00",
        b"\x1b*\x21\x02\x00" + bytes(6),
        b"\x1b*\x00\x02\x00" + bytes(2),
        b"\x1b&\x03AB\x02" + bytes(6) + b"\x01" + bytes(3),
        b"\x1dV\x00",
        b"\x1dVA\x03",
        b"\x1dk\x04ABC\x00",
        b"\x1dkI\x03{BA",
        b"\x1dka\x03\x01\x02\x00ok",
        b"\x1d(k\x03\x001Q0",
        b"\x1d(L\x02\x0002",
        b"\x1d8L\x03\x00\x00\x000p\x00",
        b"\x1dv0\x00\x02\x00\x03\x00" + bytes(6),
        b"\x1d*\x01\x02" + bytes(16),
        b"\x1dD0C0  \x00BM\x0a\x00\x00\x00" + bytes(4),
        b"\x1dC;1;99;1;1;1;",
        b"\x1cq\x01\x01\x00\x01\x00" + bytes(8),
        b"\x1cp\x01\x00",
        b"\x1cC\x01",
        b"\x1c2\xfe\xa1" + bytes(72),
        b"\x1cg1\x00\x00\x00\x00\x00\x02\x00ab",
        b"\x1c(C\x02\x000\x02",
        b"\x10\x04\x01",
        b"\x10\x04\x07\x01",
        b"\x10\x14\x01\x00\x01",
        b"\x10\x05\x01",
    ],
    ids=lambda command: command[:4].hex(),
)
def test_a_command_is_as_long_as_it_says(command: bytes) -> None:
    chunks = [[command + b"text"], [bytes([byte]) for byte in command + b"text"]]
    for each in chunks:
        tokens = _tokens(*each)
        assert tokens[0][0] == command[:2]
        assert b"".join(args for code, args in tokens if code == TEXT) == b"text"
        assert all(code == TEXT for code, _ in tokens[1:])


def test_every_length_is_answered_for_any_arguments() -> None:
    chance = random.Random(1)
    for command in COMMANDS.values():
        for size in range(40):
            data = chance.randbytes(size)
            length = command.length if isinstance(command.length, int) else command.length(data, 0)
            assert length in (MORE, WRONG) or length >= 0


def test_a_picture_passes_without_being_held() -> None:
    lexer = Lexer()
    head = b"\x1dv0\x00" + (100).to_bytes(2, "little") + (4000).to_bytes(2, "little")
    list(lexer.feed(head))
    for _ in range(400):
        assert list(lexer.feed(bytes(1000))) == []
        assert len(lexer._data) == 0
    assert [token.args for token in lexer.feed(b"after")] == [b"after"]


def test_an_impossible_picture_is_no_command() -> None:
    assert _tokens(b"\x1dv0\x00\xff\xff\xff\xfftext")[0][0] == UNKNOWN


def test_an_unfinished_command_is_forgotten_when_the_line_is_silent() -> None:
    lexer = Lexer()
    assert list(lexer.feed(b"\x1b*\x21\xff\x00")) != []
    assert lexer.in_the_middle
    lexer.abandon()
    assert [token.args for token in lexer.feed(b"next")] == [b"next"]


def test_never_more_than_one_command_is_held() -> None:
    lexer, chance = Lexer(), random.Random(3)
    for _ in range(300):
        list(lexer.feed(chance.randbytes(1000)))
        assert len(lexer._data) <= HELD_MAX_BYTES + 1000
