"""Streams that no device would say, for any driver: each is one decoder's life, made from one seed.

    the device's own words: cases, and its simulator's story in order
        │ as they are, or damaged: bytes, digits, numbers, words of others in between
        ▼
    sealed by drivers/<kind>/<device>/fuzz.py, if there is one: lengths and check sums made right again
        │ in chunks of any size, on a clock that jumps, with answers to what is asked
        ▼
    a decoder

A driver touches its own folder only: `sealed(data, options)` makes any bytes into a frame that is let in.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import drivers
from drivers.base import Display, Driver, Heard, Lasting, Note, Options, Told
from drivers.decode import options_of
from sync.contract.events import Event
from sync.contract.questions import (
    Balance,
    BalanceAsked,
    CardShown,
    Declined,
    MemberKnown,
    NobodyKnown,
    Paid,
    PaidPart,
    Pay,
    PhoneGiven,
    PurseNow,
    Reason,
    Refund,
    Refunded,
    ToppedUp,
    TopUp,
    Undo,
    Undone,
)
from sync.contract.terminal import (
    CardAwaited,
    CardThere,
    Confirm,
    Confirmed,
    Day,
    DayAsked,
    NeverMind,
    PinAwaited,
    PinGiven,
    TxnAsked,
    TxnsAsked,
    TxnsTold,
    TxnTold,
)
from tests.drivers.test_every_driver import stream

ROOT = Path(drivers.__file__).parent
PIECES = 60  # in a round: enough for some conversations, and short enough to be replayed by hand
PIECE_BYTES_MAX = 8192
PIECE_S_MAX = 5.0  # of processor time for some kB; a decoder that needs longer searches for ever
SIMULATED_MAX = 20
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?|\"[^\"\\]{0,64}\"")
_ODD = (b"0", b"-1", b"99999999999999999999", b"1e999", b"null", b"true", b'""', b"[]", b"{}", b"0.005", b"x")

Seal = Callable[[bytes, Any], bytes]


class Finding(AssertionError):
    """What went wrong, and how to have it again."""


@dataclass(frozen=True)
class Target:
    """A driver as it is tried: what it may be told to be, what its device says, its mender if it has one."""

    driver: Driver
    settings: tuple[Options, ...]
    said: tuple[bytes, ...]
    seal: Seal | None


def target(driver: Driver) -> Target:
    """Everything that is to be known of it, from its own folder."""
    folder = ROOT / driver.name.replace(".", "/") / "cases"
    vectors = [v for p in sorted(folder.glob("*.json")) for v in json.loads(p.read_text("utf-8"))["vectors"]]
    given: list[dict[str, Any]] = [{}]
    for vector in vectors:
        if (options := vector.get("options", {})) not in given:
            given.append(options)
    scenes = itertools.islice(driver.simulate(driver.options(), random.Random(1)), SIMULATED_MAX)
    said = [data[:PIECE_BYTES_MAX] for vector in vectors if (data := stream(vector, folder))]
    return Target(
        driver,
        tuple(options_of(driver, options) for options in given),
        (*said, *(scene.chunk for scene in scenes if scene.chunk)),
        _seal(driver.name),
    )


class Life:
    """One decoder from its first byte on; `seed` is all its chance."""

    def __init__(self, target: Target, seed: int) -> None:
        self._target, self._seed, self._chance = target, seed, random.Random(seed)
        self._options = self._chance.choice(target.settings)
        self._scenes = target.driver.simulate(self._options, random.Random(seed))
        self._decoder = target.driver.decoder(self._options)
        self._wild = self._chance.choice((0.05, 0.3, 0.8))  # so much of what it is told is damaged
        self._now_ms = 0
        self.fed = bytearray()  # what it was told since somebody looked

    def live(self, pieces: int = PIECES) -> None:
        """So much more of it. Raises Finding when the decoder raises, or thinks for too long."""
        try:
            for _ in range(pieces):
                with _patience(PIECE_S_MAX):
                    self._hear(self.piece())
        except Exception as error:
            name, given = self._target.driver.name, self._options.model_dump_json(exclude_defaults=True)
            raise Finding(
                f"{type(error).__name__}: {error}\n{name} with {given}, TILLBEAM_FUZZ_SEED={self._seed}; as "
                f"far as bytes alone are the cause, `decode {name}` raises it too:\n{self.fed.hex()}"
            ) from error

    def piece(self) -> bytes:
        """What the device says next: its simulator's story in order, and damage between and in it."""
        chance, said, seal = self._chance, self._target.said, self._target.seal
        whole = next(self._scenes).chunk if chance.random() < 0.6 else chance.choice(said)
        if chance.random() > self._wild:
            return whole
        if chance.random() < 0.1:
            return bytes([chance.randrange(32)])  # the signs that tills and terminals give each other
        hurt = damaged(whole, said, chance)
        return seal(hurt, self._options) if seal and chance.random() < 0.6 else hurt

    def _hear(self, data: bytes) -> None:
        decoder, chance = self._decoder, self._chance
        step = chance.choice((1, 7, 64, 4096, 4096) if len(data) < 600 else (64, 4096))
        for at in range(0, len(data), step):
            chunk = data[at : at + step]
            self.fed += chunk
            self._answer(decoder.feed(chunk, self._now_ms))
            self._now_ms += chance.choice((0, 0, 0, 1, 60))
        for _ in range(chance.choice((0, 1, 1, 3))):
            self._now_ms = self._later()
            self._answer(decoder.wake(self._now_ms))
        if chance.random() < 0.05:  # what comes from elsewhere in the store
            if isinstance(decoder, Display):
                decoder.show(told(None, chance, 0), self._now_ms)
            if isinstance(decoder, Lasting):
                decoder.reopened(self._now_ms)

    def _later(self) -> int:
        due_ms = self._decoder.wake_at_ms
        if due_ms is not None and self._chance.random() < 0.7:
            return max(self._now_ms, due_ms)
        return self._now_ms + self._chance.choice((0, 1, 60, 700, 12_000, 600_000))

    def _answer(self, heard: list[Heard]) -> None:
        for one in heard:
            if not isinstance(one.what, Note | Event | NeverMind) and self._chance.random() < 0.97:
                answer = told(one.what, self._chance, self._wild)
                self._decoder.answer(answer, self._now_ms)
        self._decoder.replies()


def damaged(data: bytes, said: tuple[bytes, ...], chance: random.Random) -> bytes:
    """A few of the things that go wrong with bytes."""
    hurt = bytearray(data)
    # What is written in text is mostly turned away as such, unless its brackets still fit.
    kinds = (6, 6, 7, 7) if b'":' in data and chance.random() < 0.7 else range(8)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        at = chance.randrange(len(hurt) + 1)
        match chance.choice(kinds):
            case 0:
                hurt[at : at + 1] = chance.randbytes(1)
            case 1:
                del hurt[at : at + chance.randint(1, 40)]
            case 2:
                hurt[at:at] = chance.randbytes(chance.randint(1, 40))
            case 3:
                hurt[at:at] = chance.choice(said)[: chance.randint(1, 200)]
            case 4:
                hurt[at:at] = hurt[:at][-40:]
            case 5:
                hurt[at : at + 1] = bytes([chance.choice((0x00, 0x10, 0x7F, 0x80, 0xFF, 0x02, 0x03))])
            case 6:
                _like(hurt, at, chance)
            case _:
                if found := _NUMBER.search(hurt, at):
                    hurt[found.start() : found.end()] = chance.choice(_ODD)
    return bytes(hurt[: 2 * PIECE_BYTES_MAX])


def _like(hurt: bytearray, at: int, chance: random.Random) -> None:
    """A digit for a digit, a letter for a letter: what stands around it still holds."""
    if at < len(hurt) and (byte := chr(hurt[at])).isalnum() and byte.isascii():
        alike = (
            "0123456789"
            if byte.isdigit()
            else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
            if byte.isupper()
            else "abcdefxyz"
        )
        hurt[at] = ord(chance.choice(alike))


def told(asked: object, chance: random.Random, wild: float) -> Told:
    """What a store may answer to that; the wilder, the oftener not what was hoped for."""

    def money() -> int:
        return chance.choice((0, 1, 99, 5_000, 99_999_999, 2**53, getattr(asked, "amount_minor", 7)))

    part = PaidPart(purse="p1", programme="积分", unit="PTS", amount=money(), worth_minor=money())
    paid = Paid(
        approved_minor=money(), rest_minor=chance.choice((0, money())), parts=(part,) * chance.randrange(3)
    )
    txn = TxnTold(
        txn=getattr(asked, "txn", "") or getattr(asked, "prefix", "") + "0001",
        kind=chance.choice(("pay", "refund", "top", "undo", "close")),
        state=chance.choice(("held", "done", "undone")),
        currency=chance.choice(("CNY", "EUR", "")),
        amount_minor=money(),
        returned_minor=money(),
        receipt=chance.choice(("", "0001", "é" * 40)),
        age_ms=money(),
        answer=chance.choice((None, paid, Declined("short"), Day(paid=money()))),
    )
    name = chance.choice(("", "王**", "Ö" * 64))
    purse = PurseNow(
        purse="p1", unit=chance.choice(("CNY", "PTS")), programme="g", balance=chance.choice((None, money()))
    )
    fitting: dict[type, tuple[Told, ...]] = {
        CardShown: (MemberKnown(member="M1", name=name, points=money(), value_minor=money()), NobodyKnown()),
        PhoneGiven: (NobodyKnown("lost"),),
        Pay: (paid,),
        Refund: (Refunded(amount_minor=money(), points_back=money()),),
        TopUp: (ToppedUp(amount_minor=money(), purse="p1"),),
        Undo: (Undone(amount_minor=money()),),
        BalanceAsked: (Balance(purses=(purse,) * chance.randrange(3), name=name),),
        CardAwaited: (CardThere(card="c1", name=name, member=chance.choice(("", "M1"))),),
        PinAwaited: (PinGiven(pin=chance.choice(("", "1234"))),),
        Confirm: (Confirmed(),),
        TxnAsked: (txn,),
        TxnsAsked: (TxnsTold(txns=(txn,) * chance.randrange(12)),),
        DayAsked: (Day(number=money(), since_ms=money(), paid=money(), paid_minor=money()),),
    }
    declined = Declined(chance.choice(get_args(Reason)), limit_minor=money())
    if type(asked) in fitting and chance.random() > wild / 2:
        return chance.choice(fitting[type(asked)])
    return (
        declined if chance.random() < 0.8 and asked is not None else chance.choice(list(fitting.values()))[0]
    )


@contextmanager
def _patience(limit_s: float) -> Iterator[None]:
    """Raises TimeoutError in whatever thinks for longer; processor time, for a busy machine is no bug."""

    def over(*_: object) -> None:
        raise TimeoutError(f"more than {limit_s:.0f} s for one piece")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _seal(name: str) -> Seal | None:
    where = f"drivers.{name}.fuzz"
    if importlib.util.find_spec(where) is None:
        return None
    seal: Seal = importlib.import_module(where).sealed
    return seal
