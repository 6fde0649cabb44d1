"""Counters of people."""
