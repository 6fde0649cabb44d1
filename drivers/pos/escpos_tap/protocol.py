"""The printer's line → receipts.

    ESC @ … text and commands … GS V          one job; or it ends when the line is silent for idle_cut_ms
    \\_____________________________/
                 |
       lexer → paper (lines) → codepages (characters) → grammar (items, total) → SaleCompleted

What stands between a cut and the next ESC @ is the tail of the job before (feeds, drawer pulses, left-overs)
unless it turns out to be a receipt of a till that never says ESC @. Most tills cut first and open the drawer
then, so a cut job is held until the next one begins to print, or for AFTER_CUT_MS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

from drivers.base import Heard, Note, QuietDecoder
from drivers.pos.codepages import Reader, Style
from drivers.pos.escpos_tap import profiles
from drivers.pos.escpos_tap.grammar import Grammar
from drivers.pos.escpos_tap.job import Job, Totals, fields_of
from drivers.pos.escpos_tap.lexer import FOUND, TEXT, UNKNOWN, Lexer, Token
from drivers.pos.escpos_tap.options import Options
from drivers.pos.escpos_tap.paper import text_of
from drivers.pos.escpos_tap.reading import Reading
from drivers.pos.escpos_tap.sale import sale_of
from drivers.pos.escpos_tap.symbols import QR, barcode_text
from sync.contract.events import ReceiptUnreadable
from sync.contract.money import exponent

JUNK_MAX = 48  # things in a row that no printer knows, without a word of text between: the stream is noise
CODES_MAX = 16  # bar codes and QR codes kept of one receipt
AFTER_CUT_MS = 150  # a drawer pulse that belongs to a receipt comes this soon behind its cut
JUNK_PER_SURE = 12  # unknown things for each run of sure text; more is noise, which has about fifty
SLIP_MIN_BYTES = 24  # less text than this, and no line of a decent length, is a left-over
PICTURE_LINES_MAX = 3  # a picture with no more text than this, and no total, is a receipt drawn by the till

_HARMLESS = frozenset(
    b"\x00\x07\x08\x0b\x0e\x0f\x11\x12\x13\x14"
)  # padding, bell, XON, widths of older printers


class EscposTapDecoder(QuietDecoder):
    """Listens to what a till sends its printer; says each receipt as a Note and, with a total, as a sale."""

    def __init__(self, options: Options) -> None:
        self._options = options
        profile = profiles.load(options.profile)
        self._pages = profile.code_pages
        self._forced = "" if options.encoding == "auto" else options.encoding
        self._grammar = Grammar(profile, exponent(options.currency))
        self._lexer = Lexer()
        self._style = Style()
        self._two_byte = "gbk"
        self._upside_down = False
        self._stored: dict[int, bytes] = {}  # two-dimensional codes by kind, until they are printed
        self._job: Job | None = None
        self._held: Job | None = None  # cut, and said once it is sure that nothing more belongs to it
        self._held_until_ms = 0
        self._totals = Totals()
        self._tail = False
        self._junk_row = 0
        self._sure_lines = 0
        self._now_ms = 0
        self._idle_at_ms: int | None = None
        self._heard: list[Heard] = []
        self._bounds: dict[bytes, Callable[[Token], None]] = {
            **dict.fromkeys((b"\x1dV", b"\x1bi", b"\x1bm"), self._cut),
            b"\x1b@": self._initialise,
            FOUND: self._found,
        }
        self._does: dict[bytes, Callable[[Job, bytes], None]] = {
            b"\n": lambda job, _: self._end_line(job),
            b"\r": lambda job, _: self._end_line(job),
            b"\t": lambda job, _: job.paper.tab(),
            b"\x0c": lambda job, _: job.paper.print_page(leave=True),
            b"\x18": lambda job, _: self._cancel(job),
            b"\x1b\x0c": lambda job, _: job.paper.print_page(leave=False),
            b"\x1d\x0c": lambda job, _: self._end_line(job),
            b"\x1bd": lambda job, _: self._end_line(job),
            b"\x1be": lambda job, _: self._end_line(job),
            b"\x1bJ": self._feed_dots,
            b"\x1bK": lambda job, _: self._end_line(job),
            b"\x1b3": lambda job, args: setattr(job.paper, "line_dots", args[0]),
            b"\x1b2": lambda job, _: setattr(job.paper, "line_dots", 30),
            b"\x1b$": lambda job, args: job.paper.place(_u16(args)),
            b"\x1b\\": lambda job, args: job.paper.move(_signed(args)),
            b"\x1bL": lambda job, _: job.paper.begin_page(),
            b"\x1bS": lambda job, _: job.paper.leave_page(),
            b"\x1bW": lambda job, args: job.paper.area(_u16(args), _u16(args[2:])),
            b"\x1d$": lambda job, args: job.paper.height(_u16(args)),
            b"\x1d\\": lambda job, args: job.paper.rise(_signed(args)),
            b"\x1b{": self._turn,
            b"\x1bt": lambda _, args: self._restyle(page=args[0]),
            b"\x1bR": lambda _, args: self._restyle(country=args[0]),
            b"\x1c&": lambda _, __: self._restyle(two_byte=self._two_byte),
            b"\x1c.": lambda _, __: self._restyle(two_byte=""),
            b"\x1cC": self._two_byte_code,
            b"\x1c(": self._text_encoding,
            b"\x1bp": self._pulse,
            b"\x10\x14": self._real_time,
            b"\x1dk": self._barcode,
            b"\x1d(": self._extended,
            b"\x1bZ": lambda job, args: self._keep(job.qrs, args[5:]),
            **dict.fromkeys((b"\x1b*", b"\x1d8", b"\x1dv", b"\x1dQ", b"\x1dD", b"\x1cp"), self._drawn),
        }

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        self._pass_time(now_ms)
        self._now_ms = now_ms
        for token in self._lexer.feed(chunk):
            self._take(token)
            if self._held and self._job and not self._job.blank:
                self._let_go(self._job)
        self._idle_at_ms = None
        if self._job is not None or self._lexer.in_the_middle:
            self._idle_at_ms = now_ms + self._options.idle_cut_ms
        return self._said()

    def wake(self, now_ms: int) -> list[Heard]:
        self._pass_time(now_ms)
        return self._said()

    def summary(self) -> Note:
        """What the whole stream had: receipts, cuts, drawer pulses; those outside of receipts as well."""
        return Note("summary", asdict(self._totals))

    def _pass_time(self, now_ms: int) -> None:
        if self._held and now_ms >= self._held_until_ms:
            self._let_go(self._job)
        if self._idle_at_ms is not None and now_ms >= self._idle_at_ms:
            self._silence()

    def _said(self) -> list[Heard]:
        dues = [self._idle_at_ms, self._held_until_ms if self._held else None]
        self.wake_at_ms = min((due for due in dues if due is not None), default=None)
        heard, self._heard = self._heard, []
        return heard

    def _silence(self) -> None:
        """The line has been still: what is open is all there is."""
        self._idle_at_ms = None
        self._lexer.abandon()
        self._junk_row = 0
        self._finish()

    # One token

    def _take(self, token: Token) -> None:
        code = token.code
        bounds = self._bounds.get(code)
        if bounds is not None:
            bounds(token)
            return
        job = self._job
        if job is None:
            if code in (b"\n", b"\r", UNKNOWN) or (len(code) == 1 and code[0] in _HARMLESS):
                return  # paper feeds between two jobs
            job = self._job = Job(token.at, self._tail)
            job.paper.turn(self._upside_down)
            self._sure_lines = 0
        if code == TEXT:
            job.paper.write(token.args, self._style)
            if token.sure:
                job.sure += 1
                self._junk_row = 0
                self._sure_lines = len(job.paper.lines)
            if job.paper.full:
                self._overflow(job)
            return
        does = self._does.get(code)
        if does is not None:
            does(job, token.args)
        elif code == UNKNOWN or (len(code) == 1 and code[0] not in _HARMLESS):
            job.junk += 1
            self._junk_row += 1
            if self._junk_row > JUNK_MAX:
                self._lose(job)

    def _lose(self, job: Job) -> None:
        job.paper.cut_back(self._sure_lines)
        if job.paper.blank:
            self._job = None
        self._junk_row = 0
        self._lexer.lose()

    def _found(self, token: Token) -> None:
        if token.args == b"@":
            self._finish()

    def _cut(self, _: Token) -> None:
        """The job is at its end, but for what may still belong to it. Two cuts in a row cut it once."""
        self._totals.cuts += 1
        self._tail = True
        self._junk_row = 0
        job, self._job, self._sure_lines = self._job, None, 0
        if job is not None:
            job.end()
        if job is None or job.blank:
            if self._held:
                self._held.pulses += job.pulses if job else 0
            return
        self._let_go(job)
        job.cuts += 1
        self._held, self._held_until_ms = job, self._now_ms + AFTER_CUT_MS

    def _let_go(self, job: Job | None) -> None:
        """Say the receipt that was held. `job` came behind it: pulses before its ESC @ are not its own."""
        held, self._held = self._held, None
        if held is None:
            return
        if job and (job.tail or job.blank):
            held.pulses, job.pulses = held.pulses + job.pulses, 0
        self._tell(held)

    def _initialise(self, token: Token) -> None:
        """ESC @: the printer forgets its styles and its unprinted line; most jobs begin so."""
        self._style, self._two_byte, self._upside_down = Style(), "gbk", False
        self._junk_row = 0
        job = self._job
        if job is not None:
            job.paper.forget_line()
            job.paper.page_mode = False
            job.paper.turn(False)
            if self._held and job.blank:
                self._held.pulses, job.pulses = self._held.pulses + job.pulses, 0
            if ((job.tail or job.junk > 2) and not self._says_something(job)) or (
                job.blank and not job.pulses
            ):
                job = None
            else:
                job.tail = False
        self._tail = False
        self._job = job or Job(token.at, tail=False)

    def _overflow(self, job: Job) -> None:
        """Longer than any receipt: a report, or no printer's line. Said once; a new job starts."""
        count = len(job.paper.lines)
        self._let_go(job)
        too_long = {"line_count": count, "unreadable": True, "reason": "too_long"}
        self._say(job.at_byte, Note("receipt", too_long, "too_long"))
        if job.junk <= count:
            self._unreadable(job, "too_long", count)
        self._job = None

    def _end_line(self, job: Job) -> None:
        job.paper.end_line()
        if job.paper.full:
            self._overflow(job)

    def _feed_dots(self, job: Job, args: bytes) -> None:
        job.paper.end_line(args[0])

    def _cancel(self, job: Job) -> None:
        if job.paper.page_mode:
            job.paper.forget_line()

    def _turn(self, job: Job, args: bytes) -> None:
        """ESC { n stands until taken back: a till that turns its receipts cuts before their first line."""
        self._upside_down = bool(args[0] & 1)
        job.paper.turn(self._upside_down)

    def _restyle(self, **changed: Any) -> None:
        self._style = self._style._replace(**changed)

    def _two_byte_code(self, _: Job, args: bytes) -> None:
        """FS C n: 1 and 2 are Shift JIS on Japanese models; 0 is the code of the country."""
        self._two_byte = "cp932" if args[0] in (1, 2, 49, 50) else "gbk"
        if self._style.two_byte:
            self._restyle(two_byte=self._two_byte)

    def _text_encoding(self, _: Job, args: bytes) -> None:
        """FS ( C 2 0 48 m: 2 chooses UTF-8."""
        if args[:1] == b"C" and len(args) >= 5 and args[3] == 48:
            self._restyle(two_byte="utf-8" if args[4] in (2, 50) else None)

    def _pulse(self, job: Job, _: bytes) -> None:
        job.pulses += 1
        self._totals.drawer_pulses += 1

    def _real_time(self, job: Job, args: bytes) -> None:
        if args[0] == 1:
            self._pulse(job, args)

    def _drawn(self, job: Job, _: bytes) -> None:
        job.graphics += 1

    def _barcode(self, job: Job, args: bytes) -> None:
        kind = args[0]
        if kind <= 6:
            self._keep(job.barcodes, args[1:-1])
        elif kind == 97:
            self._keep(job.qrs, args[5:])
        else:
            self._keep(job.barcodes, args[2:], kind)

    def _extended(self, job: Job, args: bytes) -> None:
        """GS ( k stores and prints two-dimensional codes; GS ( L draws."""
        if args[:1] == b"L":
            job.graphics += 1
        elif args[:1] == b"k" and len(args) >= 5:
            kind, function = args[3], args[4]
            if function == 80 and 48 <= kind <= 56:
                self._stored[kind] = args[6:]
            elif function == 81 and kind in self._stored:
                self._keep(job.qrs if kind == QR else job.barcodes, self._stored[kind])

    @staticmethod
    def _keep(codes: list[str], raw: bytes, kind: int = 0) -> None:
        if len(codes) < CODES_MAX:
            codes.append(barcode_text(kind, raw))

    # One receipt

    def _finish(self) -> None:
        """A job that no cut ended. What is in the printer's buffer is on no paper: half a figure, perhaps."""
        job, self._job, self._sure_lines = self._job, None, 0
        if job is not None:
            job.paper.forget_line()
        self._let_go(job)
        if job is not None and not job.blank:
            self._tell(job)

    def _tell(self, job: Job) -> None:
        reading, lines, encoding = self._read(job)
        fields = fields_of(job, reading, lines, encoding)
        why = "" if reading.total else self._why_unreadable(job, lines)
        if reading.total and (reading.report or reading.reprint):
            self._say(job.at_byte, Note("receipt", fields, "report" if reading.report else "reprint"))
        elif reading.total:
            self._say(job.at_byte, Note("receipt", fields))
            self._say(job.at_byte, sale_of(reading, self._options.till, self._options.currency))
        elif not why:
            self._say(job.at_byte, Note("junk", {"lines": lines}, "tail" if job.tail else "noise"))
        else:
            self._say(job.at_byte, Note("receipt", {**fields, "unreadable": True, "reason": why}, why))
            if not reading.report:
                self._unreadable(job, why, len(lines))

    def _says_something(self, job: Job) -> bool:
        reading = self._read(job)[0]
        return bool(reading.total or (reading.items and not job.tail))

    def _read(self, job: Job) -> tuple[Reading, list[str], str]:
        printed = job.paper.lines
        reader = Reader((bit for line in printed for bit in line), self._forced, self._pages)
        lines = [text for text in (text_of(line, reader) for line in printed) if text.strip()]
        return self._grammar.read(lines), lines, reader.encoding

    @staticmethod
    def _why_unreadable(job: Job, lines: list[str]) -> Literal["", "picture", "no_total"]:
        """Why a job without a total is no sale; empty when it was no receipt at all but noise or a tail."""
        noisy = job.sure < 2 or job.junk > JUNK_PER_SURE * job.sure
        if job.junk > (2 if job.graphics else 0) and noisy:
            return ""
        if not (job.sure or job.graphics) and job.paper.size_bytes < SLIP_MIN_BYTES:
            return ""
        if job.graphics and len(lines) <= PICTURE_LINES_MAX:
            return "picture"
        if job.tail and len(lines) <= PICTURE_LINES_MAX:
            return ""
        return "no_total"

    def _unreadable(self, job: Job, why: Literal["picture", "no_total", "too_long"], count: int) -> None:
        self._say(job.at_byte, ReceiptUnreadable(till=self._options.till, reason=why, line_count=count))

    def _say(self, at_byte: int, what: Any) -> None:
        if isinstance(what, Note) and what.type == "receipt":
            self._totals.add(what.fields)
        self._heard.append(Heard(at_byte, what))


def _u16(args: bytes) -> int:
    return args[0] | args[1] << 8


def _signed(args: bytes) -> int:
    value = _u16(args)
    return value - 0x10000 if value >= 0x8000 else value
