"""Who may come in. The stores' secrets live in the centre's database; the broker asks through `Logins`."""

from __future__ import annotations

import hmac
import importlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, cast

from central_server.errors import Misconfigured
from sync.contract.topics import CENTRE_LOGIN


class Logins(Protocol):
    """The stores' logins."""

    async def check(self, login: str, secret: str) -> bool:
        """Whether `login` may come in with `secret`, now. Raises Busy when that cannot be known."""
        ...


OpenLogins = Callable[[str], AbstractAsyncContextManager[Logins]]
"""Given the database URL: ``async with open_logins(url) as logins``."""


def logins_named(path: str) -> OpenLogins:
    """What ``package.module:name`` names. Raises Misconfigured."""
    module, _, name = path.partition(":")
    try:
        return cast(OpenLogins, getattr(importlib.import_module(module), name))
    except (ImportError, AttributeError, ValueError) as error:
        raise Misconfigured(
            "the broker's logins {path} cannot be loaded: {error}", path=path, error=error
        ) from error


def client_id_fits(login: str, client_id: str) -> bool:
    """Whether the client id is the login's own: the login, or ``login/anything``.

    No store id has a slash, so no store can borrow another's client id and so end its session.
    """
    return client_id == login or client_id.startswith(login + "/")


class WithCentre:
    """`Logins` of the stores, and the centre itself with the secret it made when it started us."""

    def __init__(self, stores: Logins, centre_secret: str) -> None:
        self._stores = stores
        self._centre_secret = centre_secret.encode()

    async def check(self, login: str, secret: str) -> bool:
        if login == CENTRE_LOGIN:
            return hmac.compare_digest(self._centre_secret, secret.encode())
        return await self._stores.check(login, secret)
