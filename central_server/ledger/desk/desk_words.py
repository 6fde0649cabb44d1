"""What things of the desk are called: fields, tenders, kinds of lots and of transfers."""

from __future__ import annotations

from typing import Final

from central_server.web.text import N_

FIELDS: Final = {
    "amount": N_("Amount"),
    "why": N_("Reason"),
    "member": N_("Member number"),
    "other": N_("Number of the other card"),
    "new": N_("Number of the other card"),
    "store": N_("Store"),
    "tender": N_("Paid by"),
    "buyer": N_("Name of the buyer"),
    "paper": N_("Number of their papers"),
    "receipt": N_("Receipt"),
    "batch": N_("Name of the batch"),
    "count": N_("How many"),
    "programme": N_("Programme"),
    "of": N_("Which payment"),
    "payee": N_("Name of who is paid"),
}
TENDERS: Final = {
    "cash": N_("Cash"),
    "card": N_("Bank card"),
    "mobile": N_("Mobile payment"),
    "transfer": N_("Bank transfer"),
}
LOTS: Final = {
    "paid": N_("Paid in"),
    "bonus": N_("Bonus"),
    "earned": N_("Earned"),
    "coupon": N_("Coupon"),
}
TRANSFERS: Final = {
    "load": N_("Top-up"),
    "bonus": N_("Bonus"),
    "top": N_("Top-up at a till"),
    "grant": N_("Entrusted to a store"),
    "spend": N_("Payment"),
    "refund": N_("Refund"),
    "close": N_("Given back by a store"),
    "hold": N_("Held"),
    "capture": N_("Payment"),
    "release": N_("No longer held"),
    "payout": N_("Paid out"),
    "fee": N_("Fee"),
    "correction": N_("Correction"),
    "move": N_("Moved"),
    "merge": N_("Merged"),
    "expire": N_("Expired"),
    "revive": N_("Revived"),
    "earn": N_("Earned"),
    "unearn": N_("Taken back with a return"),
    "redeem": N_("Redeemed"),
    "loss": N_("Declared lost"),
    "coupon": N_("Coupon"),
    "gone": N_("Bonus gone with the card"),
}
