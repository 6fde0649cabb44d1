"""The settings of head office's server."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Discriminator, Field, SecretStr, Tag, ValidationInfo, field_validator

from config.finance import FinanceSettings
from config.mistakes import _, wrong
from config.money import LeaseSettings
from config.parts import (
    BrokerUrl,
    Certificates,
    Currency,
    HostName,
    Language,
    LocalPath,
    LogSettings,
    TcpPort,
    TimeZone,
    WebUrl,
    login_and_password,
    scheme_of,
)
from config.shape import Section

DATABASE_FILE = "tillbeam.sqlite3"


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise wrong(_("this is no IP address or network"), _("10.0.0.5 or 10.0.0.0/8")) from None


MemberField = Literal["name", "phone", "email", "address", "birthday", "sex", "tier", "note"]


class DatabaseSettings(Section):
    """Where everything is kept."""

    url: str | None = Field(
        default=None,
        max_length=2048,
        description=_(
            "sqlite:///path/to/file or postgresql://user@host:5432/name, without the password; "
            "empty: SQLite in the state folder."
        ),
    )
    password: SecretStr | None = Field(
        default=None, description=_("Password of the database user, by !secret.")
    )

    @field_validator("url")
    @classmethod
    def _a_database(cls, url: str | None) -> str | None:
        if url is None or url.startswith("sqlite:///"):
            return url
        user = urlsplit(url).netloc.rpartition("@")[0]
        scheme_of(url.replace(f"{user}@", "", 1) if user else url, "sqlite", "postgresql")
        if ":" in user:
            raise wrong(
                _("the password does not belong into the address"),
                _("write 'password: !secret name' below it"),
            )
        return url

    @field_validator("password")
    @classmethod
    def _for_somebody(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        url = info.data.get("url")
        if password is not None and url and "@" not in urlsplit(url).netloc:
            raise wrong(
                _("there is a password but no user"),
                _("write the user into the address: postgresql://user@host/name"),
            )
        return password


class CentralWebSettings(Section):
    """The pages and the API of head office."""

    host: HostName = Field(
        default="127.0.0.1", description=_("The address to listen on; 0.0.0.0 for all of this machine's.")
    )
    port: TcpPort = Field(default=8400, description=_("The TCP port to listen on."))
    public_url: WebUrl | None = Field(
        default=None,
        description=_("The address by which browsers and stores reach it: https://crm.example.com."),
    )
    secure_cookies: bool | None = Field(
        default=None,
        description=_("Send cookies over HTTPS only; empty: yes if public_url begins with https."),
    )
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = Field(
        default=[],
        max_length=64,
        description=_("Addresses or networks of reverse proxies whose X-Forwarded-For is believed."),
    )

    @property
    def cookies_are_secure(self) -> bool:
        """What `secure_cookies` comes to."""
        if self.secure_cookies is None:
            return (self.public_url or "").startswith("https:")
        return self.secure_cookies


class EmbeddedBroker(Certificates):
    """Our own broker, in a process beside the server; enough for some hundred stores."""

    kind: Literal["embedded"] = Field(
        default="embedded", description=_("embedded: our own broker; external: another one.")
    )
    ca: LocalPath | None = Field(
        default=None,
        description=_(
            "File (PEM) of the authority that signed our certificate, told to each store when it enrols; "
            "empty: stores believe their system's."
        ),
    )
    client_ca: LocalPath | None = Field(
        default=None,
        description=_(
            "File (PEM) of the authority that signs the stores' certificates; "
            "with it, a store must show one that carries its login."
        ),
    )
    host: HostName = Field(default="0.0.0.0", description=_("The address to listen on for stores."))
    port: TcpPort = Field(
        default=1883, description=_("The TCP port to listen on for stores; 8883 is usual with TLS.")
    )
    public_url: BrokerUrl | None = Field(
        default=None,
        description=_(
            "The address that stores are told: mqtts://crm.example.com:8883; "
            "empty: worked out from the web address."
        ),
    )

    @field_validator("client_ca")
    @classmethod
    def _only_with_tls(cls, client_ca: Path | None, info: ValidationInfo) -> Path | None:
        if client_ca is not None and "certificate" in info.data and info.data["certificate"] is None:
            says = _("stores can show a certificate only where we have one")
            raise wrong(says, _("add '{name}: …'"), name="certificate")
        return client_ca


class ExternalBroker(Certificates):
    """A broker that somebody else runs: mosquitto, EMQX, RabbitMQ, NATS."""

    kind: Literal["external"] = Field(description=_("embedded: our own broker; external: another one."))
    url: BrokerUrl = Field(
        description=_("Where the server reaches it: mqtt://host:1883 or mqtts://host:8883.")
    )
    public_url: BrokerUrl | None = Field(
        default=None, description=_("The address that stores are told; empty: the same.")
    )
    login: str | None = Field(
        default=None, max_length=256, description=_("The server's login at the broker.")
    )
    password: SecretStr | None = Field(
        default=None, validate_default=True, description=_("Its password, by !secret.")
    )

    _both = field_validator("password")(login_and_password)


def _kind_of_broker(given: Any) -> Any:
    return given.get("kind", "embedded") if isinstance(given, dict) else getattr(given, "kind", "embedded")


Broker = Annotated[
    Annotated[EmbeddedBroker, Tag("embedded")] | Annotated[ExternalBroker, Tag("external")],
    Discriminator(_kind_of_broker),
]


class KeepSettings(Section):
    """How long things are kept, in days."""

    batches_days: int = Field(
        default=400, ge=7, le=3660, description=_("Days for which the record of received batches is kept.")
    )
    sessions_days: int = Field(
        default=30, ge=1, le=365, description=_("Days for which ended sign-ins are kept.")
    )
    aside_days: int = Field(
        default=90,
        ge=7,
        le=3660,
        description=_("Days for which events set aside are kept once they are replayed or discarded."),
    )
    answers_days: int = Field(
        default=400,
        ge=30,
        le=3660,
        description=_("Days for which a request that moved money is answered again word for word."),
    )
    requests_days: int = Field(
        default=400,
        ge=100,
        le=3660,
        description=_(
            "Days for which a request that moved money is known by its id, and a receipt by its top-up; "
            "at least as long as its answer."
        ),
    )
    health_days: int = Field(
        default=30, ge=1, le=3660, description=_("Days for which the stores' health reports are kept.")
    )
    audit_days: int = Field(
        default=1100, ge=180, le=36_600, description=_("Days for which it is kept who changed what.")
    )


class MemberSettings(Section):
    """What this chain asks of its members."""

    required: list[MemberField] = Field(
        default=["name"],
        max_length=8,
        description=_("Fields without which nobody is enrolled at head office."),
    )


class SecondPersonSettings(Section):
    """What needs two people at head office; corrections and loss declarations always do."""

    load_above: int = Field(
        default=100_000,
        ge=0,
        le=2**53,
        description=_(
            "Top-ups above this need a second person, in minor units (fen, cent); "
            "those of one purse within a day count together."
        ),
    )
    refund_above: int = Field(
        default=50_000,
        ge=0,
        le=2**53,
        description=_(
            "Refunds of purchases and moves above this need a second person, in minor units; "
            "those of one purse within a day count together."
        ),
    )
    cash_out_above: int = Field(
        default=0,
        ge=0,
        le=2**53,
        description=_("Paying out what is left on a card needs a second person above this, in minor units."),
    )
    points_above: int = Field(
        default=10_000,
        ge=0,
        le=2**53,
        description=_(
            "Points given or taken by hand above this need a second person; "
            "those of one purse within a day count together."
        ),
    )
    load_day_above: int = Field(
        default=1_000_000,
        ge=0,
        le=2**53,
        description=_(
            "Top-ups that one person does alone in a day, in minor units; above this, a second person."
        ),
    )
    refund_day_above: int = Field(
        default=500_000,
        ge=0,
        le=2**53,
        description=_(
            "Refunds and moves that one person does alone in a day, in minor units; "
            "above this, a second person."
        ),
    )
    cash_out_day_above: int = Field(
        default=50_000,
        ge=0,
        le=2**53,
        description=_(
            "What one person pays out alone in a day, in minor units; above this, a second person."
        ),
    )
    points_day_above: int = Field(
        default=100_000,
        ge=0,
        le=2**53,
        description=_("Points that one person gives or takes alone in a day; above this, a second person."),
    )
    days: int = Field(
        default=7, ge=1, le=90, description=_("Days for which a request waits for the second person.")
    )
    login_days: int = Field(
        default=7,
        ge=0,
        le=90,
        description=_(
            "Days for which whoever made a login, or set its password or roles, counts as the same person; "
            "0: not at all."
        ),
    )


class LimitSettings(Section):
    """How much one person may take at once."""

    export_rows: int = Field(
        default=200_000, ge=100, le=5_000_000, description=_("Rows of one CSV file, at most.")
    )
    page_rows: int = Field(default=50, ge=10, le=500, description=_("Rows of a table on one page."))
    sign_in_tries: int = Field(
        default=10, ge=3, le=100, description=_("Wrong passwords after which a login has to wait.")
    )
    session_idle_minutes: int = Field(
        default=720, ge=5, le=10_080, description=_("Minutes without a click after which one is signed out.")
    )


class CentralSettings(Section):
    """Everything that head office's server is told by its settings file. All of it has a default."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"finance", "keep", "leases", "log", "second_person"})

    state_dir: LocalPath = Field(
        default=Path("/var/lib/tillbeam/central"),
        description=_("Folder for what the server keeps: keys, and the database if it is SQLite."),
    )
    database: DatabaseSettings = Field(default=DatabaseSettings(), description=_("Where everything is kept."))
    web: CentralWebSettings = Field(default=CentralWebSettings(), description=_("The pages and the API."))
    broker: Broker = Field(
        default=EmbeddedBroker(), description=_("The MQTT broker between stores and server.")
    )
    language: Language = Field(
        default="zh_CN", description=_("Language of the pages until somebody chooses another.")
    )
    currency: Currency = Field(
        default="CNY", description=_("Currency of the chain's own figures (ISO 4217).")
    )
    country: str = Field(
        default="86",
        pattern=r"^[1-9][0-9]{0,2}$",
        description=_("Country code of telephone numbers that come without one, in quotes."),
    )
    timezone: TimeZone = Field(
        default="Asia/Shanghai", description=_("Time zone of head office; each store may have its own.")
    )
    members: MemberSettings = Field(
        default=MemberSettings(), description=_("What this chain asks of its members.")
    )
    second_person: SecondPersonSettings = Field(
        default=SecondPersonSettings(), description=_("What needs two people.")
    )
    keep: KeepSettings = Field(default=KeepSettings(), description=_("How long things are kept."))
    leases: LeaseSettings = Field(
        default=LeaseSettings(),
        description=_("How much of a card's value and points stores may hold to pay from."),
    )
    finance: FinanceSettings = Field(
        default=FinanceSettings(), description=_("Codes of the finance department's accounts.")
    )
    limits: LimitSettings = Field(
        default=LimitSettings(), description=_("How much one person may take at once.")
    )
    log: LogSettings = Field(default=LogSettings(), description=_("The program's own log."))

    def database_url(self) -> str:
        """The database with its password, for connecting and never for showing."""
        url = self.database.url
        if url is None:
            return f"sqlite:///{self.state_dir / DATABASE_FILE}"
        if self.database.password is None:
            return url
        user, at, rest = url.partition("@")
        return f"{user}:{quote(self.database.password.get_secret_value(), safe='')}{at}{rest}"
