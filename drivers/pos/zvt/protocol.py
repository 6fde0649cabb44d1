"""ZVT, with our agent as the payment terminal (PT) and a till as its master (ECR).

    serial  10 02 | 06 01 | 0A | 04 00 00 00 01 10 10 00 49 01 56 | 10 03 | CRC low, high     9600 8N2
    TCP             06 01 | 0A | 04 00 00 00 01 10 00 49 01 56                                port 20007
                    CLASS   LEN  bitmaps: 04 amount, 49 currency …
                    INSTR

From PA00P015 (commands, 13.08) and PA00P016 (transport, 04). `framing` and `line` are the transport, `apdu`,
`bmp`, `tlv` and `messages` what bytes say (`commands` by name), `requests` what a till may want, `dialogue`
who speaks when, `replies` and `answers` in which words, `results` why not. The rules about money are not
here: they stand in drivers/pos/terminal.py and behind it.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.base import Heard, Note, Told
from drivers.pos.zvt import apdu, commands, messages
from drivers.pos.zvt.dialogue import Dialogue
from drivers.pos.zvt.framing import NAK, Got
from drivers.pos.zvt.line import Line
from drivers.pos.zvt.messages import Message
from drivers.pos.zvt.options import ZvtOptions


class ZvtDecoder:
    """Every message is a note; what the till wants becomes questions, and their answers what it is told."""

    def __init__(self, options: ZvtOptions) -> None:
        self._line = Line(options.transport)
        self._dialogue: Dialogue | None = Dialogue(options)
        self._at_byte = 0  # of the message that was heard last
        self.wake_at_ms: int | None = None

    def only_listen(self) -> None:
        """There is no till to answer; what either side said may be heard."""
        self._dialogue = None

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        heard = [each for got in self._line.feed(chunk, now_ms) for each in self._take(got, now_ms)]
        return self._settle(heard, now_ms)

    def wake(self, now_ms: int) -> list[Heard]:
        heard = [each for got in self._line.expire(now_ms) for each in self._take(got, now_ms)]
        if self._dialogue is not None:
            self._dialogue.wake(now_ms, self._line.delivered)
            heard += self._go_on(self._dialogue, now_ms)
        return self._settle(heard, now_ms)

    def answer(self, answer: Told, now_ms: int) -> None:
        if self._dialogue is not None:
            self._dialogue.answer(answer)
            self.wake_at_ms = now_ms

    def replies(self) -> bytes:
        return self._line.replies()

    def _take(self, got: Got | None, now_ms: int) -> Iterator[Heard]:
        message = None
        if got is not None:
            self._at_byte = got.at_byte
            message = messages.read(got.raw) if got.what == "apdu" else None
            yield Heard(got.at_byte, _wrong(got) if message is None else _said(message, got))
        if self._dialogue is None:
            return
        if got is None:
            self._dialogue.lost(now_ms)
        elif message is not None:
            self._dialogue.heard(message, now_ms, self._line.delivered)
        yield from self._go_on(self._dialogue, now_ms)

    def _go_on(self, dialogue: Dialogue, now_ms: int) -> Iterator[Heard]:
        for raw in dialogue.said():
            self._line.say(raw, now_ms)
        for question in dialogue.questions():
            yield Heard(self._at_byte, question)

    def _settle(self, heard: list[Heard], now_ms: int) -> list[Heard]:
        due = [self._line.due_ms, self._dialogue.due_ms(now_ms) if self._dialogue else None]
        self.wake_at_ms = min((each for each in due if each is not None), default=None)
        return heard


def _said(message: Message, got: Got) -> Note:
    """An APDU by its fields, for a technician."""
    fields = message.fields | {"apdu_hex": messages.masked(message).hex()}
    if got.serial:
        fields["crc16_kermit"] = f"{got.crc:04x}"
    return Note("message", fields)


def _wrong(got: Got) -> Note:
    """What is no APDU, and why."""
    if got.what in ("ack", "nak"):
        return Note(got.what)
    if got.what == "junk":
        return Note("junk", {"bytes": got.count, "raw": got.raw.hex()}, "junk")
    fields: dict[str, str] = {"error": got.error}
    if got.serial and got.answered:
        fields["reply_hex"] = f"{NAK:02x}"
    if not got.serial:
        fields["command"] = commands.name_of(apdu.control_of(got.raw))
    return Note("message", fields, got.error)
