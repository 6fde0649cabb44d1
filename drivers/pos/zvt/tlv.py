"""BER-TLV as ZVT uses it: a tag of one or two bytes, a length of one to three, data that may hold others.

1F 15 | 01 | D0            tag 1F15: the last five bits of 1F are ones, so a second byte belongs to it
07 | 82 01 0A | …          tag 07; 81 and 82 say that the length takes one or two more bytes
24 | 0D | 07 0B …          tag 24 is constructed (its sixth bit): tags stand inside it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

DEPTH_MAX = 8
_CONSTRUCTED = 0x20


def elements(data: bytes) -> Iterator[tuple[str, bytes]]:
    """``("1F15", b"\\xd0")`` for each element, in order; ends where the bytes make no sense."""
    at = 0
    while (found := _element_at(data, at)) is not None:
        tag_end, start, at_next = found
        yield data[at:tag_end].hex().upper(), data[start:at_next]
        at = at_next


def fits(data: bytes) -> bool:
    """Whether elements are all that there is."""
    at = 0
    while (found := _element_at(data, at)) is not None:
        at = found[2]
    return at == len(data)


def _element_at(data: bytes, at: int) -> tuple[int, int, int] | None:
    """(where its tag ends, where its data begin, where they end)."""
    if at >= len(data):
        return None
    tag_end = at + 1
    if data[at] & 0x1F == 0x1F:
        while tag_end < len(data) and data[tag_end] & 0x80:
            tag_end += 1
        tag_end += 1
    start, count = length_at(data, tag_end)
    return None if start < 0 or start + count > len(data) else (tag_end, start, start + count)


def length_at(data: bytes, at: int) -> tuple[int, int]:
    """(where the contents begin, how many bytes they have) of a length that stands at `at`; (-1, 0): none."""
    if at >= len(data):
        return -1, 0
    first = data[at]
    if first < 0x80:
        return at + 1, first
    more = first & 0x7F
    if more not in (1, 2) or at + 1 + more > len(data):
        return -1, 0
    return at + 1 + more, int.from_bytes(data[at + 1 : at + 1 + more], "big")


def leaves(data: bytes, depth: int = 0) -> Iterator[tuple[str, bytes]]:
    """All elements that hold no others, wherever they stand."""
    for tag, value in elements(data):
        if int(tag[:2], 16) & _CONSTRUCTED and depth < DEPTH_MAX:
            yield from leaves(value, depth + 1)
        else:
            yield tag, value


def encode(tags: Mapping[str, bytes]) -> bytes:
    """The container's contents: each tag, its length, its data."""
    return b"".join(bytes.fromhex(tag) + encode_length(len(data)) + data for tag, data in tags.items())


def encode_length(count: int) -> bytes:
    """`count` (at most 65535) in as few bytes as can be."""
    if count < 0x80:
        return bytes([count])
    return b"\x81%c" % count if count < 0x100 else b"\x82" + count.to_bytes(2, "big")
