"""The tables of the ledger, one file an idea."""
