"""Pages about people: who read what of whom."""
