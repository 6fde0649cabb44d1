"""The tables of the ledger, one file an idea."""

from central_server.ledger.models import approvals, books, cards, leases, lots, reports

__all__ = ["approvals", "books", "cards", "leases", "lots", "reports"]
