"""Pages about people: how they prove who they are, tokens for programs, and who read what of whom."""
