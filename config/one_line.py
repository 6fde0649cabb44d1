"""Text that others wrote, as one harmless line: for a log that somebody reads on a terminal."""

from __future__ import annotations

from typing import Final

_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029)  # C0, DEL, C1, line ends
# Right to left, and back.
_TURNS: Final = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_NAMED: Final = {0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r"}
_ESCAPED: Final = {
    each: _NAMED.get(each) or (f"\\x{each:02x}" if each < 0x100 else f"\\u{each:04x}")
    for each in (*_CONTROLS, *_TURNS)
}


def one_line(text: str) -> str:
    r"""``one_line("a\x1b[2J") == "a\\x1b[2J"``: nothing in it ends the line or drives the terminal."""
    return text.translate(_ESCAPED)


def indented(trace: str) -> str:
    """A traceback, every line harmless and two spaces in: none can pass for an entry of the log."""
    return "\n".join(f"  {one_line(line)}" for line in trace.split("\n"))
