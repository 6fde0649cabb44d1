"""Real brokers for tests: our own and Debian's mosquitto, with a centre and two stores that have logins."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import json
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from central_server.broker.launch import start_broker
from central_server.broker.settings import BrokerSettings, BrokerTls
from sync.link.mqtt import MqttConnection, MqttDialler, Tls

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
DOCS = Path(__file__).resolve().parents[3] / "docs"
SECRETS = {"centre": "secret of the centre", "s1": "secret of s1", "s2": "secret of s2"}


class Authority:
    """A certificate authority of our own, which signs for brokers and stores."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(_pem(self._certificate(self._subject, self._key, is_ca=True)))

    def sign(self, common_name: str) -> tuple[Path, Path]:
        """(certificate file, key file) for a login or for the broker on this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate_file, key_file = self._folder / f"{common_name}.pem", self._folder / f"{common_name}.key"
        certificate_file.write_bytes(_pem(self._certificate(subject, key, is_ca=False)))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return certificate_file, key_file

    def _certificate(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
        )
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@dataclass
class Ground:
    """A broker that runs."""

    kind: str
    url: str
    pid: int
    secrets: dict[str, str]
    authority: Authority | None = None
    logins_file: Path = field(default_factory=Path)
    inside_url: str = ""  # where our own broker takes the centre

    def dialler(self, login: str, *, url: str = "", **more: object) -> MqttDialler:
        settings: dict[str, object] = {
            "password": self.secrets.get(login, ""),
            "client_id": login,
            "tls": Tls(self.authority.ca_file) if self.authority else None,
            "dial_timeout_s": 5.0,
        } | more
        return MqttDialler(url or self.url, login=login, **settings)  # type: ignore[arg-type]

    async def dial(self, login: str, *subscribe: str, **more: object) -> MqttConnection:
        return await self.dialler(login, **more).dial(subscribe)  # type: ignore[arg-type]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@asynccontextmanager
async def embedded(folder: Path, *, tls: bool = False, client_certs: bool = False) -> AsyncIterator[Ground]:
    """Our own broker, in its process."""
    logins_file = folder / "logins.json"
    logins_file.write_text(json.dumps({"s1": SECRETS["s1"], "s2": SECRETS["s2"]}))
    authority = Authority(folder / "tls") if tls else None
    files = None
    if authority:
        certificate_file, key_file = authority.sign("broker")
        client_ca_file = str(authority.ca_file) if client_certs else ""
        files = BrokerTls(str(certificate_file), str(key_file), client_ca_file)
    running = await start_broker(
        BrokerSettings(
            port=0,
            tls=files,
            logins="tests.sync.link.file_logins:open_logins",
            database_url=str(logins_file),
            recheck_s=0.3,
            connect_wait_s=1.0,
        )
    )
    try:
        secrets = SECRETS | {"centre": running.secret}
        url = f"mqtts://127.0.0.1:{running.port}" if tls else running.url
        yield Ground("embedded", url, running.pid, secrets, authority, logins_file, running.url)
    finally:
        await running.stop()


@asynccontextmanager
async def mosquitto(folder: Path, *, tls: bool = False, client_certs: bool = False) -> AsyncIterator[Ground]:
    """Debian's mosquitto, set up as docs/mosquitto.conf.example says."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt install mosquitto")
    authority = Authority(folder / "tls") if tls else None
    port = free_port()
    lines = (DOCS / "mosquitto.conf.example").read_text().replace("/etc/mosquitto", str(folder)).splitlines()
    if authority:
        certificate_file, key_file = authority.sign("broker")
        shutil.copy(authority.ca_file, folder / "tillbeam-ca.pem")
        shutil.copy(certificate_file, folder / "tillbeam-cert.pem")
        shutil.copy(key_file, folder / "tillbeam-key.pem")
    else:
        lines = [each for each in lines if each.split(" ")[0] not in ("cafile", "certfile", "keyfile")]
    if client_certs:
        lines = [each.replace("#require_certificate", "require_certificate") for each in lines]
    lines = [each.replace("listener 8883", f"listener {port} 127.0.0.1") for each in lines]
    if os.geteuid() == 0:
        lines.append("user root")  # else it steps down to a user who cannot read a test's folder
    conf = folder / "mosquitto.conf"
    conf.write_text("\n".join(lines) + "\n")
    shutil.copy(DOCS / "mosquitto.acl.example", folder / "tillbeam.acl")
    passwd = folder / "tillbeam.passwd"
    passwd.touch(mode=0o600)
    for login, secret in SECRETS.items():
        made = await asyncio.create_subprocess_exec("mosquitto_passwd", "-b", str(passwd), login, secret)
        assert await made.wait() == 0
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(MOSQUITTO, "-c", str(conf), stdout=quiet, stderr=quiet)
    try:
        await _listening(port, process)
        scheme = "mqtts" if tls else "mqtt"
        yield Ground("mosquitto", f"{scheme}://127.0.0.1:{port}", process.pid, SECRETS, authority)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


BROKERS = {"embedded": embedded, "mosquitto": mosquitto}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def _listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(10):
        while True:
            assert process.returncode is None, "the broker did not start"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return
