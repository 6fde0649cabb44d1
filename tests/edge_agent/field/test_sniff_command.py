"""`sniff`, `replay` and `simulate` as a technician starts them, over pseudo-terminals and TCP."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import re
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from demo.programs import free_port
from drivers.cardreader.rdm6300.protocol import encode_frame
from drivers.ports.base import read_url
from drivers.ports.serial_line import open_serial
from drivers.registry import driver
from edge_agent.field.listening import Piece
from edge_agent.field.recording import Recording, recorded

CARD = 3 * encode_frame("62E3086C3B")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A card held to the reader every 700 ms for two minutes."""
    path = tmp_path / "cards.jsonl"
    with path.open("wb") as file:
        made = Recording(file)
        for turn in range(170):
            made.add(Piece(700 * turn, CARD))
    return path


@pytest.fixture
def line(recording: Path, tmp_path: Path, speaking: Any) -> Path:
    """The reader on a line of its own."""
    link = tmp_path / "line"
    speaking("replay", str(recording), "--port", f"pty:{link}", ready=link.exists)
    return link


def test_auto_finds_the_driver_shows_it_and_records_it(line: Path, edge: Any, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    done = edge("sniff", str(line), "--record", str(kept), "--seconds", "4")
    assert done.returncode == 0, done.stderr
    assert "This is cardreader.rdm6300 9600 8N1" in done.stdout
    assert f"port: serial://{line}?baud=9600" in done.stdout
    shown = re.search(
        r"^ +\d+\.\d{3}  02 36 32 45 .* \.62E3086C3B.*\| frame .*tag=E3086C3B", done.stdout, re.MULTILINE
    )
    assert shown is not None
    assert "card number=62E3086C3B" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    pieces = list(recorded(kept))
    assert b"".join(piece.chunk for piece in pieces).count(CARD[:14]) >= 3
    assert [piece.t_ms for piece in pieces] == sorted(piece.t_ms for piece in pieces)
    assert kept.stat().st_mode & 0o777 == 0o600  # card numbers are in it
    size = kept.stat().st_size
    again = edge("sniff", str(line), "--record", str(kept), "--seconds", "1")
    assert (again.returncode, "File exists" in again.stderr) == (1, True)
    assert kept.stat().st_size == size  # an evening's recording is not written over


def test_for_programs_every_line_is_an_object(line: Path, edge: Any) -> None:
    done = edge("sniff", str(line), "--seconds", "4", "--json")
    guess, *seen = map(json.loads, done.stdout.splitlines())
    assert guess["guess"]["driver"] == "cardreader.rdm6300"
    assert {"t_ms", "at_byte", "hex", "heard"} <= set(seen[0])
    assert [each["at_byte"] for each in seen[:1]] == [0]


def test_a_driver_that_is_named_is_taken_at_its_word(line: Path, edge: Any) -> None:
    done = edge("sniff", str(line), "--driver", "counter.beam", "--seconds", "1")
    assert done.returncode == 1  # nothing was understood
    assert "02 36 32 45" in done.stdout
    assert "This is" not in done.stdout


def test_silence_ends_after_its_time_with_a_word_about_what_to_do(
    tmp_path: Path, edge: Any, speaking: Any
) -> None:
    quiet = tmp_path / "quiet.jsonl"
    with quiet.open("wb") as file:
        Recording(file).add(Piece(100_000, b"x"))
    link = tmp_path / "line"
    speaking("replay", str(quiet), "--port", f"pty:{link}", ready=link.exists)
    done = edge("sniff", str(link), "--seconds", "1", language="zh_CN.UTF-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert "9600 8N1" in done.stderr


def test_a_simulator_can_be_sniffed_and_what_said_nothing_leaves_no_recording(
    tmp_path: Path, edge: Any
) -> None:
    kept = tmp_path / "kept.jsonl"
    none = edge("sniff", "/dev/ttyNONE", "--driver", "cardreader.rdm6300", "--record", str(kept))
    assert (none.returncode, kept.exists()) == (1, False)
    words = ("sniff", "sim:1?speed=1000", "--driver", "cardreader.rdm6300", "--record", str(kept))
    assert "frame" in edge(*words, "--seconds", "2").stdout
    assert list(recorded(kept))


def test_a_port_that_somebody_holds_is_told_with_who_it_is(line: Path, edge: Any, speaking: Any) -> None:
    async def held() -> Any:
        port = await open_serial(read_url(f"serial://{line}"), {})
        try:
            return await asyncio.to_thread(edge, "sniff", str(line), "--seconds", "1")
        finally:
            await port.close()

    done = asyncio.run(held())
    assert done.returncode == 1
    assert "another program has it open" in done.stderr
    assert f"{os.getpid()} " in done.stderr
    assert "to free it: sudo " in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["/dev/ttyNONE"], 1, "No such file"),
        (["seriel:///dev/x"], 2, "no kind of port is called seriel"),
        (["tcp://127.0.0.1:1"], 1, "tcp://127.0.0.1:1: Connection refused"),
        (["sim:1"], 2, "add --driver"),
        (["x.bin", "--framing", "9Z1"], 2, "8N1"),
        (["x.bin", "--driver", "cardreader.rdm630"], 2, "did you mean cardreader.rdm6300"),
        (["x.bin", "--driver", "counter.beam", "-o", "speed=3"], 2, "counter.beam has no option speed"),
        (["x.bin", "--driver", "counter.beam", "-o", "speed"], 2, "key=value"),
    ],
)
def test_what_is_wrong_is_one_sentence(edge: Any, words: list[str], status: int, says: str) -> None:
    done = edge("sniff", *words, "--seconds", "5")
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stderr


def test_a_device_that_two_drivers_know_is_told_with_both(tmp_path: Path, edge: Any) -> None:
    wedge = driver("cardreader.wedge")
    scenes = itertools.islice(wedge.simulate(wedge.options(), random.Random(5)), 2)
    (tmp_path / "a.bin").write_bytes(b"".join(scene.chunk for scene in scenes))
    done = edge("sniff", f"file:{tmp_path / 'a.bin'}")
    assert "This is cardreader.magstripe" in done.stdout
    assert "As well: cardreader.wedge." in done.stdout


def test_a_device_on_the_network_is_not_hung_up_on_when_it_is_found_out(edge: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def device() -> None:
            caller, _ = server.accept()
            server.close()  # one that takes no second call
            with caller, suppress(OSError):
                while True:
                    caller.sendall(CARD)
                    time.sleep(0.7)

        speaking = threading.Thread(target=device)
        speaking.start()
        done = edge("sniff", f"tcp://127.0.0.1:{server.getsockname()[1]}", "--seconds", "6")
        speaking.join(10)
    assert "This is cardreader.rdm6300" in done.stdout
    assert (done.returncode, done.stderr.count("Connect")) == (0, 0)


def test_a_file_can_be_sniffed_too(tmp_path: Path, edge: Any) -> None:
    (tmp_path / "a.bin").write_bytes(4 * CARD)
    done = edge("sniff", f"file:{tmp_path / 'a.bin'}")
    assert done.returncode == 0
    assert "This is cardreader.rdm6300" in done.stdout


def test_a_recording_is_played_through_a_driver_at_once(recording: Path, edge: Any) -> None:
    guessed = edge("replay", str(recording))
    named = edge("replay", str(recording), "--driver", "cardreader.rdm6300", "--option", "silence_ms=800")
    assert "This is cardreader.rdm6300" in guessed.stdout
    assert guessed.stdout.count("card number=62E3086C3B") == 170
    assert named.stdout.count("card number=62E3086C3B") == 1  # never away for long enough


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["none.jsonl"], "No such file"),
        ([__file__], "line 1 is not of a recording"),
        (["/dev/null"], "nothing is recorded"),
    ],
)
def test_a_recording_that_is_none_is_told(edge: Any, words: list[str], says: str) -> None:
    done = edge("replay", *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert edge("replay", __file__, "--port", "tcp://x:1").returncode == 2


@pytest.fixture(name="free_port")
def _free_port() -> int:
    return free_port()


def test_a_simulator_is_heard_by_whoever_calls_again_and_again(free_port: int, speaking: Any) -> None:
    def answers() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", free_port)) == 0

    address = f"tcp-listen://127.0.0.1:{free_port}"
    speaking(
        "simulate", "counter.beam", "--port", address, "--seed", "4", "-o", "debounce_ms=5", ready=answers
    )
    # `answers` was the first caller; it has gone, and the next one is taken after it.
    assert _heard(free_port)


def test_a_simulator_calls_whoever_listens(free_port: int, speaking: Any) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as server:
        server.settimeout(15)
        speaking(
            "simulate", "cardreader.magstripe", "--port", f"tcp://127.0.0.1:{free_port}", ready=lambda: True
        )
        server.accept()[0].close()
        again, _ = server.accept()  # hung up on, it calls again
        again.close()


@pytest.mark.parametrize("port", ["pty:", "serial:///dev/ttyS0", "nonsense"])
def test_a_simulator_says_where_it_can_speak(edge: Any, port: str) -> None:
    done = edge("simulate", "counter.beam", "--port", port)
    assert done.returncode == 2
    assert "tcp-listen://" in done.stderr


def test_a_simulator_says_what_it_does_speaks_soon_and_leaves_no_link(
    tmp_path: Path, edge: Any, speaking: Any
) -> None:
    link, kept = tmp_path / "line", tmp_path / "kept.jsonl"
    slow = speaking("simulate", "counter.lora", "--port", f"pty:{link}", ready=link.exists)
    edge("sniff", str(link), "--driver", "counter.lora", "--seconds", "2.5", "--record", str(kept))
    assert kept.stat().st_size > 0
    slow.stop()
    assert not link.is_symlink()
    assert slow.said.startswith(f"counter.lora speaks on pty:{link}, about every 2")


def test_a_simulator_does_not_write_over_a_file(tmp_path: Path, edge: Any) -> None:
    (tmp_path / "diary").write_text("mine")
    done = edge("simulate", "counter.beam", "--port", f"pty:{tmp_path / 'diary'}")
    assert (done.returncode, (tmp_path / "diary").read_text()) == (2, "mine")


def test_an_address_that_is_taken_is_said(edge: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        done = edge("simulate", "counter.beam", "--port", f"tcp-listen://127.0.0.1:{number}")
    assert done.returncode == 1
    assert str(number) in done.stderr


def _heard(number: int) -> bool:
    """Whether somebody who calls is let stay: one caller at a time is."""
    end_s = time.monotonic() + 15
    while time.monotonic() < end_s:
        try:
            with socket.create_connection(("127.0.0.1", number), 5) as sock:
                sock.settimeout(0.3)
                if sock.recv(100) != b"":
                    return True
        except TimeoutError:
            return True
        except ConnectionError:
            time.sleep(0.02)
    return False
