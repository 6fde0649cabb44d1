"""What membership's API and pages share: how much of a member the viewer may see, and what is noted."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from central_server.membership.person import LENGTHS_MAX
from central_server.membership.profile import Profile
from central_server.staff import service as staff
from central_server.web.deps import Viewer, needs
from central_server.web.text import N_
from sync.contract.ids import MEMBER_RANDOM_BYTES, member_id

PERSONAL = "members.personal"
Reader = Annotated[Viewer, Depends(needs("members.read"))]
Writer = Annotated[Viewer, Depends(needs("members.read", "members.write"))]
# A form shows the person in clear, and erasing or merging needs a look at whom.
Keeper = Annotated[Viewer, Depends(needs("members.read", "members.write", PERSONAL))]
Exporter = Annotated[Viewer, Depends(needs("members.read", "export"))]
_REQUIRED = ("name",)  # when the settings do not say


class PersonIn(BaseModel):
    """A member's fields; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, max_length=LENGTHS_MAX["name"])
    phone: str | None = Field(default=None, max_length=LENGTHS_MAX["phone"])
    email: str | None = Field(default=None, max_length=LENGTHS_MAX["email"])
    address: str | None = Field(default=None, max_length=LENGTHS_MAX["address"])
    birthday: str | None = Field(default=None, max_length=10, description="1990-12-31")
    note: str | None = Field(default=None, max_length=LENGTHS_MAX["note"])
    sex: str | None = Field(default=None, max_length=8, description="female, male, other or empty")
    tier: str | None = Field(default=None, max_length=LENGTHS_MAX["tier"])
    consent: bool | None = Field(default=None, description="may be written to")

    def given(self) -> dict[str, str]:
        """The fields that were sent, as `person.checked` takes them."""
        sent = self.model_dump(exclude_none=True, include=set(PersonIn.model_fields))
        return {name: ("1" if value else "") if name == "consent" else value for name, value in sent.items()}


def seen(profile: Profile, viewer: Viewer) -> Profile:
    """The profile as this viewer may see it."""
    return profile if viewer.may(PERSONAL) else profile.masked()


def required_of(request: Request) -> frozenset[str]:
    """The fields that this chain wants of every member, as its settings say."""
    settings = getattr(request.app.state, "settings", None)
    members = getattr(settings, "members", None)
    return frozenset(getattr(members, "required", _REQUIRED))


def country_of(request: Request) -> str:
    """The country code of telephone numbers that come without one."""
    return str(getattr(getattr(request.app.state, "settings", None), "country", "86"))


def fresh_id() -> str:
    """An id for a new member."""
    return member_id(secrets.token_bytes(MEMBER_RANDOM_BYTES))


async def note(
    session: AsyncSession, viewer: Viewer, action: str, member: str, at_ms: int, **what: Any
) -> None:
    """Put it in the audit trail without personal values: those stand, closed, in the member's history."""
    await staff.record_change(session, viewer, action, N_("member"), member, None, what or None, at_ms)


def names_of(fields: Iterable[str]) -> list[str]:
    """The names of changed fields, for the audit trail."""
    return sorted(fields)
