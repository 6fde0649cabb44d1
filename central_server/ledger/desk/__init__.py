"""The desk: pages and JSON, and what needs a second person."""
