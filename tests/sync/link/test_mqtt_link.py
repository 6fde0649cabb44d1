"""The wire over MQTT, against our own broker and against mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sync.contract import topics
from sync.contract.ids import Lane
from sync.link.base import MESSAGES_WAITING_MAX, PUBLISHES_UNACKED_MAX, LinkDown, LinkRefused
from sync.link.mqtt import MqttDialler, Tls
from tests.sync.link.brokers import BROKERS, Authority, Ground, free_port
from tests.sync.link.half_open import line_to

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
UP = topics.up("s1", Lane.TILL)
DOWN = topics.down("s1")


@asynccontextmanager
async def pretending(to_be_a_broker: Talk) -> AsyncIterator[str]:
    ended = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await to_be_a_broker(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        ended.set()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await ended.wait()
    finally:
        server.close()
        await server.wait_closed()


async def test_messages_arrive_in_order_and_whole(broker: Ground) -> None:
    centre = await broker.dial("centre", topics.CENTRE_READS)
    store = await broker.dial("s1", DOWN)
    sent = [b"%d " % number + bytes(number) for number in range(300)]

    async def send() -> None:
        for payload in sent:
            await store.publish(UP, payload)

    sending = asyncio.create_task(send())
    async with asyncio.timeout(10):
        got = [await centre.receive() for _ in sent]
        await sending
        assert got == [(UP, payload) for payload in sent]
        await centre.publish(DOWN, b"word")
        assert await store.receive() == (DOWN, b"word")
    await store.close()
    await store.close()
    await centre.close()


async def test_the_largest_payload_passes(broker: Ground) -> None:
    centre = await broker.dial("centre", topics.CENTRE_READS)
    store = await broker.dial("s1")
    payload = bytes(range(256)) * 256
    await store.publish(UP, payload)
    async with asyncio.timeout(5):
        assert (await centre.receive()).payload == payload
    await store.close()
    await centre.close()


@pytest.mark.parametrize(("login", "password"), [("s1", "wrong"), ("nobody", "x"), ("s1", "")])
async def test_a_wrong_login_is_refused(broker: Ground, login: str, password: str) -> None:
    with pytest.raises(LinkRefused) as refused:
        await broker.dial(login, password=password)
    assert "wrong" not in str(refused.value)


async def test_a_killed_broker_ends_everything_that_waits(broker: Ground) -> None:
    store = await broker.dial("s1", DOWN)
    waiting = asyncio.create_task(store.receive())
    await asyncio.sleep(0)
    broker.kill()
    async with asyncio.timeout(5):
        with pytest.raises(LinkDown):
            await waiting
    with pytest.raises(LinkDown):
        await store.publish(UP, b"too late")
    with pytest.raises(LinkDown):
        await store.receive()
    with pytest.raises(LinkDown):
        await broker.dial("s1")
    await store.close()


async def test_a_half_open_line_is_noticed_and_wakes_every_publisher(broker: Ground) -> None:
    async with line_to(broker.url) as line:
        store = await broker.dial("s1", DOWN, url=line.url, keepalive_s=2)
        await store.publish(UP, b"before")
        line.fall_silent()
        began_s = time.monotonic()
        publishers = [asyncio.create_task(store.publish(UP, b"x")) for _ in range(PUBLISHES_UNACKED_MAX + 9)]
        async with asyncio.timeout(1.5 * 2 + 5):
            with pytest.raises(LinkDown, match="answer"):
                await store.receive()
        assert time.monotonic() - began_s >= 1
        ended = await asyncio.gather(*publishers, return_exceptions=True)
        assert sum(isinstance(each, LinkDown) for each in ended) >= 9


async def test_a_silence_is_kept_alive_by_pings(broker: Ground) -> None:
    store = await broker.dial("s1", DOWN, keepalive_s=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(4):
            await store.receive()
    centre = await broker.dial("centre")
    await centre.publish(DOWN, b"still there?")
    async with asyncio.timeout(5):
        assert (await store.receive()).payload == b"still there?"
    await store.close()
    await centre.close()


async def test_who_does_not_take_is_not_buried_and_stays_connected(broker: Ground) -> None:
    centre = await broker.dial("centre", topics.CENTRE_READS, keepalive_s=1)
    store = await broker.dial("s1")
    count = 700
    for number in range(count):
        await store.publish(UP, b"%d" % number + bytes(20_000))
    await asyncio.sleep(4)  # long past the keepalive: it must go on pinging though it reads nothing
    assert len(centre._inbox) <= MESSAGES_WAITING_MAX + PUBLISHES_UNACKED_MAX
    async with asyncio.timeout(20):
        for number in range(count):
            assert (await centre.receive()).payload.startswith(b"%d\0" % number)
    await store.close()
    await centre.close()


async def test_publishing_between_two_receives_never_blocks_for_ever(broker: Ground) -> None:
    centre = await broker.dial("centre", topics.CENTRE_READS)
    store = await broker.dial("s1", DOWN)
    for number in range(MESSAGES_WAITING_MAX + 200):
        await store.publish(UP, b"%d" % number)
    async with asyncio.timeout(15):
        for _ in range(MESSAGES_WAITING_MAX + 200):
            await centre.receive()
            await centre.publish(DOWN, b"receipt")
            await centre.publish(DOWN, b"and another")
    await store.close()
    await centre.close()


async def test_a_host_that_does_not_answer_is_given_up_in_time() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with pretending(say_nothing) as url:
        dialler = MqttDialler(url, login="a", password="b", client_id="c", dial_timeout_s=0.3)
        with pytest.raises(LinkDown, match=r"0\.3 s"):
            await dialler.dial([])


async def test_dialling_can_be_given_up_at_any_moment(broker: Ground) -> None:
    for steps in range(40):
        dialling = asyncio.create_task(broker.dial("s1", DOWN))
        for _ in range(steps):
            await asyncio.sleep(0.0005)
        dialling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await dialling).close()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x20\x02\x00\x00" * 2,  # greets twice
        b"\x20\x02\x00\x00" + b"\x30\x05\x00\x03\xff\xfe\xfd",  # a topic of half characters
        b"\x20\x02\x00\x00" + b"\x90\x00",  # a SUBACK of nothing
        b"\x20\x00",
        b"\x90\x03\x00\x01\x00" * 2,  # lets us read before it greets
        b"\x00" * 50,
        b"\x20\xff\xff\xff\xff\xff",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
async def test_nonsense_from_the_broker_is_a_loss_and_no_zombie(nonsense: bytes) -> None:
    async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(nonsense)
        await reader.read()

    async with pretending(talk_nonsense) as url:
        dialler = MqttDialler(url, login="a", password="b", client_id="c", dial_timeout_s=0.5)
        with pytest.raises(LinkDown):
            await dialler.dial(["x"])


async def test_nobody_there_is_said_in_words() -> None:
    with pytest.raises(LinkDown, match="cannot reach"):
        await MqttDialler(f"mqtt://127.0.0.1:{free_port()}", login="a", password="b", client_id="c").dial([])
    with pytest.raises(LinkDown, match="cannot find"):
        await MqttDialler("mqtt://nowhere.invalid", login="a", password="b", client_id="c").dial([])


@pytest.mark.parametrize("url", ["http://x", "mqtt://", "mqtt://a:secret@host", "host:1883", "mqtt://h/path"])
def test_a_broker_is_written_as_url_without_login(url: str) -> None:
    with pytest.raises(ValueError, match="mqtt") as refused:
        MqttDialler(url, login="a", password="b", client_id="c")
    assert "secret" not in str(refused.value)


async def test_a_password_is_never_shown() -> None:
    dialler = MqttDialler("mqtt://h", login="a", password="hunter2", client_id="c")
    assert "hunter2" not in f"{dialler!r} {dialler}"


@pytest.mark.parametrize("kind", list(BROKERS))
async def test_tls_verifies_the_broker_by_our_own_authority(kind: str, tmp_path: Path) -> None:
    async with BROKERS[kind](tmp_path, tls=True) as ground:
        centre = await ground.dial("centre", topics.CENTRE_READS)
        store = await ground.dial("s1")
        for number in range(
            400
        ):  # more than may wait, so reading stops in the middle of what TLS has decrypted
            await store.publish(UP, b"%d" % number + bytes(3_000))
        await asyncio.sleep(0.3)
        async with asyncio.timeout(10):
            for number in range(400):
                assert (await centre.receive()).payload.startswith(b"%d\0" % number)
        await store.close()
        await centre.close()
        stranger = Authority(tmp_path / "stranger", "stranger")
        with pytest.raises(LinkRefused, match="trusted"):
            await ground.dial("s1", tls=Tls(stranger.ca_file))
        with pytest.raises(LinkRefused, match="trusted"):
            await ground.dial("s1", tls=None)  # the system's authorities do not know ours
        with pytest.raises(LinkRefused, match="files"):
            await ground.dial("s1", tls=Tls(tmp_path / "missing.pem"))


@pytest.mark.parametrize("kind", list(BROKERS))
async def test_client_certificates_are_asked_for_when_set(kind: str, tmp_path: Path) -> None:
    async with BROKERS[kind](tmp_path, tls=True, client_certs=True) as ground:
        assert ground.authority is not None
        ca_file = ground.authority.ca_file
        good = Tls(ca_file, *ground.authority.sign("s1"))
        store = await ground.dial("s1", DOWN, tls=good)
        await store.close()
        with pytest.raises(LinkDown):
            await ground.dial("s1", DOWN, tls=Tls(ca_file))
        forged = Authority(tmp_path / "stranger", "stranger").sign("s1")
        with pytest.raises(LinkDown):
            await ground.dial("s1", DOWN, tls=Tls(ca_file, *forged))
        if kind == "embedded":
            with pytest.raises(LinkRefused):
                await ground.dial("s2", tls=good)
