"""The two logs: events and facts, their tree, signatures, verification."""
