"""Readers of cards and tags."""
