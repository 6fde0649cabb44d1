"""Who this store is: a file that enrolment writes, readable by the agent alone.

    {"store": "hz-004", "mqtt_url": "mqtts://…", "login": "hz-004", "password": "…",
     "token_key": "64 hex", "store_key": "64 hex", "centre_public_key": "64 hex", "ca": "PEM or empty"}

The centre answers `POST /api/enrol {"code", "version"}` with the same object.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.errors import BadIdentity, EnrolFailed, NotEnrolled
from sync.contract.errors import BadId
from sync.contract.ids import check_store

FILE_NAME = "identity.json"
KEY_BYTES = 32
ANSWER_MAX_BYTES = 64 * 1024
ENROL_TIMEOUT_S = 20.0


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What enrolment gave this store."""

    store: str
    mqtt_url: str
    login: str
    password: str
    token_key: bytes  # the chain's: makes card and telephone tokens
    store_key: bytes  # this store's own: keys the tokens again on this disk
    centre_public_key: bytes  # X25519: who joins is sealed to it
    ca: str = ""  # PEM of the authority that signed the broker's certificate; empty: the system's

    def __repr__(self) -> str:
        return f"Identity({self.store!r})"  # never the secrets


def read_identity(path: Path) -> Identity:
    """The identity in the file. Raises NotEnrolled, BadIdentity."""
    try:
        return parse_identity(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise NotEnrolled(f"{path} is not there: this store is not enrolled yet") from None
    except (OSError, ValueError) as error:
        raise BadIdentity(f"{path}: {error}") from error


def check_writable(path: Path) -> None:
    """Makes sure that `write_identity` will be able to. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path.parent))


def write_identity(path: Path, identity: Identity) -> None:
    """Puts the file in place at once and whole, for the eyes of the folder's owner only. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if os.geteuid() == 0:
            owner = path.parent.stat()  # a technician enrols by sudo; the agent, who reads it, is no root
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(json.dumps(_plain(identity), indent=1).encode())
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def parse_identity(given: Any) -> Identity:
    """The identity in a JSON object. Raises ValueError."""
    if not isinstance(given, dict):
        raise ValueError("an identity is a JSON object")
    try:
        identity = Identity(
            store=check_store(str(given["store"])),
            mqtt_url=str(given["mqtt_url"]),
            login=str(given["login"]),
            password=str(given["password"]),
            token_key=_key(given, "token_key"),
            store_key=_key(given, "store_key"),
            centre_public_key=_key(given, "centre_public_key"),
            ca=str(given.get("ca") or ""),
        )
    except KeyError as error:
        raise ValueError(f"{error.args[0]} is missing") from None
    except BadId as error:
        raise ValueError(str(error)) from None
    return identity


def enrol(centre_url: str, code: str, version: str, *, ca_file: Path | None = None) -> Identity:
    """Asks the centre for this store's identity. Blocks for up to 20 s. Raises EnrolFailed."""
    parts = urllib.parse.urlsplit(centre_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnrolFailed(f"{centre_url!r} is no web address: https://crm.example.com")
    request = urllib.request.Request(  # noqa: S310  # the scheme was just checked
        centre_url.rstrip("/") + "/api/enrol",
        data=json.dumps({"code": code.strip(), "version": version}).encode(),
        headers={"content-type": "application/json", "accept": "application/json"},
    )
    try:
        context = ssl.create_default_context(cafile=ca_file) if parts.scheme == "https" else None
        with urllib.request.urlopen(request, timeout=ENROL_TIMEOUT_S, context=context) as answer:  # noqa: S310
            body = answer.read(ANSWER_MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(500).decode("utf-8", "replace").strip()
        raise EnrolFailed(f"the centre refused ({error.code}): {_detail(said)}") from None
    except (OSError, http.client.HTTPException) as error:
        raise EnrolFailed(f"cannot reach {centre_url}: {getattr(error, 'reason', None) or error}") from None
    try:
        if len(body) > ANSWER_MAX_BYTES:
            raise ValueError(f"over {ANSWER_MAX_BYTES} bytes")
        return parse_identity(json.loads(body))
    except ValueError as error:
        raise EnrolFailed(f"the centre's answer is not an identity: {error}") from None


def _key(given: dict[str, Any], name: str) -> bytes:
    try:
        key = bytes.fromhex(given[name])
    except (ValueError, TypeError):
        raise ValueError(f"{name} is not written in hex") from None
    if len(key) != KEY_BYTES:
        raise ValueError(f"{name} has {len(key)} bytes, not {KEY_BYTES}")
    return key


def _plain(identity: Identity) -> dict[str, str]:
    fields = msgspec.structs.asdict(identity)
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}


def _detail(said: str) -> str:
    """What the centre said went wrong, out of its JSON if it is JSON."""
    try:
        found = json.loads(said)
        return str(found.get("detail", said)) if isinstance(found, dict) else said
    except ValueError:
        return said
