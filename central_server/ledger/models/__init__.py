"""The tables of the ledger, one file an idea."""

from central_server.ledger.models import approvals

__all__ = ["approvals"]
