"""The HTTP port, with clients that others wrote: httpx, curl, and sockets that behave badly."""

from __future__ import annotations

import asyncio
import datetime
import shutil
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from drivers.errors import BadPort, PortGone, PortHeld
from drivers.http_frames import (
    BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    HttpReader,
    Request,
    Response,
    write_response,
)
from drivers.ports import http_listen, open_port
from sync.clock import SystemClock

open_here = partial(open_port, clock=SystemClock())
WITHIN_S = 5
Ask = Callable[..., Awaitable[httpx.Response]]


class Device:
    """What a decoder would be: reads requests from the port, answers each by `say`."""

    def __init__(self, port: Any) -> None:
        self.port, self.seen = port, list[Request]()
        self.say = lambda request: write_response(request.number, 200, request.body[::-1], "text/plain")
        self.raw = b""

    @property
    def url(self) -> str:
        return "{}:{}".format(*self.port.address)

    async def run(self) -> None:
        reader = HttpReader()
        while True:
            chunk = await self.port.read()
            self.raw += chunk
            for piece in reader.feed(chunk):
                assert isinstance(piece, Request)
                self.seen.append(piece)
                if answer := self.say(piece):
                    await self.port.write(answer)


@pytest.fixture
async def device(request: Any) -> AsyncIterator[Device]:
    port = await open_here("http-listen://127.0.0.1:0" + getattr(request, "param", ""))
    device = Device(port)
    running = asyncio.create_task(device.run())
    yield device
    running.cancel()
    await port.close()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_request_goes_in_whole_and_its_answer_finds_the_way_back(device: Device) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"http://{device.url}/a?b=1", content=b"abc", headers={"X-Mac": "4447", "Tillbeam-Request": "99"}
        )
    assert (answer.status_code, answer.content) == (200, b"cba")
    (seen,) = device.seen
    assert (seen.number, seen.method, seen.target, seen.body) == (1, "POST", "/a?b=1", b"abc")
    assert seen.headers["x-mac"] == "4447"
    assert device.raw.startswith(b"POST /a?b=1 HTTP/1.1\r\nContent-Length: 3\r\nTillbeam-Request: 1\r\n")


async def test_chunks_arrive_as_one_body(device: Device) -> None:
    async def body() -> AsyncIterator[bytes]:
        for part in (b"one,", b"two,", b"three"):
            yield part
            await asyncio.sleep(0)

    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://{device.url}/", content=body())
    assert answer.content == b"eerht,owt,eno"
    assert "transfer-encoding" not in device.seen[0].headers


async def test_a_picture_of_two_megabytes_fits(device: Device) -> None:
    picture = bytes(range(256)) * 8192
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"http://{device.url}/", content=picture)
    assert answer.content == picture[::-1]


async def test_a_connection_is_kept_and_many_are_served_at_once(device: Device) -> None:
    held: list[Request] = []
    device.say = lambda request: held.append(request) or b""  # type: ignore[func-returns-value]
    async with httpx.AsyncClient() as client, asyncio.timeout(WITHIN_S):
        asked = [asyncio.create_task(client.post(f"http://{device.url}/{n}")) for n in range(5)]
        while len(held) < 5:
            await asyncio.sleep(0.01)
        for request in reversed(held):
            await device.port.write(write_response(request.number, 200, request.target.encode()))
        assert [answer.text for answer in await asyncio.gather(*asked)] == [f"/{n}" for n in range(5)]
    _, _, number = device.url.rpartition(":")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(number))
    device.say = lambda request: write_response(request.number, 204)
    writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(WITHIN_S):
        said = await reader.read()
    assert said.count(b"HTTP/1.1 204 No Content") == 2
    writer.close()
    await writer.wait_closed()


async def talk(device: Device, *said: bytes) -> bytes:
    """All that the port says to these bytes until it closes."""
    host, _, number = device.url.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(number))
    answer = b""
    async with asyncio.timeout(WITHIN_S):
        for chunk in said:
            writer.write(chunk)
            if chunk is not said[-1]:
                answer += await reader.read(1000)
        answer += await reader.read()
    writer.close()
    return answer


async def test_a_client_that_waits_to_be_told_to_continue_is_told(device: Device) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n"
    head += b"Content-Length: %d\r\n\r\n"
    said = await talk(device, head % 3, b"abc")
    assert said.startswith(b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n")
    assert (await talk(device, head % (BODY_BYTES_MAX + 1))).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * (HEAD_BYTES_MAX + 1), 431),
        (b"POST /" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        (b"hello\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
async def test_what_is_no_request_or_too_much_of_one_is_refused(
    device: Device, said: bytes, status: int
) -> None:
    assert (await talk(device, said)).startswith(b"HTTP/1.1 %d " % status)
    assert device.seen == []


async def test_a_body_that_grows_too_long_in_chunks_is_refused(device: Device) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(65_536)

    async with httpx.AsyncClient() as client:
        with suppress(httpx.HTTPError):  # it is still sending when it is refused
            assert (await client.post(f"http://{device.url}/", content=endless())).status_code == 413
    assert device.seen == []
    assert device.port._bodies_bytes == 0


async def test_bodies_that_are_too_much_together_are_refused(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listen, "BODIES_BYTES_MAX", 100)
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"http://{device.url}/", content=bytes(101))).status_code == 503
        assert (await client.post(f"http://{device.url}/", content=bytes(100))).status_code == 200
        assert (await client.post(f"http://{device.url}/", content=bytes(100))).status_code == 200


@pytest.mark.parametrize("device", ["?answer_s=1"], indirect=True)
async def test_without_an_answer_it_is_504_and_a_late_answer_harms_nobody(device: Device) -> None:
    device.say = lambda request: b""
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"http://{device.url}/")).status_code == 504
        device.say = lambda request: write_response(1, 200, b"late") + write_response(request.number, 201)
        assert (await client.post(f"http://{device.url}/")).status_code == 201


async def test_a_request_given_up_before_it_was_read_is_never_read() -> None:
    port: Any = await open_here("http-listen://127.0.0.1:0?answer_s=1")
    url = f"http://127.0.0.1:{port.address[1]}"
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"{url}/late")).status_code == 504
        asked = asyncio.create_task(client.post(f"{url}/now"))
        async with asyncio.timeout(WITHIN_S):
            assert (await port.read()).startswith(b"POST /now ")
        await port.write(write_response(2))
        assert (await asked).status_code == 200
    await port.close()


async def test_slow_clients_are_not_waited_for(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_listen, "REQUEST_WAIT_S", 0.2)
    monkeypatch.setattr(http_listen, "IDLE_WAIT_S", 0.2)
    assert (await talk(device, b"POST / HTTP/1.1\r\nHo")).startswith(b"HTTP/1.1 408 ")
    assert (await talk(device, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")).startswith(
        b"HTTP/1.1 408 "
    )
    assert await talk(device, b"") == b""


async def test_more_connections_than_allowed_are_sent_away(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listen, "CONNECTIONS_MAX", 1)
    host, _, number = device.url.rpartition(":")
    _, first = await asyncio.open_connection(host, int(number))
    assert (await talk(device, b"")).startswith(b"HTTP/1.1 503 ")
    first.close()
    await first.wait_closed()


async def test_closing_hangs_up_and_says_so_to_whoever_reads() -> None:
    port: Any = await open_here("http-listen://127.0.0.1:0")
    _, writer = await asyncio.open_connection(*port.address)
    reading = asyncio.create_task(port.read())
    await asyncio.sleep(0)
    await port.close()
    await port.close()
    with pytest.raises(PortGone):
        await reading
    with pytest.raises(PortGone):
        await port.write(write_response(1))
    writer.close()
    await writer.wait_closed()


async def test_an_address_that_is_taken_is_held(device: Device) -> None:
    with pytest.raises(PortHeld):
        await open_here(f"http-listen://{device.url}")


def certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "till.example")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("till.example")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    cert, private = folder / "till.crt", folder / "till.key"
    cert.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return cert, private


async def test_tls_with_our_certificate(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    port: Any = await open_here(f"http-listen://127.0.0.1:0?cert={cert}&key={key}")
    device = Device(port)
    running = asyncio.create_task(device.run())
    trusted = ssl.create_default_context(cafile=str(cert))
    async with httpx.AsyncClient(verify=trusted) as client:
        request = client.build_request(
            "POST", f"https://{device.url}/", content=b"abc", extensions={"sni_hostname": "till.example"}
        )
        assert (await client.send(request)).content == b"cba"
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.HTTPError):
            await client.post(f"http://{device.url}/")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await port.close()


async def test_a_certificate_that_is_not_there_or_without_its_key_says_so(tmp_path: Path) -> None:
    with pytest.raises(PortGone, match=r"none\.crt"):
        await open_here(f"http-listen://127.0.0.1:0?cert={tmp_path}/none.crt&key={tmp_path}/none.key")
    with pytest.raises(BadPort, match="cert and key"):
        await open_here("http-listen://127.0.0.1:0?cert=a")


@pytest.mark.skipif(shutil.which("curl") is None, reason="apt install curl")
@pytest.mark.parametrize(
    "how", [(), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect: 100-continue"), ("-0",)]
)
async def test_curl_pushes_a_file(device: Device, tmp_path: Path, how: tuple[str, ...]) -> None:
    (tmp_path / "body").write_bytes(b"x" * 2_000_000)
    device.say = lambda request: write_response(request.number, 200, b"%d" % len(request.body))
    curl = await asyncio.create_subprocess_exec(
        "curl", "-sS", *how, "--data-binary", f"@{tmp_path}/body", f"http://{device.url}/",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(WITHIN_S):
        said, _ = await curl.communicate()
    assert said == b"2000000"


# ── what becomes of an answer ───────────────────────────────────────────────────────────────────────────────


class Witness:
    """A decoder's side of a port that tells fates: the requests seen, and what became of each."""

    def __init__(self, port: Any) -> None:
        self.port, self.seen, self.fates = port, list[Request](), dict[int, int]()
        self.number = int(port.address[1])

    async def run(self) -> None:
        reader = HttpReader()
        while True:
            for piece in reader.feed(await self.port.read()):
                if isinstance(piece, Request):
                    self.seen.append(piece)
                elif isinstance(piece, Response):
                    self.fates[piece.number] = piece.status

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not done():
                await asyncio.sleep(0.005)


@pytest.fixture
async def witness(request: Any, tmp_path: Path) -> AsyncIterator[Witness]:
    parameters = ""
    if getattr(request, "param", "") == "tls":
        cert, key = certificate(tmp_path)
        parameters = f"?cert={cert}&key={key}"
    port = await open_here(f"http-listen://127.0.0.1:0{parameters}", defaults={"fates": "yes"})
    witness = Witness(port)
    running = asyncio.create_task(witness.run())
    yield witness
    running.cancel()
    await port.close()
    await asyncio.gather(running, return_exceptions=True)


ASKED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"


async def test_an_answer_that_arrived_is_told(witness: Witness) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", witness.number)
    for told in ({1: 200}, {1: 200, 2: 200}):  # on a connection that is kept
        writer.write(ASKED)
        await witness.until(lambda told=told: len(witness.seen) == len(told))  # type: ignore[misc]
        await witness.port.write(write_response(len(told), 200, b"yes"))
        await witness.until(lambda told=told: witness.fates == told)  # type: ignore[misc]
    writer.close()


@pytest.mark.parametrize("witness", ["tls"], indirect=True)
async def test_a_client_that_says_goodbye_when_it_has_its_answer_has_it(witness: Witness) -> None:
    async with httpx.AsyncClient(verify=False) as client:
        asked = asyncio.create_task(
            client.post(f"https://127.0.0.1:{witness.number}/", headers={"Connection": "close"})
        )
        await witness.until(lambda: len(witness.seen) == 1)
        await witness.port.write(write_response(1, 200, b"yes"))
        assert (await asked).content == b"yes"
    await witness.until(lambda: witness.fates == {1: 200})


@pytest.mark.parametrize("witness", ["plain", "tls"], indirect=True)
async def test_a_client_that_hangs_up_while_the_decoder_thinks_is_noticed_at_once(witness: Witness) -> None:
    scheme = "https" if "cert=" in witness.port.name else "http"
    async with httpx.AsyncClient(verify=False, timeout=httpx.Timeout(5, read=0.1)) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{scheme}://127.0.0.1:{witness.number}/")
    await witness.until(lambda: witness.fates == {1: 499})
    await witness.port.write(write_response(1, 200, b"too late"))
    assert witness.fates == {1: 499}


async def test_an_answer_that_the_clients_machine_never_takes_has_not_arrived(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_listen, "ARRIVAL_WAIT_S", 0.05)
    monkeypatch.setattr(http_listen, "_on_the_way_bytes", lambda wire: 120)  # as when its cable is out
    _, writer = await asyncio.open_connection("127.0.0.1", witness.number)
    writer.write(ASKED)
    await witness.until(lambda: len(witness.seen) == 1)
    await witness.port.write(write_response(1, 200, b"yes"))
    await witness.until(lambda: witness.fates == {1: 499})
    writer.close()


async def test_what_is_said_ahead_of_an_answer_is_heard_after_it(witness: Witness) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", witness.number)
    writer.write(ASKED)
    await witness.until(lambda: len(witness.seen) == 1)
    writer.write(ASKED)
    await asyncio.sleep(0)
    await witness.port.write(write_response(1, 200))
    await witness.until(lambda: len(witness.seen) == 2)
    writer.close()
    await witness.until(lambda: witness.fates == {1: 200, 2: 499})


async def test_who_was_told_504_never_had_the_answer(witness: Witness) -> None:
    witness.port.answer_wait_s = 0.05
    reader, writer = await asyncio.open_connection("127.0.0.1", witness.number)
    writer.write(ASKED)
    assert b" 504 " in await reader.readline()
    await witness.until(lambda: witness.fates == {1: 499})
    writer.close()
