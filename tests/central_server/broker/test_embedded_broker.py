"""The embedded broker: its process, and the doors of amqtt that it closes. Rights: tests/sync/link."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import struct
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from central_server.broker.launch import start_broker
from central_server.broker.logins import client_id_fits, logins_named
from central_server.broker.server import PACKET_MAX_BYTES
from central_server.broker.settings import BrokerSettings, BrokerTls, Orders
from central_server.errors import Misconfigured
from sync.contract import topics
from sync.contract.ids import Lane
from sync.link.base import LinkDown, LinkRefused
from sync.link.mqtt import Tls
from tests.sync.link.brokers import SECRETS, Ground, embedded

UP = topics.up("s1", Lane.TILL)
DOWN = topics.down("s1")
LOGINS = "tests.sync.link.file_logins:open_logins"


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Ground]:
    async with embedded(tmp_path) as ground:
        yield ground


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


async def until(true: object, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_it_is_ready_in_time_and_stops_when_told(tmp_path: Path) -> None:
    began_s = time.monotonic()
    running = await start_broker(BrokerSettings(port=0, logins=LOGINS))
    assert time.monotonic() - began_s < 5  # 0.2 s alone; the machine may be busy
    await running.stop()
    assert await running.ended() == 0
    await running.stop()


@pytest.mark.parametrize("logins", ["no.such.module:open_logins", "json:no_such_name", "", "central_server"])
async def test_logins_that_cannot_be_loaded_are_said_so(logins: str) -> None:
    with pytest.raises(Misconfigured, match="logins"):
        logins_named(logins)
    with pytest.raises(Misconfigured, match="logins"):
        await start_broker(BrokerSettings(port=0, logins=logins))


async def test_a_process_that_ends_without_a_word_is_said_so() -> None:
    with pytest.raises(Misconfigured, match="its process has ended"):
        await start_broker(BrokerSettings(port=0, logins="os:abort"))


async def test_a_certificate_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    files = BrokerTls(str(tmp_path / "cert.pem"), str(tmp_path / "key.pem"))
    with pytest.raises(Misconfigured, match=r"cert\.pem"):
        await start_broker(BrokerSettings(port=0, tls=files, logins=LOGINS))


async def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """The parent is killed outright, so that it cannot stop anybody."""
    code = (
        "import asyncio, sys\n"
        "from central_server.broker.launch import start_broker\n"
        "from central_server.broker.settings import BrokerSettings\n"
        "async def main():\n"
        f"    running = await start_broker(BrokerSettings(port=0, logins={LOGINS!r}))\n"
        "    print(running.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    root = str(Path(__file__).resolve().parents[3])
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": root}
    )
    assert parent.stdout is not None
    async with asyncio.timeout(10):
        pid = int(await parent.stdout.readline())
    assert not gone(pid)
    parent.kill()
    await parent.wait()
    await until(lambda: gone(pid))


async def test_secrets_are_not_in_what_others_can_see_of_the_process(broker: Ground) -> None:
    for name in ("cmdline", "environ"):
        assert broker.secrets["centre"].encode() not in Path(f"/proc/{broker.pid}/{name}").read_bytes()


async def test_with_tls_and_no_certificates_of_stores_it_is_the_same_door(tmp_path: Path) -> None:
    async with embedded(tmp_path, tls=True) as ground:
        assert ground.authority is not None
        centre = await ground.dial("centre", topics.CENTRE_READS, url=ground.inside_url)
        store = await ground.dial("s1", tls=Tls(ground.authority.ca_file))
        await store.publish(UP, b"x")
        async with asyncio.timeout(5):
            assert (await centre.receive()).payload == b"x"


async def test_with_tls_the_centre_has_a_door_of_its_own(tmp_path: Path) -> None:
    async with embedded(tmp_path, tls=True, client_certs=True) as ground:
        assert ground.authority is not None
        centre = await ground.dial("centre", topics.CENTRE_READS, url=ground.inside_url)
        store = await ground.dial("s1", tls=Tls(ground.authority.ca_file, *ground.authority.sign("s1")))
        await store.publish(UP, b"x")
        async with asyncio.timeout(5):
            assert (await centre.receive()).payload == b"x"
        with pytest.raises(LinkRefused):  # for a store there is no way around its certificate
            await ground.dial("s1", url=ground.inside_url)
        await store.close()
        await centre.close()


async def test_sigterm_ends_it(broker: Ground) -> None:
    os.kill(broker.pid, signal.SIGTERM)
    await until(lambda: gone(broker.pid))


def test_orders_are_one_line() -> None:
    orders = Orders(BrokerSettings(database_url="sqlite:///a\nb"), "secret")
    line = msgspec.json.encode(orders)
    assert b"\n" not in line
    assert msgspec.json.decode(line, type=Orders) == orders


@pytest.mark.parametrize(
    ("client_id", "fits"),
    [
        ("s1", True),
        ("s1/edge", True),
        ("s1-edge", False),
        ("s10", False),
        ("s2", False),
        ("", False),
        ("/s1", False),
    ],
)
def test_a_client_id_is_the_logins_own(client_id: str, fits: bool) -> None:
    assert client_id_fits("s1", client_id) is fits


@pytest.mark.parametrize("client_id", ["s2", "s1-x", "centre", "centre/x", "x" * 5000])
async def test_a_borrowed_client_id_is_refused(broker: Ground, client_id: str) -> None:
    with pytest.raises(LinkRefused):
        await broker.dial("s1", client_id=client_id)


async def test_a_second_connection_ends_the_first(broker: Ground) -> None:
    first = await broker.dial("s1", DOWN)
    second = await broker.dial("s1", DOWN)
    async with asyncio.timeout(5):
        with pytest.raises(LinkDown):
            await first.receive()
    centre = await broker.dial("centre")
    await centre.publish(DOWN, b"word")
    async with asyncio.timeout(5):
        assert (await second.receive()).payload == b"word"
    await second.close()
    await centre.close()


async def test_a_revoked_store_is_sent_away_and_the_others_stay(broker: Ground) -> None:
    revoked = await broker.dial("s1", DOWN)
    stays = await broker.dial("s2", topics.down("s2"))
    centre = await broker.dial("centre")
    broker.logins_file.write_text(json.dumps({"s2": SECRETS["s2"]}))
    async with asyncio.timeout(5):
        with pytest.raises(LinkDown):
            await revoked.receive()
        with pytest.raises(LinkRefused):
            await broker.dial("s1")
        await centre.publish(topics.down("s2"), b"word")
        assert (await stays.receive()).payload == b"word"
    await stays.close()
    await centre.close()


class Raw:
    """A client that does not keep to the rules."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, broker: Ground) -> Raw:
        return cls(*await asyncio.open_connection("127.0.0.1", int(broker.url.rsplit(":", 1)[1])))

    async def say(self, *packets: bytes) -> None:
        self.writer.writelines(packets)
        await self.writer.drain()

    async def closed_by_broker(self, within_s: float = 5.0) -> bool:
        try:
            async with asyncio.timeout(within_s):
                while await self.reader.read(65536):
                    pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def text(value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(raw)) + raw


def packet(kind: int, body: bytes) -> bytes:
    length, encoded = len(body), b""
    while True:
        length, digit = divmod(length, 128)
        encoded += bytes([digit | (128 if length else 0)])
        if not length:
            return bytes([kind]) + encoded + body


def connect(
    login: str, *, keepalive_s: int = 60, will: tuple[str, bytes] | None = None, secret: str = ""
) -> bytes:
    flags = 0xC2 | (0x0C if will else 0)
    tail = text(will[0]) + text(will[1]) if will else b""
    head = text("MQTT") + bytes([4, flags]) + struct.pack("!H", keepalive_s)
    return packet(0x10, head + text(login) + tail + text(login) + text(secret or SECRETS[login]))


def publish(topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bytes:
    return packet(0x30 | qos << 1 | retain, text(topic) + (b"\0\1" if qos else b"") + payload)


async def test_a_wrong_secret_does_not_end_the_session_of_who_has_the_right_one(broker: Ground) -> None:
    store = await broker.dial("s1", DOWN)
    for _ in range(3):
        with pytest.raises(LinkRefused):
            await broker.dial("s1", password="guessed")
    centre = await broker.dial("centre")
    await centre.publish(DOWN, b"word")
    async with asyncio.timeout(5):
        assert (await store.receive()).payload == b"word"
    await store.close()
    await centre.close()


async def test_a_will_is_refused(broker: Ground) -> None:
    raw = await Raw.to(broker)
    await raw.say(connect("s1", will=(topics.down("s2"), b"boo")))
    async with asyncio.timeout(5):
        assert await raw.reader.readexactly(4) == b"\x20\x02\x00\x05"
    assert await raw.closed_by_broker()
    await raw.close()


async def test_a_retained_message_is_passed_on_and_not_kept(broker: Ground) -> None:
    centre = await broker.dial("centre", topics.CENTRE_READS)
    raw = await Raw.to(broker)
    await raw.say(connect("s1"), publish(UP, b"now", retain=True))
    async with asyncio.timeout(5):
        assert (await centre.receive()).payload == b"now"
    again = await broker.dial("centre", topics.CENTRE_READS, client_id="centre/2")
    await raw.say(publish(UP, b"then"))
    async with asyncio.timeout(5):
        assert (await again.receive()).payload == b"then"
    await raw.close()
    await centre.close()
    await again.close()


async def test_a_packet_too_large_ends_the_connection_before_it_is_read(broker: Ground) -> None:
    raw = await Raw.to(broker)
    await raw.say(connect("s1"), b"\x32\xff\xff\xff\x7f", text(UP), b"\0\1")  # says: 256 MB are coming
    assert await raw.closed_by_broker()
    await raw.close()
    raw = await Raw.to(broker)
    with contextlib.suppress(OSError):
        await raw.say(connect("s1"), publish(UP, bytes(PACKET_MAX_BYTES + 1)))
    assert await raw.closed_by_broker()
    await raw.close()


async def test_a_client_that_says_nothing_is_sent_away_after_its_keepalive(broker: Ground) -> None:
    raw = await Raw.to(broker)
    await raw.say(connect("s1", keepalive_s=1))
    assert await raw.closed_by_broker(within_s=6)
    await raw.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x00" * 20,
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\x00",
        packet(0x10, text("MQTT") + bytes([5, 2]) + b"\0\0" + b"\0" + text("s1")),  # MQTT 5
        packet(0x10, text("MQIsdp") + bytes([3, 2]) + b"\0\0" + text("s1")),  # MQTT 3.1
        packet(0x10, text("MQTT") + bytes([4, 2]) + b"\0\0" + text("s1")),  # no login
        connect("s1", secret="x" * 60_000),
        packet(0xC0, b""),
    ],
)
async def test_nonsense_instead_of_a_login_harms_nobody(broker: Ground, nonsense: bytes) -> None:
    store = await broker.dial("s1", DOWN)
    raw = await Raw.to(broker)
    await raw.say(nonsense)
    assert await raw.closed_by_broker()
    await raw.close()
    centre = await broker.dial("centre")
    await centre.publish(DOWN, b"word")
    async with asyncio.timeout(5):
        assert (await store.receive()).payload == b"word"
    await store.close()
    await centre.close()


async def test_qos_2_is_not_spoken(broker: Ground) -> None:
    raw = await Raw.to(broker)
    await raw.say(connect("s1"), publish(UP, b"x", qos=2))
    assert await raw.closed_by_broker()
    await raw.close()


def peak_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def test_a_store_that_never_reads_its_acknowledgements_costs_no_memory(broker: Ground) -> None:
    """It sends 200 MB to a centre that does not take anything either."""
    centre = await broker.dial("centre", topics.CENTRE_READS)
    before_mib = peak_mib(broker.pid)
    raw = await Raw.to(broker)
    await raw.say(connect("s1"))
    chunk = publish(UP, bytes(60_000))
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(6):
            for _ in range(3500):
                await raw.say(chunk)
    assert peak_mib(broker.pid) - before_mib < 120
    other = await broker.dial("s2", topics.down("s2"))
    await other.close()
    await raw.close()
    await centre.close()
