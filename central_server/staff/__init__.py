"""Who may do what at head office: users, roles, sign-ins, keys, and the trail of changes."""
