"""What the centre refuses, drawn as a tree; `web/` turns each branch into its HTTP status.

CentreError
├── Invalid         422  what was sent is not right: field → what is wrong with it
├── NotFound        404  there is no such thing, or not for you
├── Conflict        409  it is there already, or has changed meanwhile
├── Refused         403  you may not
│   └── NotSignedIn 401  nobody is signed in, or not well enough
├── TooMany         429  too often; try again after so many seconds
├── Busy            503  the database or a neighbour does not answer; try again
└── Misconfigured   500  the centre cannot start: keys, database or broker are not as they must be

A message is an English msgid with `{names}` in it, so that the page can say it in the reader's language:
``Conflict("the card {card} belongs to somebody else", card="…1234")``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Said(str):
    """A msgid with what stands in its braces: it can stand wherever a plain msgid can."""

    values: Mapping[str, object]

    def __new__(cls, msgid: str, **values: object) -> Said:
        said = super().__new__(cls, msgid)
        said.values = values
        return said


def in_language(msgid: str, say: Callable[[str], str]) -> str:
    """The text in the language of `say` (a catalogue's gettext), its braces filled in."""
    return say(msgid).format(**msgid.values) if isinstance(msgid, Said) else say(msgid)


class CentreError(Exception):
    """The root of everything the centre raises on purpose. `msgid` with `values` filled in is the message."""

    def __init__(self, msgid: str, **values: object) -> None:
        self.msgid = msgid
        self.values = values
        super().__init__(msgid.format(**values) if values else msgid)


class Invalid(CentreError):
    """What was sent is not right. `fields`: for each (dotted path) what is wrong, a msgid or `Said`."""

    def __init__(self, fields: Mapping[str, str], msgid: str = "some of this is not right") -> None:
        super().__init__(msgid)
        self.fields = dict(fields)

    def __str__(self) -> str:
        return (
            "; ".join(f"{field}: {in_language(why, str)}" for field, why in self.fields.items()) or self.msgid
        )


class NotFound(CentreError):
    """There is no such thing, or none that the asker may know of."""


class Conflict(CentreError):
    """It is there already, or somebody changed it meanwhile."""


class Refused(CentreError):
    """The asker may not."""


class NotSignedIn(Refused):
    """Nobody is signed in, or the sign-in was wrong."""


class TooMany(CentreError):
    """Too often. `after_s` says when to try again."""

    def __init__(self, msgid: str, *, after_s: float, **values: object) -> None:
        super().__init__(msgid, **values)
        self.after_s = after_s


class Busy(CentreError):
    """Something the centre needs does not answer now; trying again is right."""


class Misconfigured(CentreError):
    """The centre cannot run like this; says what to mend."""
