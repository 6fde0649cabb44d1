"""Settings that both programs have, and the kinds of value that settings are made of."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from config.mistakes import _, nearest, wrong
from config.shape import Section

Language = Literal["zh_CN", "en"]
TcpPort = Annotated[int, Field(ge=1, le=65535)]
HostName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._:\-]+$")]


def _beside_the_settings(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return folder / path if folder is not None else path


LocalPath = Annotated[Path, AfterValidator(_beside_the_settings)]
"""A file or folder; a relative one means the folder of the settings file."""


def on_this_machine(host: str) -> bool:
    """Whether what is sent to that host, a name or an IP address, never leaves this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _currency(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise wrong(_("this is no currency"), _("three letters of ISO 4217, such as CNY"))
    return code.upper()


Currency = Annotated[str, AfterValidator(_currency)]


def _timezone(name: str) -> str:
    known = available_timezones()
    if name not in known:
        meant = nearest(name, known)
        hint = _("did you mean '{meant}'?") if meant else _("names are written as in Asia/Shanghai")
        raise wrong(_("there is no time zone '{name}'"), hint, name=name, meant=meant)
    return name


TimeZone = Annotated[str, AfterValidator(_timezone)]


def scheme_of(url: str, *schemes: str) -> str:
    """The URL's scheme, which must be one of those. Raises what a validator raises."""
    scheme, colon, rest = url.partition("://")
    if not colon or not rest or scheme not in schemes:
        known = ", ".join(f"{name}://" for name in schemes)
        raise wrong(_("this address begins with the wrong word"), _("there are {expected}"), expected=known)
    if "@" in rest.partition("/")[0]:
        raise wrong(
            _("logins and passwords do not belong into an address"), _("there are settings of their own")
        )
    return scheme


def web_url(url: str) -> str:
    """Checks an http:// or https:// address; returned without a slash at its end."""
    scheme_of(url, "http", "https")
    return url.rstrip("/")


def broker_url(url: str) -> str:
    """Checks an mqtt:// (port 1883) or mqtts:// (TLS, port 8883) address."""
    scheme_of(url, "mqtt", "mqtts")
    return url


WebUrl = Annotated[str, Field(max_length=2048), AfterValidator(web_url)]
BrokerUrl = Annotated[str, Field(max_length=2048), AfterValidator(broker_url)]


class Certificates(Section):
    """Files of TLS: whom we believe, and who we are."""

    ca: LocalPath | None = Field(
        default=None,
        description=_(
            "File (PEM) of the authority that signed the other side's certificate; empty: the system's."
        ),
    )
    certificate: LocalPath | None = Field(
        default=None, description=_("File (PEM) of our own certificate, if we have one.")
    )
    key: LocalPath | None = Field(
        default=None,
        validate_default=True,
        description=_("File (PEM) of the private key to our certificate."),
    )

    @field_validator("key")
    @classmethod
    def _both_or_neither(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "certificate" in info.data and (key is None) != (info.data["certificate"] is None):
            says = _("a certificate and its key belong together")
            raise wrong(says, _("add '{name}: …'"), name="key" if key is None else "certificate")
        return key


class LogSettings(Section):
    """What the program writes down about itself."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description=_("The least important message that is written.")
    )
    format: Literal["text", "json"] = Field(
        default="text",
        description=_("text: lines for people; json: one JSON object a line, for a collector."),
    )


def login_and_password(password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    """A check for `password`, standing after `login`: both or neither."""
    if "login" in info.data and (password is None) != (info.data["login"] is None):
        name = "password" if password is None else "login"
        raise wrong(_("login and password belong together"), _("add '{name}: …'"), name=name)
    return password
