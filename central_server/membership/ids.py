"""A member's id: ``M`` and twelve of A–Z and 2–7. Short enough to say, and says nothing of the person.

Sixty random bits: among ten million members, the chance that any two meet is one in twenty thousand, and a
meeting is noticed, since the id is the primary key.
"""

from __future__ import annotations

import base64
import hashlib
import re

ID_RANDOM_BYTES = 8
_ID = re.compile(r"M[0-9A-Z]{12}")


def member_id(random: bytes) -> str:
    """The id that `random` (at least 8 bytes) makes."""
    return "M" + base64.b32encode(random[:ID_RANDOM_BYTES]).decode()[:12]


def is_member_id(text: str) -> bool:
    """Whether `text` is written as a member's id is."""
    return _ID.fullmatch(text) is not None


def id_of_joiner(member: str, key: int) -> str:
    """The id an edge gave a joiner; if it is not written as ours are, one made of the fact's key."""
    return member if is_member_id(member) else member_id(hashlib.sha256(f"joiner {key}".encode()).digest())
