"""The wire in memory, with faults on demand: a broker and its clients in one process, for tests of worlds.

Everything that is left to chance comes from one `random.Random` and every delay from the event loop's clock,
so one seed under a simulated loop gives one history. What it promises is what a real broker promises with
clean sessions at QoS 1: nothing is kept for who is away, and an acknowledgement confirms nothing.

       publish ──up──► broker: rights, loss, repetition ──down──► inbox ──► receive
               ◄─acks─┘                                  queue_max
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sync.contract.topics import CENTRE_READS, may_publish, may_read, read_up
from sync.link.base import MESSAGES_WAITING_MAX, PUBLISHES_UNACKED_MAX, LinkDown, LinkRefused, Message

T = TypeVar("T")


@dataclass
class Faults:
    """What goes wrong from now on; a test changes the fields as it goes. Chances are 0 to 1, per message."""

    lose: float = 0.0  # the broker takes it, acknowledges it, and delivers it to nobody
    repeat: float = 0.0  # … delivers it twice
    cut: float = 0.0  # the publisher's connection is lost while it sends
    delay_s: tuple[float, float] = (0.001, 0.02)  # one way, uniform
    reorder: bool = False  # messages of one connection overtake each other; else only those of different ones
    queue_max: int = 1000  # waiting for one client at the broker; more is dropped, as mosquitto does
    keepalive_s: float = 15.0  # after this long in silence a half-open connection is noticed by its client …
    dial_timeout_s: float = 10.0  # … and so long a dial into silence takes


class MemoryBroker:
    """A broker with the rights of `sync.contract.topics`. To be used inside a running event loop."""

    def __init__(self, chance: random.Random, faults: Faults | None = None) -> None:
        self.chance = chance
        self.faults = faults or Faults()
        self.connections: dict[str, MemoryConnection] = {}  # by client id
        self._up = True
        self._away: dict[str, bool] = {}  # login → whether in silence
        self._revoked: set[str] = set()

    def dialler(self, login: str, client_id: str = "") -> MemoryDialler:
        """Who dials as `login`; a second connection with the same client id ends the first."""
        return MemoryDialler(self, login, client_id or login)

    def crash(self) -> None:
        """Every connection is lost, and every message on its way; dialling fails until `restart`."""
        self._up = False
        for connection in list(self.connections.values()):
            connection.lose("the broker is gone")

    def restart(self) -> None:
        """The broker is back and remembers nothing."""
        self._up = True

    def partition(self, login: str, *, silent: bool = False) -> None:
        """Cut `login` off: at once, or `silent`, when either side only sees that nothing comes any more."""
        self._away[login] = silent
        for connection in self._of(login):
            if silent:
                connection.hush()
            else:
                connection.lose("the line was cut")

    def heal(self, login: str) -> None:
        """The line stands again; what a silent line held back and nobody gave up arrives now."""
        self._away.pop(login, None)
        for connection in self._of(login):
            connection.speak()

    def revoke(self, login: str) -> None:
        """The login is no longer known."""
        self._revoked.add(login)
        for connection in self._of(login):
            connection.lose("the login was revoked")

    def admit(self, login: str) -> None:
        """The login is known again."""
        self._revoked.discard(login)

    def draw_delay_s(self) -> float:
        """How long something takes one way."""
        return self.chance.uniform(*self.faults.delay_s)

    def strikes(self, probability: float) -> bool:
        """Whether this fault happens now; draws nothing when it cannot: quiet faults leave chance alone."""
        return probability > 0 and self.chance.random() < probability

    async def take(self, dialler: MemoryDialler, subscribe: Sequence[str]) -> MemoryConnection:
        """A connection for `dialler`, as a real broker would give it. Raises LinkDown, LinkRefused."""
        await asyncio.sleep(self.draw_delay_s())
        if self._away.get(dialler.login):
            await asyncio.sleep(self.faults.dial_timeout_s)
            raise LinkDown(f"no answer in {self.faults.dial_timeout_s:g} s")
        if not self._up or dialler.login in self._away:
            raise LinkDown("cannot reach the broker")
        if dialler.login in self._revoked:
            raise LinkRefused("the broker refuses us: Not authorized")
        if not all(may_read(dialler.login, each) for each in subscribe):
            raise LinkRefused("the broker does not let us read what we asked for")
        if dialler.client_id in self.connections:
            self.connections[dialler.client_id].lose("somebody else took our client id")
        connection = MemoryConnection(self, dialler, tuple(subscribe))
        self.connections[dialler.client_id] = connection
        return connection

    def route(self, sender: MemoryConnection, message: Message) -> None:
        """What the broker does with a message that has reached it."""
        if self.strikes(self.faults.cut):
            sender.lose("the line was cut")
            return
        sender.acks.send(None)
        if not may_publish(sender.login, message.topic) or self.strikes(self.faults.lose):
            return
        copies = 2 if self.strikes(self.faults.repeat) else 1
        for connection in list(self.connections.values()):
            if any(_matches(each, message.topic) for each in connection.subscribed):
                for _ in range(copies):
                    connection.offer(message)

    def forget(self, connection: MemoryConnection) -> None:
        """The connection is lost; called by itself."""
        if self.connections.get(connection.client_id) is connection:
            del self.connections[connection.client_id]

    def _of(self, login: str) -> list[MemoryConnection]:
        return [each for each in self.connections.values() if each.login == login]


@dataclass(frozen=True)
class MemoryDialler:
    """A `Dialler`. Made by `MemoryBroker.dialler`."""

    broker: MemoryBroker
    login: str
    client_id: str

    async def dial(self, subscribe: Sequence[str]) -> MemoryConnection:
        return await self.broker.take(self, subscribe)


class MemoryConnection:
    """A `Connection`."""

    def __init__(self, broker: MemoryBroker, dialler: MemoryDialler, subscribed: tuple[str, ...]) -> None:
        self.login, self.client_id, self.subscribed = dialler.login, dialler.client_id, subscribed
        self._broker = broker
        self._lost: LinkDown | None = None
        self._inbox: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Semaphore(PUBLISHES_UNACKED_MAX)
        self._silence: asyncio.TimerHandle | None = None
        self.up: _Pipe[Message] = _Pipe(broker, self._reach_broker)
        self.acks: _Pipe[None] = _Pipe(broker, self._acknowledged)
        self.down: _Pipe[Message] = _Pipe(broker, self._arrive)

    async def publish(self, topic: str, payload: bytes) -> None:
        await self._room.acquire()
        if self._lost is not None:
            self._room.release()  # and so wakes the next who waits, to the same end
            raise self._lost
        self.up.send(Message(topic, payload))

    async def receive(self) -> Message:
        while not self._inbox:
            if self._lost is not None:
                raise self._lost
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        self.down.pump()
        return message

    async def close(self) -> None:
        self.lose("closed by us")

    def offer(self, message: Message) -> None:
        """The broker has something for this client; dropped when too much waits already."""
        if len(self.down) < self._broker.faults.queue_max:
            self.down.send(message)

    def hush(self) -> None:
        """Nothing passes from now on, and nobody says so; the client notices after `keepalive_s`."""
        for pipe in (self.up, self.acks, self.down):
            pipe.hushed = True
        if self._silence is None:
            loop = asyncio.get_running_loop()
            keepalive_s = self._broker.faults.keepalive_s
            self._silence = loop.call_later(keepalive_s, self.lose, "the broker does not answer any more")

    def speak(self) -> None:
        """The silence is over, before anybody noticed."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        for pipe in (self.up, self.acks, self.down):
            pipe.hushed = False
            pipe.pump()

    def lose(self, why: str) -> None:
        """The connection is gone, with all that was on its way; what has arrived can still be taken."""
        if self._lost is not None:
            return
        self._lost = LinkDown(why)
        if self._silence is not None:
            self._silence.cancel()
        for pipe in (self.up, self.acks, self.down):
            pipe.close()
        self._broker.forget(self)
        self._arrived.set()
        self._room.release()

    def _reach_broker(self, message: Message) -> bool:
        self._broker.route(self, message)
        return True

    def _acknowledged(self, _: None) -> bool:
        self._room.release()
        return True

    def _arrive(self, message: Message) -> bool:
        if len(self._inbox) >= MESSAGES_WAITING_MAX:
            return False
        self._inbox.append(message)
        self._arrived.set()
        return True


class _Pipe(Generic[T]):
    """One direction of a connection: everything takes a while, and by default nothing overtakes."""

    def __init__(self, broker: MemoryBroker, deliver: Callable[[T], bool]) -> None:
        self.hushed = False
        self._broker, self._deliver = (
            broker,
            deliver,
        )  # deliver says False when there is no room: `pump` tries again
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[float, int, T]] = []  # a heap of (due, serial, what)
        self._serial = 0
        self._last_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, what: T) -> None:
        if self._closed:
            return
        due = self._loop.time() + self._broker.draw_delay_s()
        if not self._broker.faults.reorder:
            due = max(due, self._last_due)
        self._last_due = max(due, self._last_due)
        self._serial += 1
        heapq.heappush(self._waiting, (due, self._serial, what))
        self._set_timer()

    def pump(self) -> None:
        """Deliver all that is due and has room."""
        while self._waiting and not self.hushed and self._waiting[0][0] <= self._loop.time():
            if not self._deliver(self._waiting[0][2]):
                return
            if self._waiting:  # delivering may have ended the connection
                heapq.heappop(self._waiting)
        self._set_timer()

    def close(self) -> None:
        self._closed = True
        self._waiting.clear()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wanted = bool(self._waiting) and not self.hushed
        self._timer = self._loop.call_at(self._waiting[0][0], self.pump) if wanted else None


def _matches(topic_filter: str, topic: str) -> bool:
    """Whether `topic` is meant; `may_read` lets through no other wildcard than the centre's own."""
    if topic_filter != CENTRE_READS:
        return topic_filter == topic
    try:
        read_up(topic)
    except ValueError:
        return False
    return True
