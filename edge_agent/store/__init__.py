"""What the store keeps on its own disk: what it has to say (outbox) and what it has been told (replica)."""
