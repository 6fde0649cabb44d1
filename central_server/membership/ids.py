"""Which id a joiner has at the centre."""

from __future__ import annotations

import hashlib

from sync.contract.ids import is_member_id, member_id


def id_of_joiner(member: str, key: int) -> str:
    """The id an edge gave a joiner; if it is not written as ours are, one made of the fact's key."""
    return member if is_member_id(member) else member_id(hashlib.sha256(f"joiner {key}".encode()).digest())
