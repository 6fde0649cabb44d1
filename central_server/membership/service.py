"""What other modules, pages and the inbox may ask of membership. Nothing here commits.

people      enrol, change, set_archived, merge, erase, profile, family_of, families_of, create_many
cards       add_card, lose_card, put_card, replace_card
finding     find, members_of, all_profiles, counts
history     history
facts       joined, cards_presented, cards_refused, visited
tills       told_members, purses_changed
keys        check_keys, reclose_members, reclose_history
"""

from __future__ import annotations

from central_server.membership.at_tills import cards_presented, cards_refused, joined, visited
from central_server.membership.bulk import NewMember, create_many
from central_server.membership.cards import add_card, lose_card, put_card, replace_card
from central_server.membership.changes import Change, history
from central_server.membership.profile import Profile
from central_server.membership.records import (
    change,
    enrol,
    erase,
    families_of,
    family_of,
    merge,
    profile,
    set_archived,
)
from central_server.membership.rotation import check_keys, reclose_history, reclose_members
from central_server.membership.search import all_profiles, counts, find, members_of
from central_server.membership.telling import Holdings, purses_changed, told_members

__all__ = [
    "Change",
    "Holdings",
    "NewMember",
    "Profile",
    "add_card",
    "all_profiles",
    "cards_presented",
    "cards_refused",
    "change",
    "check_keys",
    "counts",
    "create_many",
    "enrol",
    "erase",
    "families_of",
    "family_of",
    "find",
    "history",
    "joined",
    "lose_card",
    "members_of",
    "merge",
    "profile",
    "purses_changed",
    "put_card",
    "reclose_history",
    "reclose_members",
    "replace_card",
    "set_archived",
    "told_members",
    "visited",
]
