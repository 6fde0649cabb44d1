"""Money and points: accounts, cards and programmes, lots, leases, and what head office sees of them."""
