"""The way up: messages from stores take effect exactly once, or are set aside."""
