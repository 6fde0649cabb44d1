"""What the broker's process is told, as one line of JSON on its standard input, and what it answers."""

from __future__ import annotations

import msgspec

CONNECTIONS_MAX = 2_000


class BrokerTls(msgspec.Struct, frozen=True, omit_defaults=True):
    """Files in PEM. With `client_ca_file` a store must show a certificate whose common name is its login."""

    certificate_file: str
    key_file: str
    client_ca_file: str = ""


class BrokerSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where to listen, and who may come in."""

    host: str = "127.0.0.1"
    port: int = 1883  # 0: any that is free
    tls: BrokerTls | None = None
    logins: str = "central_server.stores.logins:open_logins"  # see logins.py
    database_url: str = ""  # given to `logins`
    recheck_s: float = (
        30.0  # so often who is connected is checked again; a revoked store is out within twice this
    )
    connect_wait_s: float = 10.0  # who connects and does not say who it is is sent away
    connections_max: int = CONNECTIONS_MAX


class Orders(msgspec.Struct, frozen=True):
    """The line on standard input."""

    settings: BrokerSettings
    centre_secret: str


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The answer on standard output once connections are taken."""

    port: int  # for stores
    inside_port: int  # for the centre, on 127.0.0.1; another one with TLS


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """… or why there will be none."""

    why: str
    port_taken: bool = False


Answer = Ready | Failed
