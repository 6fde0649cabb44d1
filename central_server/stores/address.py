"""Where a store's edge finds the broker, and whose certificate it should believe."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from central_server.errors import Misconfigured
from central_server.web.text import N_
from config.central import CentralSettings

CA_MAX_BYTES = 32 * 1024  # some authorities; more is a whole system's bundle, which a store has itself


def broker_address(settings: CentralSettings, reached_by: str) -> tuple[str, str]:
    """(mqtt url, PEM of the authority or empty). `reached_by` is the host name by which the asker reached us.

    Without an authority the store believes those of its system. Raises Misconfigured when the authority's
    file cannot be read or has over 32 KiB.
    """
    broker = settings.broker
    ca = _pem(broker.ca) if broker.ca is not None else ""
    if broker.public_url is not None:
        return broker.public_url, ca
    if broker.kind == "external":
        return broker.url, ca
    host = urlsplit(settings.web.public_url or "").hostname or reached_by
    scheme = "mqtts" if broker.certificate is not None else "mqtt"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{broker.port}", ca


def _pem(path: Path) -> str:
    try:
        pem = path.read_bytes()
        if len(pem) > CA_MAX_BYTES:
            raise ValueError(f"{len(pem)} bytes, and {CA_MAX_BYTES} are the most")
        return pem.decode("ascii")
    except (OSError, ValueError) as error:
        raise Misconfigured(N_("{path} cannot be read: {why}"), path=str(path), why=str(error)) from error
