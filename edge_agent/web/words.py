"""Words of the technician's page that stand for codes: states, lanes, alarms, ages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from config.text import catalogue
from edge_agent.joining import JoinRefused
from edge_agent.web.render import PACKAGE


def translator(lang: str) -> Callable[[str], str]:
    """gettext of the store's pages."""
    return catalogue(PACKAGE, lang).gettext


def for_state(lang: str) -> dict[str, Any]:
    """The functions that `edge_state.html` calls."""
    _ = translator(lang)
    states = {
        "up": _("up"),
        "down": _("down"),
        "blocked": _("blocked"),
        "starting": _("starting"),
        "off": _("off"),
    }
    lanes = {
        "till": _("till: sales and cards"),
        "count": _("count: visitors"),
        "health": _("health: this box"),
    }

    def alarm_text(alarm: Any) -> str:
        texts = {
            "disk_full": _("The disk is full. Counts are being thinned out; make room."),
            "lane_stuck": _("Head office has confirmed nothing for a long time."),
            "clock_jumped": _("The clock jumped. Check the battery of the clock, and NTP."),
            "settings_refused": _("The new settings were refused; the old ones are in force."),
            "pages_closed": _("These pages could not be opened at their usual address."),
            "database_replaced": _("The database was damaged and has been put aside; a new one was begun."),
            "leases_doubtful": _(
                "This disk was put back in time: what its cards had set aside is in doubt until head office"
                " settles it."
            ),
            "lease_forged": _("Somebody sent a lease that head office did not make. Tell head office."),
            "anchor_broken": _(
                "The anchor file cannot be written: cards cannot pay. Check its disk or USB stick."
            ),
        }
        text = texts.get(alarm.name, alarm.name)
        return f"{text} ({alarm.detail})" if alarm.detail else text

    def age(seconds: int) -> str:
        if seconds < 120:
            return _("%(n)s s") % {"n": seconds}
        if seconds < 7200:
            return _("%(n)s min") % {"n": seconds // 60}
        return _("%(n)s h") % {"n": seconds // 3600}

    return {
        "state_text": lambda code: states.get(code, code),
        "lane_text": lambda code: lanes.get(code, code),
        "alarm_text": alarm_text,
        "age": age,
    }


def join_refusal(refusal: JoinRefused, lang: str) -> str:
    """Why somebody could not join, for the cashier."""
    _ = translator(lang)
    texts = {
        "name": _("The name is missing or too long."),
        "phone": _("This is no telephone number."),
        "card": _("This is no card number."),
        "payment_card": _("This is a bank card. Take a member card."),
        "consent": _("The customer must agree first."),
        "known": _("This telephone number or card belongs to a member already."),
        "disk_full": _("The box's disk is full. Call the technician."),
        "not_enrolled": _("This box is not enrolled yet. Call the technician."),
    }
    return texts.get(refusal.reason, refusal.reason)
