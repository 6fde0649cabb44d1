"""What other modules, pages and the inbox may ask of the ledger. Nothing here commits.

programmes   make_programme, change_programme, stop_programme, programme, programmes, load_samples
cards        make_cards, stock_cards, issue_card, activate_card, activate_batch, freeze_card, lose_card,
             replace_card, merge_cards, hand_over, revive_card, refund_card, cancel_card, follow
PINs         told_by, set_pin
purses       purses_of_token, purses_of_member, held_by, held, open_purse, holder_of, tell_purses
value        load, spend, hold, capture, void, refund, refundable, cash_out, correct, move_value
points       earned (of the inbox), exchange, redeem, take_back, items, put_item, redemptions
coupons      give_coupons, wallet
time         expire_lots, expire_cards, expire_with_cards, mature_lots, review_tiers, revive_purse
"""

from __future__ import annotations

from central_server.ledger.cards.activation import activate_batch, activate_card
from central_server.ledger.cards.buyers import Buyer, buyer_of, forget_buyers
from central_server.ledger.cards.cards import (
    cancel_card,
    freeze_card,
    hand_over,
    issue_card,
    lose_card,
    stock_cards,
)
from central_server.ledger.cards.making import Made, make_cards
from central_server.ledger.cards.pins import set_pin, told_by
from central_server.ledger.cards.programmes import (
    Programme,
    change_programme,
    make_programme,
    programme,
    programmes,
    stop_programme,
)
from central_server.ledger.cards.replacing import follow, merge_cards, refund_card, replace_card
from central_server.ledger.cards.samples import load_samples
from central_server.ledger.purses.catalogue import exchange, items, put_item, redeem, redemptions, take_back
from central_server.ledger.purses.coupons import Coupon, give_coupons, wallet
from central_server.ledger.purses.earning import earned
from central_server.ledger.purses.expiry import (
    expire_cards,
    expire_lots,
    expire_with_cards,
    mature_lots,
    revive_card,
    revive_purse,
)
from central_server.ledger.purses.lots import lots_of
from central_server.ledger.purses.purses import (
    Held,
    Presented,
    held,
    held_by,
    holder_of,
    open_purse,
    purses_of_member,
    purses_of_token,
    tell_purses,
)
from central_server.ledger.purses.spending import capture, hold, refund, refundable, spend, void
from central_server.ledger.purses.tiers import review_tiers
from central_server.ledger.purses.value import cash_out, correct, load, move_value

__all__ = [
    "Buyer",
    "Coupon",
    "Held",
    "Made",
    "Presented",
    "Programme",
    "activate_batch",
    "activate_card",
    "buyer_of",
    "cancel_card",
    "capture",
    "cash_out",
    "change_programme",
    "correct",
    "earned",
    "exchange",
    "expire_cards",
    "expire_lots",
    "expire_with_cards",
    "follow",
    "forget_buyers",
    "freeze_card",
    "give_coupons",
    "hand_over",
    "held",
    "held_by",
    "hold",
    "holder_of",
    "issue_card",
    "items",
    "load",
    "load_samples",
    "lose_card",
    "lots_of",
    "make_cards",
    "make_programme",
    "mature_lots",
    "merge_cards",
    "move_value",
    "open_purse",
    "programme",
    "programmes",
    "purses_of_member",
    "purses_of_token",
    "put_item",
    "redeem",
    "redemptions",
    "refund",
    "refund_card",
    "refundable",
    "replace_card",
    "review_tiers",
    "revive_card",
    "revive_purse",
    "set_pin",
    "spend",
    "stock_cards",
    "stop_programme",
    "take_back",
    "tell_purses",
    "told_by",
    "void",
    "wallet",
]
