"""The books: accounts, transfers, the chain that holds them, and the proof of it all."""
