"""The tables of the ledger, one file an idea."""

from central_server.ledger.models import approvals, leases

__all__ = ["approvals", "leases"]
