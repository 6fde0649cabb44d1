"""Templates in the reader's language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2
from starlette.requests import Request

from config.text import LANGUAGES, catalogue, nearest_language
from sync.contract.leases import POINTS
from sync.contract.money import format_minor
from sync.contract.questions import PurseNow, PurseShown

HERE = Path(__file__).parent
PACKAGE = HERE.parent
_SIGNS = {"CNY": "¥", "JPY": "¥", "EUR": "€", "GBP": "£", "USD": "$"}
LANGUAGE_COOKIE = "tillbeam_lang"


@lru_cache(maxsize=2 * len(LANGUAGES))
def templates(lang: str, zone: ZoneInfo | None = None) -> jinja2.Environment:
    """The templates, speaking `lang`; times are those of `zone`, None: of the box."""

    def local(wall_ms: int) -> dt.datetime:
        return dt.datetime.fromtimestamp(wall_ms / 1000, dt.UTC).astimezone(zone)

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {}  # not sorted: what is drawn stays in the settings' order
    environment.install_gettext_translations(catalogue(PACKAGE, lang), newstyle=True)  # type: ignore[attr-defined]
    environment.filters["money"] = money
    environment.filters["amount"] = amount
    environment.filters["purse_name"] = purse_namer(lang)
    environment.filters["clock_time"] = lambda wall_ms: local(wall_ms).strftime("%H:%M:%S")
    environment.filters["day"] = lambda wall_ms: local(wall_ms).strftime("%Y-%m-%d %H:%M")
    environment.filters["zone"] = lambda wall_ms: (
        zone.key if zone else f"UTC{local(wall_ms).isoformat()[-6:]}"
    )
    environment.globals["zone_key"] = zone.key if zone else ""
    return environment


def language(request: Request, default: str) -> str:
    """What the reader chose, else what the store's settings say."""
    return nearest_language(request.cookies.get(LANGUAGE_COOKIE, default))


def money(minor: int, currency: str) -> str:
    """``¥1234.50``; the code where there is no sign that everybody knows."""
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{'-' if minor < 0 else ''}{sign}{format_minor(abs(minor), currency)}"


def amount(number: int, unit: str) -> str:
    """Money as `money` has it; points with their thousands apart."""
    return f"{number:,}" if unit == POINTS else money(number, unit)


def purse_namer(lang: str) -> Callable[[PurseNow | PurseShown], str]:
    """What a purse is called: by its programme, else by its kind."""
    _ = catalogue(PACKAGE, lang).gettext

    def name(purse: PurseNow | PurseShown) -> str:
        if isinstance(purse, PurseNow) and (told := purse.zh if lang == "zh_CN" else purse.en):
            return told
        if purse.unit == POINTS:
            return _("Points")
        coupon = isinstance(purse, PurseNow) and purse.kind == "coupon"
        return _("Coupons") if coupon else _("Stored value")

    return name
