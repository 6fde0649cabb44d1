"""The way down: a numbered feed for each store and one for all, the newest word of a key kept."""
