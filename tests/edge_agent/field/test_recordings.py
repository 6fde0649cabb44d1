"""Recordings: made with a limit, read again, and what is shown beside the bytes."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from drivers.base import Heard, Note, QuietDecoder
from drivers.cardreader.rdm6300.protocol import encode_frame
from drivers.registry import driver
from edge_agent.field.listening import Piece, Seen, WatchedDecoder, show_pieces, tally_of
from edge_agent.field.recording import NoRecording, Recording, recorded
from edge_agent.field.side_by_side import as_object, is_wrong, rows

FRAME = encode_frame("62E3086C3B")
RDM = driver("cardreader.rdm6300")


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    pieces = [Piece(0, FRAME), Piece(65, FRAME[:3]), Piece(70, FRAME[3:])]
    with (tmp_path / "a.jsonl").open("wb") as file:
        recording = Recording(file)
        for piece in pieces:
            recording.add(piece)
        assert (tmp_path / "a.jsonl").stat().st_size > 0  # at once, not when it is closed
    assert list(recorded(tmp_path / "a.jsonl")) == pieces


def test_a_recording_at_its_limit_ends_with_a_whole_line() -> None:
    file = io.BytesIO()
    recording = Recording(file, max_bytes=100)
    for t_ms in range(10):
        recording.add(Piece(t_ms, FRAME))
    assert recording.full
    assert 0 < len(file.getvalue()) <= 100
    assert file.getvalue().endswith(b"\n")
    recording.add(Piece(11, b""))  # short enough, and still too late: no gaps
    assert len(file.getvalue().splitlines()) == 2


@pytest.mark.parametrize("text", ["hello\n", '{"t_ms": 1}\n', '{"t_ms": 1, "hex": "0g"}\n', '["t_ms"]\n'])
def test_a_file_that_is_no_recording_says_at_which_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"t_ms":0,"hex":"02"}\n' + text)
    with pytest.raises(NoRecording, match="line 2"):
        list(recorded(path))


def test_time_passes_between_the_pieces_of_a_recording() -> None:
    """The reader of 125 kHz cards counts a card anew after half a second of silence."""
    seen: list[Seen] = []
    show_pieces(
        RDM.decoder(RDM.options()),
        [Piece(0, 2 * FRAME), Piece(300, FRAME), Piece(1000, 2 * FRAME)],
        seen.append,
    )
    cards = [each.t_ms for each in seen for heard in each.heard if not isinstance(heard.what, Note)]
    assert cards == [0, 1000]


class Poller(QuietDecoder):
    """A device that must be asked: the first question is due at once."""

    def __init__(self) -> None:
        self.wake_at_ms: int | None = 0
        self._asked = b""

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        return [Heard(0, Note("answer"))]

    def wake(self, now_ms: int) -> list[Heard]:
        self._asked, self.wake_at_ms = b"?", now_ms + 1000
        return []

    def replies(self) -> bytes:
        said, self._asked = self._asked, b""
        return said


@pytest.mark.parametrize(("speaks", "said"), [(True, b"?"), (False, b"")])
def test_who_listens_in_says_nothing_unless_told_to(speaks: bool, said: bytes) -> None:
    watched = WatchedDecoder(Poller(), lambda seen: None, 0, speaks=speaks)
    assert watched.wake_at_ms == 0
    watched.wake(0)
    assert watched.replies() == said
    assert watched.wake_at_ms == 1000


def test_right_frames_and_wrong_ones_are_counted() -> None:
    wrong = FRAME[:-2] + b"0\x03"
    assert tally_of(RDM.decoder(RDM.options()), [Piece(0, 2 * FRAME + wrong)]) == (1, 2, 1)


def test_bytes_stand_beside_their_meaning() -> None:
    heard = [
        Heard(0, Note("frame", {"tag": "E3086C3B", "who": "a b"})),
        Heard(14, Note("frame", {}, "checksum")),
    ]
    shown = list(rows(Seen(1204, 0, FRAME + b"\x1b[2J\xff", heard)))
    assert shown[0][0].startswith("     1.204  02 36 32 45")
    assert shown[0][1:] == ('frame tag=E3086C3B who="a b"', False)
    assert shown[1][1:] == ("frame problem=checksum", True)
    assert len({dump.index(".62E") if ".62E" in dump else len(dump) - 16 for dump, *_ in shown}) == 1
    assert not any("\x1b" in dump + text for dump, text, _ in shown)


def test_more_meanings_than_bytes_and_more_bytes_than_meanings_are_all_shown() -> None:
    assert len(list(rows(Seen(0, 0, b"", [Heard(0, Note("a")), Heard(0, Note("b"))])))) == 2
    assert len(list(rows(Seen(0, 0, bytes(40), [])))) == 3


def test_what_a_device_says_cannot_drive_the_terminal() -> None:
    note = Note("text", {"text": "\x1b]0;owned\x07\u202e" + "x" * 1000})
    ((_, text, _),) = rows(Seen(0, 0, b"", [Heard(0, note)]))
    assert text.isprintable()
    assert len(text) < 500
    assert json.loads(json.dumps(as_object(Seen(0, 7, b"\x1b", [Heard(7, note)]))))["hex"] == "1b"
    assert not is_wrong(Heard(0, note))
