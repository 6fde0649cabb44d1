"""Why a question about money was declined, and what to do: a sentence for each reason, for the cashier."""

from __future__ import annotations

from edge_agent.web.asked import AMOUNT_MAX_MINOR
from edge_agent.web.render import money
from edge_agent.web.words import translator
from sync.contract.questions import Declined

PIN_ASKED = frozenset({"pin_needed", "pin_wrong"})  # the answer to these is a PIN


def no_amount(minor: int | None, lang: str, currency: str) -> str:
    """Why what somebody typed cannot be asked; empty when it can. `minor`: None when it is no amount."""
    _ = translator(lang)
    if minor is None:
        return _("This is no amount. Type it as 12.50.")
    if minor > AMOUNT_MAX_MINOR:
        return _("That is too much: at most %(amount)s can be typed here.") % {
            "amount": money(AMOUNT_MAX_MINOR, currency)
        }
    return ""


def declined(answer: Declined, lang: str, currency: str) -> str:
    """The sentence for `answer`; the limit is in it where there is one."""
    _ = translator(lang)
    texts = {
        "wrong": _("The box did not understand this. Begin again."),
        "not_enrolled": _("This box is not enrolled yet. Call the technician."),
        "fenced": _("This box's disk was put back in time. Money rests until head office has been heard."),
        "disk_full": _("The box's disk is full. Call the technician; take another tender."),
        "trouble": _("The box can promise nothing just now. Try once more, then call the technician."),
        "txn_reused": _("This number stands for something else already. Begin again."),
        "busy": _("A payment at this till is not finished yet. Try again in a moment."),
        "final": _("This payment stands: its till has acknowledged it. Give it back as a return."),
        "undone": _("This payment was taken back. Begin again."),
        "no_card": _("Show the card again, then repeat this."),
        "unknown": _("Nobody is known by this card or number."),
        "lost": _("This card was reported lost. Keep it and call the manager."),
        "archived": _("This membership has ended."),
        "blocked": _("This member is blocked: ask the manager."),
        "frozen": _("This card is frozen. Head office can say why."),
        "expired": _("This card has expired. Head office can make it valid again."),
        "stopped": _("Head office has stopped this card. Take another tender."),
        "currency": _("Nothing on this card is in the currency of this till."),
        "empty": _("There is nothing on this card."),
        "short": _("There is too little on this card."),
        "offline": _("The line is down, and nothing was set aside here for this card. Take another tender."),
        "offline_cap": _("This card has paid as much as it may while the line is down. Take another tender."),
        "velocity": _("Too many payments with this card in an hour. Take another tender."),
        "card_cap": _("No more may be set aside for one card. Take another tender for the rest."),
        "store_cap": _("No more may be set aside in this store now. Take another tender, or try later."),
        "epoch": _("Head office does not know this box's disk yet. Try again in a minute."),
        "pin_needed": _("This amount asks for the PIN."),
        "pin_wrong": _("The PIN is wrong. Let the customer try again."),
        "pin_locked": _("Three wrong PINs. Take another tender; the PIN can be tried again in half an hour."),
        "pin_unset": _("This amount asks for a PIN, and the card has none. Head office can set one."),
        "pin_offline": _("This amount asks for the PIN, which nobody can check while the line is down."),
        "no_reload": _("This card cannot be topped up at a till."),
        "top_max": _("That is more than one top-up at a till may be. Head office can do more."),
        "balance_max": _("The card would hold more than it may."),
        "receipt_used": _("This receipt has been used for a top-up already."),
        "unknown_sale": _("This store has no such payment. Look for it by its receipt."),
        "ambiguous_sale": _(
            "Several sales had this receipt number. Take the right one from the list, or name its till."
        ),
        "too_much": _("That is more than is left to give back."),
    }
    text = texts.get(answer.reason, answer.reason)
    if answer.reason.startswith("pin_") and answer.limit_minor:
        text += " " + _("Above %(amount)s the PIN is asked for.") % {
            "amount": money(answer.limit_minor, currency)
        }
    elif answer.limit_minor:
        text += " " + _("Possible: %(amount)s.") % {"amount": money(answer.limit_minor, currency)}
    return text
