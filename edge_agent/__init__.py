"""One store's agent: hears its devices, keeps every fact on disk, answers the till, and tells the centre."""
