"""The access log: who read what of whom. A store of its own beside the two logs."""
