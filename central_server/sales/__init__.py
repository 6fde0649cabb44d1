"""Receipts and returns, with their lines and tenders, and to whom they belong."""
