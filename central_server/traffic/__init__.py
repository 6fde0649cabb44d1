"""Visitors, counted by quarters of an hour."""
