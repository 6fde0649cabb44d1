"""Drawn people before a drawn shop: walks, figures, floors and light, and a film of them all."""
