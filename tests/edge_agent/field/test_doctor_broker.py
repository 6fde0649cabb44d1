"""The doctor at the broker's door: real brokers, with rules and without, and certificates of every age."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from central_server.broker.launch import start_broker
from central_server.broker.settings import BrokerSettings
from edge_agent.field.doctor.box import Box
from edge_agent.field.doctor.broker import broker
from edge_agent.field.doctor.findings import Finding
from edge_agent.field.doctor.network import certificates, names
from sync.contract.topics import CENTRE_READS, down
from tests.edge_agent.field.doctoring import STORE, the_one, told
from tests.sync.link.brokers import BROKERS, SECRETS, Ground

S1 = replace(STORE, store="s1", login="s1", password=SECRETS["s1"])


def of(ground: Ground, box_of: Any, **more: Any) -> Box:
    """The box of store s1, enrolled at that broker."""
    ca = ground.authority.ca_file.read_text() if ground.authority else ""
    box: Box = box_of(identity=replace(S1, mqtt_url=ground.url, ca=ca, **more))
    return box


async def looked(check: Callable[[Box], Any], box: Box) -> list[Finding]:
    """The check, in a thread as the doctor runs it."""
    return await asyncio.to_thread(lambda: list(check(box)))


@pytest.fixture(params=BROKERS)
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    async with BROKERS[request.param](tmp_path, tls=True) as found:
        yield found


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never comes need not be waited for."""
    monkeypatch.setattr("edge_agent.field.doctor.broker.HEARD_WITHIN_S", 0.2)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes may take long on a machine that has other work."""
    monkeypatch.setattr("edge_agent.field.doctor.broker.HEARD_WITHIN_S", 5.0)


@pytest.mark.usefixtures("impatient")
async def test_a_broker_with_our_rules_lets_in_and_no_further(ground: Ground, box_of: Any) -> None:
    box = of(ground, box_of)
    assert [state for state, _ in told(await looked(broker, box))] == ["ok"] * 4
    shown = await looked(certificates, box)
    assert [each.state for each in shown] == ["warn", "warn"]  # of a day: authority and broker
    assert "CN=broker" in str(shown[1].args["name"])


@pytest.mark.usefixtures("impatient")
async def test_what_is_tried_reaches_nobody_as_a_message(ground: Ground, box_of: Any) -> None:
    """But for a broker that takes any subscription: there one word goes up, which head office drops."""
    url = ground.inside_url or ground.url
    centre = await ground.dial("centre", CENTRE_READS, url=url)
    store = await ground.dial("s2", down("s2"))
    await looked(broker, of(ground, box_of))
    heard = []
    try:
        async with asyncio.timeout(0.3):
            while True:
                heard.append(await centre.receive())
    except TimeoutError:
        pass
    assert len(heard) <= (0 if ground.kind == "embedded" else 2)
    assert all(message.topic == "tb/1/s1/up/here" for message in heard)
    await centre.close()
    await store.close()


async def test_a_wrong_password_and_a_strange_authority_are_told(ground: Ground, box_of: Any) -> None:
    found = the_one(await looked(broker, of(ground, box_of, password="no")))
    assert found.state == "bad"
    assert "enrol --code" in found.mend
    strange = replace(of(ground, box_of).identity, ca=pem(signed(9)[0]))  # type: ignore[type-var]
    stranger = the_one(await looked(broker, box_of(identity=strange)))
    assert stranger.state == "bad"
    assert "not to be trusted" in str(stranger.args["why"])


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("without", "states"),
    [
        ("publish", ["ok", "ok", "ok", "bad"]),
        ("read", ["ok", "ok", "bad", "ok"]),
        ("publish read", ["ok", "ok", "bad", "bad"]),
    ],
)
async def test_a_broker_without_rules_is_found_out(box_of: Any, without: str, states: list[str]) -> None:
    logins = "tests.edge_agent.field.lawless_logins:open_logins"
    running = await start_broker(BrokerSettings(port=0, logins=logins, database_url=without))
    try:
        found = await looked(broker, box_of(identity=replace(S1, mqtt_url=running.url)))
        assert [each.state for each in found] == states
        assert all(each.mend == "docs/mosquitto.acl.example" for each in found if each.state == "bad")
    finally:
        await running.stop()


async def test_a_broker_that_is_away_is_told(box_of: Any) -> None:
    found = the_one(await looked(broker, box_of(identity=replace(S1, mqtt_url="mqtt://127.0.0.1:1"))))
    assert (found.state, found.mend) == ("bad", "nc -vz 127.0.0.1 1")


def test_a_box_that_is_not_enrolled_has_no_login_to_try(box_of: Any) -> None:
    assert the_one(broker(box_of())).state == "warn"
    assert list(certificates(box_of())) == []
    assert the_one(names(box_of())).state == "warn"


# ── certificates and names ──────────────────────────────────────────────────────────────────────────────


def signed(days: int, *, begins: int = -400, name: str = "authority") -> tuple[x509.Certificate, Any]:
    """A certificate that signs itself, valid for so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now + begins * day)
        .not_valid_after(now + days * day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("days", "begins", "state"), [(400, -1, "ok"), (20, -1, "warn"), (-2, -400, "bad"), (400, 3, "bad")]
)
def test_our_own_certificates_are_told_before_they_end(
    box_of: Any, tmp_path: Path, days: int, begins: int, state: str
) -> None:
    (tmp_path / "ca.pem").write_text(pem(signed(days, begins=begins)[0]))
    box = box_of(settings={"centre": {"ca": str(tmp_path / "ca.pem")}})
    assert the_one(certificates(box)).state == state


def test_a_certificate_file_that_is_none_is_told(box_of: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for name in ("ca.pem", "none.pem"):
        assert the_one(certificates(box_of(settings={"centre": {"ca": str(tmp_path / name)}}))).state == "bad"


@asynccontextmanager
async def tls_server(folder: Path, certificate: x509.Certificate, key: Any) -> AsyncIterator[int]:
    """A server on this machine that shows that certificate; its port."""
    (folder / "shown.pem").write_text(pem(certificate))
    (folder / "shown.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "shown.pem", folder / "shown.key")
    server = await asyncio.start_server(
        lambda reader, writer: writer.close(), "localhost", 0, ssl=context, family=socket.AF_INET
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_brokers_certificate_that_has_ended_is_told_with_the_clock_in_mind(
    box_of: Any, tmp_path: Path
) -> None:
    certificate, key = signed(-2)
    async with tls_server(tmp_path, certificate, key) as port:
        identity = replace(S1, mqtt_url=f"mqtts://localhost:{port}", ca=pem(certificate))
        ours, theirs = await looked(certificates, box_of(identity=identity))
    assert (ours.state, theirs.state) == ("bad", "bad")
    assert "expired" in str(theirs.args["why"])
    assert "--only clock" in theirs.mend


async def test_a_broker_that_speaks_no_tls_is_told(box_of: Any) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        box = box_of(identity=replace(S1, mqtt_url=f"mqtts://127.0.0.1:{port}"))
        assert the_one(await looked(certificates, box)).state == "bad"


@pytest.mark.parametrize(("url", "state"), [("mqtt://10.1.2.3", "warn"), ("mqtt://127.0.0.1", "ok")])
def test_what_travels_in_clear_is_told(box_of: Any, url: str, state: str) -> None:
    assert the_one(certificates(box_of(identity=replace(S1, mqtt_url=url)))).state == state


@pytest.mark.parametrize(
    "url",
    ["mqtts://", "mqtts://a..b", "mqtts://h:99999", "http://127.0.0.1:1", "nonsense", "mqtts://" + "x" * 300],
)
def test_an_address_that_is_none_breaks_no_check(box_of: Any, url: str) -> None:
    box = box_of(identity=replace(S1, mqtt_url=url, ca="-----BEGIN CERTIFICATE-----\nno\n"))
    assert list(broker(box))[-1].state == "bad"
    assert "bad" in {each.state for each in certificates(box)}
    told([*names(box), *certificates(box)])


def test_a_name_that_leads_nowhere_is_told(box_of: Any) -> None:
    settings = {"centre": {"url": "https://no-such-name.invalid", "broker": "mqtts://localhost"}}
    found = list(names(box_of(settings=settings)))
    assert [each.state for each in found] == ["bad", "ok"]
    assert "resolv.conf" in found[0].mend
