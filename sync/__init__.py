"""How facts travel between a store and the centre: the contract (pure) and the link (the wire)."""
