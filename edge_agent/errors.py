"""What can go wrong in a store's agent, drawn as a tree.

EdgeError
├── StoreBroken       the database cannot be opened or written; the process ends and is started again
│   ├── StoreTooNew   the database was made by a later version of ours
│   └── StoreInUse    another agent is running with it
├── OutboxFull        no room on disk for a money event; the till is told so
├── EventTooLarge     one event over the contract's limit; nothing was stored
├── AnchorBroken      the anchor beside the database cannot be written: what was done may not be told
├── Fenced            the database was put back in time: no money until head office has been heard
├── LeaseRefused      a lease cannot do that; the transaction it was asked in is undone
└── IdentityError     who this store is
    ├── NotEnrolled   there is no identity file yet
    ├── BadIdentity   the identity file cannot be read
    └── EnrolFailed   the centre did not enrol us; says why
"""

from __future__ import annotations


class EdgeError(Exception):
    """The root of everything this package raises."""


class StoreBroken(EdgeError):
    """The store's database cannot be used; says which file and what SQLite said."""


class StoreTooNew(StoreBroken):
    """The database has a schema that this version does not know."""


class StoreInUse(StoreBroken):
    """Another agent is running with the same state folder."""


class AnchorBroken(EdgeError):
    """The file that tells whether the disk was put back cannot be written; says which and why."""


class Fenced(EdgeError):
    """This disk was put back in time; head office has to be heard before money moves. Nothing was done."""


class OutboxFull(EdgeError):
    """There is no room on disk for a money event. Nothing of it was stored; ask again later."""


class EventTooLarge(EdgeError):
    """One event is over `EVENT_MAX_BYTES`; nothing of the call was stored."""


class LeaseRefused(EdgeError):
    """A lease is closed, doubtful, past its time, or has too little. Nothing of the transaction is stored."""


class IdentityError(EdgeError):
    """Who this store is cannot be said."""


class NotEnrolled(IdentityError):
    """No identity file: the store has to be enrolled first."""


class BadIdentity(IdentityError):
    """The identity file is damaged or not ours."""


class EnrolFailed(IdentityError):
    """The centre did not enrol us."""
