"""What staff's routes share: forms, and who they ask."""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request
from pydantic import BaseModel, Field

from central_server.staff.passwords import Passwords
from central_server.staff.service import NewUser
from central_server.web.security import session_cookie

_OUR_PATH: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,1000}")


class LoginForm(BaseModel):
    login: str = Field(max_length=200)
    password: str = Field(max_length=1000)
    next: str = "/"


class UserForm(BaseModel):
    login: str = Field(default="", max_length=64)
    name: str = Field(max_length=80)
    password: str = Field(default="", max_length=1000)
    roles: list[str] = []
    stores: str = Field(default="", max_length=20_000)
    lang: str = "zh_CN"
    active: bool = False

    def user(self) -> NewUser:
        """The user it describes; no stores written means every store."""
        stores = self.stores.replace(",", " ").split() or None
        return NewUser(self.login, self.name, self.roles, stores, self.lang, self.active)


class PasswordForm(BaseModel):
    old: str = Field(max_length=1000)
    new: str = Field(max_length=1000)
    again: str = Field(max_length=1000)


class TokenForm(BaseModel):
    name: str = Field(max_length=80)
    rights: list[str] = []
    days: int = Field(default=90, ge=1, le=730)


def passwords_of(request: Request) -> Passwords:
    """The program's one place for slow hashes: `app.state.passwords`, made at the first sign-in."""
    state = request.app.state
    if not hasattr(state, "passwords"):
        state.passwords = Passwords()
    found = state.passwords
    assert isinstance(found, Passwords)
    return found


def address_of(request: Request) -> str:
    """Where the request comes from, as the server or its trusted proxy says."""
    return request.client.host if request.client else "unknown"


def token_of(request: Request) -> str:
    """The session's token in this request's cookie; empty when there is none."""
    return request.cookies.get(session_cookie(request.scope), "")


def our_path(path: str) -> str:
    """`path` if it leads to a page of ours, else the start page: nobody is sent to another site."""
    return path if _OUR_PATH.fullmatch(path) else "/"
