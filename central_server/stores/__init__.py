"""Stores and their place in the chain, their boxes, logins and health."""
