"""The settings of a store's box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    GetJsonSchemaHandler,
    SecretStr,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import CoreSchema

from config.doubles import BROKEN, again, doubles_in
from config.mistakes import _, nearest, wrong
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
)
from config.port_urls import port_url
from config.shape import Section
from drivers.base import Driver, Options
from drivers.errors import UnknownDriver
from drivers.registry import driver, names
from sync.contract.ids import STORE_PATTERN

DEVICES_MAX = 64
CAMERA = "camera"  # the kind of port that gives no bytes of a device, but its own program's


class CentreSettings(Certificates):
    """Where head office is. All of it is optional: a store works without, and learns it when enrolled.

    The certificates serve https:// and mqtts:// alike.
    """

    url: WebUrl | None = Field(
        default=None,
        description=_("Head office's web address, where the store is enrolled: https://crm.example.com."),
    )
    broker: BrokerUrl | None = Field(
        default=None,
        description=_("Use this MQTT broker instead of the one that head office named: mqtts://host:8883."),
    )
    keepalive_s: int = Field(
        default=15,
        ge=5,
        le=300,
        description=_("A connection silent for this long, in seconds, is asked whether it lives."),
    )


class EdgeWebSettings(Section):
    """The pages on the box itself: /till for the cashier, /edge for the technician."""

    host: HostName = Field(
        default="127.0.0.1",
        description=_("The address to listen on; 0.0.0.0 lets other machines of the store in."),
    )
    port: TcpPort = Field(default=8480, description=_("The TCP port to listen on."))
    names: list[HostName] = Field(
        default=[],
        max_length=16,
        description=_("Further host names under which browsers may ask for the pages."),
    )
    technician_pin: SecretStr | None = Field(
        default=None,
        min_length=6,
        max_length=64,
        description=_(
            "What opens the cameras' pages, which show pictures and write settings: !secret technician_pin."
            " Empty: they open on this machine only."
        ),
    )


class OutboxSettings(Section):
    """What is kept until the centre has it."""

    keep_days: int = Field(
        default=7,
        ge=0,
        le=90,
        description=_("Days for which confirmed events are kept, in case the centre asks again."),
    )
    max_mib: int = Field(
        default=512,
        ge=16,
        le=65536,
        description=_("Size of the file, in MiB, at which counts are thinned and sales refused."),
    )
    ballast_mib: int = Field(
        default=6, ge=0, le=1024, description=_("Space held back, in MiB, to be freed when the disk is full.")
    )
    group_max: int = Field(
        default=512, ge=1, le=10_000, description=_("Events that are written to the disk in one go, at most.")
    )


class UplinkSettings(Section):
    """How events travel to the centre."""

    window: int = Field(
        default=32, ge=1, le=64, description=_("Batches on the way at once before the first is confirmed.")
    )
    receipt_timeout_s: float = Field(
        default=10.0,
        ge=1,
        le=300,
        description=_("Seconds after which a batch without a receipt is sent again."),
    )
    stuck_after_s: float = Field(
        default=120.0,
        ge=10,
        le=86_400,
        description=_("Seconds without progress on a live line after which an alarm is raised."),
    )


class MoneySettings(Section):
    """Cards that pay here. Amounts are in minor units (fen, cents) of the store's currency.

    What a programme says at head office holds as well; the stricter of the two counts.
    """

    anchor: LocalPath | None = Field(
        default=None,
        description=_(
            "File that tells whether the database was put back in time; best on another disk or a USB stick."
            " Empty: in the state folder."
        ),
    )
    ask_wait_s: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description=_("Seconds that a payment waits for head office when too little is set aside here."),
    )
    idle_s: int = Field(
        default=300,
        ge=10,
        le=86_400,
        description=_("Seconds after which what was set aside for a card and not used goes back."),
    )
    keep_minor: int = Field(
        default=0,
        ge=0,
        le=100_000_000,
        description=_("What is set aside stays, for the next outage, as long as it is no more than this."),
    )
    offline_card_minor: int = Field(
        default=50_000,
        ge=0,
        le=100_000_000,
        description=_("The most that one card may pay while the line is down; 0: nothing."),
    )
    offline_store_minor: int = Field(
        default=200_000,
        ge=0,
        le=10_000_000_000,
        description=_("The most that all cards together may pay here while the line is down; 0: nothing."),
    )
    offline_top_store_minor: int = Field(
        default=500_000,
        ge=0,
        le=10_000_000_000,
        description=_("The most that may be topped up here while the line is down; 0: nothing."),
    )
    top_max_minor: int = Field(
        default=100_000, ge=0, le=100_000_000, description=_("The most that one top-up may be; 0: nothing.")
    )
    balance_max_minor: int = Field(
        default=500_000,
        ge=0,
        le=100_000_000,
        description=_("The most that a card may hold after a top-up here."),
    )
    pays_per_hour: int = Field(
        default=10, ge=1, le=1_000, description=_("Payments that one card may make here in an hour.")
    )
    journal_days: int = Field(
        default=60,
        ge=1,
        le=400,
        description=_("Days for which payments are kept here, and can be given back against their receipt."),
    )


class HealthSettings(Section):
    """How the box says how it is."""

    heartbeat_s: int = Field(
        default=60, ge=5, le=3600, description=_("Seconds from one heartbeat to the next.")
    )
    metrics: bool = Field(default=True, description=_("Serve /metrics for Prometheus beside the pages."))


class DeviceSettings(Section):
    """One thing on the counter."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
        description=_("Your name for it, once in a store: receipts, reader-2, door. Events carry it."),
    )
    driver: str = Field(max_length=80, description=_("Its kind: one of the drivers in docs/devices.md."))
    port: Annotated[str, AfterValidator(port_url)] = Field(
        max_length=512,
        description=_(
            "Where it is plugged in: serial:///dev/serial/by-id/…?baud=9600, tcp://host:port, sim:1."
        ),
    )
    till: str = Field(
        default="1",
        min_length=1,
        max_length=32,
        description=_("The till it belongs to; devices of one till are seen together."),
    )
    enabled: bool = Field(default=True, description=_("false leaves it alone, as if it were not listed."))
    options: Annotated[SerializeAsAny[Options], WithJsonSchema({"type": "object"})] = Field(
        default_factory=Options,
        validate_default=True,
        description=_("What its driver wants to know; see docs/devices.md."),
    )

    @classmethod
    def model_of(cls, field: str, beside: Mapping[str, Any]) -> type[BaseModel] | None:
        name = beside.get("driver")
        if field != "options" or not isinstance(name, str):
            return None
        with suppress(UnknownDriver, *BROKEN):
            return driver(name).options
        return None

    @classmethod
    def __get_pydantic_json_schema__(cls, drawn: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Each driver with its own options; one that is not installed completely is left out."""
        device = handler.resolve_ref_schema(handler(drawn))
        device["oneOf"] = [
            {
                "title": found.title.get("en", name),
                "properties": {
                    "driver": {"const": name},
                    "options": handler(found.options.__pydantic_core_schema__),
                },
            }
            for name, found in _installed()
        ]
        return device

    @field_validator("driver")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            driver(name)
        except UnknownDriver as error:
            meant = nearest(name, error.known)
            hint = _("did you mean '{meant}'?") if meant else _("there are {known}")
            known = ", ".join(error.known)
            raise wrong(_("there is no driver '{name}'"), hint, name=name, meant=meant, known=known) from None
        except BROKEN as error:
            says = _("driver '{name}' cannot be loaded: {reason}")
            raise wrong(says, name=name, reason=str(error)) from None
        return name

    @field_validator("port")
    @classmethod
    def _of_a_kind_that_the_driver_can_use(cls, url: str, info: ValidationInfo) -> str:
        if "driver" not in info.data:
            return url
        name, kind = info.data["driver"], url.partition(":")[0]
        ports = driver(name).ports
        if kind in ports or (not ports and kind != CAMERA):
            return url
        if kind == CAMERA:
            # Nothing of the address is in it: one out of secrets.yaml may be told, too.
            raise wrong(_("a camera wants the driver counter.camera"))
        says = _("driver '{name}' can do nothing with a port '{kind}:'")
        raise wrong(says, _("there are {expected}"), name=name, kind=kind, expected=", ".join(ports))

    @field_validator("options", mode="plain")
    @classmethod
    def _as_the_driver_wants(cls, given: Any, info: ValidationInfo) -> Options:
        if "driver" not in info.data:
            return Options()  # nobody can say; the driver's own mistake has been told
        options = driver(info.data["driver"]).options
        if isinstance(given, options):
            return given
        # A mistake in there keeps its own place: pydantic joins a nested ValidationError.
        return options.model_validate(
            given.model_dump() if isinstance(given, Options) else given, context=info.context
        )


class EdgeSettings(Section):
    """Everything that a store's box is told by its settings file. All of it has a default."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"devices", "health"})

    store: str | None = Field(
        default=None,
        pattern=f"^{STORE_PATTERN}$",
        description=_("The store's id at head office, such as hz-004; empty: the one it was enrolled with."),
    )
    state_dir: LocalPath = Field(
        default=Path("/var/lib/tillbeam/edge"),
        description=_("Folder for what the box keeps: the outbox, what the centre told it, its enrolment."),
    )
    language: Language = Field(
        default="zh_CN", description=_("Language of the pages until somebody chooses another.")
    )
    currency: Currency = Field(
        default="CNY", description=_("Currency of amounts that come without one (ISO 4217).")
    )
    country: str = Field(
        default="86",
        pattern=r"^[1-9][0-9]{0,2}$",
        description=_("Country code of telephone numbers that come without one, in quotes."),
    )
    timezone: TimeZone | None = Field(
        default=None,
        description=_("Time zone of the store, as in Asia/Shanghai, for what pages show; empty: the box's."),
    )
    centre: CentreSettings = Field(default=CentreSettings(), description=_("Where head office is."))
    web: EdgeWebSettings = Field(default=EdgeWebSettings(), description=_("The pages on the box."))
    devices: list[DeviceSettings] = Field(
        default=[], max_length=DEVICES_MAX, description=_("Tills, readers and counters.")
    )
    outbox: OutboxSettings = Field(
        default=OutboxSettings(), description=_("What is kept until the centre has it.")
    )
    uplink: UplinkSettings = Field(
        default=UplinkSettings(), description=_("How events travel to the centre.")
    )
    money: MoneySettings = Field(default=MoneySettings(), description=_("Cards that pay here."))
    health: HealthSettings = Field(default=HealthSettings(), description=_("How the box says how it is."))
    log: LogSettings = Field(default=LogSettings(), description=_("The program's own log."))

    @field_validator("devices", mode="wrap")
    @classmethod
    def _each_name_and_port_once(
        cls, given: Any, check: ValidatorFunctionWrapHandler
    ) -> list[DeviceSettings]:
        """Looks at the raw list, so that two devices of one name are told beside every other mistake."""
        doubles = list(doubles_in(given))
        devices: list[DeviceSettings] = []
        try:
            devices = check(given)
        except ValidationError as error:
            if not doubles:
                raise
            doubles += [again(details) for details in error.errors(include_url=False)]
        if doubles:
            raise ValidationError.from_exception_data(cls.__name__, doubles)
        return devices


def _installed() -> Iterator[tuple[str, Driver]]:
    for name in names():
        with suppress(*BROKEN):
            yield name, driver(name)
