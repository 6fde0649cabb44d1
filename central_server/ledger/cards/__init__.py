"""Programmes and cards: the rules, and the life of a card by them."""
