"""The way to head office: its names, the broker's certificates, our own, and the login."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509

from config.parts import on_this_machine
from edge_agent.field.doctor.box import Box
from edge_agent.field.doctor.findings import Finding, bad, ok, warn
from edge_agent.field.words import _
from edge_agent.identity import FILE_NAME

DIAL_MAX_S = 8.0
EXPIRES_SOON_DAYS = 30
_PORTS = {"mqtt": 1883, "mqtts": 8883, "http": 80, "https": 443}
ENROL_AGAIN = "sudo -u tillbeam tillbeam-edge enrol --code CODE"
_CLOCK = "timedatectl; tillbeam-edge doctor --only clock"


class Place(NamedTuple):
    """Where something of head office is."""

    url: str
    host: str
    port: int
    tls: bool


def broker_of(box: Box) -> Place | None:
    """The broker that the agent dials; None before the box is enrolled."""
    url = box.settings.centre.broker or (box.identity.mqtt_url if box.identity else "")
    return place_of(url) if url else None


def place_of(url: str) -> Place:
    """The address taken apart; port 0 when it is none."""
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        port = 0
    return Place(url, parts.hostname or "", port, parts.scheme in ("mqtts", "https"))


def names(box: Box) -> Iterator[Finding]:
    """Whether the names of head office lead anywhere."""
    places = [place_of(box.settings.centre.url)] if box.settings.centre.url else []
    broker = broker_of(box)
    places += [broker] if broker else []
    if not places:
        yield warn(
            _("nobody has said where head office is"), f"sudoedit {shlex.quote(str(box.settings_path))}"
        )
    for host in dict.fromkeys(place.host for place in places):
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # the latter for what can be no name
            mend = f"cat /etc/resolv.conf; getent hosts {shlex.quote(host)}; ip route"
            yield bad(_("{host} has no address: {why}"), mend, host=host, why=error)
        else:
            yield ok(_("{host}: {address}"), host=host, address=found[0][4][0])


def certificates(box: Box) -> Iterator[Finding]:
    """The broker's chain as it shows it, the authority that we believe, and our own certificate."""
    for path in filter(None, (box.settings.centre.ca, box.settings.centre.certificate)):
        yield from _file(path)
    if box.identity and box.identity.ca:
        whose = str(box.settings.state_dir / FILE_NAME)
        yield from _pem(whose, box.identity.ca.encode(), ENROL_AGAIN)
    broker = broker_of(box)
    if broker is None:
        return
    if not broker.tls:
        if on_this_machine(broker.host):
            yield ok(_("{url}: on this machine, in clear"), url=broker.url)
        else:
            yield warn(
                _("{url}: everything travels in clear; use mqtts://"),
                f"sudoedit {box.settings_path}",
                url=broker.url,
            )
        return
    try:
        yield from _dates(broker.host, _shown(box, broker), _CLOCK)
    except ssl.SSLCertVerificationError as error:
        mend = _CLOCK if error.verify_code in (9, 10) else f"sudoedit {shlex.quote(str(box.settings_path))}"
        says = _("the certificate of {host} is not to be trusted: {why}; is centre.ca right, and the clock?")
        yield bad(says, mend, host=broker.host, why=error.verify_message)
    except (OSError, UnicodeError) as error:
        yield bad(
            _("no TLS with {host}:{port}: {why}"),
            f"nc -vz {broker.host} {broker.port}",
            host=broker.host,
            port=broker.port,
            why=error,
        )


@contextlib.contextmanager
def ca_file(box: Box) -> Iterator[Path | None]:
    """A file with the authority that we believe: the settings', or enrolment's; None: the system's."""
    if box.settings.centre.ca or not (box.identity and box.identity.ca):
        yield box.settings.centre.ca
        return
    memory = os.memfd_create("centre-ca")  # the disk may be full, or read-only
    try:
        os.write(memory, box.identity.ca.encode())
        yield Path(f"/proc/self/fd/{memory}")
    finally:
        os.close(memory)


def _shown(box: Box, broker: Place) -> list[x509.Certificate]:
    """What the broker shows, verified, its own certificate first. Raises OSError."""
    own = box.settings.centre
    with ca_file(box) as authority:
        context = ssl.create_default_context(cafile=authority)
    if own.certificate:
        context.load_cert_chain(own.certificate, own.key)
    with (
        socket.create_connection((broker.host, broker.port), DIAL_MAX_S) as sock,
        context.wrap_socket(sock, server_hostname=broker.host) as wrapped,
    ):
        # The whole chain can be asked for from Python 3.13 on; before, only the broker's own certificate.
        every: Any = getattr(wrapped, "get_verified_chain", None)
        shown = every() if every else [wrapped.getpeercert(binary_form=True)]
    return [x509.load_der_x509_certificate(each) for each in shown if each]


def _file(path: Path) -> Iterator[Finding]:
    shown = shlex.quote(str(path))
    try:
        yield from _pem(str(path), path.read_bytes(), f"openssl x509 -enddate -noout -in {shown}")
    except OSError as error:
        yield bad(_("{file} cannot be used: {why}"), f"ls -l {shown}", file=path, why=error.strerror)


def _pem(whose: str, text: bytes, mend: str) -> Iterator[Finding]:
    try:
        found = x509.load_pem_x509_certificates(text)
    except ValueError as error:
        yield bad(_("{file} cannot be used: {why}"), mend, file=whose, why=error)
    else:
        yield from _dates(whose, found, mend)


def _dates(whose: str, found: list[x509.Certificate], mend: str) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for each in found:
        ends, days = each.not_valid_after_utc, (each.not_valid_after_utc - now).days
        args = {"whose": whose, "name": each.subject.rfc4514_string() or "-", "day": f"{ends:%Y-%m-%d}"}
        if each.not_valid_before_utc > now:
            args["day"] = f"{each.not_valid_before_utc:%Y-%m-%d}"
            yield bad(_("{whose}: {name} is valid only from {day} on; is the clock right?"), _CLOCK, **args)
        elif ends <= now:
            yield bad(_("{whose}: {name} was valid until {day}"), mend, **args)
        elif days < EXPIRES_SOON_DAYS:
            yield warn(_("{whose}: {name} is valid until {day} only"), mend, **args)
        else:
            yield ok(_("{whose}: {name} is valid until {day}"), **args)
