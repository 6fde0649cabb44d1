"""Leases: what stores are entrusted with, and what they wrote down of it."""
