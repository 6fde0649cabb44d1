"""How money, numbers and times are written on a page, in either language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from jinja2 import pass_context
from jinja2.runtime import Context

from sync.contract.money import format_minor

_SIGNS: Final = {"CNY": "¥", "JPY": "¥", "EUR": "€", "GBP": "£", "USD": "$"}
NOTHING: Final = "–"
_CHANGE_MAX: Final = 9.0
_GIB_FROM: Final = 4096  # below that tenths of a GiB say too little
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


def money(minor: int | None, currency: str) -> str:
    """``money(-123450, "CNY") == "-¥1,234.50"``; a dash for nothing."""
    if minor is None:
        return NOTHING
    whole, point, decimals = format_minor(abs(minor), currency).partition(".")
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{'-' if minor < 0 else ''}{sign}{int(whole):,}{point}{decimals}"


def number(value: float | None, digits: int = 0) -> str:
    """``number(12345) == "12,345"``; a dash for nothing."""
    return NOTHING if value is None else f"{value:,.{digits}f}"


def percent(share: float | None, digits: int = 1) -> str:
    """``percent(0.1234) == "12.3%"``; a dash for nothing."""
    return NOTHING if share is None else f"{share * 100:,.{digits}f}%"


def change(share: float | None, digits: int = 1) -> str:
    """A change as ``+4.2%`` or ``-3.0%``; from tenfold on the figure before says nothing, and nor do we."""
    if share is None:
        return NOTHING
    return ">+900%" if share > _CHANGE_MAX else f"{share * 100:+,.{digits}f}%"


def mib(size: int | None) -> str:
    """``mib(212) == "212 MiB"``, ``mib(22_400) == "21.9 GiB"``; a dash for nothing."""
    if size is None:
        return NOTHING
    return f"{size / 1024:,.1f} GiB" if size >= _GIB_FROM else f"{size:,} MiB"


def in_zone(wall_ms: int, timezone: str) -> datetime:
    """That moment on a clock in `timezone` (an IANA name)."""
    return datetime.fromtimestamp(wall_ms / 1000, _zone(timezone))


@pass_context
def when(context: Context, wall_ms: int | None, timezone: str | None = None) -> str:
    """``2026-11-22 09:30`` in `timezone`, or head office's."""
    return _written(context, wall_ms, timezone, "%Y-%m-%d %H:%M")


@pass_context
def when_exactly(context: Context, wall_ms: int | None, timezone: str | None = None) -> str:
    """``2026-11-22 09:30:05`` in `timezone`, or head office's."""
    return _written(context, wall_ms, timezone, "%Y-%m-%d %H:%M:%S")


@pass_context
def day(context: Context, wall_ms: int | None, timezone: str | None = None) -> str:
    """``2026-11-22`` in `timezone`, or head office's."""
    return _written(context, wall_ms, timezone, "%Y-%m-%d")


@pass_context
def ago(context: Context, wall_ms: int | None) -> str:
    """How long ago, in words: ``3 min ago``."""
    gettext = _gettext(context)
    if wall_ms is None:
        return str(gettext("never"))
    past_ms = context.resolve("now_ms") - wall_ms
    if past_ms < 0:
        return str(gettext("in %(span)s", span=_span(gettext, -past_ms)))
    if past_ms < 10_000:
        return str(gettext("just now"))
    return str(gettext("%(span)s ago", span=_span(gettext, past_ms)))


@pass_context
def span(context: Context, span_ms: int | None) -> str:
    """A length of time in its largest unit: ``42 s``, ``3 min``, ``5 h``, ``2 d``."""
    return NOTHING if span_ms is None else _span(_gettext(context), span_ms)


def pairs(values: Mapping[str, Any] | None) -> str:
    """``name: old value``, one a line: a JSON object for people."""
    return "\n".join(f"{name}: {_plain(value)}" for name, value in (values or {}).items())


FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "money": money,
    "number": number,
    "percent": percent,
    "change": change,
    "mib": mib,
    "when": when,
    "when_exactly": when_exactly,
    "day": day,
    "ago": ago,
    "span": span,
    "pairs": pairs,
}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _gettext(context: Context) -> Callable[..., Any]:
    return partial(context.call, context.resolve("gettext"))


@lru_cache(maxsize=512)  # there are about 400 zones in the world
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _written(context: Context, wall_ms: int | None, timezone: str | None, pattern: str) -> str:
    if wall_ms is None:
        return NOTHING
    return in_zone(wall_ms, timezone or str(context.resolve("timezone"))).strftime(pattern)


def _span(gettext: Callable[..., Any], span_ms: int) -> str:
    if span_ms < _MINUTE_MS:
        return str(gettext("%(n)s s", n=span_ms // 1000))
    if span_ms < _HOUR_MS:
        return str(gettext("%(n)s min", n=span_ms // _MINUTE_MS))
    if span_ms < 2 * _DAY_MS:
        return str(gettext("%(n)s h", n=span_ms // _HOUR_MS))
    return str(gettext("%(n)s d", n=span_ms // _DAY_MS))
