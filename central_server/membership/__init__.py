"""Members and their cards: enrolled here or at a till, found by name, telephone and card."""
