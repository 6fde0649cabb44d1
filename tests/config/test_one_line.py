from __future__ import annotations

import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central_server.logs import TextLines
from config.one_line import one_line
from edge_agent.logs import PlainLines


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("王小明 café €", "王小明 café €"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x1b[2J\x07\x00\x7f", r"\x1b[2J\x07\x00\x7f"),
        ("\x9b31m\x85", r"\x9b31m\x85"),
        ("\u2028\u202egpj.exe", r"\u2028\u202egpj.exe"),
    ],
)
def test_what_drives_a_terminal_is_shown_instead_of_done(said: str, shown: str) -> None:
    assert one_line(said) == shown


@given(st.text())
def test_whatever_is_said_stays_on_its_line(said: str) -> None:
    assert len(one_line(said).splitlines()) <= 1
    assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in one_line(said))


@pytest.mark.parametrize("formatter", [PlainLines(), TextLines()])
def test_neither_a_message_nor_an_error_forges_an_entry(formatter: logging.Formatter) -> None:
    forged = "\x1b[1A\nerror   root: forged"
    try:
        raise ValueError(forged)
    except ValueError:
        record = logging.LogRecord("a.b", logging.ERROR, "", 0, "heard %s", (forged,), sys.exc_info())
    first, *rest = formatter.format(record).split("\n")
    assert first.endswith(r"error a.b: heard \x1b[1A\nerror   root: forged".removeprefix("error "))
    assert rest[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in "".join(rest)
