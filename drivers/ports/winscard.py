"""The few calls of PC/SC that we need, from libpcsclite by ctypes: no compiler, no package to install.

Every call may block and is made on a thread of its own (pcsc.py). Source: winscard.h of pcsc-lite 1.9.
"""

from __future__ import annotations

import ctypes
from ctypes import byref, c_char_p, c_long, c_ubyte, c_ulong, c_void_p
from typing import Any

LIBRARY = "libpcsclite.so.1"
SCOPE_SYSTEM = 2
SHARE_SHARED = 2
PROTOCOL_ANY = 3  # T=0 or T=1
LEAVE_CARD = 0
STATE_UNKNOWN, STATE_UNAVAILABLE = 0x0004, 0x0008
STATE_PRESENT, STATE_MUTE = 0x0020, 0x0200
WAIT_MS = 5_000  # at most; a thread that nobody could cancel ends by itself
READERS_BYTES_MAX = 16 * 1024
ANSWER_BYTES_MAX = 65_538
ATR_BYTES_MAX = 33

CANCELLED, TIMEOUT = 0x80100002, 0x8010000A
NO_SERVICE, NO_READERS = 0x8010001D, 0x8010002E


class ScardError(Exception):
    """A call that went wrong; `code` is PC/SC's own."""

    def __init__(self, code: int) -> None:
        self.code = code & 0xFFFFFFFF
        super().__init__(f"PC/SC says {self.code:08X}")


class _ReaderState(ctypes.Structure):
    _fields_ = (
        ("name", c_char_p),
        ("user_data", c_void_p),
        ("current", c_ulong),
        ("event", c_ulong),
        ("atr_size", c_ulong),
        ("atr", c_ubyte * ATR_BYTES_MAX),
    )


class _Pci(ctypes.Structure):
    _fields_ = (("protocol", c_ulong), ("size", c_ulong))


class Context:
    """One connection to pcscd. Raises ScardError; OSError when there is no library."""

    def __init__(self) -> None:
        self._library: Any = ctypes.CDLL(LIBRARY)
        for call in ("EstablishContext", "ReleaseContext", "ListReaders", "GetStatusChange", "Cancel"):
            getattr(self._library, f"SCard{call}").restype = c_long
        for call in ("Connect", "Disconnect", "Transmit"):
            getattr(self._library, f"SCard{call}").restype = c_long
        self._context = c_long()
        _check(self._library.SCardEstablishContext(c_ulong(SCOPE_SYSTEM), None, None, byref(self._context)))

    def readers(self) -> list[str]:
        """Their names; none is no error."""
        size = c_ulong(READERS_BYTES_MAX)
        names = ctypes.create_string_buffer(READERS_BYTES_MAX)
        code = self._library.SCardListReaders(self._context, None, names, byref(size))
        if code & 0xFFFFFFFF == NO_READERS:
            return []
        _check(code)
        return [name.decode("utf-8", "replace") for name in names.raw[: size.value].split(b"\0") if name]

    def wait(self, reader: str, known: int) -> tuple[int, bytes]:
        """The reader's state and its card's ATR, when it is no longer the `known` one, or after WAIT_MS.

        The high half of a state counts the cards that have come and gone.
        """
        state = _ReaderState(name=reader.encode(), current=known)
        code = self._library.SCardGetStatusChange(self._context, c_ulong(WAIT_MS), byref(state), c_ulong(1))
        if code & 0xFFFFFFFF == TIMEOUT:
            return known, b""
        _check(code)
        return state.event, bytes(state.atr[: min(state.atr_size, ATR_BYTES_MAX)])

    def cancel(self) -> None:
        """Ends a `wait` on another thread with CANCELLED."""
        self._library.SCardCancel(self._context)

    def connect(self, reader: str) -> Card:
        """The card in the reader, shared with other programs."""
        card, protocol = c_long(), c_ulong()
        _check(
            self._library.SCardConnect(
                self._context,
                reader.encode(),
                c_ulong(SHARE_SHARED),
                c_ulong(PROTOCOL_ANY),
                byref(card),
                byref(protocol),
            )
        )
        return Card(self._library, card, protocol.value)

    def release(self) -> None:
        """Lets go of pcscd."""
        self._library.SCardReleaseContext(self._context)


class Card:
    """A card that is connected."""

    def __init__(self, library: Any, handle: c_long, protocol: int) -> None:
        self._library, self._handle, self._protocol = library, handle, protocol

    def transmit(self, apdu: bytes) -> bytes:
        """The answer, status word and all. Raises ScardError."""
        pci = _Pci(self._protocol, ctypes.sizeof(_Pci))
        answer, size = ctypes.create_string_buffer(ANSWER_BYTES_MAX), c_ulong(ANSWER_BYTES_MAX)
        _check(
            self._library.SCardTransmit(
                self._handle, byref(pci), apdu, c_ulong(len(apdu)), None, answer, byref(size)
            )
        )
        return answer.raw[: size.value]

    def disconnect(self) -> None:
        """Leaves the card as it is."""
        self._library.SCardDisconnect(self._handle, c_ulong(LEAVE_CARD))


def _check(code: int) -> None:
    if code:
        raise ScardError(code)
