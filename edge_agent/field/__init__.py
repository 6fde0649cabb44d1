"""What a technician needs in a store: ports, sniff, replay, simulate, doctor. The agent runs without."""
