"""What a driver is.

A driver is one value, found by its path: `drivers/cardreader/rdm6300/__init__.py` holds

    DRIVER = Driver(name="cardreader.rdm6300", …, options=Options, decoder=Rdm6300Decoder, simulate=simulate)

Its decoder turns bytes into what was heard and never does I/O, never raises on any input, and never
grows without limit. Its encoder stands beside it, so simulator and tests speak the device's own words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import msgspec
from pydantic import BaseModel, ConfigDict

from sync.contract.events import Event
from sync.contract.questions import Answer, Balance, BalanceAsked, MoneyAnswer, MoneyQuestion, Question
from sync.contract.terminal import TerminalAnswer, TerminalQuestion

Asked = Question | MoneyQuestion | BalanceAsked | TerminalQuestion
Told = Answer | MoneyAnswer | Balance | TerminalAnswer


class Options(BaseModel):
    """A driver's settings in the store's YAML. Every field has a description; it becomes the manual."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Note(msgspec.Struct, frozen=True):
    """Something on the wire that is no fact: a frame as it stood, a checksum that failed, skipped bytes.

    For the technician (`decode`, `sniff`), the counters and the tests; never stored, never sent.
    `fields` has plain JSON values with the names that the golden vectors use.
    """

    type: str  # "frame", "swipe", "receipt", "junk" …
    fields: dict[str, Any] = {}
    problem: str = ""  # what is wrong, as one word: "checksum"; empty when nothing is


class Heard(msgspec.Struct, frozen=True):
    """One thing a decoder made out, and the offset in the stream of the first byte of it."""

    at_byte: int
    what: Event | Asked | Note


class Decoder(Protocol):
    """A device's conversation. Time comes in as `now_ms`: milliseconds of a clock that never goes back."""

    wake_at_ms: int | None
    """When `wake` wants to be called if nothing arrives before (a frame's gap, a debounce); None: never."""

    def feed(self, chunk: bytes, now_ms: int) -> list[Heard]:
        """What `chunk`, of any size, completes. Never raises."""
        ...

    def wake(self, now_ms: int) -> list[Heard]:
        """What the passing of time completes. Harmless when called early, late or for nothing."""
        ...

    def answer(self, answer: Told, now_ms: int) -> None:
        """What the till says to a question of ours; a device that shows nothing ignores it.

        One answer for each question, in their order; what one about money changed is on disk by now. A card
        or PIN that is awaited is answered when it comes; NeverMind is not answered. A decoder that has more
        to ask sets `wake_at_ms` to `now_ms`, and asks in `wake`.
        """
        ...

    def replies(self) -> bytes:
        """Bytes to write to the device now, each given once; empty when there is nothing to say."""
        ...


@runtime_checkable
class Display(Protocol):
    """A decoder of a device that shows customers what is happening at its till, whoever caused it."""

    def show(self, told: Told, now_ms: int) -> None:
        """A card was shown, its balance became known, or money moved; `replies` may have something now."""
        ...


@runtime_checkable
class Lasting(Protocol):
    """A decoder that outlives its port: what a counter said before its line was cut still holds after it."""

    def reopened(self, now_ms: int) -> None:
        """The port was gone and is there again. What was begun on the old one is over."""
        ...


@runtime_checkable
class Holding(Protocol):
    """A decoder that adds up for a while before it tells a sum."""

    def hand_over(self, now_ms: int) -> list[Heard]:
        """What it holds: its port is gone, or it is being put away."""
        ...


class QuietDecoder:
    """The parts of a decoder for devices that only talk: no answers, no replies, no wishes about time."""

    wake_at_ms: int | None = None

    def wake(self, now_ms: int) -> list[Heard]:
        return []

    def answer(self, answer: Told, now_ms: int) -> None:
        return None

    def replies(self) -> bytes:
        return b""


class Scene(msgspec.Struct, frozen=True):
    """One thing a simulated device does: wait, then say these bytes."""

    wait_ms: int
    chunk: bytes


Simulate = Callable[[Any, random.Random], Iterator[Scene]]
"""(options, chance) → an endless row of scenes, plausible for a shop; one seed gives one row."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A kind of device."""

    name: str  # "cardreader.rdm6300": where it stands under drivers/
    title: dict[str, str]  # {"en": …, "zh_CN": …}, shown to technicians
    options: type[Options]
    decoder: Callable[[Any], Decoder]  # given the checked options
    simulate: Simulate
    pays: bool = (
        False  # a payment terminal: a till has one, whose transactions are numbered one after the other
    )
    ports: tuple[str, ...] = ()  # kinds that it can be at; none: at every kind but a camera
    port_defaults: dict[str, str] = field(default_factory=dict)  # of its serial line's URL: {"baud": "9600"}
