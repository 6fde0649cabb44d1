"""HTTP as a stream: whole messages whatever the chunks, and what is none handed on."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.http_frames import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HttpReader,
    Loose,
    Piece,
    Request,
    Response,
    write_request,
    write_response,
)

POST = write_request(7, "POST", "/count?door=2", [("Content-Type", "text/xml")], b"<a/>")
WIRE = (
    b"POST /nexo/ HTTP/1.1\r\nHost: till:8443\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;why=not\r\n{\"a\":\r\nB\r\n[1,\r\n\r\n23]}\r\n0\r\nX-Sum: 1\r\n\r\n"
)  # fmt: skip
OK = b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}"


def read(*chunks: bytes, last: bool = True) -> list[Piece]:
    """The pieces, with neighbouring loose ones put together."""
    reader = HttpReader()
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)]
    pieces += reader.pause() if last else []
    joined: list[Piece] = []
    for piece in pieces:
        before = joined[-1] if joined else None
        if isinstance(piece, Loose) and isinstance(before, Loose):
            joined[-1] = Loose(before.at_byte, before.chunk + piece.chunk)
        else:
            joined.append(piece)
    return joined


def test_a_request_of_the_port_is_read_as_it_was_written() -> None:
    (request,) = read(POST, last=False)
    assert isinstance(request, Request)
    assert (request.number, request.method, request.target) == (7, "POST", "/count?door=2")
    assert request.headers["content-type"] == "text/xml"
    assert request.body == b"<a/>"


def test_chunks_and_bare_line_feeds_of_a_capture_are_read_too() -> None:
    request, response = read(WIRE + OK, last=False)
    assert isinstance(request, Request)
    assert isinstance(response, Response)
    assert (request.number, request.body) == (0, b'{"a":[1,\r\n\r\n23]}')
    assert (response.status, response.body) == (200, b"{}")


def test_an_answer_carries_its_number() -> None:
    (answer,) = read(write_response(9, 404, b"?", "text/plain", {"X": "y"}))
    assert answer == Response(
        0,
        9,
        404,
        {"tillbeam-request": "9", "content-length": "1", "content-type": "text/plain", "x": "y"},
        b"?",
    )


STREAM = b"\xff<b/>POSTER\n" + POST + WIRE + b"<c>HTTP/1.</c>" + OK + b"GET / HTTP/1.0\r\n\r\nPOST /cut"


def test_messages_are_the_same_byte_by_byte_and_cut_in_two_anywhere() -> None:
    whole = read(STREAM)
    assert [type(piece) for piece in whole] == [Loose, Request, Request, Loose, Response, Request, Loose]
    assert read(*(bytes([byte]) for byte in STREAM)) == whole
    for cut in range(1, len(STREAM)):
        assert read(STREAM[:cut], STREAM[cut:]) == whole


def test_what_is_too_much_is_handed_on_and_not_kept() -> None:
    reader = HttpReader()
    start = b"POST / HTTP/1.1\r\n"
    for more in (
        b"Content-Length: %d\r\n\r\n" % (BODY_BYTES_MAX + 1),
        b"Content-Length: -1\r\n\r\n",
        b"A: " + b"b" * HEAD_BYTES_MAX,
        b"Transfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nno size\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
    ):
        pieces = reader.feed(start + more)
        assert b"".join(piece.chunk for piece in pieces if isinstance(piece, Loose)) == start + more
        assert not reader.waiting


def test_a_start_line_without_an_end_does_not_hold_back_what_follows() -> None:
    reader = HttpReader()
    assert reader.feed(b"POST /" + b"a" * 5000) != []
    assert reader.feed(b"<x/>") == [Loose(5006, b"<x/>")]


def test_a_message_cut_short_is_handed_on_at_the_pause() -> None:
    assert read(POST[:-1]) == [Loose(0, POST[:-1])]
    pieces = read(POST[:-1] + POST, last=False)
    assert isinstance(pieces[0], Request)
    assert pieces[0].body == b"<a/P"


@given(
    st.lists(st.sampled_from([POST, WIRE, OK, b"<x>", b"PO", b"HTTP/1.1 ", b"\r\n", b"9\r\n"]), max_size=12),
    st.data(),
)
def test_no_byte_is_lost_and_none_said_twice(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    chunks = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]
    whole = read(stream)
    assert read(*chunks) == whole
    at_byte = 0
    for piece in whole:
        assert piece.at_byte >= at_byte
        at_byte = piece.at_byte
        if isinstance(piece, Loose):
            at_byte += len(piece.chunk)
            assert stream[piece.at_byte : at_byte] == piece.chunk


@pytest.mark.parametrize("byte", [0, 0x0A, 0xFF])
def test_a_damaged_head_never_raises(byte: int) -> None:
    for at in range(len(WIRE)):
        read(WIRE[:at] + bytes([byte]) + WIRE[at + 1 :] + POST)
