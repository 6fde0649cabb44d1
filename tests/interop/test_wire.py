"""The line with scissors and the programs at its end, which other tests lean on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import serial

from tests.interop.peers import PeerFailed
from tests.interop.wire import Cut, Said, places

ECHO = """
import json, sys
for line in sys.stdin:
    sys.stdout.write("noise of a library\\n" + json.dumps({"did": json.loads(line)["do"]}) + "\\n")
    sys.stdout.flush()
    if "stop" in line:
        sys.exit("no more")
"""


def open_line(path: Path | str) -> serial.Serial:
    return serial.Serial(str(path), timeout=5)


async def test_what_goes_in_comes_out_and_is_recorded(make_wire: Any) -> None:
    wire = make_wire()
    with open_line(wire.till) as till, open_line(wire.box.removeprefix("serial://")) as box:
        till.write(b"ask")
        assert await asyncio.to_thread(box.read, 3) == b"ask"
        box.write(b"answer")
        assert await asyncio.to_thread(till.read, 6) == b"answer"
    assert wire.said == [Said("till", b"ask"), Said("box", b"answer")]
    assert places(wire.said) == [Cut("till", 1), Cut("till", 3), Cut("box", 3), Cut("box", 6)]


async def test_a_cut_lets_so_much_through_and_then_both_ends_are_gone(make_wire: Any) -> None:
    wire = make_wire()
    wire.cut_at(Cut("till", 2))
    with open_line(wire.till) as till, open_line(wire.box.removeprefix("serial://")) as box:
        till.write(b"ask")
        assert await asyncio.to_thread(box.read, 2) == b"as"
        await asyncio.wait_for(wire.broken.wait(), 5)
        for end in (till, box):
            with pytest.raises(serial.SerialException):
                await asyncio.to_thread(end.read, 1)
    wire.mend()
    with open_line(wire.till) as till, open_line(wire.box.removeprefix("serial://")) as box:
        till.write(b"again")
        assert await asyncio.to_thread(box.read, 5) == b"again"


async def test_a_program_is_asked_in_lines_and_says_why_it_ended(start_peer: Any) -> None:
    peer = await start_peer([sys.executable, "-c", ECHO])
    assert await peer.ask("this") == {"did": "this"}
    assert await peer.ask("stop") == {"did": "stop"}
    with pytest.raises(PeerFailed, match="no more"):
        await peer.ask("more")


async def test_packages_of_npm_are_there_for_node(npm: Any, needs: Any, start_peer: Any) -> None:
    script = "require('transbank-pos-sdk'); console.log(JSON.stringify('there'))"
    peer = await start_peer([needs("nodejs", "node"), "-e", script], npm)
    assert await peer.answer() == "there"
