"""Purses and lots: what comes in, is spent, expires and comes back; points and coupons."""
